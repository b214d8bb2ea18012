"""The Kaplan–Meier curve of one group: numbers only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from pkpd.arrays import Array
from pkpd.trial.extras import need_statsmodels

INTERVALS = ("log-log", "log", "plain")
_EQUAL = 1e-9  # a product of fractions that is one half but for rounding


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve at the times at which something happened or was censored, each array of shape (times,)."""

    time: Array
    at_risk: Array
    events: Array
    censored: Array
    survival: Array
    se: Array
    low: Array
    high: Array

    def value(self, what: Array, times: Array, before: float) -> Array:
        """Return a step function at some times: `before` until the first, NaN after the last time."""
        place = np.searchsorted(self.time, times, side="right")
        values = np.concatenate([[before], what])[place]
        return np.where((times > self.time[-1]) & (self.survival[-1] > 0), np.nan, values)

    def quantile(self, p: float, curve: Array) -> float:
        """Return when a curve has fallen to 1 − p, the middle of the times at which it is just that; NaN if never."""
        level = 1.0 - p
        with np.errstate(invalid="ignore"):
            reached = np.flatnonzero(curve <= level + _EQUAL)
            beyond = np.flatnonzero(curve < level - _EQUAL)
        if not reached.size:
            return math.nan
        first = float(self.time[reached[0]])
        exactly = abs(float(curve[reached[0]]) - level) <= _EQUAL
        if exactly and beyond.size:
            return (first + float(self.time[beyond[0]])) / 2.0
        return first

    def area(self, end: float) -> tuple[float, float]:
        """Return the area below the curve up to a time, and its standard error."""
        inside = self.time < end
        edges = np.concatenate([[0.0], self.time[inside], [end]])
        steps = np.diff(edges) * np.concatenate([[1.0], self.survival[inside]])
        rest = steps.sum() - np.cumsum(steps)[:-1]  # the area from each time to the end
        n, d = self.at_risk[inside], self.events[inside]
        with np.errstate(all="ignore"):
            parts = np.where((d > 0) & (n > d), rest**2 * d / (n * (n - d)), 0.0)
        return float(steps.sum()), float(np.sqrt(parts.sum()))


def curve_of(duration: Array, event: Array, interval: str, level: float) -> Curve:
    """Return the curve of a group with Greenwood's standard errors and pointwise intervals.

    Parameters
    ----------
    duration, event : array, shape (n,)
        Times, and whether the event happened (1) or was censored (0).
    interval : {"log-log", "log", "plain"}
        Scale on which the interval is symmetric.
    level : float
        Its coverage.
    """
    need_statsmodels("kaplan_meier")
    from statsmodels.duration.survfunc import SurvfuncRight

    time, rank = np.unique(duration, return_inverse=True)
    size = len(time)
    events = np.bincount(rank, weights=event, minlength=size)
    every = np.bincount(rank, minlength=size)
    at_risk = np.cumsum(every[::-1])[::-1].astype(float)
    survival, se = np.ones(size), np.zeros(size)
    if events.any():
        found = SurvfuncRight(duration, event)
        place = np.searchsorted(found.surv_times, time, side="right")
        survival = np.concatenate([[1.0], found.surv_prob])[place]
        se = np.concatenate([[0.0], found.surv_prob_se])[place]
    low, high = limits(survival, se, interval, level)
    happened = np.asarray(events, dtype=float)
    return Curve(time, at_risk, happened, every - happened, survival, se, low, high)


def limits(survival: Array, se: Array, interval: str, level: float) -> tuple[Array, Array]:
    r"""Return the pointwise interval of survival S with standard error s.

    Plain: :math:`S \pm z s`; log: :math:`S\exp(\pm z s/S)`; log-log: :math:`S^{\exp(\pm z s/(S \ln S))}`. They are cut
    at 0 and 1; where S is 1 there is no uncertainty yet, where S is 0 no interval.

    Parameters
    ----------
    survival, se : array, shape (times,)
        Greenwood's.
    interval : {"log-log", "log", "plain"}
        Scale.
    level : float
        Coverage.

    References
    ----------
    Kalbfleisch JD, Prentice RL. The Statistical Analysis of Failure Time Data, 2nd ed. Wiley 2002, section 1.4.
    """
    z = float(ndtri(0.5 + level / 2.0))
    with np.errstate(all="ignore"):
        if interval == "plain":
            low, high = survival - z * se, survival + z * se
        elif interval == "log":
            low, high = survival * np.exp(-z * se / survival), survival * np.exp(z * se / survival)
        else:
            reach = z * se / (survival * np.log(survival))  # below 0
            low, high = survival ** np.exp(-reach), survival ** np.exp(reach)
    sure = survival >= 1.0
    low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    low, high = np.where(sure, 1.0, low), np.where(sure, 1.0, high)
    none = survival <= 0.0
    return np.where(none, np.nan, low), np.where(none, np.nan, high)
