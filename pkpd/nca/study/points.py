"""The user's choice of points, marked on the samples of the profiles that it is meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pkpd.errors import InputError
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.settings import Points

_SAME = 1e-6  # relative difference of a time as the user types it and as it stands in the data


def with_points(profiles: Profiles, points: Sequence[Points]) -> Profiles:
    """Return the profiles with the user's choice of points marked on their samples.

    Raises
    ------
    InputError
        If a profile or a sample does not exist; all of them are named, with the times that do.
    """
    if not points:
        return profiles
    chosen = profiles.chosen.copy()
    problems: list[str] = []
    for one in points:
        mine = profiles.labels["subject"] == one.subject
        if one.interval is not None:
            mine &= profiles.labels["interval"] == one.interval
        if one.begins is not None:
            mine &= profiles.labels["dose_time"] == one.begins
        if one.period is not None:
            mine &= profiles.labels.get("period", np.ones(len(profiles), dtype=np.int64)) == one.period
        if not mine.any():
            which = "" if one.period is None else f", period {one.period}"
            problems.append(f"points: no profile of subject {one.subject!r}, interval {one.interval}{which}")
        for i in np.flatnonzero(mine):
            problems += _mark(profiles, chosen, int(i), one)
    if problems:
        raise InputError(problems, "points")
    return replace(profiles, chosen=chosen)


def _mark(profiles: Profiles, chosen: np.ndarray[Any, Any], i: int, one: Points) -> list[str]:
    own = np.arange(int(profiles.offsets[i]), int(profiles.offsets[i + 1]))
    own = own[profiles.place[own] == 0]
    t = profiles.times[own]
    both = sorted(set(one.use) & set(one.leave_out))
    problems = [f"points: {time:g} of subject {one.subject!r} is both used and left out" for time in both]
    for mark, times in ((1, one.use), (-1, one.leave_out)):
        for time in times:
            hit = np.abs(t - time) <= _SAME * max(abs(time), 1e-12)
            if not hit.any():
                there = ", ".join(f"{x:g}" for x in t)
                problems.append(f"points: subject {one.subject!r} has no sample at {time:g}; expected one of {there}")
            if mark > 0 and (profiles.blq[own][hit] | ~(profiles.values[own][hit] > 0)).all():
                problems.append(f"points: the sample of subject {one.subject!r} at {time:g} is not quantifiable")
            chosen[own[hit]] = mark
    if one.between is not None:
        low, high = one.between
        inside = (t >= low * (1 - _SAME)) & (t <= high * (1 + _SAME)) & (chosen[own] == 0)
        chosen[own[inside]] = 1
        if inside.sum() < 2:
            problems.append(f"points: subject {one.subject!r} has fewer than two samples from {low:g} to {high:g}")
    return problems
