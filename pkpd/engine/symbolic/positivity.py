"""Which states cannot become negative, and which grow from what is left of them alone.

Those cannot become negative that, where they are zero, only gain, if nothing else is negative.

Parameters, covariates and the other states count as not negative here; whether they are is seen when numbers are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def cannot_become_negative(rhs: Sequence[Any], states: Sequence[Any], signless: set[Any]) -> tuple[bool, ...]:
    """Return for every state whether its derivative cannot be negative where the state is zero.

    Parameters
    ----------
    rhs, states : sequences
        Derivatives and symbols of the states.
    signless : set of sympy.Symbol
        Symbols whose sign is not known (time).
    """
    import sympy

    zero, unknown = sympy.Integer(0), set(signless)
    at_zero = [f.xreplace({s: zero}) for f, s in zip(rhs, states, strict=True)]
    while True:  # a state that may become negative has no sign for those that see it
        kept = tuple(s not in unknown and _sign(f, unknown) == 1 for f, s in zip(at_zero, states, strict=True))
        free = {s for s, k in zip(states, kept, strict=True) if not k} - unknown
        if not free:
            return kept
        unknown |= free


def multiply(rhs: Sequence[Any], states: Sequence[Any], kept: Sequence[bool], signless: set[Any]) -> tuple[bool, ...]:
    """Return for every state whether it grows by a multiple of itself: cells that divide and are killed.

    However few are left, all later ones are their offspring, so that they must be known to a part of themselves. What
    is only ever lost does not come back and need not be.

    Parameters
    ----------
    rhs, states, signless
        As for `cannot_become_negative`.
    kept : sequence of bool
        What that has returned.
    """
    unknown = signless | {s for s, k in zip(states, kept, strict=True) if not k}
    return tuple(_vanishes_with(f, s) and _sign(f, unknown) != -1 for f, s in zip(rhs, states, strict=True))


def relied_on(e: Any) -> set[Any]:
    """Return the symbols whose signs the sign of an expression may hang on."""
    if e.is_Symbol:
        return {e}
    if e.is_number or type(e).__name__ in ("exp", "Abs", "Heaviside"):
        return set()
    if e.is_Pow and e.exp.is_number:
        even = e.exp.is_Integer and e.exp % 2 == 0
        return set() if even else relied_on(e.base)
    parts = [a for a, _ in e.args] if type(e).__name__ == "Piecewise" else e.args
    return set().union(*(relied_on(a) for a in parts)) if parts else set()


def with_kept_bases(e: Any, states: set[Any], signless: set[Any], floor: Any) -> Any:
    """Keep the bases of roots and broken powers from falling below zero where they cannot be negative.

    On the way of a step a state may be less than zero by its error: a root of that is no number, and the step, whatever
    its length, would be lost.

    Parameters
    ----------
    e : sympy.Expr
        A right-hand side.
    states, signless : sets of sympy.Symbol
        The states; symbols whose sign is not known.
    floor : sympy.Symbol
        0 where nothing is negative that must not be, else minus infinity.
    """
    import sympy

    powers = {
        p: sympy.Pow(sympy.Max(p.base, floor), p.exp)
        for p in e.atoms(sympy.Pow)
        if not p.exp.is_Integer and p.base.free_symbols & states and _sign(p.base, signless) == 1
    }
    return e.xreplace(powers) if powers else e


def _vanishes_with(e: Any, state: Any) -> bool:
    """Whether an expression has a state as a factor."""
    if e.is_Mul:
        return any(_vanishes_with(a, state) for a in e.args)
    if e.is_Add:
        return all(_vanishes_with(a, state) for a in e.args)
    if type(e).__name__ == "Piecewise":
        return all(_vanishes_with(value, state) for value, _ in e.args)
    return bool(e == state or (e.is_Pow and e.exp.is_Integer and e.exp > 0 and _vanishes_with(e.base, state)))


def _sign(e: Any, signless: set[Any]) -> int | None:
    """1 where an expression of symbols that are not negative is not negative, -1 where not positive, else None."""
    if e.is_number:
        return None if not e.is_real else 1 if e >= 0 else -1
    if e.is_Symbol:
        return None if e in signless else 1
    name = type(e).__name__
    if name in ("exp", "Abs", "Heaviside"):
        return 1
    if e.is_Pow and e.exp.is_Integer and e.exp % 2 == 0:
        return 1
    if e.is_Pow:
        return 1 if _sign(e.base, signless) == 1 else None
    parts = [a for a, _ in e.args] if name == "Piecewise" else e.args
    signs = [_sign(a, signless) for a in parts] if e.is_Add or e.is_Mul or name in ("Max", "Min", "Piecewise") else []
    if not signs or (None in signs and name != "Max"):
        return None
    if e.is_Mul:
        return 1 if signs.count(-1) % 2 == 0 else -1
    if name == "Max":
        return 1 if 1 in signs else None
    return signs[0] if len(set(signs)) == 1 else None
