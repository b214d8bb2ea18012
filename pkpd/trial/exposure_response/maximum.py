"""The maximum of a logistic likelihood, by statsmodels."""

from __future__ import annotations

import warnings

import numpy as np

from pkpd.arrays import Array


def maximum(y: Array, x: Array) -> tuple[Array, Array, float, bool]:
    """Return estimates, covariance, log likelihood, and whether the search ended there.

    Parameters
    ----------
    y : array, shape (rows,)
        0 or 1.
    x : array, shape (rows, columns)
        With a column of ones; the others of SD about 1, and not separating.
    """
    from statsmodels.discrete.discrete_model import Logit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it converged is returned
        model = Logit(y, x)
        beta = np.asarray(
            model.fit(method="newton", disp=False, maxiter=200, warn_convergence=False, skip_hessian=True).params
        )
    information = -np.asarray(model.hessian(beta))
    decrement = float(np.asarray(model.score(beta)) @ np.linalg.pinv(information) @ np.asarray(model.score(beta)))
    return beta, np.linalg.pinv(information), float(model.loglike(beta)), bool(decrement < 1e-8)
