"""What is computed of a model, as formulas of (time, a vector y, a vector q), and how their results are laid out.

Everything that runs is one of these formulas. `Structure` is what the numbers must know of them: plain names and
positions, which survive on disk beside the machine code; the formulas are symbols and are made when code is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

from pkpd.engine.symbolic.analytic import is_analytic
from pkpd.engine.symbolic.calculus import Chain, derivative
from pkpd.engine.symbolic.event_times import dosed_symbol
from pkpd.engine.symbolic.positivity import cannot_become_negative
from pkpd.engine.symbolic.sensitivities import (
    SensitivitySystem,
    driver_sensitivity_symbol,
    moved_block,
    moved_block_twice,
    moved_by_doses,
    rate_sensitivity_symbol,
    scale_symbol,
    with_sensitivities,
)
from pkpd.engine.symbolic.symbols import System, floor_symbol, system_of
from pkpd.model import expressions
from pkpd.model.model import DOSING

Pair = tuple[int, int]


@dataclass(frozen=True)
class Structure:
    """Names and positions; no symbols.

    Attributes
    ----------
    states, inputs, outputs, sensitivities : tuple of str
        In the order of the model; inputs are parameters, then covariates.
    linear, integrated : tuple of int
        Which states the closed form solves and which are integrated.
    seen : tuple of int
        Inputs on which the block depends.
    varied : tuple of int
        Sensitivities on which the block depends.
    driving : tuple of int
        Positions in the block of the states that the integrated ones see.
    upstream : tuple of int
        Positions in the block of these and of whatever flows into them.
    driven : tuple of pairs
        Derivatives that the closed form provides for the integrated states: which driving state (its position in the
        block), which sensitivity.
    components : int
        Length of the integrated vector: states, then sensitivities.
    where : tuple of (state, sensitivity, place)
        Where each sensitivity of an integrated state stands in that vector.
    rate_sensitivities : tuple of pairs
        Integrated states and sensitivities on which rates of infusions depend.
    moved : tuple of pairs
        States and sensitivities that are not independent by structure.
    dosing : tuple of (kind, state)
        What the model says of doses.
    from_dose : tuple of bool
        For each event time of the model, whether it counts from a dose; whether it is past stands in the last inputs.
    tad : bool
        Whether the time after dose stands in the equations or the outputs.
    all_linear : bool
        Whether every state could be solved in closed form, however it is solved.
    kept : tuple of bool
        Which integrated states cannot become negative if nothing that they see is negative.
    analytic : bool
        Whether the integrated equations have a Taylor series along the solution.
    operations : int
        Operations of the right-hand side: what its code costs.
    order : int
        Highest derivative of the outputs.
    moved_twice : tuple of (state, sensitivity, sensitivity)
        Second derivatives of states that are not zero by structure and in closed form.
    block : tuple of int
        Places of the block's formula that are not zero by structure.
    dosed : tuple of int
        Sensitivities of the block on which doses into it depend.
    """

    states: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sensitivities: tuple[str, ...]
    linear: tuple[int, ...]
    integrated: tuple[int, ...]
    seen: tuple[int, ...]
    varied: tuple[int, ...]
    driving: tuple[int, ...]
    upstream: tuple[int, ...]
    driven: tuple[Pair, ...]
    components: int
    where: tuple[tuple[int, int, int], ...]
    rate_sensitivities: tuple[Pair, ...]
    moved: tuple[Pair, ...]
    dosing: tuple[tuple[str, str], ...]
    from_dose: tuple[bool, ...]
    tad: bool
    all_linear: bool
    kept: tuple[bool, ...]
    analytic: bool
    operations: int
    order: int
    moved_twice: tuple[tuple[int, int, int], ...]
    block: tuple[int, ...]
    dosed: tuple[int, ...]

    @property
    def event_count(self) -> int:
        """How many event times the model has."""
        return len(self.from_dose)

    @property
    def quantities(self) -> tuple[Pair, ...]:
        """What the closed form provides within a segment: driving states (with -1), then their derivatives."""
        return (*((d, -1) for d in self.driving), *self.driven)

    @property
    def closed_numbers(self) -> int:
        """How many numbers of the closed form the right-hand side reads."""
        modes, drivers, driven = len(self.upstream), len(self.driving), len(self.driven)
        return 1 + modes + drivers * (1 + modes) + driven * (1 + 2 * modes) if drivers else 0

    @property
    def slots(self) -> int:
        """Where the closed form's numbers begin in what the right-hand side reads."""
        return len(self.inputs) + len(self.sensitivities) + 2 + len(self.integrated) + len(self.rate_sensitivities)


