"""Whether the covariates tell the responses apart without error, so that the likelihood has no maximum."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers

_LEVEL = 1e-7  # a direction that gains less than this, of a covariate of SD 1, is rounding


def separated(x: Array, category: Integers) -> bool:
    r"""Say whether the likelihood of a logistic or proportional-odds model grows without end in some direction.

    With :math:`P(Y \le k) = \mathrm{logit}^{-1}(\theta_k - x\beta)` a direction :math:`(\theta, \beta) \ne 0` with
    :math:`\theta_{y} - x\beta \ge 0 \ge \theta_{y-1} - x\beta` of every row lowers no row's likelihood. A linear
    program looks for the one that raises most.

    Parameters
    ----------
    x : array, shape (rows, columns)
        Covariates, of SD about 1.
    category : array of int, shape (rows,)
        0 … K − 1; every one occurs.

    References
    ----------
    Albert A, Anderson JA. Biometrika 1984;71:1-10; Konis K. DPhil thesis, Oxford 2007, chapter 3 (linear program).
    """
    from scipy.optimize import linprog

    cuts, columns = int(category.max()), x.shape[1]
    rows = []
    for k in range(cuts):
        cut = np.zeros((len(x), cuts))
        cut[:, k] = 1.0
        above = np.hstack([cut, -x])  # θ_k − xβ must not fall where y = k, nor rise where y = k + 1
        rows += [above[category == k], -above[category == k + 1]]
    gains = np.vstack(rows)
    bounds = [(-1.0, 1.0)] * (cuts + columns)
    found = linprog(-gains.sum(axis=0), A_ub=-gains, b_ub=np.zeros(len(gains)), bounds=bounds, method="highs")
    return bool(found.success and -found.fun > _LEVEL * len(gains))
