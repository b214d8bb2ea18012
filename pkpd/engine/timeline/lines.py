"""Time lines laid end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.timeline.timeline import SegmentArrays, Timeline

# Arrays whose entries stay as they are when time lines are laid end to end; the others count and are shifted.
PER_SEGMENT = ("start", "end", "scale", "jumps", "rates", "segment_row", "djumps", "drates", "dstart", "dosed")


@dataclass(frozen=True, eq=False, kw_only=True)
class LineArrays(SegmentArrays):
    """Time lines laid end to end; trains are counted through all of them, `order` is that of each line.

    Attributes
    ----------
    segments, times : arrays of int, shape (time lines + 1,)
        Where each time line's segments and requested times begin.
    """

    segments: Integers
    times: Integers

    def line(self, number: int) -> Timeline:
        """Return one of them (of lines without trains)."""
        mine = slice(int(self.segments[number]), int(self.segments[number + 1]))
        wanted = slice(int(self.times[number]), int(self.times[number + 1]))
        return Timeline(
            first=self.first[mine.start + number : mine.stop + number + 1] - self.times[number],
            time=self.time[wanted], order=self.order[wanted], begins=self.begins[mine], trains=(),
            **{name: getattr(self, name)[mine] for name in PER_SEGMENT},
        )  # fmt: skip


def offsets(sizes: Any) -> Integers:
    """Where each of several pieces begins when they are laid end to end, and where the last ends (pieces + 1)."""
    begins = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.asarray(sizes, dtype=np.int64).cumsum(out=begins[1:])
    return begins


def lengths(begins: Integers) -> Integers:
    """Return the sizes of pieces of which `offsets` says where they begin."""
    sizes: Integers = begins[1:] - begins[:-1]  # np.diff takes several times as long for few
    return sizes


def spread(begin: Integers, sizes: Integers) -> Integers:
    """Return, for pieces laid end to end, where each entry stands if piece k begins at ``begin[k]``."""
    if len(sizes) == 1:
        return np.arange(begin[0], begin[0] + sizes[0])
    ends = sizes.cumsum()
    places: Integers = (begin - ends + sizes).repeat(sizes)
    places += np.arange(len(places))
    return places


def laid_end_to_end(lines: Sequence[Timeline]) -> LineArrays:
    """Lay time lines end to end: what counts segments, times or trains is shifted by what stands before."""
    times = offsets([line.time.size for line in lines])
    trains = np.cumsum([0, *(len(line.trains) for line in lines)])
    begins = [
        np.where(line.begins >= 0, line.begins + before, line.begins)
        for line, before in zip(lines, trains, strict=False)
    ]
    return LineArrays(
        segments=offsets([line.start.size for line in lines]), times=times,
        begins=np.concatenate(begins).astype(np.int64), trains=tuple(train for line in lines for train in line.trains),
        first=np.concatenate([line.first + t for line, t in zip(lines, times[:-1], strict=True)]),
        time=np.concatenate([line.time for line in lines]), order=np.concatenate([line.order for line in lines]),
        **{name: np.concatenate([getattr(line, name) for line in lines]) for name in PER_SEGMENT},
    )  # fmt: skip


def scaled(lines: LineArrays, chosen: Integers, parts: Array, in_part: Flags) -> LineArrays:
    """Return time lines of whole doses with what arrives of them.

    Parameters
    ----------
    lines : LineArrays
        Time lines without trains.
    chosen : array of int, shape (new time lines,)
        Which of them each new one is made of.
    parts : array, shape (new time lines, states, 1 + derivatives)
        What arrives of doses into every state.
    in_part : array of bool, shape (new time lines,)
        Whether that counts; otherwise the line stays as it is.
    """
    sizes, many = lengths(lines.segments)[chosen], lengths(lines.times)[chosen]
    mine, wanted = spread(lines.segments[chosen], sizes), spread(lines.times[chosen], many)
    times = offsets(many)
    firsts = spread(lines.segments[chosen] + chosen, sizes + 1)
    first = lines.first[firsts] + np.repeat(times[:-1] - lines.times[chosen], sizes + 1)
    per_segment = {name: getattr(lines, name)[mine] for name in PER_SEGMENT}
    which = np.arange(len(chosen)).repeat(sizes)
    where = np.flatnonzero(in_part[which])
    part, derivatives = parts[which[where], :, 0], parts[which[where], :, 1:].transpose(0, 2, 1)
    for name in ("jumps", "rates"):
        whole = per_segment[name][where]
        per_segment[name][where] = whole * part
        per_segment[f"d{name}"][where] = whole[:, None, :] * derivatives
    return LineArrays(
        segments=offsets(sizes), times=times, begins=lines.begins[mine], trains=(), first=first,
        time=lines.time[wanted], order=lines.order[wanted], **per_segment,
    )  # fmt: skip
