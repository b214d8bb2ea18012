"""From a model's text to the symbols of the engine: what is linear, what is integrated, what depends on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pkpd.engine.symbolic.calculus import derivative
from pkpd.engine.symbolic.event_times import after_dose, dosed_symbol, past_symbol, with_event_times
from pkpd.engine.symbolic.switches import Switch, side_symbol, with_switches
from pkpd.errors import ModelError, nearest, unknown_names
from pkpd.model import Model, expressions

LINEAR_CHOICES = ("closed form", "ode")
CLAMPED = "clamped"  # as "ode", where what the block gives to other states is kept from falling below zero


@dataclass(frozen=True, eq=False)
class System:
    """A model split into a linear block (solved in closed form) and what is integrated.

    Attributes
    ----------
    model : Model
        Where it comes from.
    inputs : tuple of str
        Parameters, then covariates: the columns of the value table.
    linear, integrated : tuple of str
        States of the closed-form block, with :math:`dx/dt = Kx + b`, and of those that are integrated.
    matrix, constant : tuple
        Entries of K (row-major) and of b as SymPy expressions of the inputs.
    rhs : tuple
        Derivatives of the integrated states in terms of states, inputs and ``t``.
    outputs : dict
        Output expressions with other outputs put in.
    initial : dict
        Initial value of every state.
    sensitivities : tuple of str
        Inputs with respect to which derivatives are wanted.
    event_times : tuple
        Times, in terms of the inputs, at which equations change (see `event_times`), and whether they count from a
        dose; whether they are past stands behind the other inputs.
    switches : tuple of Switch
        Comparisons whose moments are found while a run goes on; the right-hand sides hold their sides instead.
    written : tuple
        The derivatives of the integrated states with these comparisons as they were written.
    """

    model: Model
    inputs: tuple[str, ...]
    linear: tuple[str, ...]
    integrated: tuple[str, ...]
    matrix: tuple[Any, ...]
    constant: tuple[Any, ...]
    rhs: tuple[Any, ...]
    outputs: dict[str, Any]
    initial: dict[str, Any]
    sensitivities: tuple[str, ...]
    event_times: tuple[tuple[Any, bool], ...] = ()
    switches: tuple[Switch, ...] = ()
    written: tuple[Any, ...] = ()

    @property
    def states(self) -> tuple[str, ...]:
        """The states in the order of the engine: linear, then integrated."""
        return self.linear + self.integrated

    @property
    def driving(self) -> tuple[int, ...]:
        """Positions of the linear states that the integrated ones see."""
        seen = set().union(*(e.free_symbols for e in self.rhs)) if self.rhs else set()
        return tuple(k for k, s in enumerate(self.linear) if expressions.symbol(s) in seen)


def system_of(model: Model, sensitivities: Sequence[str] = (), linear: str = "closed form") -> System:
    """Split a model into its closed-form block and what is integrated.

    The block is the largest set of states whose equations are linear in the set with constant coefficients and
    see no other state.

    Raises
    ------
    ModelError
        If names are not defined, or outputs refer to each other in a circle.
    """
    if linear not in (*LINEAR_CHOICES, CLAMPED):
        raise ModelError(f"unknown choice linear={linear!r}; {nearest(linear, LINEAR_CHOICES)}")
    whole = _read(model, sensitivities)
    block = _linear_states(whole) if linear == "closed form" else ()
    integrated = tuple(s for s in whole.rhs if s not in block)
    return split(_clamp(whole) if linear == CLAMPED else whole, block, integrated)


@dataclass(frozen=True, eq=False)
class Whole:
    """A model's equations as symbols, before they are split."""

    model: Model
    rhs: dict[str, Any]
    outputs: dict[str, Any]
    initial: dict[str, Any]
    sensitivities: tuple[str, ...]
    event_times: tuple[tuple[Any, bool], ...]
    switches: tuple[Switch, ...]
    written: dict[str, Any]


def _read(model: Model, sensitivities: Sequence[str]) -> Whole:
    if model.needs:
        raise ModelError([f"{n!r} is used but nothing defines it" for n in model.needs], f"model {model.name!r}")
    if problems := unknown_names(sensitivities, (*model.parameters.names, *model.covariates), "parameter"):
        raise ModelError(problems)
    outputs = _closed_outputs(model)
    algebraic = {n: e for n, e in outputs.items() if n not in model.equations}  # a state's name means the state
    rhs = {s: _insert(expressions.computable(expressions.parse(e)), algebraic) for s, e in model.equations.items()}
    inputs = {expressions.symbol(n) for n in (*model.parameters.names, *model.covariates)}
    rhs, event_times = with_event_times(rhs, inputs)
    written = {s: after_dose(e) for s, e in rhs.items()}
    rhs, switches = with_switches(rhs)
    rhs = {s: after_dose(e) for s, e in rhs.items()}
    switches = tuple(replace(each, gap=after_dose(each.gap)) for each in switches)
    outputs = {n: after_dose(e) for n, e in outputs.items()}
    initial = {s: expressions.computable(expressions.parse(model.initial.get(s, "0"))) for s in model.states}
    return Whole(model, rhs, outputs, initial, tuple(sensitivities), event_times, switches, written)


