"""Logistic regression of a response, with Firth's penalty where the data separate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr, ndtri

from pkpd.arguments import NAMED, checked
from pkpd.arrays import Array
from pkpd.errors import FitWarning, InputError, nearest, shown, warn
from pkpd.trial.exposure_response.firth import penalised as firth
from pkpd.trial.exposure_response.maximum import maximum
from pkpd.trial.exposure_response.reading import design_of, read_outcomes, standardised
from pkpd.trial.exposure_response.separation import separated
from pkpd.trial.penalised import maximise, profile

if TYPE_CHECKING:
    import pandas

METHODS = ("auto", "likelihood", "firth")
_ML, _FIRTH = "maximum likelihood, Wald intervals", "Firth's penalty, profile intervals"


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """What `logistic` found.

    Attributes
    ----------
    names : tuple of str
        ``"intercept"`` and the columns of the model.
    estimates, low, high, p : array, shape (columns,)
        Logarithms of odds and of odds ratios per unit, their limits, and p of each.
    covariance : array, shape (columns, columns)
        Inverse of Fisher's information.
    log_likelihood : float
        At the estimates; penalised by Firth's method.
    method : str
        In words.
    patients, events, dropped : int
        Used, those with the response, and rows left out (no response or no covariate).
    separates : bool
        Whether the covariates tell responders apart without error.
    level : float
        Coverage of the intervals.
    attrs : dict
        What the table says of where it came from.
    """

    names: tuple[str, ...]
    estimates: Array
    low: Array
    high: Array
    p: Array
    covariance: Array
    log_likelihood: float
    method: str
    patients: int
    events: int
    dropped: int
    separates: bool
    level: float
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return a row per column: ``covariate, estimate, se, odds_ratio, low, high, p`` (limits of the odds ratio)."""
        import pandas

        with np.errstate(over="ignore"):
            ratios = [np.exp(one) for one in (self.estimates, self.low, self.high)]
        return pandas.DataFrame({
            "covariate": self.names, "estimate": self.estimates, "se": np.sqrt(np.diag(self.covariance)),
            "odds_ratio": ratios[0], "low": ratios[1], "high": ratios[2], "p": self.p,
        })  # fmt: skip

    def summary(self) -> str:
        """Return the numbers as text, with the name of the method."""
        lost = f" ({self.dropped} left out)" if self.dropped else ""
        lines = [f"logistic model, {self.method}: {self.events} responses in {self.patients} patients{lost}"]
        if self.separates:
            lines.append("the covariates tell the responses apart: without a penalty an estimate would be infinite")
        for row in self.table().iloc[1:].itertuples(index=False):
            lines.append(
                f"{row.covariate}: odds ratio {row.odds_ratio:.4g} ({100 * self.level:g} % interval {row.low:.4g} to "
                f"{row.high:.4g}), p {row.p:.3g}"
            )
        return "\n".join(lines)

    __repr__ = __str__ = summary


