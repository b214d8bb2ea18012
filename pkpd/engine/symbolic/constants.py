"""What a formula computes of its arguments alone, taken out of it: computed once where the formula runs often.

A quotient of parameters costs as much as ten products. A right-hand side is computed some twenty times in a step, while
what it reads besides time and the vector stays the same for a whole segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pkpd.engine.symbolic.formulas import Formula
from pkpd.model import expressions


def take_constants(formulas: Sequence[Formula]) -> tuple[Formula, list[Formula]]:
    """Return what the formulas compute of their arguments alone, and the formulas that read it.

    Parameters
    ----------
    formulas : sequence of Formula
        All with the same arguments q.

    Returns
    -------
    constants : Formula
        Of q alone.
    rest : list of Formula
        The formulas; behind q they read the constants.
    """
    import sympy

    q = formulas[0].q
    taken: dict[Any, Any] = {}  # expression → symbol
    known: dict[Any, Any] = {}
    arguments = frozenset(q)
    kinds: dict[Any, tuple[bool, bool]] = {}

    def sees(e: Any) -> tuple[bool, bool]:
        """Return whether an expression sees arguments, and whether it sees anything else; large ones share parts."""
        if e not in kinds:
            if e.is_Symbol:
                kinds[e] = e in arguments, e not in arguments
            else:
                parts = [sees(a) for a in e.args]
                kinds[e] = any(some for some, _ in parts), any(others for _, others in parts)
        return kinds[e]

    def symbol_of(e: Any) -> Any:
        """Return what stands for an expression of arguments alone; what differs by its sign is computed once."""
        if e.is_Symbol or sees(e) == (False, False):
            return e
        if e.is_Mul and e.could_extract_minus_sign():
            return -symbol_of(-e)
        return taken.setdefault(e, expressions.symbol(f"_constant_{len(taken)}"))

    def rest_of(e: Any) -> Any:
        if e not in known:
            known[e] = taken_apart(e)
        return known[e]

    def taken_apart(e: Any) -> Any:
        if not e.args or not sees(e)[0]:
            return e
        if e.is_Add or e.is_Mul:
            fixed = [a for a in e.args if not sees(a)[1]]
            if len(fixed) == len(e.args):
                return symbol_of(e)
            moving = [rest_of(a) for a in e.args if sees(a)[1]]
            return e.func(symbol_of(e.func(*fixed)), *moving) if fixed else e.func(*moving)
        if isinstance(e, sympy.Expr) and not sees(e)[1]:
            return symbol_of(e)  # not a condition, or a case of a Piecewise
        return e.func(*(rest_of(a) for a in e.args))

    apart = [{k: rest_of(e) for k, e in formula.values.items()} for formula in formulas]
    behind = (*q, *taken.values())
    rest = [Formula(f.y, behind, values, f.size) for f, values in zip(formulas, apart, strict=True)]
    return Formula.of((), q, list(taken)), rest
