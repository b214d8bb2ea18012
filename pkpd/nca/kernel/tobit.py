"""The terminal regression by maximum likelihood with a tail of BLQ samples as left-censored ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr

from pkpd.arrays import Array, Flags

_FLOOR = 1e-6  # smallest residual SD looked for: points on a line exactly have none


class Censored(NamedTuple):
    """A regression line ``ln C = intercept − rate·t`` with residual SD `sd`; NaN where none was found."""

    rate: float
    intercept: float
    sd: float


def fit(t: Array, y: Array, below: Flags) -> Censored:
    """Return the straight line through ln concentrations, some of which are only known to lie below a limit.

    Maximises ``Σ ln φ((y − a + λt)/σ)/σ`` over the quantified and ``Σ ln Φ((y − a + λt)/σ)`` over the censored
    points, from the least-squares line through the quantified ones, by BFGS with exact gradients.

    Parameters
    ----------
    t, y : (k,)
        Times and ln concentrations; ln LLOQ where censored.
    below : (k,) of bool
        Censored points.

    References
    ----------
    Tobin (1958), Econometrica 26:24-36; Beal (2001), J Pharmacokinet Pharmacodyn 28:481-504 (method M3).
    """
    seen = ~below
    nothing = Censored(np.nan, np.nan, np.nan)
    middle, width = t[seen].mean() if seen.any() else 0.0, np.ptp(t)
    with np.errstate(all="ignore"):
        x = (t - middle) / width  # a scale on which slope and level are of the same size
        spread = np.sum((x[seen] - x[seen].mean()) ** 2) if seen.sum() >= 2 else 0.0
        if not spread > 0 or not np.isfinite(x).all() or not np.isfinite(y).all():
            return nothing
        slope = np.sum((x[seen] - x[seen].mean()) * y[seen]) / spread
        level = y[seen].mean() - slope * x[seen].mean()
    residual = y[seen] - level - slope * x[seen]
    start = np.array([level, slope, np.log(max(np.sqrt(np.mean(residual**2)), 1e-3))])
    best = minimize(_objective, start, args=(x, y, below), jac=True, method="BFGS", options={"gtol": 1e-10})
    for _ in range(20):  # BFGS stops on the flat side of a steep valley: start again from there until it stays
        again = minimize(_objective, best.x, args=(x, y, below), jac=True, method="BFGS", options={"gtol": 1e-10})
        settled = again.fun >= best.fun - 1e-12
        best = again if again.fun < best.fun else best
        if settled:
            break
    level, slope, log_sd = best.x
    sd = float(np.exp(log_sd))
    if not np.isfinite(best.fun) or not np.isfinite(best.x).all():
        return nothing
    return Censored(float(-slope / width), float(level - slope * middle / width), sd if sd > _FLOOR else 0.0)


def minus_log_likelihood(line: Censored, t: Array, y: Array, below: Flags) -> float:
    """Return minus the log likelihood of a line, without the constant of the normal density; see `fit`."""
    log_sd = np.log(max(line.sd, _FLOOR))
    return _objective(np.array([line.intercept, -line.rate, log_sd]), t, y, below)[0]


def _objective(p: Array, x: Array, y: Array, below: Flags) -> tuple[float, Array]:
    """Minus the log likelihood and its gradient in level, slope and ln σ."""
    sd = np.exp(max(p[2], np.log(_FLOOR)))
    z = (y - p[0] - p[1] * x) / sd
    seen = ~below
    value = 0.5 * np.sum(z[seen] ** 2) + seen.sum() * np.log(sd) - np.sum(log_ndtr(z[below]))
    # d ln Φ(z)/dz = φ(z)/Φ(z), from logarithms so that it does not vanish far below the line.
    mills = np.exp(-0.5 * z[below] ** 2 - 0.5 * np.log(2 * np.pi) - log_ndtr(z[below]))
    slope = np.empty_like(z)
    slope[seen], slope[below] = z[seen], -mills
    gradient = np.array([-slope.sum() / sd, -(slope * x).sum() / sd, seen.sum() - np.sum(slope * z)])
    return float(value), gradient
