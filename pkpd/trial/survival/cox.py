"""Cox's proportional-hazards model: estimates by statsmodels' likelihood, ties and tests named."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from pkpd.arguments import NAMED, checked
from pkpd.arrays import Array
from pkpd.errors import FitWarning, InputError, nearest, shown, warn
from pkpd.trial.extras import need_statsmodels
from pkpd.trial.penalised import inverse, maximise, profile
from pkpd.trial.survival.covariates import Covariates, covariates_of
from pkpd.trial.survival.firth import penalised
from pkpd.trial.survival.patients import groups_of, read_times
from pkpd.trial.survival.zph import TRANSFORMS, score_tests

if TYPE_CHECKING:
    import pandas

TIES = ("Efron", "Breslow")
_ENDLESS = 12.0  # a log hazard ratio over the range of a covariate that no data determine
_ENDLESS_WORDS = "the likelihood grows without end: all events are on one side of it"
METHODS = ("likelihood", "auto", "firth")
_SAME_WORDS = "at no event do the covariates of those at risk tell one from another; there is nothing to estimate"
_WALD, _PROFILE = "partial likelihood, Wald intervals", "Firth's penalty, profile intervals"


@dataclass(frozen=True, eq=False)
class CoxFit:
    """What `cox` found.

    Attributes
    ----------
    names, terms : tuple of str
        Columns of the model, and the covariate of each.
    estimates : array, shape (columns,)
        Log hazard ratios per unit; NaN where there is a reason.
    covariance : array, shape (columns, columns)
        Inverse of the information.
    log_likelihood, null_log_likelihood : float
        Partial, at the estimates and at 0; penalised by Firth's method.
    ties : {"Efron", "Breslow"}
        How ties were treated.
    patients, events : int
        That were used.
    dropped : int
        Rows without a covariate.
    reasons : tuple of str
        By column: why there is no estimate, "" where there is one.
    level : float
        Coverage of the intervals.
    data : tuple of arrays
        Durations, events, covariates, strata.
    method : str
        In words.
    profiles : array, shape (columns, 3), optional
        By Firth's method: limits of the log hazard ratios, and p of each.
    """

    names: tuple[str, ...]
    terms: tuple[str, ...]
    estimates: Array
    covariance: Array
    log_likelihood: float
    null_log_likelihood: float
    ties: str
    patients: int
    events: int
    dropped: int
    reasons: tuple[str, ...]
    level: float
    data: tuple[Array, Array, Array, Any]
    method: str = _WALD
    profiles: Array | None = None

    def table(self) -> pandas.DataFrame:
        """Return a row per column: ``covariate, estimate, se, hazard_ratio, low, high, z, p, reason``."""
        import pandas

        se = np.sqrt(np.diag(self.covariance))
        z, reach = self.estimates / se, float(ndtri(0.5 + self.level / 2)) * se
        low, high, p = self.estimates - reach, self.estimates + reach, 2.0 * ndtr(-np.abs(z))
        if self.profiles is not None:
            low, high, p = self.profiles.T
        return pandas.DataFrame({
            "covariate": self.names, "estimate": self.estimates, "se": se, "hazard_ratio": np.exp(self.estimates),
            "low": np.exp(low), "high": np.exp(high), "z": z, "p": p, "reason": self.reasons,
        })  # fmt: skip

    def likelihood_ratio(self) -> tuple[float, int, float]:
        """Return the likelihood-ratio test of all covariates: χ², degrees of freedom, p."""
        chi_square = 2.0 * (self.log_likelihood - self.null_log_likelihood)
        return chi_square, len(self.names), float(chdtrc(len(self.names), max(chi_square, 0.0)))

    @checked
    def proportional_hazards(self, transform: str = "km") -> pandas.DataFrame:
        """Return a score test, for every covariate and for all, that its hazard ratio does not change in time.

        The model is widened by the product of each covariate with a function of time, and the score of its coefficient
        at 0 is compared with its information; `cox.zph` of R's survival ≥ 3.0 is the same test.

        Parameters
        ----------
        transform : {"km", "rank", "log", "identity"}
            Function of time: 1 − the Kaplan–Meier curve just before, the rank of the time among those of all patients,
            or the time.

        Returns
        -------
        DataFrame
            ``covariate, chi_square, df, p``; the last row, ``all``, is the joint test.

        Raises
        ------
        InputError
            If the transform is unknown, an estimate is missing, or estimates are by Firth's penalty.

        References
        ----------
        Grambsch PM, Therneau TM. Biometrika 1994;81:515-526.
        """
        import pandas

        if transform not in TRANSFORMS:
            raise InputError(f"unknown transform {shown(transform)}; {nearest(transform, TRANSFORMS)}", "cox")
        if self.profiles is not None:
            raise InputError("the test needs estimates by the likelihood; these are by Firth's penalty", "cox")
        if any(self.reasons):
            raise InputError(f"{self.names[np.argmax(np.array(self.reasons) != '')]}: {_ENDLESS_WORDS}", "cox")
        rows = score_tests(self.data, self.estimates, self.terms, transform, self.ties == "Efron")
        return pandas.DataFrame(
            [(name, chi, df, float(chdtrc(df, chi))) for name, chi, df in rows],
            columns=["covariate", "chi_square", "df", "p"],
        )

    def summary(self) -> str:
        """Return the numbers as text, with the names of the methods."""
        chi, df, p = self.likelihood_ratio()
        kind = "partial" if self.profiles is None else "penalised"
        lines = [
            f"Cox model, {self.method}, ties by {self.ties}: {self.events} events in {self.patients} patients"
            + (f" ({self.dropped} left out)" if self.dropped else ""),
            f"log {kind} likelihood {self.log_likelihood:.3f}; likelihood-ratio test χ² {chi:.3f}, df {df}, p {p:.3g}",
        ]
        for row in self.table().itertuples(index=False):
            lines.append(
                f"{row.covariate}: {row.reason}" if row.reason else
                f"{row.covariate}: hazard ratio {row.hazard_ratio:.3f} ({100 * self.level:g} % interval {row.low:.3f} "
                f"to {row.high:.3f}), p {row.p:.3g}"
            )  # fmt: skip
        return "\n".join(lines)

    __str__ = __repr__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary().split(chr(10))[0])}</pre>{self.table().to_html(index=False)}"


@checked(reference=NAMED)
def cox(
    times: Any,
    covariates: Sequence[str],
    *,
    ties: str = "Efron",
    method: str = "likelihood",
    strata: str | None = None,
    reference: Mapping[str, Any] | None = None,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> CoxFit:
    r"""Return Cox's model :math:`h(t) = h_0(t) \exp(x\beta)`.

    Where all events are on one side of a covariate the likelihood grows without end, and there is no estimate. Firth's
    method has one: it maximises :math:`\ell + \frac12\ln\det I`, with intervals from the profile of that.

    Parameters
    ----------
    times : DataFrame, path, or mapping of column to values
        One row per patient: ``duration``, ``event``, the covariates.
    covariates : sequence of str
        Columns. Numbers enter as they are; words by a column per level against the first. Rows without one are left
        out, counted.
    ties : {"Efron", "Breslow"}
        Events at the same time. R's default is Efron, that of SAS and statsmodels Breslow.
    method : {"likelihood", "auto", "firth"}
        ``"auto"`` is the likelihood, or Firth's method (said) where an estimate would be infinite.
    strata : str, optional
        Column in each value of which the baseline hazard is another.
    reference : mapping, optional
        Covariate → level with which the others are compared; also makes numbers into levels.
    level : float
        Coverage of the intervals: Wald's, by Firth's method profile ones.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    CoxFit
        Estimates, likelihood, and a test of proportional hazards.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    FitWarning
        If an estimate would be infinite.
    DataWarning
        If rows were left out.

    References
    ----------
    Cox DR. J R Stat Soc B 1972;34:187-220. Efron B. J Am Stat Assoc 1977;72:557-565. Breslow N. Biometrics
    1974;30:89-99. Heinze G, Schemper M. Biometrics 2001;57:114-119 (Firth's penalty).
    """
    problems = []
    if ties not in TIES:
        problems.append(f"unknown ties {shown(ties)}; {nearest(ties, TIES)}")
    if method not in METHODS:
        problems.append(f"unknown method {shown(method)}; {nearest(method, METHODS)}")
    if not 0 < level < 1:
        problems.append(f"level is {shown(level)}; expected a number between 0 and 1")
    if isinstance(covariates, str):
        problems.append(f"covariates are {shown(covariates)}; expected a list of columns")
    if problems:
        raise InputError(problems, "cox")
    table = read_times(times, [*covariates, *([strata] if strata is not None else [])], columns)
    design = covariates_of(table, covariates, dict(reference or {}), "cox")
    _, layer = groups_of(table, strata, "times")
    kept = design.complete
    time, happened = (table[name].to_numpy(float)[kept] for name in ("duration", "event"))
    layer = layer[kept]
    if not happened.any():
        raise InputError(f"no event happened in {len(time)} patients; there is nothing to fit", "cox")
    counted = (len(time), int(happened.sum()), int((~kept).sum()))
    if method != "firth":
        fit = _by_likelihood(design, time, happened, layer, strata is not None, ties, level, counted)
        for name, reason in zip(fit.names, fit.reasons, strict=True):
            if reason and method == "likelihood":
                warn(f"{name}: {reason}; its hazard ratio is not estimated (method='firth' does)", FitWarning)
        if method == "likelihood" or not any(fit.reasons):
            return fit
        warn(f"{fit.names[np.argmax(np.array(fit.reasons) != '')]}: {_ENDLESS_WORDS}; by Firth's penalty", FitWarning)
    return _by_firth(design, time, happened, layer, ties, level, counted)


def _by_likelihood(
    design: Covariates, time: Array, happened: Array, layer: Any, stratified: bool, ties: str, level: float,
    counted: tuple[int, int, int],
) -> CoxFit:  # fmt: skip
    low, width = design.x.min(axis=0), np.ptp(design.x, axis=0)
    scaled = (design.x - low) / width
    found, value, null, information = _maximum(time, happened, scaled, layer if stratified else None, ties)
    covariance = np.linalg.pinv(information)
    endless = (np.abs(found) > _ENDLESS) & ~(np.sqrt(np.diag(covariance)) < np.abs(found))
    reasons = tuple(_ENDLESS_WORDS if one else "" for one in endless)
    covariance = covariance / np.outer(width, width)
    covariance[endless, :] = covariance[:, endless] = np.nan
    return CoxFit(
        design.names, design.terms, np.where(endless, np.nan, found / width), covariance, value, null, ties, *counted,
        reasons, level, (time, happened, design.x, layer),
    )  # fmt: skip


def _by_firth(
    design: Covariates, time: Array, happened: Array, layer: Any, ties: str, level: float,
    counted: tuple[int, int, int],
) -> CoxFit:  # fmt: skip
    sd = design.x.std(axis=0, ddof=1)
    of = penalised(time, happened, (design.x - design.x.mean(axis=0)) / sd, layer, ties == "Efron")
    nothing = np.zeros(len(sd))
    if not np.isfinite(of(nothing)[0]):
        raise InputError(_SAME_WORDS, "cox")
    top = maximise(of, nothing)
    profiles = np.array([profile(of, top, k, level) for k in range(len(sd))])
    profiles[:, :2] /= sd[:, None]
    unit = float(np.log(sd).sum())  # the penalty of covariates in their own units
    return CoxFit(
        design.names, design.terms, top.beta / sd, inverse(top.information) / np.outer(sd, sd), top.value + unit,
        of(nothing)[0] + unit, ties, *counted, ("",) * len(sd), level, (time, happened, design.x, layer), _PROFILE,
        profiles,
    )  # fmt: skip


def _maximum(time: Array, event: Array, x: Array, strata: Any, ties: str) -> tuple[Array, float, float, Array]:
    """Where the partial likelihood is greatest, its value there and at 0, and the information."""
    need_statsmodels("cox")
    from statsmodels.duration.hazard_regression import PHReg

    model = PHReg(time, x, status=event, ties=ties.lower(), strata=strata)
    here = np.zeros(x.shape[1])
    value = null = float(model.loglike(here))
    information = -np.asarray(model.hessian(here))
    if np.linalg.matrix_rank(information, tol=1e-12 * max(1.0, float(np.trace(information))), hermitian=True) < len(
        here
    ):
        raise InputError(_SAME_WORDS, "cox")
    for _ in range(60):
        gradient, information = np.asarray(model.score(here)), -np.asarray(model.hessian(here))
        step = np.linalg.pinv(information, hermitian=True) @ gradient
        step *= min(1.0, 3.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(here).max() > 2.5 * _ENDLESS:
            break
        if gradient @ step < 1e-12 * max(1.0, abs(value)):
            here = here + step  # the likelihood no longer tells the two apart; the estimate gains half its digits
            value = float(model.loglike(here))
            break
        for _ in range(20):
            tried = float(model.loglike(here + step))
            if tried >= value:
                break
            step = step / 2.0
        here, value = here + step, tried
    return here, value, null, -np.asarray(model.hessian(here))