def floor_symbol() -> Any:
    """Return the symbol of the smallest value that a driving state may have: 0, or minus infinity."""
    return expressions.symbol("_floor")


def _clamp(whole: Whole) -> Whole:
    import sympy

    block = _linear_states(whole)
    kept = {expressions.symbol(s): sympy.Max(expressions.symbol(s), floor_symbol()) for s in block}
    rhs = {s: e if s in block else e.xreplace(kept) for s, e in whole.rhs.items()}
    return replace(whole, rhs=rhs)


def split(whole: Whole, block: tuple[str, ...], integrated: tuple[str, ...]) -> System:
    """Make a system of the states that the block has and of those that are integrated."""
    matrix, constant = _matrix(block, whole.rhs)
    model = whole.model
    pasts = (past_symbol(k).name for k in range(len(whole.event_times)))
    inputs = (*model.parameters.names, *model.covariates, *pasts)
    rhs = tuple(whole.rhs[s] for s in integrated)
    return System(
        model,
        inputs,
        block,
        integrated,
        matrix,
        constant,
        rhs,
        whole.outputs,
        whole.initial,
        whole.sensitivities,
        whole.event_times,
        whole.switches,
        tuple(whole.written[s] for s in integrated),
    )


def _insert(expression: Any, outputs: dict[str, Any]) -> Any:
    return expression.xreplace({expressions.symbol(n): e for n, e in outputs.items()})


def _closed_outputs(model: Model) -> dict[str, Any]:
    """Put outputs that use other outputs in terms of states; ``{"ALC": "ALC"}`` is the state itself."""
    named = {n: expressions.computable(expressions.parse(e)) for n, e in model.outputs.items()}
    algebraic = {n: e for n, e in named.items() if n not in model.equations}
    for _ in range(len(algebraic) + 1):
        used = {n for e in algebraic.values() for n in algebraic if expressions.symbol(n) in e.free_symbols}
        if not used:
            return {
                n: _insert(e, algebraic) if n in model.equations else algebraic[n] for n, e in named.items()
            } | algebraic
        algebraic = {n: _insert(e, {k: v for k, v in algebraic.items() if k != n}) for n, e in algebraic.items()}
        if any(expressions.symbol(n) in e.free_symbols for n, e in algebraic.items()):
            break
    raise ModelError("outputs refer to each other in a circle", f"model {model.name!r}")


def _linear_states(whole: Whole) -> tuple[str, ...]:
    """The block; a state that a switch looks at is integrated, so that a step is no longer than it is known."""
    rhs = whole.rhs
    watched = set().union(*(each.gap.free_symbols for each in whole.switches)) if whole.switches else set()
    block = {s: e for s, e in rhs.items() if not _switches(e, rhs) and expressions.symbol(s) not in watched}
    clock = {expressions.symbol(expressions.TIME), dosed_symbol()}
    clock |= {side_symbol(k) for k in range(len(whole.switches))}
    everyone = {expressions.symbol(s) for s in rhs}
    while block:
        inside = {expressions.symbol(s) for s in block}
        bad = []
        for name, expression in block.items():
            derivatives = [derivative(expression, s) for s in inside & expression.free_symbols]
            foreign = (everyone - inside) | clock
            seen = expression.free_symbols & foreign
            if seen or any(each.free_symbols & (everyone | clock) for each in derivatives):
                bad.append(name)
        if not bad:
            return tuple(block)
        block = {s: e for s, e in block.items() if s not in bad}
    return ()


def _switches(expression: Any, rhs: dict[str, Any]) -> bool:
    """Whether a state stands in the condition of an ``a if … else b``: constant derivatives, but not linear."""
    import sympy

    states = {expressions.symbol(s) for s in rhs}
    pieces = expression.atoms(sympy.Piecewise)
    return any(condition.free_symbols & states for piece in pieces for _, condition in piece.args)


def _matrix(block: tuple[str, ...], rhs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    import sympy

    symbols = [expressions.symbol(s) for s in block]
    nothing = dict.fromkeys(symbols, sympy.Integer(0))
    matrix = tuple(derivative(rhs[row], column) for row in block for column in symbols)
    return matrix, tuple(rhs[row].xreplace(nothing) for row in block)
