"""Dose proportionality by the power model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas
import xarray as xr

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError, unknown_names, warn
from pkpd.files import Part
from pkpd.nca.after.accepted import doubts
from pkpd.nca.after.criterion import criterion, exp_or_infinite, limits_problem
from pkpd.nca.after.descriptive import level_problem, mean_difference, quantile
from pkpd.nca.given import A_RESULT


@dataclass(frozen=True)
class PowerModel(Part):
    """``ln Y = α + β·ln D`` by least squares.

    Attributes
    ----------
    parameter : str
        What Y is.
    n, dropped : int
        Pairs in the regression, and those left out because value or dose is missing or not positive.
    lowest, highest : float
        Smallest and largest dose in the regression.
    alpha, beta, beta_se, beta_low, beta_high, level : float
        Intercept, slope, its standard error and confidence limits at this level.
    residual_sd, r2 : float
        On the scale of logarithms.
    critical_low, critical_high, conclusion, ratio, ratio_low, ratio_high, linear_to, nonlinear_from
        As in `pkpd.nca.after.criterion.Criterion`, for the range from `lowest` to `highest`; conclusion "" without one.
    observed, observed_low, observed_high : float
        Ratio of the geometric means of Y/D at the highest and at the lowest dose, with Welch's interval, the two
        groups taken as independent.
    mean_log_dose, spread_log_dose : float
        Mean of ln D and its sum of squares about it, which the band of the line needs.
    reason : str
        Why there is no regression or conclusion, "" if there is one.
    """

    parameter: str
    n: int
    dropped: int
    level: float
    lowest: float = np.nan
    highest: float = np.nan
    alpha: float = np.nan
    beta: float = np.nan
    beta_se: float = np.nan
    beta_low: float = np.nan
    beta_high: float = np.nan
    residual_sd: float = np.nan
    r2: float = np.nan
    critical_low: float = np.nan
    critical_high: float = np.nan
    conclusion: str = ""
    ratio: float = np.nan
    ratio_low: float = np.nan
    ratio_high: float = np.nan
    observed: float = np.nan
    observed_low: float = np.nan
    observed_high: float = np.nan
    linear_to: float = np.nan
    nonlinear_from: float = np.nan
    mean_log_dose: float = np.nan
    spread_log_dose: float = np.nan
    reason: str = ""

    def table(self) -> pandas.DataFrame:
        """Return the numbers as a table with one row."""
        return pandas.DataFrame([asdict(self)])

    def line(self, dose: npt.ArrayLike) -> tuple[Array, Array, Array]:
        """Return the typical value at doses and the confidence limits of the line, ``exp(α + β·ln D ± t·se)``.

        Parameters
        ----------
        dose : array_like
            Doses > 0.
        """
        x = np.log(np.asarray(dose, dtype=np.float64))
        centre = self.alpha + self.beta * x
        reach = np.full(x.shape, np.nan)
        if self.n > 2 and self.spread_log_dose > 0:
            leverage = 1 / self.n + (x - self.mean_log_dose) ** 2 / self.spread_log_dose
            reach = quantile(self.n - 2, self.level) * self.residual_sd * np.sqrt(leverage)
        with np.errstate(over="ignore"):
            return np.exp(centre), np.exp(centre - reach), np.exp(centre + reach)


@checked
def power_model(
    dose: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    level: float = 0.9,
    limits: tuple[float, float] = (0.8, 1.25),
    parameter: str = "value",
) -> PowerModel:
    """Return the power model of an exposure over the dose, with the criterion of Smith et al.

    ``ln Y = α + β·ln D``; with ``r`` the largest by the smallest dose, the critical region of β runs from
    ``1 + ln(0.8)/ln r`` to ``1 + ln(1.25)/ln r``. Proportional if β's interval lies inside it, not proportional if it
    lies wholly outside, else inconclusive. Rows are taken as independent; several doses of a subject would need a
    model with subjects in it.

    Parameters
    ----------
    dose, value : (n,)
        Doses and exposures in any unit.
    level : float
        Confidence level of β.
    limits : tuple of float
        Accepted ratio of dose-normalised means between the ends of the dose range.
    parameter : str
        Name for the table.

    Raises
    ------
    InputError
        If the arrays do not fit each other or a choice cannot be used.

    References
    ----------
    Smith BP, Vandenhende FR, DeSante KA, Farid NA, Welch PA, Callaghan JT, Forgue ST. Confidence interval criteria
    for assessment of dose proportionality. Pharm Res 17 (2000) 1278-1283.
    """
    d, y = np.asarray(dose, dtype=np.float64), np.asarray(value, dtype=np.float64)
    problems = level_problem(level)
    if d.ndim != 1 or d.shape != y.shape:
        problems.append(f"dose {d.shape} and value {y.shape}; expected two rows of the same length")
    problems += limits_problem(limits)
    if problems:
        raise InputError(problems, "power model")
    good = np.isfinite(d) & np.isfinite(y) & (d > 0) & (y > 0)
    d, y, dropped = d[good], y[good], int((~good).sum())
    if len(d) < 3 or d.min() == d.max():
        return PowerModel(parameter, len(d), dropped, level, reason="fewer than 3 positive numbers, or a single dose")
    return _fit(d, y, limits, PowerModel(parameter, len(d), dropped, level))


def _fit(d: Array, y: Array, limits: tuple[float, float], blank: PowerModel) -> PowerModel:
    x, z = np.log(d), np.log(y)
    n, middle = len(x), float(x.mean())
    spread = float(((x - middle) ** 2).sum())
    beta = float(((x - middle) * (z - z.mean())).sum()) / spread
    alpha = float(z.mean()) - beta * middle
    rest = z - alpha - beta * x
    sd = float(np.sqrt((rest @ rest) / (n - 2)))
    total = float(((z - z.mean()) ** 2).sum())
    se = sd / np.sqrt(spread)
    reach = quantile(n - 2, blank.level) * se
    verdict = criterion(beta, float(beta - reach), float(beta + reach), float(d.max() / d.min()), limits)
    highest, lowest = d == d.max(), d == d.min()
    high, low = np.log(y[highest] / d.max()), np.log(y[lowest] / d.min())
    ends = mean_difference(high, low, blank.level, pooled=False)
    observed, observed_low, observed_high = (exp_or_infinite(v) for v in ends[:3])
    return replace(
        blank, lowest=float(d.min()), highest=float(d.max()), alpha=alpha, beta=beta, beta_se=float(se),
        beta_low=float(beta - reach), beta_high=float(beta + reach), residual_sd=sd,
        r2=1 - float(rest @ rest) / total if total > 0 else np.nan, **asdict(verdict), observed=observed,
        observed_low=observed_low, observed_high=observed_high, mean_log_dose=middle, spread_log_dose=spread,
    )  # fmt: skip


@checked(result=A_RESULT)
def dose_proportionality(
    result: xr.Dataset,
    parameters: Sequence[str] = ("cmax", "auc_last", "auc_inf_obs"),
    *,
    level: float = 0.9,
    limits: tuple[float, float] = (0.8, 1.25),
    only_accepted: bool = True,
) -> dict[str, PowerModel]:
    """Return the power model of every parameter of an NCA over the dose.

    Parameters
    ----------
    result : Dataset
        What `pkpd.nca.nca` returned; choose the profiles first, e.g. those of the first interval.
    parameters : sequence of str
        Names.
    level, limits
        As in `power_model`.
    only_accepted : bool
        Whether numbers that do not meet a limit of acceptance (``doubt``) are left out; ``dropped`` counts them.

    Returns
    -------
    dict
        Parameter → `PowerModel`. Their tables stack: ``pandas.concat([m.table() for m in found.values()])``.

    Raises
    ------
    InputError
        If a parameter does not exist, and as `power_model`.

    Warns
    -----
    DataWarning
        If subjects have several profiles, which the regression takes as independent.
    """

    known = [str(n) for n, v in result.data_vars.items() if v.dims == ("profile",)]
    if problems := unknown_names(parameters, known, "parameter"):
        raise InputError(problems, "dose proportionality")
    counts = np.unique(result["subject"].to_numpy().astype(str), return_counts=True)[1]
    if several := int((counts > 1).sum()):
        warn(
            f"{several} subjects have several profiles, which the power model takes as independent"
        )  # fmt: skip
    dose = result["dose"].to_numpy().astype(float)
    found = {}
    for name in parameters:
        value = result[name].to_numpy().astype(float)
        if only_accepted:
            value = np.where(doubts(result, name) == "", value, np.nan)
        found[name] = power_model(dose, value, level=level, limits=limits, parameter=name)
    return found
