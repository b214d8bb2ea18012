"""The grade of values by the limits of one term: what it is at least and at most, and which limit decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Integers
from pkpd.decimals import product
from pkpd.trial.toxicity.criteria import Limit


class Known(NamedTuple):
    """What is known of each value, shape (n,) throughout; NaN: not known.

    ``abnormal`` and every flag are 1 for yes, 0 for no; a flag of which the table has no column is not there.
    """

    value: Array
    lln: Array
    uln: Array
    base: Array
    abnormal: Array
    flags: Mapping[str, Array]


class Judged(NamedTuple):
    """Grades, shape (n,): NaN where nothing was measured. ``by`` and ``open`` are places in the limits, −1 for none.

    ``by`` is the limit that makes the grade at least `low`, ``open`` the one that could make it `high`.
    """

    low: Array
    high: Array
    by: Integers
    open: Integers


def judge(limits: Sequence[Limit], falling: bool, column: int, known: Known) -> Judged:
    """Return the smallest and the largest grade that the values can have; see `set_aside` for what is not looked at.

    Parameters
    ----------
    limits : sequence of Limit
        Of one term, mildest grade first.
    falling : bool
        Whether low values are toxic.
    column : int
        0 for limits in SI units, 1 for conventional ones.
    known : Known
        Values and what belongs to them, in the unit of that column.
    """
    n = known.value.size
    low, high = np.zeros(n), np.zeros(n)
    by, left = np.full(n, -1), np.full(n, -1)
    denied = np.zeros(n, dtype=bool)
    references = {"absolute": np.ones(n), "LLN": known.lln, "ULN": known.uln, "baseline": known.base}
    for k, limit in enumerate(limits):
        if limit in set_aside(limits, known.flags):
            continue
        edge = np.asarray(product(references[limit.basis], limit.limits[column]), dtype=float)
        there = ~np.isnan(edge)
        certain = there & beyond(known.value, edge, falling, limit.inclusive)
        # A baseline that was abnormal lay above ULN: what is no multiple of ULN is none of that baseline either.
        loose = limit.basis == "baseline" and limit.baseline == "abnormal"
        widest = np.asarray(product(known.uln, limit.limits[column]), dtype=float) if loose else edge
        possible = np.where(there, certain, np.isnan(widest) | beyond(known.value, widest, falling, limit.inclusive))
        if limit.baseline:
            wanted = 1.0 if limit.baseline == "abnormal" else 0.0
            certain = certain & (known.abnormal == wanted)
            possible = possible & (np.isnan(known.abnormal) | (known.abnormal == wanted))
        if limit.needs:
            flag = known.flags.get(limit.needs, np.full(n, np.nan))
            flag = np.where(np.isnan(flag) & denied, 0.0, flag)  # no milder consequence, so no worse one
            denied = denied | (flag == 0)
            certain, possible = certain & (flag == 1), possible & (flag != 0)
        better = certain & (limit.grade > low)
        low, by = np.where(better, limit.grade, low), np.where(better, k, by)
        wider = possible & (limit.grade > high)
        high, left = np.where(wider, limit.grade, high), np.where(wider, k, left)
    empty = np.isnan(known.value)
    nothing = np.full(n, np.nan)
    return Judged(np.where(empty, nothing, low), np.where(empty, nothing, high), by, np.where(high > low, left, -1))


def beyond(value: Array, edge: Array, falling: bool, inclusive: bool) -> npt.NDArray[np.bool_]:
    """Say which values lie beyond a limit, or on it where the limit is included; NaN lies nowhere."""
    if falling:
        return np.asarray(value <= edge if inclusive else value < edge)
    return np.asarray(value >= edge if inclusive else value > edge)


def set_aside(limits: Sequence[Limit], flags: Mapping[str, Array]) -> list[Limit]:
    """Return limits that only a column ``life_threatening`` can meet, where the table has none and the value decides.

    Anaemia of 7.5 g/dL is grade 3 by its value; that it threatens life would be an adverse event of its own, and a
    table of laboratory values that never speaks of it does not leave it open. Where all grades are clinical
    (phosphate in 5.0) it stays open.
    """
    clinical = any(limit.needs in ("intervention", "severe") for limit in limits)
    return [limit for limit in limits
            if limit.needs == "life_threatening" and limit.needs not in flags and not clinical]  # fmt: skip
