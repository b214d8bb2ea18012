"""Areas over any stretch of a curve, with what follows the last sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.nca import reasons
from pkpd.nca.kernel.areas import SampledCurve, logarithmic, pieces, sum_parts
from pkpd.nca.kernel.prepare import Codes

KINDS = ("line", "last", "all", "obs", "pred")
"""How an area goes on after the last sample, see `Rules.partial`."""


@dataclass(frozen=True, eq=False)
class Tail:
    """What is known of a curve after its samples.

    Attributes
    ----------
    last : (n,) of int
        Row of the curve at which AUClast ends.
    tlast : (n,)
        Time of the last quantifiable sample, where the terminal regression has the value `predicted`.
    rate : (n,)
        λz, NaN where there is none.
    observed, predicted : (n,)
        Clast, and the terminal regression at its time.
    code : (n,)
        Why there is no λz.
    rule : str
        The trapezoidal rule.
    """

    last: Integers
    tlast: Array
    rate: Array
    observed: Array
    predicted: Array
    code: Codes
    rule: str


class Stretch(NamedTuple):
    """Area, moment and value at the end of a stretch, with the reason where there is none, (n,)."""

    area: Array
    moment: Array
    end: Array
    code: Codes
    end_code: Codes


def extended(curve: SampledCurve, tail: Tail, outside: Array, goes_on: Flags) -> tuple[SampledCurve, Tail]:
    """Return the curve with the first sample after the interval as its last row, where there is one.

    Parameters
    ----------
    curve, tail : SampledCurve, Tail
        The samples of the interval and what follows them.
    outside : (n, 3)
        Time, value and logarithm of that sample, NaN where there is none.
    goes_on : (n,) of bool
        Whether it, or one after it, counts: then the interval ends before Tlast.
    """
    there = np.isfinite(outside[:, 0])
    if not there.any():
        return curve, tail
    t = np.vstack([curve.t, np.where(there, outside[:, 0], curve.t[-1])])
    c = np.vstack([curve.c, np.where(there, outside[:, 1], curve.c[-1])])
    ends = c[-2:]
    log_c = np.vstack([curve.log_c, np.where(there, outside[:, 2], curve.log_c[-1])])
    after_cmax = np.zeros(len(there), dtype=np.intp)
    more = logarithmic(ends, ends > 0, after_cmax, tail.rule) & there
    longer = SampledCurve(t, c, log_c, np.vstack([curve.logarithmic, more]))
    return longer, replace(tail, last=np.where(there & goes_on, len(c) - 1, tail.last))


def stretch(curve: SampledCurve, tail: Tail, a: Array, b: Array, kind: str) -> Stretch:
    """Return area, moment and final value of the curve between two times.

    Parameters
    ----------
    curve : SampledCurve
        The samples, from time zero on.
    tail : Tail
        What follows them.
    a, b : (n,)
        Beginning and end; b may be infinite if the kind is not "line".
    kind : str
        One of `KINDS`.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Partial area calculation" (kind "line").
    """
    column = np.arange(len(a))
    area, moment = curve.stretch(a, b)
    rows = np.arange(len(area))[:, None]
    if kind in ("last", "obs", "pred"):
        area, moment = np.where(rows < tail.last, area, 0.0), np.where(rows < tail.last, moment, 0.0)
    found = [sum_parts(area), sum_parts(moment)]
    t_last = curve.t[-1] if kind in ("line", "all") else curve.t[tail.last, column]
    beyond = b > t_last
    end, _ = curve.at(np.where(beyond, t_last, b))
    end_code = np.where(np.isnan(end), reasons.NO_TIME_ZERO, reasons.COMPUTED)
    code = np.where(a < curve.t[0], reasons.NO_TIME_ZERO, reasons.COMPUTED)
    code = np.where(b > a, code, reasons.EMPTY_WINDOW).astype(np.int8)
    if kind in ("last", "all"):
        nowhere = beyond & (t_last == curve.t[0]) & (a <= t_last)
        code = np.where(nowhere & (code == reasons.COMPUTED), reasons.NO_STRETCH, code)
        end_code = np.where(beyond, reasons.NOT_EXTRAPOLATED, end_code)
    elif beyond.any():
        more = _line(curve, tail, a, b, t_last) if kind == "line" else _decay(curve, tail, a, b, kind)
        found = [np.where(beyond, own + extra, own) for own, extra in zip(found, more[:2], strict=True)]
        end = np.where(beyond, more[2], end)
        code = np.where(beyond & (code == reasons.COMPUTED), tail.code, code)
        end_code = np.where(beyond, tail.code, end_code)
    return Stretch(found[0], found[1], end, code.astype(np.int8), end_code.astype(np.int8))


def _predicted(curve: SampledCurve, tail: Tail, when: Array, level: Array, since: Array) -> tuple[Array, Array]:
    """Value and logarithm of the exponential tail that has the value `level` at the time `since`."""
    column = np.arange(len(when))
    gone = tail.rate * (when - since)
    log_level = curve.log_c[tail.last, column] + np.log(level / curve.c[tail.last, column])
    return level * np.exp(-gone), log_level - gone


def _line(curve: SampledCurve, tail: Tail, a: Array, b: Array, t_last: Array) -> tuple[Array, Array, Array]:
    """One trapezoid from the last sample (or the regression at `a`) to the regression at `b`."""
    late = a > t_last
    c1, l1 = _predicted(curve, tail, np.where(late, a, t_last), tail.predicted, tail.tlast)
    c1, l1 = np.where(late, c1, curve.c[-1]), np.where(late, l1, curve.log_c[-1])
    c2, l2 = _predicted(curve, tail, b, tail.predicted, tail.tlast)
    falls = logarithmic(np.vstack([c1, c2]), np.vstack([c1 > 0, c2 > 0]), np.zeros(len(a), dtype=np.intp), tail.rule)
    area, moment = pieces(np.where(late, a, t_last), b, c1, c2, l1, l2, falls[0])
    return area, moment, c2


def _decay(curve: SampledCurve, tail: Tail, a: Array, b: Array, kind: str) -> tuple[Array, Array, Array]:
    """An exponential from Clast: between two times it is a logarithmic piece; to infinity C/λz."""
    column = np.arange(len(a))
    level = tail.observed if kind == "obs" else tail.predicted
    since = curve.t[tail.last, column]
    start = np.maximum(a, since)
    endless = np.isinf(b)
    c1, l1 = _predicted(curve, tail, start, level, since)
    stop = np.where(endless, start, b)
    c2, l2 = _predicted(curve, tail, stop, level, since)
    falls: Flags = (c1 > c2) & (c2 > 0)
    area, moment = pieces(start, stop, c1, c2, l1, l2, falls)
    rest = c1 / tail.rate
    return (
        np.where(endless, rest, area),
        np.where(endless, start * rest + rest / tail.rate, moment),
        np.where(endless, 0.0, c2),
    )
