"""States that only gather what others do: ``AUC' = A/V``, urine, a cumulative hazard. They have no steady state.

Nothing reads them, they themselves included, but for others of their kind.
"""

from __future__ import annotations

from typing import Any

from pkpd.model import expressions


def gathering(system: Any) -> tuple[bool, ...]:
    """Return for every state, in the order of the model, whether no equation reads it but those of other such states.

    Parameters
    ----------
    system : symbols.System
        The split model.
    """
    n, seen = len(system.linear), {s: set[str]() for s in system.states}
    for i, state in enumerate(system.linear):
        seen[state] = {system.linear[j] for j in range(n) if system.matrix[i * n + j] != 0}
    for state, rhs in zip(system.integrated, system.written, strict=True):
        seen[state] = {s for s in system.states if expressions.symbol(s) in rhs.free_symbols}
    found: set[str] = set()
    while new := {s for s in system.states if {r for r in seen if s in seen[r]} <= found} - found:
        found |= new
    return tuple(s in found for s in system.model.states)
