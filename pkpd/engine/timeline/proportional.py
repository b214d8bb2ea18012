"""What arrives of the doses of subjects who differ in nothing else: one time line is cut, the others are scaled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pkpd.arrays import Array
from pkpd.dosing import Dose
from pkpd.engine.timeline.segments import LineLayout
from pkpd.engine.timeline.terms import Terms


def arriving(doses: Sequence[Dose], terms: Sequence[Terms], layout: LineLayout) -> Array | None:
    """Return what arrives of doses into every state, with derivatives (states × (1 + derivatives)).

    None where a dose is late, modelled, of a given rate, at steady state or more than added: its times then depend on
    what is said of it, too. None, too, where doses into one state arrive in different parts.
    """
    known: dict[int, Array] = {}
    parts = np.zeros((len(layout.states), 1 + layout.derivatives))
    parts[:, 0] = 1.0
    for dose, said in zip(doses, terms, strict=True):
        if dose.rate or dose.modelled or dose.steady_state or dose.action != "add" or said.lag.any():
            return None
        state = layout.states.get(dose.into) if dose.into else layout.entries.get(dose.route)
        if state is None:
            return None
        if not np.array_equal(known.setdefault(state, said.bioavailability), said.bioavailability):
            return None  # each dose arrives in a part of its own
        parts[state] = said.bioavailability
    return parts
