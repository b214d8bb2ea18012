"""The concentration after one dose as a curve: samples, then an exponential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.nca.kernel.interpolation import LINEAR_LOG, METHODS, interpolated, usable_samples


class CurveOptions(TypedDict, total=False):
    """What else belongs to a single-dose profile.

    Attributes
    ----------
    dose : float
        Amount that gave the samples; 1 by default, so that amounts of a regimen are multiples of it.
    lambda_z : float or None
        Terminal rate constant; None (default): the regression of `pkpd.nca` with its preset rules.
    clast : {"observed", "predicted"} or float
        Where the exponential starts: the last positive sample (default), the regression's value there, or a number.
    method : {"linear-up/log-down", "linear"}
        Interpolation between samples, the rule of the areas.
    """

    dose: float
    lambda_z: float | None
    clast: str | float
    method: str


@dataclass(frozen=True, eq=False)
class SingleDoseCurve:
    """A single-dose curve: zero before time 0, samples up to `last`, ``level·exp(−rate·(t − last))`` after it.

    Attributes
    ----------
    times, values : (samples,)
        From time 0 to the last positive sample.
    method : str
        Interpolation between them.
    rate, level : float
        The exponential; NaN where it is not known.
    dose : float
        Amount that gave it.
    """

    times: Array
    values: Array
    method: str
    rate: float
    level: float
    dose: float

    @property
    def last(self) -> float:
        """Time of the last positive sample."""
        return float(self.times[-1])


def curve_of(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    dose: float = 1.0,
    lambda_z: float | None = None,
    clast: str | float = "observed",
    method: str = LINEAR_LOG,
) -> SingleDoseCurve:
    """Return the curve of a single-dose profile.

    A profile without a sample at time 0 starts from zero there; after a bolus hand over C0 as a sample at time 0.

    Parameters
    ----------
    times, values : (samples,)
        Times after the dose and concentrations (zero below the limit); a NaN is no sample.
    dose, lambda_z, clast, method
        See `CurveOptions`.

    Raises
    ------
    InputError
        If samples lie before the dose or cannot be used, or a choice is unknown.
    """
    t, c = usable_samples(times, values, {"method": (method, METHODS)})
    problems = [f"sample at time {x:g}; expected times after the dose" for x in t[t < 0]]
    if not (np.isfinite(dose) and dose > 0):
        problems.append(f"dose is {dose}; expected a number > 0")
    if lambda_z is not None and not (np.isnan(lambda_z) or 0 < lambda_z < np.inf):
        problems.append(f"lambda_z is {lambda_z}; expected a number > 0, or NaN for not known")
    if isinstance(clast, str) and clast not in ("observed", "predicted"):
        problems.append(f"clast is {clast!r}; expected 'observed', 'predicted' or a number")
    if clast == "predicted" and lambda_z is not None:
        problems.append("clast is 'predicted' and lambda_z is given; expected the predicted value itself as clast")
    if problems:
        raise InputError(problems, "single-dose profile")
    if t[0] > 0:
        t, c = np.append(0.0, t), np.append(0.0, c)
    if not (c > 0).any():
        return SingleDoseCurve(t, c, method, np.nan, np.nan, float(dose))
    last = int(np.flatnonzero(c > 0)[-1])
    rate, predicted = (float(lambda_z), np.nan) if lambda_z is not None else _regression(t, c)
    level = {"observed": float(c[last]), "predicted": predicted}[clast] if isinstance(clast, str) else float(clast)
    return SingleDoseCurve(t[: last + 1], c[: last + 1], method, rate, level, float(dose))


def _regression(t: Array, c: Array) -> tuple[float, float]:
    """λz and predicted Clast by the preset rules; the largest value takes part if it is that of a bolus at time 0."""
    from pkpd.dosing import Dose
    from pkpd.nca.kernel.compute import compute
    from pkpd.nca.kernel.profiles import Profiles
    from pkpd.nca.rules import Rules

    route = "bolus" if c[0] > 0 else "oral"
    found = compute(Profiles.from_arrays(t, c, dose=Dose(0.0, 1.0, route)), Rules())
    return float(found.of("lambda_z")[0]), float(found.of("clast_pred")[0])


def value_at(curve: SingleDoseCurve, t: Array) -> Array:
    """Return the concentration; at time 0 the value after the dose."""
    found = np.where(t < 0, 0.0, interpolated(curve.times, curve.values, t, curve.method))
    beyond = t > curve.last
    tail = curve.level * np.exp(-curve.rate * np.where(beyond, t - curve.last, 0.0))
    return np.where(beyond, tail, found)


def area_to(curve: SingleDoseCurve, t: Array) -> Array:
    """Return ``∫₀ᵗ C``, exact for the interpolated curve; the area to infinity for an infinite time."""
    x, c = curve.times, curve.values
    whole = np.append(0.0, np.cumsum([_part(curve, k, x[k + 1] - x[k]) for k in range(len(x) - 1)]))
    k = np.clip(np.searchsorted(x, t, side="right") - 1, 0, max(len(x) - 2, 0))
    parts = np.array([_part(curve, int(i), max(min(s, curve.last) - x[i], 0.0)) if len(x) > 1 else 0.0
                      for i, s in zip(k.ravel(), np.asarray(t, dtype=float).ravel(), strict=True)])  # fmt: skip
    found = whole[k] + parts.reshape(np.shape(t))
    beyond = t > curve.last
    if not c.any():
        return np.where(beyond, np.nan, found)
    tail = curve.level / curve.rate * -np.expm1(-curve.rate * np.where(beyond, t - curve.last, 0.0))
    return np.asarray(np.where(beyond, found + tail, found))


def _part(curve: SingleDoseCurve, k: int, length: float) -> float:
    """Area of the first `length` of segment k."""
    step, c1, c2 = curve.times[k + 1] - curve.times[k], curve.values[k], curve.values[k + 1]
    if curve.method == LINEAR_LOG and 0 < c2 < c1:
        fall = np.log(c1 / c2) / step
        return float(c1 * -np.expm1(-fall * length) / fall)
    return float(length * (c1 + 0.5 * (c2 - c1) * length / step))
