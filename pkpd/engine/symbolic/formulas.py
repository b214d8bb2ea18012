"""What is computed of a model, as formulas of (time, a vector y, a vector q), and how their results are laid out.

Everything that runs is one of these formulas. They are symbols and are made when code is; what the numbers must know
of them stands in a `structure.Structure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

from pkpd.engine.symbolic.analytic import is_analytic
from pkpd.engine.symbolic.calculus import derivative, rewritten
from pkpd.engine.symbolic.cumulative import gathering
from pkpd.engine.symbolic.enclosure import Enclosure, waves_of
from pkpd.engine.symbolic.event_times import dosed_symbol
from pkpd.engine.symbolic.output_derivatives import OutputDerivatives
from pkpd.engine.symbolic.periods import time_dependence
from pkpd.engine.symbolic.positivity import cannot_become_negative, multiply, relied_on, with_kept_bases
from pkpd.engine.symbolic.second_order import (
    curved_block,
    curved_by_doses,
    driver_curvature_symbol,
    moving_times,
    rate_curvature_symbol,
    with_second_order,
)
from pkpd.engine.symbolic.sensitivities import (
    SensitivitySystem,
    driver_sensitivity_symbol,
    moved_block,
    moved_by_doses,
    rate_sensitivity_symbol,
    scale_symbol,
    with_sensitivities,
)
from pkpd.engine.symbolic.structure import Pair, Structure, Triple
from pkpd.engine.symbolic.switches import side_symbol
from pkpd.engine.symbolic.symbols import System, floor_symbol, system_of
from pkpd.model import expressions
from pkpd.model.model import DOSING


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

    def values_in_order(self) -> list[Any]:
        """Return all expressions, with what is zero by structure."""
        import sympy

        return [self.values.get(k, sympy.Integer(0)) for k in range(self.size)]


class Formulas:
    """The formulas of a system, each made when it is asked for."""

    def __init__(self, system: System, order: int = 1) -> None:
        self.system, self.order = system, order
        self.inputs = [expressions.symbol(name) for name in system.inputs]
        self.theta = [expressions.symbol(name) for name in system.sensitivities]
        self.scales = [scale_symbol(name) for name in system.sensitivities]
        self.time = expressions.symbol(expressions.TIME)

    @cached_property
    def full(self) -> SensitivitySystem:
        """The integrated states with their sensitivities."""
        first = with_sensitivities(self.system)
        return with_second_order(self.system, first) if self.order == 2 else first

    @cached_property
    def structure(self) -> Structure:
        """The layout of all results."""
        system, full = self.system, self.full
        states = system.model.states
        linear = tuple(states.index(s) for s in system.linear)
        integrated = tuple(states.index(s) for s in system.integrated)
        known, unknown = moved_block(system), [expressions.symbol(s) for s in system.integrated]
        kept = self._kept
        relied = set().union(*(relied_on(e) for e in system.written)) if system.written else set()
        used = set().union(*(e.free_symbols for part in self._block_parts for e in part))
        moved = {(linear[i], j) for i, j in known} | {(integrated[i], j) for i, j in full.where}
        varied = tuple(sorted({j for _, j in known}))
        seen = (*system.rhs, *system.outputs.values(), *(each.gap for each in system.switches))
        return Structure(
            states, system.inputs, tuple(system.outputs), system.sensitivities, linear, integrated,
            tuple(k for k, symbol in enumerate(self.inputs) if symbol in used),
            varied, system.driving, self._upstream(), full.driven, len(full.symbols),
            tuple((i, j, k) for (i, j), k in full.where.items()), self._rate_sensitivities, tuple(sorted(moved)),
            tuple((kind, state) for kind in DOSING for state in getattr(system.model, kind)),
            tuple(from_dose for _, from_dose in system.event_times),
            any(dosed_symbol() in e.free_symbols for e in seen),
            not system_of(system.model).integrated,
            kept, tuple(k for k, symbol in enumerate(self.inputs) if symbol in relied), self.dydt != self._dydt,
            multiply(system.written, unknown, kept, {self.time}), gathering(system),
            *time_dependence(system.written, self.time, set(self.inputs)),
            *self._form(),
            tuple(self._block(varied).values), tuple(sorted({j for _, j in moved_by_doses(system, system.linear)})),
            tuple(each.at_zero for each in system.switches), self.rests, sum(each.timed for each in system.switches),
            len(self.waves), self.order, *self._second_order(linear, integrated),
        )  # fmt: skip

    def _second_order(self, linear: tuple[int, ...], integrated: tuple[int, ...]) -> tuple[Any, ...]:
        """What the structure says of second derivatives; nothing where they are not asked for."""
        if self.order < 2:
            return ((),) * 7
        system, second = self.system, self.full.second
        moved = {(linear[i], j, k) for i, j, k in curved_block(system)} | {(integrated[i], j, k) for i, j, k in second}
        return (
            tuple(combinations_with_replacement(range(len(self.theta)), 2)), tuple(sorted(moving_times(system))),
            self.full.curved, tuple((*t, place) for t, place in second.items()), self._rate_curvatures,
            tuple(sorted(moved)), tuple(sorted({(j, k) for _, j, k in curved_by_doses(system, system.linear)})),
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

        def above(k: int) -> int:
            """How many flow into state k, over others too: chains then have triangular matrices."""
            seen = {k}
            while new := {j for i in seen for j in range(n) if self.system.matrix[i * n + j] != 0} - seen:
                seen |= new
            return len(seen)

        return tuple(sorted(upstream, key=lambda k: (above(k), k)))

    @cached_property
    def _rate_sensitivities(self) -> tuple[Pair, ...]:
        return tuple(sorted(moved_by_doses(self.system, self.system.integrated)))

    @cached_property
    def _rate_curvatures(self) -> tuple[Triple, ...]:
        return tuple(sorted(curved_by_doses(self.system, self.system.integrated))) if self.order == 2 else ()

    @cached_property
    def _block_parts(self) -> tuple[list[Any], ...]:
        system = self.system
        n = len(system.linear)
        # What each state loses to nowhere: minus the column sums of K, where SymPy cancels what goes to other states.
        losses = [-sum(system.matrix[i * n + j] for i in range(n)) for j in range(n)]
        return list(system.matrix), losses, list(system.constant), [system.initial[s] for s in system.linear]

    def block(self) -> Formula:
        """K (by rows), losses, constant inputs, initial values; the same differentiated, by parameter, then by pair."""
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
        """What the model says of doses, then its derivatives (one row of them per term); may read the amount."""
        model = self.system.model
        wanted = [
            expressions.computable(expressions.parse(getattr(model, kind)[state]))
            for kind, state in self.structure.dosing
        ]
        amount = (expressions.symbol(expressions.DOSE),) if model.by_amount else ()
        if self.order < 2:
            return Formula.of(amount, self.inputs, [*wanted, *(derivative(e, s) for e in wanted for s in self.theta)])
        derivatives = []
        for e in wanted:
            first = [derivative(e, s) for s in self.theta]
            derivatives += [*first, *(derivative(first[j], self.theta[k]) for j, k in self.structure.pairs)]
        return Formula.of(amount, self.inputs, [*wanted, *derivatives])

    def event_times(self) -> Formula:
        """The model's event times, then their derivatives (one row of them per time)."""
        wanted = [limit for limit, _ in self.system.event_times]
        return Formula.of((), self.inputs, [*wanted, *(derivative(e, s) for e in wanted for s in self.theta)])

    def outputs(self) -> Formula:
        """Outputs, then their derivatives; reads the time of the last dose, states, derivatives that are not zero."""
        states = [expressions.symbol(s) for s in self.system.model.states]
        moved = {pair: expressions.symbol(f"_s_{pair[0]}_{pair[1]}") for pair in self.structure.moved}
        curved = {t: expressions.symbol(f"_ss_{t[0]}_{t[1]}_{t[2]}") for t in self.structure.moved2}
        differentiated = [OutputDerivatives(e, states, self.theta, moved, curved) for e in self.system.outputs.values()]
        moving = set(self.structure.moving)
        return Formula.of([dosed_symbol(), *states, *moved.values(), *curved.values()], self.inputs, [
            *self.system.outputs.values(),
            *(each.first(j) for each in differentiated for j in range(len(self.theta))),
            *(0 if {j, k} & moving else each.second(j, k) for each in differentiated for j, k in self.structure.pairs),
        ])  # fmt: skip

    @cached_property
    def arguments(self) -> tuple[Any, ...]:
        """What the right-hand side reads before the closed form's numbers."""
        rates = [expressions.symbol(f"_rate_{k}") for k in range(len(self.system.integrated))]
        rate_sensitivities = [rate_sensitivity_symbol(i, j) for i, j in self._rate_sensitivities]
        curvatures = [rate_curvature_symbol(*t) for t in self._rate_curvatures]
        return (*self.inputs, *self.scales, floor_symbol(), dosed_symbol(), *rates, *rate_sensitivities, *curvatures)

    @cached_property
    def quantities(self) -> tuple[Any, ...]:
        """Symbols of what the closed form provides: driving states, then their derivatives, then the second ones."""
        drivers = [expressions.symbol(self.system.linear[d]) for d in self.system.driving]
        first = [driver_sensitivity_symbol(d, j) for d, j in self.full.driven]
        return (*drivers, *first, *(driver_curvature_symbol(*t) for t in self.full.curved))

    @cached_property
    def sides(self) -> tuple[Any, ...]:
        """Symbols of the sides of the switches: the last that the right-hand side reads."""
        return tuple(side_symbol(k) for k in range(len(self.system.switches)))

    @cached_property
    def waves(self) -> tuple[Any, ...]:
        """What the equations see of time through a function that could have a narrow peak."""
        return waves_of(self.system.rhs, self.time, {expressions.symbol(s) for s in self.system.states})

    @cached_property
    def rests(self) -> tuple[int, ...]:
        """For every switch the integrated state that may not become negative and whose zero it is; -1: none."""
        states = [expressions.symbol(s) for s in self.system.integrated]
        found = []
        for gap in (each.gap for each in self.system.switches):
            own = (i for i, z in enumerate(states) if self._not_negative[i] and _is_multiple(gap, z))
            found.append(next(own, -1))
        return tuple(found)

    @cached_property
    def _kept(self) -> tuple[bool, ...]:
        """Which states no step may make negative: one that switches at zero is stepped across, and found there."""
        return tuple(kept and i not in self.rests for i, kept in enumerate(self._not_negative))

    @cached_property
    def _not_negative(self) -> tuple[bool, ...]:
        """Which integrated states cannot become negative if nothing else is."""
        states = [expressions.symbol(s) for s in self.system.integrated]
        return cannot_become_negative(self.system.written, states, {self.time})

    @cached_property
    def _dydt(self) -> tuple[Any, ...]:
        """As `dydt`, with bases of powers as they are."""
        count, first = len(self.system.integrated), len(self.inputs) + len(self.scales) + 2
        rates = self.arguments[first : first + count]
        return (*(f + r for f, r in zip(self.full.rhs[:count], rates, strict=True)), *self.full.rhs[count:])

    @cached_property
    def dydt(self) -> tuple[Any, ...]:
        """Derivative of every component of the integrated vector, infusions included."""
        return tuple(self._with_kept_bases(e) for e in self._dydt)

    def _with_kept_bases(self, e: Any) -> Any:
        states = [expressions.symbol(s) for s in self.system.integrated]
        signless = {self.time, *(s for s, kept in zip(states, self._kept, strict=True) if not kept)}
        return with_kept_bases(e, set(states), signless, floor_symbol()) if e != 0 else e

    @cached_property
    def _modal(self) -> tuple[tuple[Any, ...], dict[Any, Any], dict[Any, Any]]:
        """Numbers of the closed form in a segment, and its quantities and their time derivatives in terms of these.

        A quantity is an offset and, for every mode m of the block, (a + b·τ + c·τ²)·exp(λ·τ) with the time τ since the
        segment began (b for derivatives only, c for second ones); a driving state is kept from falling below its floor.
        """
        import sympy

        since = expressions.symbol("_since")
        modes = [expressions.symbol(f"_lambda_{m}") for m in range(len(self.structure.upstream))]
        tau = self.time - since
        decay = [sympy.exp(rate * tau) for rate in modes]
        numbers, values, rates = [since, *modes] if self.system.driving else [], {}, {}
        drivers, driven = len(self.structure.driving), len(self.structure.driven)
        for n, quantity in enumerate(self.quantities):
            order = 0 if n < drivers else 1 if n < drivers + driven else 2
            offset = expressions.symbol(f"_offset_{n}")
            weights = [[expressions.symbol(f"_{power}_{n}_{m}") for m in range(len(modes))]
                       for power in "abc"[: 1 + order]]  # fmt: skip
            numbers += [offset, *(w for power in weights for w in power)]
            value, rate = [offset], []
            for m, (mode, e) in enumerate(zip(modes, decay, strict=True)):
                grown, steep = weights[-1][m], sympy.Integer(0)  # a polynomial of τ and its derivative, by Horner
                for power in reversed(weights[:-1]):
                    grown, steep = power[m] + tau * grown, grown + tau * steep
                value.append(grown * e)
                rate += [mode * grown * e, steep * e] if order else [mode * grown * e]
            values[quantity] = sympy.Add(*value) if order else sympy.Max(sympy.Add(*value), floor_symbol())
            rates[quantity] = sympy.Add(*rate)
        return tuple(numbers), values, rates

    def rhs(self) -> Formula:
        """Derivative of the integrated vector, driven by the closed form."""
        numbers, values, _ = self._modal
        dydt = dict(enumerate(rewritten(self.dydt, values)))  # zeros too: the solvers use their arrays again
        return Formula(self.full.symbols, (*self.arguments, *numbers, *self.sides), dydt, len(dydt))

    def switches(self) -> Formula:
        """The gap of every switch, then how fast each changes."""
        driven = self.driven_switches()
        return Formula.of(driven.y, self.rhs().q, rewritten(driven.values_in_order(), self._modal[1]))

    def driven_switches(self) -> Formula:
        """The same with driving states and their derivatives as arguments."""
        states = self.full.symbols[: len(self.system.integrated)]
        gaps, rates = [each.gap for each in self.system.switches], []
        for gap in gaps:
            flows = (derivative(gap, z) * f for z, f in zip(states, self.dydt, strict=False) if z in gap.free_symbols)
            rates.append(sum(flows, derivative(gap, self.time)))
        driven = self.driven_rhs()
        return Formula.of(driven.y, driven.q, [*gaps, *rates])

    def switch_slopes(self) -> Formula:
        """The derivative of every gap with respect to every sensitivity, in its scale (a row per gap)."""
        states, where = self.full.symbols[: len(self.system.integrated)], self.full.where
        slopes = []
        for gap in (each.gap for each in self.system.switches):
            for j, (theta, scale) in enumerate(zip(self.theta, self.scales, strict=True)):
                moved = (derivative(gap, z) * self.full.symbols[where[i, j]]
                         for i, z in enumerate(states) if (i, j) in where)  # fmt: skip
                slopes.append(sum(moved, scale * derivative(gap, theta)))
        return Formula.of(self.full.symbols, self.rhs().q, slopes)  # what drives is in no gap

    def ranges(self) -> Formula:
        """Bounds over an interval of time: of the timed gaps, of how fast they change, of the waves."""
        ends = [expressions.symbol(name) for name in ("_from", "_to")]
        bounds = Enclosure(self.time, *ends)
        gaps = [each.gap for each in self.system.switches if each.timed]
        wanted = [*gaps, *(derivative(gap, self.time) for gap in gaps), *self.waves]
        return Formula.of(ends, self.rhs().q, [end for e in wanted for end in bounds(e)])

    def jacobian(self) -> Formula:
        """Row i holds ∂f_i/∂(states), then ∂f_i/∂t with the movement of what drives."""
        import sympy

        numbers, values, rates = self._modal
        states = self.full.symbols[: len(self.system.integrated)]
        rows = []
        for f in self._dydt:
            pushed = [derivative(f, x) * rates[x] for x in self.quantities if x in f.free_symbols]
            row = [*(derivative(f, z) for z in states), sympy.Add(derivative(f, self.time), *pushed)]
            row = [self._with_kept_bases(e) for e in row]
            rows += [e.xreplace(values) if e != 0 else e for e in row]
        return Formula.of(self.full.symbols, [*self.arguments, *numbers, *self.sides], rows)

    def state_jacobian(self) -> Formula:
        """Row by row ∂f_i/∂(states) of the states."""
        _, values, _ = self._modal
        states = self.full.symbols[: len(self.system.integrated)]
        rows = [self._with_kept_bases(derivative(f, z)) for f in self._dydt[: len(states)] for z in states]
        rhs = self.rhs()
        return Formula.of(rhs.y, rhs.q, [e.xreplace(values) if e != 0 else e for e in rows])

    def driven_rhs(self) -> Formula:
        """The right-hand side with driving states and their derivatives as arguments (SciPy provides them)."""
        return Formula.of(self.full.symbols, [*self.arguments, *self.quantities, *self.sides], self.dydt)


def _is_multiple(gap: Any, state: Any) -> bool:
    """Whether a gap is a state times a positive number."""
    share = gap / state
    return bool(share.is_number and share > 0)
