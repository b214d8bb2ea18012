"""Doses of which only the trough before them was sampled: they give no profile, and that is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.errors import warn
from pkpd.nca.study.dose_events import DoseEvents

_NEAR = 0.05  # a trough lies in this last part of the interval before
_NAMED = 5


def warn_troughs_only(events: DoseEvents, event: Integers, time: Array, names: Sequence[Any]) -> None:
    """Warn of doses after which nothing was sampled although the end of the interval before was.

    Parameters
    ----------
    events : DoseEvents
        The doses.
    event, time : (samples,)
        The dose that each sample belongs to, and its time on the study's clock.
    names : sequence
        The subjects.
    """
    last = np.full(len(events.time), -np.inf)
    np.maximum.at(last, event, np.nan_to_num(time, nan=-np.inf))
    own = np.isfinite(last)
    with np.errstate(invalid="ignore"):
        ends = own & (last >= events.until - _NEAR * (events.until - events.time))
    only = np.flatnonzero(ends[:-1] & (events.subject[1:] == events.subject[:-1]) & ~own[1:]) + 1
    if not len(only):
        return
    shown = [f"{names[events.subject[k]]} at {events.time[k]:g}" for k in only[:_NAMED]]
    more = f" and {len(only) - _NAMED} more" if len(only) > _NAMED else ""
    warn(
        f"{len(only)} doses of {len(np.unique(events.subject[only]))} subjects have only the trough before them, and "
        f"no sample after them: they give no profile (subject {', '.join(shown)}{more})"
    )
