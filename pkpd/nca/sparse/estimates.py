"""Parameters of the mean curve with their derivatives by the means."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.nca.sparse.curve import MeanCurve
from pkpd.nca.sparse.parameters import NAMES
from pkpd.nca.sparse.rules import SparseRules

_Linear = tuple[Array, Array]  # a value (B,) and its derivatives (B, 2J)


def estimates(curve: MeanCurve, log_mean: Array, rules: SparseRules, dose: float, duration: float) -> _Linear:
    """Return every parameter and its derivatives by the arithmetic means and by the means of the logarithms.

    Area and moment to the last time are ``Σ w·ȳ`` and ``Σ w·t·ȳ``, from a mean put in at the dose on if the rules
    have one. λz is minus the slope of the least-squares line
    through the tail, the last times with equal weight each: ``λz = −Σ a_j·g_j``, ``a_j = (t_j − t̄)/Σ(t − t̄)²``, with
    g_j the mean of the logarithms. Then ``AUC∞ = AUC + C/λz`` and ``AUMC∞ = AUMC + T·C/λz + C/λz²``, with C the mean
    at the last time T; ``MRT = AUMC∞/AUC∞ − duration/2``, ``CL = D/AUC∞``, ``Vss = CL·MRT``, ``Vz = CL/λz``.

    Parameters
    ----------
    curve : MeanCurve
        B replicates of the mean curve at J times.
    log_mean : (B, J)
        Means of the logarithms.
    rules : SparseRules
        The choices.
    dose, duration : float
        Amount (NaN when unknown) and length of the infusion.

    Returns
    -------
    value : (B, P)
        The parameters, in the order of `NAMES`.
    gradient : (B, P, 2J)
        Derivatives by the J means and the J means of logarithms.

    References
    ----------
    Wolfsegger & Jaki, J Pharmacokinet Pharmacodyn 36:479-494 (2009).
    """
    rows, width = curve.mean.shape
    blank = np.zeros((rows, 2 * width))
    mean = np.nan_to_num(curve.mean)
    area = _plus(_by_means(curve.weights, mean), _put_in(curve))
    moment = _by_means(curve.weights * curve.times, mean)
    end = (np.arange(width) == curve.last[:, None]).astype(np.float64)
    top = np.argmax(np.where(curve.points, mean, -np.inf), axis=1)
    peak = (np.arange(width) == top[:, None]).astype(np.float64)
    clast, tlast = _by_means(end, mean), curve.times[curve.last]
    rate = terminal_rate(curve, log_mean, rules)
    tail_area = _quotient(clast, rate)
    to_infinity = _plus(area, tail_area)
    beyond = _plus(_times(tail_area, (tlast, blank)), _quotient(tail_area, rate))
    residence = _quotient(_plus(moment, beyond), to_infinity)
    residence = (residence[0] - 0.5 * duration, residence[1])
    clearance = _quotient((np.full(rows, dose), blank), to_infinity)
    amount = (np.full(rows, dose), blank)
    ln2 = (np.full(rows, np.log(2.0)), blank)
    cmax = _by_means(peak, mean)
    found: dict[str, _Linear] = {
        "cmax": cmax, "tmax": (curve.times[top], blank), "clast": clast, "tlast": (tlast, blank),
        "auc_last": area, "aumc_last": moment,
        "cmax_dose": _quotient(cmax, amount), "auc_last_dose": _quotient(area, amount),
        "lambda_z": rate, "half_life": _quotient(ln2, rate),
        "auc_inf_obs": to_infinity, "aumc_inf_obs": _plus(moment, beyond),
        "mrt_inf_obs": residence, "mrt_half_life": _times(ln2, residence),
        "auc_inf_obs_dose": _quotient(to_infinity, amount), "cl_obs": clearance,
        "vz_obs": _quotient(clearance, rate), "vss_obs": _times(clearance, residence),
    }  # fmt: skip
    value = np.stack([found[name][0] for name in NAMES], axis=1)
    gradient = np.stack([found[name][1] for name in NAMES], axis=1)
    constant = np.hstack([curve.by_rule, np.zeros_like(curve.by_rule)])
    return value, np.where(constant[:, None, :], 0.0, gradient)


def tail_of(curve: MeanCurve, rules: SparseRules) -> Flags:
    """Return which times (B, J) the terminal regression runs through: the last ones of the curve."""
    from_end = np.cumsum(curve.kept[:, ::-1], axis=1)[:, ::-1]
    found: Flags = curve.kept & (from_end <= rules.tail)
    return found


def terminal_rate(curve: MeanCurve, log_mean: Array, rules: SparseRules) -> _Linear:
    """Return λz and its derivatives; NaN without enough times, with a tail that is not positive or does not fall."""
    tail = tail_of(curve, rules)
    number = np.maximum(tail.sum(axis=1), 1)[:, None]
    t = np.where(tail, curve.times, 0.0)
    t = np.where(tail, curve.times - t.sum(axis=1, keepdims=True) / number, 0.0)
    spread = (t * t).sum(axis=1, keepdims=True)
    slope = -t / np.where(spread > 0, spread, np.nan)
    positive = curve.mean > 0  # a mean that a rule set to zero has no logarithm either
    if rules.tail_mean == "geometric":
        level = np.where(positive, log_mean, np.nan)
        gradient = np.hstack([np.zeros_like(slope), slope])
    else:
        level = np.where(positive, np.log(np.where(positive, curve.mean, 1.0)), np.nan)
        gradient = np.hstack([slope / np.where(positive, curve.mean, 1.0), np.zeros_like(slope)])
    value = (slope * np.where(tail, level, 0.0)).sum(axis=1)
    good = (value > 0) & (tail.sum(axis=1) == rules.tail)
    return np.where(good, value, np.nan), np.where(good[:, None], gradient, np.nan)


def _put_in(curve: MeanCurve) -> _Linear:
    """What a mean put in at the dose adds to the area (at time zero: nothing to the moment)."""
    half = 0.5 * curve.start.length
    slope = half[:, None] * curve.start.gradient
    return half * curve.start.value, np.hstack([slope, np.zeros_like(slope)])


def _by_means(factor: Array, mean: Array) -> _Linear:
    return (factor * mean).sum(axis=1), np.hstack([factor, np.zeros_like(factor)])


def _plus(a: _Linear, b: _Linear) -> _Linear:
    return a[0] + b[0], a[1] + b[1]


def _times(a: _Linear, b: _Linear) -> _Linear:
    return a[0] * b[0], a[1] * b[0][:, None] + b[1] * a[0][:, None]


def _quotient(a: _Linear, b: _Linear) -> _Linear:
    value = a[0] / b[0]
    return value, (a[1] - b[1] * value[:, None]) / b[0][:, None]
