"""Whether equations have a Taylor series along the solution: no corners, no jumps."""

from __future__ import annotations

from typing import Any

PERIODIC = ("sin", "cos", "tanh")


def is_analytic(e: Any, moving: set[Any], floors: set[Any]) -> bool:
    """Whether an expression has a Taylor series along the solution wherever a step begins.

    Parameters
    ----------
    e : sympy.Expr
        The expression.
    moving : set of sympy.Symbol
        What changes within a step: time and the states.
    floors : set
        What a larger-of-two may have beside something that moves.
    """
    if not e.free_symbols & moving:
        return e.is_number or e.is_Symbol or all(is_analytic(a, moving, floors) for a in e.args)
    name = type(e).__name__
    if e.is_Symbol:
        return True
    if name == "Max":
        return len(e.args) == 2 and bool(set(e.args) & floors) and all(is_analytic(a, moving, floors) for a in e.args)
    if name == "Piecewise":
        steady = not any(c.free_symbols & moving for _, c in e.args)
        return steady and e.args[-1][1] == True and all(is_analytic(v, moving, floors) for v, _ in e.args)  # noqa: E712
    known = e.is_Add or e.is_Mul or e.is_Pow or name in ("exp", "log", *PERIODIC)
    return known and all(is_analytic(a, moving, floors) for a in e.args)