@dataclass(frozen=True, eq=False)
class Formula:
    """Expressions of time and of two vectors.

    Attributes
    ----------
    y, q : tuple of sympy.Symbol
        What stands in the vectors.
    values : dict
        Place in the result → expression; what is zero by structure is left out.
    size : int
        Length of the result.
    """

    y: tuple[Any, ...]
    q: tuple[Any, ...]
    values: dict[int, Any]
    size: int

    @classmethod
    def of(cls, y: Sequence[Any], q: Sequence[Any], expressions: Sequence[Any]) -> Formula:
        """Make one from all expressions in order."""
        return cls(tuple(y), tuple(q), {k: e for k, e in enumerate(expressions) if e != 0}, len(expressions))


class Formulas:
    """The formulas of a system with derivatives up to an order, each made when it is asked for."""

    def __init__(self, system: System, order: int = 1) -> None:
        self.system, self.order = system, order
        self.inputs = [expressions.symbol(name) for name in system.inputs]
        self.theta = [expressions.symbol(name) for name in system.sensitivities]
        self.scales = [scale_symbol(name) for name in system.sensitivities]
        self.time = expressions.symbol(expressions.TIME)

    @cached_property
    def full(self) -> SensitivitySystem:
        """The integrated states with their sensitivities."""
        return with_sensitivities(self.system)

    @cached_property
    def structure(self) -> Structure:
        """The layout of all results."""
        system, full = self.system, self.full
        states = system.model.states
        linear = tuple(states.index(s) for s in system.linear)
        integrated = tuple(states.index(s) for s in system.integrated)
        known = moved_block(system)
        used = set().union(*(e.free_symbols for part in self._block_parts for e in part))
        moved = {(linear[i], j) for i, j in known} | {(integrated[i], j) for i, j in full.where}
        varied = tuple(sorted({j for _, j in known}))
        twice = moved_block_twice(system) if self.order == 2 else set()
        moved_twice = tuple(sorted((linear[i], j, k) for i, j, k in twice))
        dosed = tuple(sorted({j for _, j in moved_by_doses(system, system.linear)}))
        return Structure(
            states, system.inputs, tuple(system.outputs), system.sensitivities, linear, integrated,
            tuple(k for k, symbol in enumerate(self.inputs) if symbol in used),
            varied, system.driving, self._upstream(), full.driven, len(full.symbols),
            tuple((i, j, k) for (i, j), k in full.where.items()), self._rate_sensitivities, tuple(sorted(moved)),
            tuple((kind, state) for kind in DOSING for state in getattr(system.model, kind)),
            tuple(from_dose for _, from_dose in system.event_times),
            any(dosed_symbol() in e.free_symbols for e in (*system.rhs, *system.outputs.values())),
            not system_of(system.model).integrated,
            cannot_become_negative(system.rhs, [expressions.symbol(s) for s in system.integrated], {self.time}),
            *self._form(),
            self.order, moved_twice, tuple(self._block(varied).values), dosed,
        )  # fmt: skip

    def _form(self) -> tuple[bool, int]:
        """Whether the right-hand side has a Taylor series, and how many operations it has."""
        import sympy

        driven = self.driven_rhs()
        moving, zero = {self.time, *driven.y, *self.quantities}, sympy.Integer(0)
        analytic = all(is_analytic(e, moving, {floor_symbol(), zero}) for e in driven.values.values())
        shared, reduced = sympy.cse(list(driven.values.values()), order="none")
        return analytic, int(sympy.count_ops([*(e for _, e in shared), *reduced]))

    def _upstream(self) -> tuple[int, ...]:
        n, upstream = len(self.system.linear), set(self.system.driving)
        grown = True
        while grown:
            new = {k for i in upstream for k in range(n) if self.system.matrix[i * n + k] != 0} - upstream
            upstream |= new
            grown = bool(new)
        return tuple(sorted(upstream))

    @cached_property
    def _rate_sensitivities(self) -> tuple[Pair, ...]:
        return tuple(sorted(moved_by_doses(self.system, self.system.integrated)))

    @cached_property
    def _block_parts(self) -> tuple[list[Any], ...]:
        system = self.system
        n = len(system.linear)
        # What each state loses to nowhere: minus the column sums of K, where SymPy cancels what goes to other states.
        losses = [-sum(system.matrix[i * n + j] for i in range(n)) for j in range(n)]
        return list(system.matrix), losses, list(system.constant), [system.initial[s] for s in system.linear]

    def block(self) -> Formula:
        """K (by rows), losses, constant inputs, initial values; then the same differentiated, by parameter and pair."""
        return self._block(self.structure.varied)

    def _block(self, varied: tuple[int, ...]) -> Formula:
        parts = [e for part in self._block_parts for e in part]
        theta = [self.theta[j] for j in varied]
        first = [[derivative(e, s) for e in parts] for s in theta]
        second = [
            [derivative(e, theta[k]) for e in first[j]]
            for j, k in combinations_with_replacement(range(len(theta) if self.order == 2 else 0), 2)
        ]
        return Formula.of((), self.inputs, [e for each in (parts, *first, *second) for e in each])

    def initial(self) -> Formula:
        """The integrated vector at the start; reads inputs and scales."""
        return Formula.of((), [*self.inputs, *self.scales], self.full.initial)

    def dosing(self) -> Formula:
        """What the model says of doses, then its derivatives (one row of them per term)."""
        model = self.system.model
        wanted = [expressions.parse(getattr(model, kind)[state]) for kind, state in self.structure.dosing]
        return Formula.of((), self.inputs, [*wanted, *(derivative(e, s) for e in wanted for s in self.theta)])

    def event_times(self) -> Formula:
        """The model's event times, then their derivatives (one row of them per time)."""
        wanted = [limit for limit, _ in self.system.event_times]
        return Formula.of((), self.inputs, [*wanted, *(derivative(e, s) for e in wanted for s in self.theta)])

    def outputs(self) -> Formula:
        """Outputs, then their derivatives, then second ones; reads the time of the last dose, states, derivatives."""
        states = [expressions.symbol(s) for s in self.system.model.states]
        moved = {pair: expressions.symbol(f"_s_{pair[0]}_{pair[1]}") for pair in self.structure.moved}
        twice = {pair: expressions.symbol("_s_{}_{}_{}".format(*pair)) for pair in self.structure.moved_twice}
        wanted, count = list(self.system.outputs.values()), range(len(self.theta))
        chain = Chain(states, self.theta, moved, twice)
        first = [chain.first(e, j) for e in wanted for j in count]
        pairs = list(combinations_with_replacement(count, 2)) if self.order == 2 else []
        second = [chain.second(e, j, k) for e in wanted for j, k in pairs]
        read = [dosed_symbol(), *states, *moved.values(), *twice.values()]
        return Formula.of(read, self.inputs, [*wanted, *first, *second])

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """What the right-hand side reads before the closed form's numbers."""
        rates = [expressions.symbol(f"_rate_{k}") for k in range(len(self.system.integrated))]
        rate_sensitivities = [rate_sensitivity_symbol(i, j) for i, j in self._rate_sensitivities]
        return (*self.inputs, *self.scales, floor_symbol(), dosed_symbol(), *rates, *rate_sensitivities)

    @cached_property
    def quantities(self) -> tuple[Any, ...]:
        """Symbols of what the closed form provides: driving states, then their derivatives."""
        drivers = [expressions.symbol(self.system.linear[d]) for d in self.system.driving]
        return (*drivers, *(driver_sensitivity_symbol(d, j) for d, j in self.full.driven))

    @cached_property
    def dydt(self) -> tuple[Any, ...]:
        """Derivative of every component of the integrated vector, infusions included."""
        count, first = len(self.system.integrated), len(self.inputs) + len(self.scales) + 2
        rates = self.arguments[first : first + count]
        return (*(f + r for f, r in zip(self.full.rhs[:count], rates, strict=True)), *self.full.rhs[count:])

    @cached_property
    def _modal(self) -> tuple[tuple[Any, ...], dict[Any, Any], dict[Any, Any]]:
        """Numbers of the closed form in a segment, and its quantities and their time derivatives in terms of these.

        A quantity is an offset and, for every mode m of the block, (a + b·τ)·exp(λ·τ) with the time τ since the
        segment began (b for derivatives only); a driving state is kept from falling below its floor.
        """
        import sympy

        since = expressions.symbol("_since")
        modes = [expressions.symbol(f"_lambda_{m}") for m in range(len(self.structure.upstream))]
        tau = self.time - since
        decay = [sympy.exp(rate * tau) for rate in modes]
        numbers, values, rates = [since, *modes], {}, {}
        for k, ((_, j), quantity) in enumerate(zip(self.structure.quantities, self.quantities, strict=True)):
            offset = expressions.symbol(f"_offset_{k}")
            weights = [expressions.symbol(f"_a_{k}_{m}") for m in range(len(modes))]
            growing = [expressions.symbol(f"_b_{k}_{m}") for m in range(len(modes))] if j >= 0 else []
            numbers += [offset, *weights, *growing]
            grown = [a + b * tau for a, b in zip(weights, growing, strict=True)] if growing else weights
            value = sympy.Add(offset, *(w * e for w, e in zip(grown, decay, strict=True)))
            rate = sympy.Add(*(r * w * e for r, w, e in zip(modes, grown, decay, strict=True)))
            if growing:
                rate += sympy.Add(*(b * e for b, e in zip(growing, decay, strict=True)))
            values[quantity] = value if growing else sympy.Max(value, floor_symbol())
            rates[quantity] = rate
        return tuple(numbers), values, rates

    def rhs(self) -> Formula:
        """Derivative of the integrated vector, driven by the closed form."""
        numbers, values, _ = self._modal
        dydt = dict(enumerate(f.xreplace(values) for f in self.dydt))  # zeros too: the solvers use their arrays again
        return Formula(self.full.symbols, (*self.arguments, *numbers), dydt, len(dydt))

    def jacobian(self) -> Formula:
        """Row i holds ∂f_i/∂(states), then ∂f_i/∂t with the movement of what drives."""
        import sympy

        numbers, values, rates = self._modal
        states = self.full.symbols[: len(self.system.integrated)]
        rows = []
        for f in self.dydt:
            pushed = [derivative(f, x) * rates[x] for x in self.quantities if x in f.free_symbols]
            row = [*(derivative(f, z) for z in states), sympy.Add(derivative(f, self.time), *pushed)]
            rows += [e.xreplace(values) if e != 0 else e for e in row]
        return Formula.of(self.full.symbols, [*self.arguments, *numbers], rows)

    def driven_rhs(self) -> Formula:
        """The right-hand side with driving states and their derivatives as arguments (SciPy provides them)."""
        return Formula.of(self.full.symbols, [*self.arguments, *self.quantities], self.dydt)
