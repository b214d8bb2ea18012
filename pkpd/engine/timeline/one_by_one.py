"""Time lines built one after the other, for doses of every kind; equal ones are built once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pkpd.dosing import Dose
from pkpd.engine.timeline.proportional import arriving
from pkpd.engine.timeline.segments import LineLayout
from pkpd.engine.timeline.terms import Terms
from pkpd.engine.timeline.timeline import Timeline, build_timeline


@dataclass
class OneByOne:
    """Time lines of some subjects, and which belongs to whom.

    Attributes
    ----------
    layout : LineLayout
        What they have in common.
    lines : list of Timeline
        Those that are built.
    known, templates : dict
        Which line was built for what, and time lines of whole doses.
    """

    layout: LineLayout
    lines: list[Timeline] = field(default_factory=list)
    known: dict[Any, int] = field(default_factory=dict)
    templates: dict[Any, Timeline] = field(default_factory=dict)

    def line(
        self, given: Sequence[Dose], asked: tuple[Any, Any], said: Sequence[Terms], changed: Sequence[float],
        first_row: int,
    ) -> int:  # fmt: skip
        """Return the number of a subject's line, built if there is none yet.

        Parameters
        ----------
        given : sequence of Dose
            The doses.
        asked : tuple
            Requested times, and whether each means "after the dose" (or its place among them).
        said : sequence of Terms
            What the model says of each dose; empty: nothing.
        changed : sequence of float
            Times at which the subject's values change.
        first_row : int
            The subject's first row of values.

        Raises
        ------
        InputError
            As `build_timeline` does.
        """
        clock, flags = np.asarray(asked[0], dtype=float), np.asarray(asked[1])
        key = (tuple(given), clock.tobytes(), flags.dtype, flags.tobytes())
        parts = arriving(given, said, self.layout) if said and not len(changed) else None
        if parts is not None:
            if key not in self.templates:
                self.templates[key] = build_timeline(given, self.layout, clock, flags)
            self.lines.append(self.templates[key].scaled(parts))
            return len(self.lines) - 1
        moving = tuple(changed), getattr(changed, "late", ()), getattr(changed, "key", b"")
        if not said and (*key, moving) in self.known:
            return self.known[*key, moving]
        self.lines.append(build_timeline(given, self.layout, clock, flags, said or None, changed, first_row))
        if not said:
            self.known[*key, moving] = len(self.lines) - 1
        return len(self.lines) - 1
