"""The proportional-odds model of an ordered response: a grade, or PD < SD < PR < CR."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from pkpd.arguments import NAMED, checked
from pkpd.arrays import Array, Integers
from pkpd.errors import FitWarning, InputError, shown, warn
from pkpd.trial.exposure_response.reading import design_of, read_outcomes, standardised
from pkpd.trial.exposure_response.separation import separated

if TYPE_CHECKING:
    import pandas

_STEPS, _EXACT, _ENDED = 20, 1e-16, 1e-8  # Newton's; decrements of the log likelihood at which they end, and must
SEPARATED = "the covariates tell the categories apart, so the likelihood has no maximum; logistic has Firth's penalty"


@dataclass(frozen=True, eq=False)
class OrdinalFit:
    """What `ordinal` found.

    Attributes
    ----------
    names : tuple of str
        Columns of the model.
    categories : tuple of str
        From the lowest.
    estimates : array, shape (columns,)
        Logarithms of odds ratios per unit: of a higher against a lower category. NaN where there is a reason.
    thresholds : array, shape (categories − 1,)
        Logits of being in the lower categories where all covariates are 0.
    covariance : array, shape (columns, columns)
        Of the estimates.
    log_likelihood : float
        At the estimates.
    counts : tuple of int
        Patients in each category.
    dropped : int
        Rows left out (no response or no covariate).
    reason : str
        Why there is no estimate; "" where there is one.
    level : float
        Coverage of the intervals (Wald).
    attrs : dict
        What the table says of where it came from.
    """

    names: tuple[str, ...]
    categories: tuple[str, ...]
    estimates: Array
    thresholds: Array
    covariance: Array
    log_likelihood: float
    counts: tuple[int, ...]
    dropped: int
    reason: str
    level: float
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return a row per column: ``covariate, estimate, se, odds_ratio, low, high, p, reason``."""
        import pandas

        se = np.sqrt(np.diag(self.covariance))
        reach = float(ndtri(0.5 + self.level / 2)) * se
        with np.errstate(over="ignore"):
            ratios = [np.exp(self.estimates + side * reach) for side in (0.0, -1.0, 1.0)]
        return pandas.DataFrame({
            "covariate": self.names, "estimate": self.estimates, "se": se, "odds_ratio": ratios[0], "low": ratios[1],
            "high": ratios[2], "p": 2.0 * ndtr(-np.abs(self.estimates / se)), "reason": self.reason,
        })  # fmt: skip

    def summary(self) -> str:
        """Return the numbers as text."""
        counts = ", ".join(f"{name} {n}" for name, n in zip(self.categories, self.counts, strict=True))
        lost = f" ({self.dropped} left out)" if self.dropped else ""
        lines = [f"proportional-odds model, maximum likelihood, Wald intervals; patients: {counts}{lost}"]
        if self.reason:
            return "\n".join([*lines, self.reason])
        for row in self.table().itertuples(index=False):
            lines.append(
                f"{row.covariate}: odds ratio {row.odds_ratio:.4g} ({100 * self.level:g} % interval {row.low:.4g} to "
                f"{row.high:.4g}), p {row.p:.3g}"
            )
        return "\n".join(lines)

    __repr__ = __str__ = summary


@checked(reference=NAMED)
def ordinal(
    patients: Any,
    response: str,
    covariates: Sequence[str],
    *,
    order: Sequence[Any] | None = None,
    reference: Mapping[str, Any] | None = None,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> OrdinalFit:
    r"""Return a proportional-odds model :math:`\mathrm{logit}\,P(Y \le k) = \theta_k - x\beta` of an ordered response.

    Parameters
    ----------
    patients : DataFrame, path, or mapping of column to values
        One row per patient.
    response : str
        Column of an ordered response.
    covariates : sequence of str
        Columns. Numbers enter as they are; words by a column per level against the first.
    order : sequence, optional
        Categories from the lowest, ``["PD", "SD", "PR", "CR"]``; numbers (grades) need none.
    reference : mapping, optional
        Covariate → level with which the others are compared.
    level : float
        Coverage of the intervals (Wald).
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    OrdinalFit

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    FitWarning
        If the data separate; estimates then are NaN.
    DataWarning
        Counting rows that were left out.

    References
    ----------
    McCullagh P. J R Stat Soc B 1980;42:109-142.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {shown(level)}; expected a number between 0 and 1", "ordinal")
    outcomes = read_outcomes(patients, response, covariates, columns, order=order, ordinal=True)
    design, y = design_of(outcomes, covariates, reference, "ordinal")
    lost = outcomes.unknown + int((~design.complete).sum())
    found = fit_ordinal(design.x, y, design.names, outcomes.names, level, dropped=lost, attrs=outcomes.attrs)
    if found.reason:
        warn(found.reason, FitWarning)
    return found


def fit_ordinal(
    x: Array, y: Integers, names: tuple[str, ...], categories: tuple[str, ...], level: float, *, dropped: int = 0,
    attrs: dict[str, Any] | None = None,
) -> OrdinalFit:  # fmt: skip
    """Return the fit of arrays; categories in which nobody is, are left out."""
    there, y = np.unique(y, return_inverse=True)
    categories = tuple(categories[int(k)] for k in there)
    counts = tuple(np.bincount(y).tolist())
    z, mean, sd = standardised(x)
    wide, cuts = x.shape[1], len(there) - 1
    if separated(z, y):
        nothing = np.full(wide, np.nan)
        return OrdinalFit(
            names, categories, nothing, np.full(cuts, np.nan), np.full((wide, wide), np.nan), np.nan, counts, dropped,
            SEPARATED, level, dict(attrs or {}),
        )  # fmt: skip
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    model = OrderedModel(y, z, distr="logit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said below
        here = np.asarray(model.fit(method="bfgs", disp=False, gtol=1e-6, maxiter=1000, skip_hessian=True).params)
    # BFGS ends where the mean score is small, which is 1e-5 of an estimate; Newton's steps go on from there.
    for _ in range(_STEPS):
        score, spread = np.asarray(model.score(here)), np.linalg.pinv(-np.asarray(model.hessian(here)))
        decrement, step = float(score @ spread @ score), spread @ score
        if abs(decrement) < _EXACT or not model.loglike(here + step) >= model.loglike(here):
            break
        here = here + step
    if not 0 <= decrement < _ENDED:
        warn("the search for the maximum of the likelihood did not end; the data nearly separate", FitWarning)
    beta = here[:wide]
    thresholds = np.asarray(model.transform_threshold_params(here))[1:-1]
    covariance = spread[:wide, :wide] / np.outer(sd, sd)
    return OrdinalFit(
        names, categories, beta / sd, thresholds + float(mean @ (beta / sd)), covariance, float(model.loglike(here)),
        counts, dropped, "", level, dict(attrs or {}),
    )  # fmt: skip
