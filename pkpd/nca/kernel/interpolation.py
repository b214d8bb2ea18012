"""Concentrations between and beyond samples, by the rule of the areas."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError, nearest
from pkpd.nca.kernel.extrapolation import Extrapolation
from pkpd.nca.keywords import check_keywords

LINEAR_LOG = "linear-up/log-down"
METHODS = (LINEAR_LOG, "linear")
TAILS = ("inf", "last", "all")


@checked
def interpolate(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    at: npt.ArrayLike,
    *,
    method: str = LINEAR_LOG,
    tail: str | Extrapolation = "inf",
    before: float = 0.0,
    **older: Any,
) -> Array:
    """Return concentrations at any time of one profile, from its samples.

    Between samples linear: ``c1 + (c2 − c1)·(t − t1)/(t2 − t1)``; or, where the concentration falls and both ends
    are positive, ``c1·(c2/c1)^((t − t1)/(t2 − t1))``. After the last positive sample by `tail`.

    Parameters
    ----------
    times, values : (samples,)
        Samples in any order; a NaN is no sample. A sample below the limit is a zero here.
    at : array_like
        Times to answer for, of any shape.
    method : {"linear-up/log-down", "linear"}
        Trapezoidal rule of the areas.
    tail : {"inf", "last", "all"} or Extrapolation
        After the last positive sample: ``clast·exp(−λz·(t − tlast))`` with the rate (and the concentration, by default
        the last positive sample) of an `Extrapolation`; zero; or the straight line to the sample that follows (zero),
        then zero: what AUC to infinity, AUClast and AUCall see. A predicted concentration counts after the last
        positive sample only, so it makes a step there.
    before : float
        Concentration before the first sample.
    **older
        `lambda_z` and `clast` outside an `Extrapolation`; they warn.

    Returns
    -------
    array
        As `at`. NaN in the tail ``"inf"`` where λz is not known or no sample is positive.

    Raises
    ------
    InputError
        If samples are not finite or negative, times occur twice, or a rule does not exist.

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis.
    """
    check_keywords(older, ("lambda_z", "clast"), "interpolate")
    kind = tail.kind if isinstance(tail, Extrapolation) else tail
    t, c = usable_samples(times, values, {"method": (method, METHODS), "tail": (kind, TAILS)})
    follows = Extrapolation.given(tail, older, TAILS, "interpolate")
    wanted = np.asarray(at, dtype=np.float64)
    found = np.where(np.isnan(wanted), np.nan, interpolated(t, c, wanted, method))
    found = np.where(wanted < t[0], before, found)
    positive = np.flatnonzero(c > 0)
    if not len(positive):
        return np.where(wanted > t[-1], np.nan if kind == "inf" else 0.0, found)
    last = int(positive[-1])
    beyond = wanted > t[last]
    if kind == "inf":
        level = c[last] if follows.clast is None else float(follows.clast)
        with np.errstate(over="ignore", invalid="ignore"):
            return np.where(beyond, level * np.exp(-follows.lambda_z * np.where(beyond, wanted - t[last], 0.0)), found)
    line = found if kind == "all" else np.zeros_like(found)
    return np.where(beyond, np.where(wanted > t[-1], 0.0, line), found)


@checked
def interpolate_dosed(
    times: npt.ArrayLike,
    values: npt.ArrayLike,
    at: npt.ArrayLike,
    dose_times: npt.ArrayLike,
    *,
    bolus: bool = False,
    method: str = LINEAR_LOG,
    lambda_z: float = np.nan,
) -> Array:
    """Return concentrations at any time of a profile with doses in it: nothing rises before the dose that raises it.

    Samples before and after a dose are not joined. Just before a dose the curve is that of the samples before it,
    continued by ``exp(−λz·t)`` (zero where all of them are zero or there is none). From there it runs to the first
    sample after the dose; after a bolus it starts at C0 instead, from the straight line through the logarithms of the
    first two samples after the dose, or at the first of them if they do not fall. A sample at the time of a dose was
    drawn before it, and the answer at that time is the value before the dose.

    Parameters
    ----------
    times, values : (samples,)
        As in `interpolate`.
    at : array_like
        Times to answer for.
    dose_times : array_like
        Times of the doses, on the same clock.
    bolus : bool
        Whether the doses are intravenous boluses.
    method, lambda_z : str, float
        As in `interpolate`.

    Returns
    -------
    array
        As `at`; NaN where an extrapolation needs λz, or a C0 a second sample.

    Raises
    ------
    InputError
        As `interpolate`.
    """
    t, c = usable_samples(times, values, {"method": (method, METHODS)})
    wanted = np.asarray(at, dtype=np.float64)
    doses = np.unique(np.asarray(dose_times, dtype=np.float64))
    if not np.isfinite(doses).all():
        raise InputError("a dose time is not a finite number", "interpolation")
    edges = np.concatenate([[-np.inf], doses, [np.inf]])
    found = np.full(wanted.shape, np.nan)
    start: float = 0.0
    for begin, end in pairwise(edges):
        mine = (t > begin) & (t <= end)
        x, y = t[mine], c[mine]
        if np.isfinite(begin):
            start = _c0(x - begin, y) if bolus else start
            x, y = np.append(begin, x), np.append(start, y)
        inside = (wanted > begin) & (wanted <= end)
        found[inside] = _piece(x, y, wanted[inside], method, lambda_z)
        start = float(_piece(x, y, np.array([end]), method, lambda_z)[0]) if np.isfinite(end) else np.nan
    return found


def _piece(x: Array, y: Array, at: Array, method: str, rate: float) -> Array:
    """Interpolate between two doses; zero for a piece that has nothing but zeros, NaN where its start is not known."""
    if not len(x) or not (np.nan_to_num(y, nan=1.0) > 0).any():
        return np.zeros(at.shape)
    tail = Extrapolation("inf", rate)
    if np.isnan(y[0]):
        rest = interpolate(x[1:], y[1:], at, method=method, tail=tail) if len(x) > 1 else np.full(at.shape, np.nan)
        return np.where(at < x[min(1, len(x) - 1)], np.nan, rest)
    return interpolate(x, y, at, method=method, tail=tail)


def _c0(t: Array, c: Array) -> float:
    """Concentration at the time of a bolus, from the first two samples after it."""
    if len(t) < 2:
        return np.nan
    if not 0 < c[1] < c[0]:
        return float(c[0])
    return float(c[0] * (c[0] / c[1]) ** (t[0] / (t[1] - t[0])))


def usable_samples(
    times: npt.ArrayLike, values: npt.ArrayLike, choices: dict[str, tuple[Any, tuple[str, ...]]]
) -> tuple[Array, Array]:
    """Return samples in time order without the missing ones.

    Parameters
    ----------
    times, values : (samples,)
        The samples.
    choices : dict
        Name of a rule → what was chosen and what exists.

    Raises
    ------
    InputError
        With everything that is wrong.
    """
    t, c = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    problems = [f"{k} is {v!r}; {nearest(v, known)}" for k, (v, known) in choices.items() if v not in known]
    if t.ndim != 1 or t.shape != c.shape:
        raise InputError([*problems, f"times {t.shape} and values {c.shape}; expected two rows of the same length"])
    t, c = t[~np.isnan(c)], c[~np.isnan(c)]
    if not len(t):
        problems.append("no sample")
    problems += [f"time {v}; expected a finite number" for v in t[~np.isfinite(t)]]
    problems += [f"value {v} at time {x:g}; expected a finite number ≥ 0" for x, v in zip(t, c, strict=True)
                 if not (np.isfinite(v) and v >= 0)]  # fmt: skip
    again, counts = np.unique(t, return_counts=True)
    problems += [f"{n} samples at time {x:g}; expected one" for x, n in zip(again, counts, strict=True) if n > 1]
    if problems:
        raise InputError(problems, "samples")
    order = np.argsort(t)
    return t[order], c[order]


def interpolated(t: Array, c: Array, at: Array, method: str) -> Array:
    """Return values between neighbouring samples; beyond them the nearest sample."""
    if len(t) == 1:
        return np.full(at.shape, c[0])
    k = np.clip(np.searchsorted(t, at, side="right") - 1, 0, len(t) - 2)
    share = np.clip((at - t[k]) / (t[k + 1] - t[k]), 0.0, 1.0)
    c1, c2 = c[k], c[k + 1]
    found = c1 + (c2 - c1) * share
    falls = (c2 < c1) & (c2 > 0) & (method == LINEAR_LOG)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(falls, c1 * np.exp(share * np.log(np.where(falls, c2, 1.0) / np.where(falls, c1, 1.0))), found)
    return np.where(share == 1.0, c2, found)
