"""Times at which equations change by themselves, found in their conditions: ``k1 if t < T else k2``, ``tad < D``.

NONMEM calls them model event times (MTIME). A condition on time whose limit depends on parameters and covariates alone
becomes a number that is 0 before and 1 after, and the time line is cut there: inside a segment everything stays smooth,
and derivatives with respect to the limit are exact. A limit of the time after dose is met again after every dose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pkpd.model import expressions
from pkpd.model.functions import wholes


def past_symbol(number: int) -> Any:
    """Return the symbol that is 0 before a time and 1 after it."""
    return expressions.symbol(f"_past_{number}")


def dosed_symbol() -> Any:
    """Return the symbol of the time of the last dose."""
    return expressions.symbol("_dosed")


def after_dose(expression: Any) -> Any:
    """Write the time after dose as time minus that of the last dose; 0 before the first."""
    import sympy

    tad = expressions.symbol(expressions.TAD)
    if tad not in expression.free_symbols:
        return expression
    return expression.xreplace({tad: sympy.Max(expressions.symbol(expressions.TIME) - dosed_symbol(), 0)})


def with_event_times(rhs: dict[str, Any], inputs: set[Any]) -> tuple[dict[str, Any], tuple[tuple[Any, bool], ...]]:
    """Return the equations with conditions on time replaced, and the times; true for those that count from a dose.

    Parameters
    ----------
    rhs : dict
        State → its derivative.
    inputs : set of sympy.Symbol
        What a time may depend on.
    """
    import sympy

    time, tad = expressions.symbol(expressions.TIME), expressions.symbol(expressions.TAD)
    limits: list[tuple[Any, bool]] = []

    def crossing(gap: Any) -> tuple[Any, tuple[Any, bool] | None]:
        """Rate at which a difference grows with time, and when it is zero; None if that depends on anything else."""
        clock = tad if tad in gap.free_symbols else time
        if any({time, tad} & e.free_symbols for e in (*gap.atoms(sympy.Piecewise), *wholes(gap))):
            return sympy.Integer(0), None  # it jumps by itself: its derivative does not tell where it is zero
        rate = sympy.diff(gap, clock)
        if not rate.is_number or rate == 0:
            return rate, None
        limit = sympy.simplify(-gap.xreplace({clock: sympy.Integer(0)}) / rate)
        return rate, (limit, clock is tad) if limit.free_symbols <= inputs else None

    def replaced(condition: Any) -> Any:
        rate, limit = crossing(condition.lhs - condition.rhs)
        if limit is None:
            return condition
        if limit not in limits:
            limits.append(limit)
        before = (condition.rel_op in ("<", "<=")) == bool(rate > 0)
        past = past_symbol(limits.index(limit))
        return past < sympy.Rational(1, 2) if before else past > sympy.Rational(1, 2)

    new = {}
    for state, expression in rhs.items():
        expression = _without_absolute(expression, lambda e: crossing(e)[1] is not None)
        corners = {}
        for e in expression.atoms(sympy.Max, sympy.Min):
            if {time, tad} & e.free_symbols and len(e.args) == 2 and crossing(e.args[0] - e.args[1])[1] is not None:
                larger = e.args[0] > e.args[1] if isinstance(e, sympy.Max) else e.args[0] < e.args[1]
                corners[e] = sympy.Piecewise((e.args[0], larger), (e.args[1], True))
        expression = expression.xreplace(corners)
        conditions = {
            c for piece in expression.atoms(sympy.Piecewise) for _, given in piece.args for c in _relations(given)
        }
        changed = {c: replaced(c) for c in sorted(conditions, key=str) if {time, tad} & c.free_symbols}
        new[state] = expression.xreplace({c: other for c, other in changed.items() if other is not c})
    return new, tuple(limits)


def _without_absolute(expression: Any, solved: Callable[[Any], bool]) -> Any:
    """Write absolute values of what has a known zero as two cases: ``abs(t - T) < w`` is two conditions on t."""
    import sympy

    def two(condition: Any) -> Any:
        gap = condition.lhs - condition.rhs
        absolute = [a for a in gap.atoms(sympy.Abs) if solved(a.args[0])]
        if len(absolute) != 1 or condition.rel_op not in ("<", "<=", ">", ">="):
            return condition
        share = gap.coeff(absolute[0])
        if not (share.is_number and share != 0) or sympy.expand(gap - share * absolute[0]).has(absolute[0]):
            return condition
        rest, below = gap - share * absolute[0], (condition.rel_op in ("<", "<=")) == bool(share > 0)
        cases = [condition.func(rest + share * sign * absolute[0].args[0], 0) for sign in (1, -1)]
        return sympy.And(*cases) if below else sympy.Or(*cases)

    relations = {c for piece in expression.atoms(sympy.Piecewise) for _, given in piece.args for c in _relations(given)}
    expression = expression.xreplace({c: two(c) for c in relations if c.has(sympy.Abs)})
    absolute = [e for e in expression.atoms(sympy.Abs) if solved(e.args[0])]
    return expression.xreplace({e: sympy.Piecewise((e.args[0], e.args[0] > 0), (-e.args[0], True)) for e in absolute})


def _relations(condition: Any) -> set[Any]:
    import sympy

    return {c for c in condition.atoms(sympy.core.relational.Relational) if c.rel_op in ("<", "<=", ">", ">=")}
