"""The user's choice of points, marked on the samples of the profiles that it is meant for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Integers
from pkpd.errors import InputError, nearest, shown, warn
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.settings import Points

_SAME = 1e-6  # relative difference of a time as the user types it and as it stands in the data


def with_points(profiles: Profiles, points: Sequence[Points]) -> Profiles:
    """Return the profiles with the user's choice of points marked on their samples.

    A choice without an interval is meant for every profile of the subject that has these samples.

    Raises
    ------
    InputError
        If a profile or a sample does not exist; all of them are named, with the times that do.

    Warns
    -----
    DataWarning
        If a choice without an interval fits some profiles of the subject and not all, with their count.
    """
    if not points:
        return profiles
    chosen = profiles.chosen.copy()
    problems: list[str] = []
    for one in points:
        problems += _chosen(profiles, chosen, one)
    if problems:
        raise InputError(problems, "points")
    return replace(profiles, chosen=chosen)


def _chosen(profiles: Profiles, chosen: np.ndarray[Any, Any], one: Points) -> list[str]:
    """Mark one choice on the profiles that it is meant for, or say why it cannot be."""
    mine, problems = _meant(profiles, one)
    if problems:
        return problems
    found = [_marks(profiles, int(i), one) for i in mine]
    nowhere = set.intersection(*(set(marks.absent) for marks in found))
    if one.interval is not None or one.begins is not None or len(mine) == 1:
        problems = [text for marks in found for text in (*marks.absent.values(), *marks.problems)]
    elif nowhere or all(marks.problems for marks in found):
        problems = [found[0].absent[time] for time in sorted(nowhere)] + found[0].problems
    if problems:
        return problems
    without = sum(bool(marks.problems) for marks in found)
    if without:
        warn(
            f"the points chosen for subject {one.subject!r} do not exist in {without} of {len(mine)} profiles, where "
            "the rules choose (interval= says which profile is meant)"
        )
    for marks in found:
        if not marks.problems:
            chosen[marks.rows] = marks.marks
    return []


def _meant(profiles: Profiles, one: Points) -> tuple[Integers, list[str]]:
    """The profiles that a choice is meant for; why there is none."""
    subject = profiles.labels["subject"]
    mine = np.array([name == one.subject for name in subject], dtype=bool)
    if not mine.any():  # a number may be written as a text, and the other way round
        mine = np.array([str(name) == str(one.subject) for name in subject], dtype=bool)
    if not mine.any():
        known = list(dict.fromkeys(subject.tolist()))
        return np.flatnonzero(mine), [f"points: unknown subject {shown(one.subject)}; {nearest(one.subject, known)}"]
    whose = mine.copy()
    if one.period is not None:
        mine &= profiles.labels.get("period", np.ones(len(profiles), dtype=np.int64)) == one.period
    if one.interval is not None:
        mine &= profiles.labels["interval"] == one.interval
    if one.begins is not None:
        mine &= profiles.labels["dose_time"] == one.begins
    if mine.any():
        return np.flatnonzero(mine), []
    asked = [f"interval {one.interval}"] * (one.interval is not None)
    asked += [] if one.begins is None else [f"beginning at {one.begins:g}"]
    asked += [f"period {one.period}"] * (one.period is not None)
    there = sorted({int(k) for k in profiles.labels["interval"][whose]})
    known_intervals = ", ".join(map(str, there[:5])) + (", …" if len(there) > 5 else "")
    return np.flatnonzero(mine), [
        f"points: no profile of subject {one.subject!r}, {', '.join(asked)}; expected interval {known_intervals}"
    ]


@dataclass(frozen=True)
class _Marks:
    """What is chosen of one profile: rows of samples, their marks, what stands in the way, what cannot be left out."""

    rows: Integers
    marks: npt.NDArray[np.int8]
    problems: list[str]
    absent: dict[float, str]


def _marks(profiles: Profiles, i: int, one: Points) -> _Marks:
    own = np.arange(int(profiles.offsets[i]), int(profiles.offsets[i + 1]))
    own = own[profiles.place[own] == 0]
    t = profiles.times[own]
    marks = np.array(profiles.chosen[own], dtype=np.int8)
    both = sorted(set(one.use) & set(one.leave_out))
    problems = [f"points: {time:g} of subject {one.subject!r} is both used and left out" for time in both]
    absent: dict[float, str] = {}
    for mark, times in ((1, one.use), (-1, one.leave_out)):
        for time in times:
            hit = np.abs(t - time) <= _SAME * max(abs(time), 1e-12)
            if not hit.any():
                there = ", ".join(f"{x:g}" for x in t)
                lost = f"points: subject {one.subject!r} has no sample at {time:g}; expected one of {there}"
                if mark > 0:
                    problems.append(lost)
                else:
                    absent[time] = lost
            elif mark > 0 and (profiles.blq[own][hit] | ~(profiles.values[own][hit] > 0)).all():
                problems.append(f"points: the sample of subject {one.subject!r} at {time:g} is not quantifiable")
            marks[hit] = mark
    if one.between is not None:
        low, high = one.between
        inside = (t >= low * (1 - _SAME)) & (t <= high * (1 + _SAME)) & (marks == 0)
        marks[inside] = 1
        if inside.sum() < 2:
            problems.append(f"points: subject {one.subject!r} has fewer than two samples from {low:g} to {high:g}")
    return _Marks(own, marks, problems, absent)