@checked(reference=NAMED)
def logistic(
    patients: Any,
    response: str,
    covariates: Sequence[str],
    *,
    positive: Sequence[Any] | None = None,
    method: str = "auto",
    reference: Mapping[str, Any] | None = None,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> LogisticFit:
    r"""Return a logistic model :math:`\ln\frac{p}{1-p} = \alpha + x\beta` of a response.

    Where covariates tell responders apart without error the likelihood has no maximum. Firth's method then gives finite
    estimates: it maximises :math:`\ell + \frac12\ln\det I` (Jeffreys' prior), with intervals from the profile of that.

    Parameters
    ----------
    patients : DataFrame, path, or mapping of column to values
        One row per patient.
    response : str
        Column: yes or no.
    covariates : sequence of str
        Columns. Numbers enter as they are; words by a column per level against the first.
    positive : sequence, optional
        Values of the response that count as one, such as ``["CR", "PR"]``.
    method : {"auto", "likelihood", "firth"}
        ``"auto"`` is the likelihood, or Firth's method (said) where the data separate.
    reference : mapping, optional
        Covariate → level with which the others are compared.
    level : float
        Coverage of the intervals: Wald's, by Firth's method profile ones.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    LogisticFit

    Raises
    ------
    InputError
        Listing all that cannot be used; by ``"likelihood"`` if the data separate.

    Warns
    -----
    FitWarning
        If the data separate.
    DataWarning
        Counting rows that were left out.

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. Heinze G, Schemper M. Stat Med 2002;21:2409-2419.
    """
    problems = []
    if method not in METHODS:
        problems.append(f"unknown method {shown(method)}; {nearest(method, METHODS)}")
    if not 0 < level < 1:
        problems.append(f"level is {shown(level)}; expected a number between 0 and 1")
    if problems:
        raise InputError(problems, "logistic")
    outcomes = read_outcomes(patients, response, covariates, columns, positive=positive)
    design, y = design_of(outcomes, covariates, reference, "logistic")
    return fit_logistic(
        design.x, y.astype(float), design.names, method, level,
        dropped=outcomes.unknown + int((~design.complete).sum()), attrs=outcomes.attrs,
    )  # fmt: skip


def fit_logistic(
    x: Array, y: Array, names: tuple[str, ...], method: str, level: float, *, dropped: int = 0,
    attrs: dict[str, Any] | None = None, quiet: bool = False,
) -> LogisticFit:  # fmt: skip
    """Return the fit of arrays: covariates of shape (rows, columns), responses 0 or 1.

    Raises
    ------
    InputError
        By ``"likelihood"`` if the data separate.
    """
    z, mean, sd = standardised(x)
    apart = separated(z, y.astype(int))
    if apart and method == "likelihood":
        raise InputError(
            "the covariates tell the responses apart, so the likelihood has no maximum; method='firth' has one",
            "logistic",
        )
    if apart and method == "auto" and not quiet:
        warn("the covariates tell the responses apart; estimates are by Firth's penalty", FitWarning)
    penalised = method == "firth" or apart
    # From standardised covariates back to theirs: β = b/sd, α = a − mean·β.
    back = np.eye(x.shape[1] + 1)
    back[1:, 1:] = np.diag(1.0 / sd)
    back[0, 1:] = -mean / sd
    wide = np.column_stack([np.ones(len(z)), z])
    if penalised:
        of, own = firth(wide, y), firth(np.column_stack([np.ones(len(x)), x / sd]), y)
        top = maximise(of, np.zeros(wide.shape[1]))
        # The intercept's own profile is that where x = 0.
        centre = maximise(own, np.asarray(_to_shifted(mean, sd) @ top.beta, dtype=float))
        limits = np.array([profile(own if k == 0 else of, centre if k == 0 else top, k, level)
                           for k in range(wide.shape[1])])  # fmt: skip
        scale = np.concatenate([[1.0], sd])
        low, high, p = limits[:, 0] / scale, limits[:, 1] / scale, limits[:, 2]
        # Firth's likelihood changes by a constant when covariates are rescaled: it is given for those of the table.
        value, information = top.value + float(np.log(sd).sum()), top.information
        estimates = back @ top.beta
        covariance = back @ np.linalg.inv(information) @ back.T
    else:
        beta, spread, likelihood, converged = maximum(y, wide)
        if not converged:
            warn("the search for the maximum of the likelihood did not end; the data nearly separate", FitWarning)
        estimates, covariance = back @ beta, back @ spread @ back.T
        se = np.sqrt(np.diag(covariance))
        reach, value = float(ndtri(0.5 + level / 2)) * se, likelihood
        low, high, p = estimates - reach, estimates + reach, 2.0 * ndtr(-np.abs(estimates / se))
    return LogisticFit(
        ("intercept", *names), np.asarray(estimates), np.asarray(low), np.asarray(high), np.asarray(p),
        np.asarray(covariance), value, _FIRTH if penalised else _ML, len(y), int(y.sum()), dropped, apart, level,
        dict(attrs or {}),
    )  # fmt: skip


def _to_shifted(mean: Array, sd: Array) -> Array:
    """What takes coefficients of (x − mean)/sd to those of x/sd."""
    matrix = np.eye(len(mean) + 1)
    matrix[0, 1:] = -mean / sd
    return matrix
