"""When steady state is reached: from a single dose, or from observed troughs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.files import Part
from pkpd.nca.after.superposition import NO_TAIL, repeated
from pkpd.nca.kernel.curve import CurveOptions, SingleDoseCurve, area_to, curve_of


@dataclass(frozen=True)
class Attainment(Part):
    """When a regimen comes near its steady state.

    Attributes
    ----------
    dose : float
        Number of the first dose after which it does, counted from 1; NaN where there is none.
    time : float
        End of that dose's interval for a prediction, time of the trough for an observed series.
    reached : float
        Fraction of steady state reached then; NaN where steady state itself is not known.
    reason : str
        Why there is no answer, "" if there is one.
    """

    dose: float
    time: float
    reached: float = np.nan
    reason: str = ""


@dataclass(frozen=True)
class TroughFit(Part):
    """Monoexponential approach of troughs, ``Css·(1 − exp(−k·t))``.

    Attributes
    ----------
    fraction : float
        Fraction of Css whose time is wanted.
    n : int
        Troughs in the fit.
    css, rate : float
        Steady-state trough and rate constant.
    time : float
        ``−ln(1 − fraction)/rate``, when this fraction of `css` is reached.
    css_se, rate_se, time_se : float
        Standard errors: from the Jacobian at the optimum and the residual variance (n − 2); of the time by the delta
        method, ``time·rate_se/rate``.
    reason : str
        Why there is no fit, "" if there is one.
    """

    fraction: float
    n: int
    css: float = np.nan
    rate: float = np.nan
    time: float = np.nan
    css_se: float = np.nan
    rate_se: float = np.nan
    time_se: float = np.nan
    reason: str = ""


@checked
def time_to_steady_state(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    tau: float,
    *,
    fraction: float = 0.9,
    of: str = "trough",
    **curve: Unpack[CurveOptions],
) -> Attainment:
    """Return the first dose after which the trough (or the area of the interval) reaches a fraction of steady state.

    The trough after dose n is the superposition at the end of its interval, the area that of the single dose from 0
    to ``n·tau``; both rise to their steady state, the rest falling by ``exp(−λz·tau)`` per dose once the samples are
    left behind. For one exponential the trough gives ``n = ⌈−ln(1 − fraction)/(λz·tau)⌉``.

    Parameters
    ----------
    times, values : (samples,)
        The single dose, as in `pkpd.nca.superpose`.
    tau : float
        Dosing interval.
    fraction : float
        Fraction of steady state, between 0 and 1.
    of : {"trough", "average"}
        What is compared: the end of the interval, or its area (and so its average).
    **curve
        As in `pkpd.nca.superpose`.

    Returns
    -------
    Attainment
        With a reason where λz is not known.

    Raises
    ------
    InputError
        If samples or choices cannot be used.
    """
    single = curve_of(times, values, **curve)
    problems = [] if 0 < fraction < 1 else [f"fraction is {fraction}; expected a number between 0 and 1"]
    problems += [] if np.isfinite(tau) and tau > 0 else [f"tau is {tau}; expected a number > 0"]
    problems += [] if of in ("trough", "average") else [f"of is {of!r}; expected 'trough' or 'average'"]
    if problems:
        raise InputError(problems, "time to steady state")
    final = _after(single, np.inf, tau, of)
    if not (np.isfinite(final) and final > 0):
        return Attainment(np.nan, np.nan, reason=NO_TAIL)
    low, high = 0, 1
    while _after(single, high, tau, of) < fraction * final:
        low, high = high, 2 * high
    while high - low > 1:  # what is reached never falls with the number of doses
        middle = (low + high) // 2
        low, high = (middle, high) if _after(single, middle, tau, of) < fraction * final else (low, middle)
    return Attainment(float(high), high * tau, _after(single, high, tau, of) / final)


def _after(single: SingleDoseCurve, n: float, tau: float, of: str) -> float:
    """Trough or area after n doses."""
    if of == "trough":
        return float(repeated(single, np.array([tau]), tau, n)[0])
    return float(area_to(single, np.array([n * tau]))[0])


@checked
def stable_trough(times: npt.ArrayLike, troughs: npt.ArrayLike, *, change: float = 0.1) -> Attainment:
    """Return the first observed trough from which no later step is larger than a fraction of the trough before it.

    A step is ``|Cᵢ₊₁ − Cᵢ|/Cᵢ``. The last trough has no step after it and never counts.

    Parameters
    ----------
    times, troughs : (troughs,)
        Times and concentrations in order of the doses; a NaN is left out.
    change : float
        Largest step that still counts as stable.

    Raises
    ------
    InputError
        If the series cannot be used.
    """
    t, c = _series(times, troughs)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.abs(np.diff(c)) / c[:-1]
    large = np.flatnonzero(~(steps <= change))
    first = int(large[-1]) + 1 if len(large) else 0
    if first >= len(c) - 1:
        why = "fewer than 2 troughs" if len(c) < 2 else f"the last step is larger than {100 * change:g} %"
        return Attainment(np.nan, np.nan, reason=why)
    kept = np.flatnonzero(~np.isnan(np.asarray(troughs, dtype=np.float64)))
    return Attainment(float(kept[first] + 1), float(t[first]))


@checked
def trough_approach(times: npt.ArrayLike, troughs: npt.ArrayLike, *, fraction: float = 0.9) -> TroughFit:
    """Fit ``trough(t) = Css·(1 − exp(−k·t))`` to observed troughs by least squares.

    Parameters
    ----------
    times, troughs : (troughs,)
        Times after the first dose and concentrations; a NaN is left out.
    fraction : float
        Fraction of Css whose time is wanted.

    Returns
    -------
    TroughFit
        With a reason where there are fewer than three troughs or they show no plateau.

    Raises
    ------
    InputError
        If the series or the fraction cannot be used.

    References
    ----------
    Maganti L, Panebianco DL, Maes AL. Evaluation of methods for estimating time to steady state with examples from
    phase 1 studies. AAPS J 10 (2008) 141-147 (there with mixed effects for the subjects; here it is one curve).
    """
    from scipy.optimize import least_squares

    t, c = _series(times, troughs)
    if not 0 < fraction < 1:
        raise InputError(f"fraction is {fraction}; expected a number between 0 and 1", "troughs")
    if not (t >= 0).all():
        raise InputError("a trough before the first dose; expected times after it", "troughs")
    if len(c) < 3 or not (c > 0).any():
        return TroughFit(fraction, len(c), reason="fewer than 3 troughs, or none above zero")
    top, span = float(c.max()), float(t.max())

    def miss(p: Array) -> Array:
        return np.asarray(-np.exp(p[0]) * np.expm1(-np.exp(p[1]) * t / span) - c / top)

    found = least_squares(miss, np.array([0.0, 1.0]), x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    css, rate = top * float(np.exp(found.x[0])), float(np.exp(found.x[1])) / span
    # A rate that leaves most of the way to the last trough, or none to the first, is not determined.
    if not (rate * span > 1e-2 and rate * t[t > 0].min() < 12 and np.linalg.matrix_rank(found.jac) == 2):
        return TroughFit(fraction, len(c), reason="the troughs show no approach to a plateau")
    spread = np.linalg.inv(found.jac.T @ found.jac) * (found.fun @ found.fun) / (len(c) - 2)
    time, rate_se = -np.log1p(-fraction) / rate, rate * float(np.sqrt(spread[1, 1]))
    css_se, time_se = css * float(np.sqrt(spread[0, 0])), float(time) * rate_se / rate
    return TroughFit(fraction, len(c), css, rate, float(time), css_se, rate_se, time_se)


def _series(times: npt.ArrayLike, troughs: npt.ArrayLike) -> tuple[Array, Array]:
    """The troughs that are there, in order."""
    t, c = np.asarray(times, dtype=np.float64), np.asarray(troughs, dtype=np.float64)
    if t.ndim != 1 or t.shape != c.shape:
        raise InputError(f"times {t.shape} and troughs {c.shape}; expected two rows of the same length", "troughs")
    problems = [] if np.isfinite(t).all() and (np.diff(t) > 0).all() else ["times do not rise; expected time order"]
    problems += [f"trough {v}; expected a finite number ≥ 0" for v in c if not (np.isnan(v) or 0 <= v < np.inf)]
    if problems:
        raise InputError(problems, "troughs")
    there = ~np.isnan(c)
    return t[there], c[there]
