"""A response whose log odds rise with exposure towards a maximum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import chdtrc, chdtri, expit

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import FitWarning, InputError, shown, warn
from pkpd.trial.exposure_response.descriptive import numbers_of
from pkpd.trial.exposure_response.maximum import maximum
from pkpd.trial.exposure_response.reading import read_outcomes
from pkpd.trial.exposure_response.separation import separated

if TYPE_CHECKING:
    import pandas

_POINTS = 81


@dataclass(frozen=True, eq=False)
class EmaxFit:
    """What `emax_response` found.

    Attributes
    ----------
    e0, emax, ec50 : float
        Log odds without exposure, the largest change of them, and the exposure of half of it.
    ec50_low, ec50_high : float
        Limits of its profile interval; 0 and infinity where the data set none.
    log_likelihood, flat_log_likelihood, logistic_log_likelihood : float
        Of this model, of no effect, and of a logistic model that is linear in exposure.
    patients, events : int
        Used, and with the response.
    level : float
        Coverage of the interval.
    reason : str
        What the data do not determine; "" if they do.
    exposure : str
        Column.
    attrs : dict
        What the table says of where it came from.
    """

    e0: float
    emax: float
    ec50: float
    ec50_low: float
    ec50_high: float
    log_likelihood: float
    flat_log_likelihood: float
    logistic_log_likelihood: float
    patients: int
    events: int
    level: float
    reason: str
    exposure: str
    attrs: dict[str, Any]

    def predict(self, exposure: Any) -> Array:
        """Return the probability of the response at exposures ≥ 0."""
        x = np.asarray(exposure, dtype=float)
        return np.asarray(expit(self.e0 + self.emax * x / (self.ec50 + x)))

    def table(self) -> pandas.DataFrame:
        """Return a row per model: ``model, parameters, log_likelihood, aic, p`` (against no effect)."""
        import pandas

        rows = []
        for name, count, value in (
            ("no effect", 1, self.flat_log_likelihood), ("logistic", 2, self.logistic_log_likelihood),
            ("Emax", 3, self.log_likelihood),
        ):  # fmt: skip
            ratio = max(2.0 * (value - self.flat_log_likelihood), 0.0)
            p = float(chdtrc(count - 1, ratio)) if count > 1 else np.nan
            rows.append((name, count, value, 2.0 * count - 2.0 * value, p))
        return pandas.DataFrame(rows, columns=["model", "parameters", "log_likelihood", "aic", "p"])

    def summary(self) -> str:
        """Return the numbers as text."""
        models = self.table().set_index("model")
        lines = [
            f"Emax model of the log odds on {self.exposure}: {self.events} responses in {self.patients} patients",
            f"E0 {self.e0:.4g}, Emax {self.emax:.4g}, EC50 {self.ec50:.4g} ({100 * self.level:g} % profile interval "
            f"{self.ec50_low:.4g} to {self.ec50_high:.4g})",
            f"AIC {models['aic']['Emax']:.2f}; logistic {models['aic']['logistic']:.2f}; no effect "
            f"{models['aic']['no effect']:.2f} "
            f"(p {models['p']['Emax']:.3g}, approximate: without effect EC50 means nothing)",
        ]
        return "\n".join([*lines, *([self.reason] if self.reason else [])])

    __repr__ = __str__ = summary


@checked
def emax_response(
    patients: Any,
    response: str,
    exposure: str,
    *,
    positive: Sequence[Any] | None = None,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> EmaxFit:
    r"""Return an Emax model of the log odds, :math:`\ln\frac{p}{1-p} = E_0 + \frac{E_{max}\,x}{EC_{50} + x}`.

    For a given EC50 it is a logistic model with one maximum. EC50 is searched over 1/1000 of the smallest positive
    exposure to 1000 times the largest, its interval read from the profile of the likelihood.

    Parameters
    ----------
    patients : DataFrame, path, mapping of column to values, Study, or Dataset
        One row per patient; `patients_of` joins exposures of `pkpd.nca` and outcomes. A study counts by its covariates.
    response : str
        Column: yes or no.
    exposure : str
        Column of numbers ≥ 0.
    positive : sequence, optional
        Values of the response that count as one.
    level : float
        Coverage of the interval of EC50.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    EmaxFit

    Raises
    ------
    InputError
        Listing all that cannot be used; if the exposure separates the responses.

    Warns
    -----
    FitWarning
        If the data set no limit to EC50.
    DataWarning
        Counting rows that were left out.
    """
    if not 0 < level < 1:
        raise InputError(f"level is {shown(level)}; expected a number between 0 and 1", "emax_response")
    outcomes = read_outcomes(patients, response, [exposure], columns, positive=positive, numbers=[exposure])
    x, y = numbers_of(outcomes.table, exposure, "patients"), outcomes.category.astype(float)
    known = np.isfinite(x)
    if (x[known] < 0).any():
        rows = outcomes.table["row"].to_numpy()[known & (x < 0)][:5]
        raise InputError(f"{exposure} is negative in row {', '.join(map(str, rows))}; expected ≥ 0", "emax_response")
    if not known.all():
        warn(f"{int((~known).sum())} of {len(x)} patients have no {exposure!r}; left out")
    x, y = x[known], y[known]
    if len({*x.tolist()}) < 3 or len({*y.tolist()}) < 2:
        raise InputError("expected at least three different exposures, and patients with and without the response",
                         "emax_response")  # fmt: skip
    if separated(((x - x.mean()) / x.std())[:, None], y.astype(int)):
        raise InputError(f"{exposure} tells the responses apart, so the likelihood has no maximum; logistic has "
                         "Firth's penalty", "emax_response")  # fmt: skip
    smallest, largest = float(x[x > 0].min()), float(x.max())
    grid = np.linspace(np.log(smallest / 1e3), np.log(largest * 1e3), _POINTS)
    values = np.array([_maximum(x, y, at)[0] for at in grid])
    best, value = _top(x, y, grid, values)
    wanted = value - 0.5 * float(chdtri(1, 1.0 - level))
    limits = [_crossing(x, y, grid, values, best, wanted, side) for side in (-1, 1)]
    _, e0, emax = _maximum(x, y, best)
    open_ends = [word for word, open_end in (("lower", limits[0] == 0), ("upper", np.isinf(limits[1]))) if open_end]
    reason = f"the data set no {' and no '.join(open_ends)} limit to EC50" if open_ends else ""
    if reason:
        warn(f"{exposure}: {reason}", FitWarning)
    share = float(y.mean())
    flat = len(y) * (share * np.log(share) + (1 - share) * np.log1p(-share))
    straight = _logit(x / largest, y)[0]
    return EmaxFit(
        e0, emax, float(np.exp(best)), limits[0], limits[1], value, float(flat), straight, len(y), int(y.sum()), level,
        reason, exposure, outcomes.attrs,
    )  # fmt: skip


def _maximum(x: Array, y: Array, log_ec50: float) -> tuple[float, float, float]:
    """The log likelihood, E0 and Emax where EC50 is given."""
    share = x / (np.exp(log_ec50) + x)
    return _logit(share, y)


def _logit(share: Array, y: Array) -> tuple[float, float, float]:
    mean, sd = float(share.mean()), float(share.std()) or 1.0
    wide = np.column_stack([np.ones(len(share)), (share - mean) / sd])
    beta, _, value, _ = maximum(y, wide)
    slope = float(beta[1]) / sd
    return value, float(beta[0]) - slope * mean, slope


def _top(x: Array, y: Array, grid: Array, values: Array) -> tuple[float, float]:
    """Where the profile is highest."""
    from scipy.optimize import minimize_scalar

    k = int(np.argmax(values))
    ends = (grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)])
    found = minimize_scalar(lambda at: -_maximum(x, y, at)[0], bounds=ends, method="bounded", options={"xatol": 1e-7})
    return (float(found.x), -float(found.fun)) if -found.fun > values[k] else (float(grid[k]), float(values[k]))


def _crossing(x: Array, y: Array, grid: Array, values: Array, best: float, wanted: float, side: int) -> float:
    """The EC50 where the profile falls below what is wanted; 0 or infinity where it never does."""
    from scipy.optimize import brentq

    beyond = [k for k in range(len(grid)) if side * (grid[k] - best) > 0 and values[k] < wanted]
    if not beyond:
        return 0.0 if side < 0 else float("inf")
    k = beyond[-1] if side < 0 else beyond[0]
    inner = min(max(grid[k] - side * (grid[1] - grid[0]), min(grid[k], best)), max(grid[k], best))
    ends = sorted((grid[k], inner))
    return float(np.exp(brentq(lambda at: _maximum(x, y, at)[0] - wanted, *ends)))
