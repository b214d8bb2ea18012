"""Conditions, corners and jumps that a run meets at moments known only while it runs: `C > 1`, `cos(t) > 0.95`.

Every comparison that sees a state, or time in a way that `event_times` cannot solve, becomes a *switch*: its gap (left
side minus right side) is watched, and which side it is on is a number that stays the same within a step. ``abs``,
``max`` and ``min`` are comparisons, too, and so are ``floor``, ``ceil`` and ``mod``: what is rounded goes past a whole
number where its sine goes past zero. So everything is smooth within a step, whose end is put where a gap is zero,
and derivatives move with that moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pkpd.errors import ModelError
from pkpd.model import expressions
from pkpd.model.functions import whole


@dataclass(frozen=True)
class Switch:
    """A gap and what it means.

    Attributes
    ----------
    gap : sympy.Expr
        Positive on one side (there the side is 1), negative on the other (0).
    at_zero : bool
        Whether a gap that rests at zero counts as positive.
    timed : bool
        Whether the gap sees no state: then its zeros can be searched for before a step is made.
    """

    gap: Any
    at_zero: bool
    timed: bool


def side_symbol(number: int) -> Any:
    """Return the symbol of the side on which a gap is: 1 or 0."""
    return expressions.symbol(f"_side_{number}")


def with_switches(rhs: dict[str, Any]) -> tuple[dict[str, Any], tuple[Switch, ...]]:
    """Return the equations with what switches replaced by sides, and the switches; those of time alone come first."""
    found = _Found({expressions.symbol(s) for s in rhs})
    new = {state: found.smooth(e) for state, e in rhs.items()}
    order = sorted(range(len(found.switches)), key=lambda k: (not found.switches[k].timed, k))
    renamed = {side_symbol(k): side_symbol(place) for place, k in enumerate(order)}
    switches = [found.switches[k] for k in order]
    switches = [Switch(s.gap.xreplace(renamed), s.at_zero, s.timed) for s in switches]
    return {state: e.xreplace(renamed) for state, e in new.items()}, tuple(switches)


class _Found:
    """The switches of some equations, each met once."""

    def __init__(self, states: set[Any]) -> None:
        self.states = states
        self.moving = states | {expressions.symbol(expressions.TIME), expressions.symbol(expressions.TAD)}
        self.switches: list[Switch] = []
        self._smooth: dict[Any, Any] = {}

    def smooth(self, e: Any) -> Any:
        """Return an expression without comparisons of what moves."""
        if not self._moves(e) or e.is_Symbol:
            return e
        if e not in self._smooth:
            self._smooth[e] = self._new(e)
        return self._smooth[e]

    def _moves(self, e: Any) -> bool:
        return bool(e.free_symbols & self.moving)

    def _new(self, e: Any) -> Any:
        import sympy

        name = type(e).__name__
        if name == "Abs":
            inner = self.smooth(e.args[0])
            return self._either(inner, -inner, self._side(inner, True))
        if name in ("Max", "Min"):
            best, *others = (self.smooth(a) for a in e.args)
            for other in others:
                first = self._side(best - other, True) if self._moves(best - other) else None
                larger, smaller = (best, other) if name == "Max" else (other, best)
                if first is None:
                    best = e.func(best, other)
                else:
                    best = self._either(larger, smaller, first)
            return best
        if name == "WholePart":
            return self._whole(*(self.smooth(a) for a in e.args))
        if name == "Piecewise":
            guards = any(self._guards(c, value) for value, c in e.args)
            return sympy.Piecewise(*((self.smooth(value), c if guards else self._condition(c)) for value, c in e.args))
        if e.is_Pow and not e.exp.is_Integer and e.base != sympy.E:
            return e.func(self._base(e.base), self.smooth(e.exp))
        if name == "log":
            return e.func(self._base(e.args[0]))
        return e.func(*(self.smooth(a) for a in e.args))

    def _base(self, base: Any) -> Any:
        """What has no value below zero is computed as it stands: a step that is only tried may go too far."""
        smooth = self.smooth(base)  # its moments are met in any case
        return base if base.has(*_corners()) else smooth

    def _whole(self, above: Any, below: Any) -> Any:
        """The whole part of a quotient of time: even or odd by its side, and rounded where it is far from a jump."""
        import sympy

        if (above.free_symbols | below.free_symbols) & self.states:
            raise ModelError(
                f"an equation rounds {expressions.text_of(above / below)!r}, which sees a state; floor, ceil and mod "
                "are for time, parameters and covariates there (outputs may round everything): write a condition such "
                "as 'a if x < 1 else b'"
            )
        even = self._side(sympy.sin(sympy.pi * above / below), True)
        low, high = (whole(2 * above + shift * below, 4 * below) for shift in (1, -1))
        return self._either(2 * low, 2 * high + 1, even)

    def _either(self, yes: Any, no: Any, side: Any) -> Any:
        import sympy

        return sympy.Piecewise((yes, side), (no, True))

    def _condition(self, c: Any) -> Any:
        """Return a condition on sides and on what does not move."""
        import sympy

        moving = [r for r in c.atoms(sympy.core.relational.Relational) if self._moves(r)]
        return c.xreplace({r: self._relation(r) for r in moving})

    def _relation(self, r: Any) -> Any:
        below = r.rel_op in ("<", "<=")
        gap = self.smooth(r.rhs - r.lhs if below else r.lhs - r.rhs)
        return self._side(gap, r.rel_op in ("<=", ">="))

    def _side(self, gap: Any, at_zero: bool) -> Any:
        """Return the condition that a gap is positive; its opposite may be known already, or easier to recognise."""
        import sympy

        if not self._moves(gap):  # it sees sides alone: nothing of its own to watch
            return gap >= 0 if at_zero else gap > 0
        negative = gap.could_extract_minus_sign()
        if negative:
            gap, at_zero = -gap, not at_zero
        switch = Switch(gap, at_zero, not gap.free_symbols & self.states)
        if switch not in self.switches:
            self.switches.append(switch)
        side, half = side_symbol(self.switches.index(switch)), sympy.Rational(1, 2)
        return side < half if negative else side > half

    def _guards(self, condition: Any, value: Any) -> bool:
        """Whether a condition keeps a power or a logarithm from what has none: ``C**h if C > 0 else 0``."""
        import sympy

        if condition in (True, False):
            return False
        bases = {p.base for p in value.atoms(sympy.Pow) if not (p.exp.is_Integer and p.exp > 0) and self._moves(p.base)}
        bases |= {log.args[0] for log in value.atoms(sympy.log) if self._moves(log)}
        gaps = {c.lhs - c.rhs for c in condition.atoms(sympy.core.relational.Relational) if self._moves(c)}
        return any(not self._moves(sympy.cancel(base / gap)) for base in bases for gap in gaps if gap != 0)


def _corners() -> tuple[Any, ...]:
    import sympy

    return sympy.Abs, sympy.Max, sympy.Min, sympy.Piecewise
