"""Any regimen from one single-dose profile, by adding up shifted curves.

The principle holds where concentrations are proportional to the dose and nothing changes with time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.files import Part
from pkpd.nca.kernel.curve import CurveOptions, SingleDoseCurve, area_to, curve_of, value_at

if TYPE_CHECKING:
    import pandas

NO_TAIL = "the terminal rate constant is not known, and the regimen needs the curve beyond the last sample"


@checked
def superpose(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    regimen_times: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    amounts: npt.ArrayLike | None = None,
    before: bool = False,
    **curve: Unpack[CurveOptions],
) -> Array:
    """Return the concentrations of a regimen, predicted from the profile of one dose.

    ``C(t) = Σ aᵢ/D·C₁(t − tᵢ)``: ``C₁`` is interpolated between the samples by the rule of the areas and falls by
    ``exp(−λz·t)`` after the last positive one; it is zero before its dose.

    Parameters
    ----------
    times, values : (samples,)
        Times after the single dose and concentrations (zero below the limit); a NaN is no sample. Without a sample at
        time 0 the curve starts from zero there; after a bolus hand over C0.
    regimen_times : (doses,)
        Times of the regimen's doses.
    at : array_like
        Times to answer for, on the regimen's clock.
    amounts : (doses,), optional
        Amounts in the unit of `dose`; by default all equal to it.
    before : bool
        Whether the answer at the very time of a dose is the value before it; by default the value after it.
    **curve
        ``dose`` (1), ``lambda_z`` (None: by regression), ``clast`` ("observed"), ``method``
        ("linear-up/log-down"); see `pkpd.nca.kernel.curve.CurveOptions`.

    Returns
    -------
    array
        As `at`; NaN where the tail is needed and λz is not known.

    Raises
    ------
    InputError
        If samples, doses or choices cannot be used.

    References
    ----------
    Gibaldi & Perrier, Pharmacokinetics, 2nd ed. (1982), chapter on multiple dosing, superposition.
    """
    single = curve_of(times, values, **curve)
    given = np.atleast_1d(np.asarray(regimen_times, dtype=np.float64))
    scale = np.full(given.shape, 1.0) if amounts is None else np.asarray(amounts, dtype=np.float64) / single.dose
    problems = [] if np.isfinite(given).all() else ["a dose time is not a finite number"]
    if scale.shape != given.shape or not (np.isfinite(scale) & (scale >= 0)).all():
        problems.append(f"amounts have shape {scale.shape}; expected one number ≥ 0 for each of {given.size} doses")
    if problems:
        raise InputError(problems, "regimen")
    return add_up(single, given, scale, np.asarray(at, dtype=np.float64), before)


def add_up(single: SingleDoseCurve, given: Array, scale: Array, at: Array, before: bool = False) -> Array:
    """Return the sum of the shifted and scaled curves; see `superpose`."""
    found = np.zeros(at.shape)
    for when, times_dose in zip(given, scale, strict=True):
        since = at - when
        here = since > 0 if before else since >= 0
        found = found + np.where(here, times_dose * value_at(single, np.where(here, since, 0.0)), 0.0)
    return np.where(np.isnan(at), np.nan, found)


@dataclass(frozen=True, eq=False)
class SteadyState(Part):
    """One dosing interval of a regular regimen, predicted from a single dose.

    Attributes
    ----------
    tau, doses : float
        Length of the interval and number of doses up to and with the one that begins it (infinite: steady state).
    times, values : (points,)
        Times in the interval and concentrations; at time 0 after the dose, at `tau` before the next one.
    cmax, tmax, cmin : float
        Extremes of the whole curve in the interval, not only of `times`.
    trough, auc_tau, cavg : float
        Value at the end of the interval, its area, and ``auc_tau/tau``.
    accumulation, fluctuation, swing : float
        ``auc_tau`` by that of the first interval; ``100·(cmax − cmin)/cavg`` (%); ``(cmax − cmin)/cmin``.
    reason : str
        Why numbers are missing, "" if none is.
    """

    tau: float
    doses: float
    times: Array
    values: Array
    cmax: float
    tmax: float
    cmin: float
    trough: float
    auc_tau: float
    cavg: float
    accumulation: float
    fluctuation: float
    swing: float
    reason: str = ""

    def table(self) -> pandas.DataFrame:
        """Return times and concentrations as columns ``time`` and ``value``."""
        import pandas

        return pandas.DataFrame({"time": self.times, "value": self.values})


@checked
def steady_state(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    tau: float,
    at: npt.ArrayLike | None = None,
    *,
    n: float = np.inf,
    amount: float | None = None,
    **curve: Unpack[CurveOptions],
) -> SteadyState:
    """Return the interval after the n-th of equal doses, every `tau`; after infinitely many by default.

    ``Css(s) = Σₖ C₁(s + k·τ)``; from the first k on that lies beyond the last sample the sum is geometric,
    ``Clast·exp(−λz·(s + K·τ − tlast))·(1 − exp(−λz·τ·(n − K)))/(1 − exp(−λz·τ))``, and exact. The area of the
    interval is that of a single dose from 0 to ``n·τ``: to infinity at steady state.

    Parameters
    ----------
    times, values : (samples,)
        As in `superpose`.
    tau : float
        Dosing interval.
    at : (points,), optional
        Times from 0 to `tau`; by default those at which the curve has a corner.
    n : float
        Number of doses, a whole number or infinity.
    amount : float, optional
        Amount of each dose, by default that of the single dose.
    **curve
        As in `superpose`.

    Raises
    ------
    InputError
        If samples, `tau`, `n`, `at` or choices cannot be used.

    References
    ----------
    Gibaldi & Perrier, Pharmacokinetics, 2nd ed. (1982), chapter on multiple dosing.
    """
    single = curve_of(times, values, **curve)
    problems = _regular(tau, n)
    scale = 1.0 if amount is None else float(amount) / single.dose
    if not (np.isfinite(scale) and scale >= 0):
        problems.append(f"amount is {amount}; expected a number ≥ 0")
    s = np.array([]) if at is None else np.asarray(at, dtype=np.float64)
    if ((s < 0) | (s > tau)).any() or s.ndim != 1:
        problems.append(f"at has shape {s.shape} and reaches beyond 0 to {tau}; expected times inside one interval")
    if problems:
        raise InputError(problems, "regular regimen")
    return regular_interval(single, tau, n, scale, None if at is None else s)


def regular_interval(
    single: SingleDoseCurve, tau: float, n: float, scale: float, at: Array | None = None
) -> SteadyState:
    """Return one interval of a regular regimen of a curve; see `steady_state`."""
    corners = np.unique(np.concatenate([[0.0, tau], single.times % tau]))
    wanted = corners if at is None else at
    values = scale * repeated(single, wanted, tau, n)
    # A predicted Clast makes a step just after the last sample.
    ends = np.unique(np.append(corners, np.nextafter([single.last % tau], np.inf)))
    seen = scale * repeated(single, ends[ends <= tau], tau, n)
    area, first = (scale * area_to(single, np.array([x]))[0] for x in (n * tau, tau))
    trough, cavg = float(seen[-1]), float(area / tau)
    good = bool(np.isfinite(seen).all())
    cmax = float(seen.max()) if good else np.nan
    cmin = _lowest(single, corners, tau, n, scale, seen) if good else np.nan
    return SteadyState(
        tau, n, wanted, values, cmax, float(ends[int(np.argmax(seen))]) if good else np.nan, cmin, trough,
        float(area), cavg, accumulation=_ratio(area, first), fluctuation=_ratio(100 * (cmax - cmin), cavg),
        swing=_ratio(cmax - cmin, cmin), reason="" if good and np.isfinite(area) else NO_TAIL,
    )  # fmt: skip


def repeated(single: SingleDoseCurve, s: Array, tau: float, n: float) -> Array:
    """Return ``Σ C₁(s + k·tau)`` over k = 0 … n − 1, the geometric part in closed form."""
    inside = int(min(n, np.floor(single.last / tau) + 1))  # terms that may still lie between samples
    shifts = tau * np.arange(inside)
    found = np.asarray(value_at(single, s[:, None] + shifts).sum(axis=1))
    if n <= inside:
        return found
    rest = single.level * np.exp(-single.rate * (s + inside * tau - single.last))
    return np.asarray(found + rest * (np.expm1(-single.rate * tau * (n - inside)) / np.expm1(-single.rate * tau)))


def _lowest(single: SingleDoseCurve, corners: Array, tau: float, n: float, scale: float, seen: Array) -> float:
    """Smallest value: between corners the curve is convex (lines and exponentials), so thirds close in on it."""
    low, high = corners[:-1].copy(), corners[1:].copy()
    for _ in range(60):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        left = repeated(single, a, tau, n) <= repeated(single, b, tau, n)
        low, high = np.where(left, low, a), np.where(left, b, high)
    return float(min(seen.min(), scale * repeated(single, (low + high) / 2, tau, n).min()))


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b > 0 else np.nan


def _regular(tau: float, n: float) -> list[str]:
    problems = [] if np.isfinite(tau) and tau > 0 else [f"tau is {tau}; expected a number > 0"]
    if not (n == np.inf or (np.isfinite(n) and n >= 1 and int(n) == n)):
        problems.append(f"n is {n}; expected a whole number ≥ 1 or infinity")
    return problems
