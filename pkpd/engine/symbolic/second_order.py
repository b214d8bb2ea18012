"""Second-order sensitivity equations: the equations of the first derivatives, differentiated once more."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

from pkpd.engine.symbolic.calculus import derivative
from pkpd.engine.symbolic.sensitivities import (
    SensitivitySystem,
    driver_sensitivity_symbol,
    moved_block,
    moved_by_switch,
    scale_symbol,
    with_sensitivities,
)
from pkpd.engine.symbolic.symbols import System
from pkpd.model import expressions

Triples = set[tuple[int, int, int]]
"""States with two sensitivities, the first of which is not behind the second."""
_OF_TIMES = ("lag", "infusion_rate", "infusion_duration")


def moving_times(system: System) -> set[int]:
    """Return the sensitivities on which times depend: by what the model says of doses, by its own event times, or
    because something switches at a moment that depends on them."""
    texts = [text for kind in _OF_TIMES for text in getattr(system.model, kind).values()]
    limits = [*(expressions.parse(text) for text in texts), *(limit for limit, _ in system.event_times)]
    seen = set().union(*(e.free_symbols for e in limits)) if limits else set()
    moving = {j for j, name in enumerate(system.sensitivities) if expressions.symbol(name) in seen}
    if system.switches:
        alive = set(with_sensitivities(system).where)
        moving |= set().union(*(moved_by_switch(system, each.gap, alive) for each in system.switches))
    return moving


def smooth_pairs(system: System) -> list[tuple[int, int]]:
    """Return the pairs of sensitivities whose second derivatives obey equations: those on which no times depend."""
    moving = moving_times(system)
    count = range(len(system.sensitivities))
    return [(j, k) for j, k in combinations_with_replacement(count, 2) if not {j, k} & moving]


def curved_by_doses(system: System, states: tuple[str, ...]) -> Triples:
    """Return for which of the states what arrives of a dose has a second derivative."""
    theta = [expressions.symbol(s) for s in system.sensitivities]
    curved = set()
    for i, state in enumerate(states):
        if state in system.model.bioavailability:
            part = expressions.parse(system.model.bioavailability[state])
            curved |= {(i, j, k) for j, k in smooth_pairs(system) if _second(part, theta[j], theta[k]) != 0}
    return curved


def curved_block(system: System) -> Triples:
    """Return which states of the closed-form block have which second derivatives, by their positions."""
    n, theta = len(system.linear), [expressions.symbol(s) for s in system.sensitivities]
    known, curved = moved_block(system), curved_by_doses(system, system.linear)
    flow = [[system.matrix[i * n + k] for k in range(n)] for i in range(n)]
    for j, k in smooth_pairs(system):
        for i, state in enumerate(system.linear):
            own = (*flow[i], system.constant[i], system.initial[state])
            pushed = any(_second(e, theta[j], theta[k]) != 0 for e in own)
            for a, b in ((j, k), (k, j)):
                pushed |= any((m, b) in known and theta[a] in flow[i][m].free_symbols for m in range(n))
            if pushed:
                curved.add((i, j, k))
    return _spread(curved, [[e != 0 for e in row] for row in flow])


def _spread(alive: Triples, sees: list[list[bool]]) -> Triples:
    """Add whatever sees a state that has the same second derivative."""
    new = set(alive)
    while new:
        new = {(i, j, k) for m, j, k in new for i, row in enumerate(sees) if row[m]} - alive
        alive = alive | new
    return alive


def _second(e: Any, first: Any, second: Any) -> Any:
    return derivative(derivative(e, first), second)


def rate_curvature_symbol(state: int, j: int, k: int) -> Any:
    """Return the symbol of the second derivative of an infusion rate."""
    return expressions.symbol(f"_d2rate_{state}_{j}_{k}")


def driver_curvature_symbol(driver: int, j: int, k: int) -> Any:
    """Return the symbol of the second derivative of a driving state (its position in the block)."""
    return expressions.symbol(f"_d2x_{driver}_{j}_{k}")


class _Differentiated:
    """The right-hand side's derivatives along the parameters.

    A right-hand side f sees z (integrated states), x (driving states) and θ. Along θ_j, scaled by s_j, they change at
    the rates S_j, s_j·∂x/∂θ_j, and s_j for θ_j itself.
    """

    def __init__(self, system: System, first: SensitivitySystem) -> None:
        self.system, self.first = system, first
        self.scale = [scale_symbol(s) for s in system.sensitivities]
        self.known = moved_block(system)
        self.seen = [
            *(("z", i, expressions.symbol(s)) for i, s in enumerate(system.integrated)),
            *(("x", d, expressions.symbol(system.linear[d])) for d in system.driving),
            *(("theta", j, expressions.symbol(s)) for j, s in enumerate(system.sensitivities)),
        ]

    @cached_property
    def gradient(self) -> list[list[Any]]:
        """∂f/∂v of every right-hand side for everything that it sees."""
        return [[derivative(f, symbol) for _, _, symbol in self.seen] for f in self.system.rhs]

    @cached_property
    def _bend(self) -> list[list[list[Any]]]:
        """∂²f/∂v∂w of every right-hand side."""
        bends = []
        for gradient in self.gradient:
            half = [[derivative(e, w) for _, _, w in self.seen[: a + 1]] for a, e in enumerate(gradient)]
            bends.append([[half[max(a, b)][min(a, b)] for b in range(len(half))] for a in range(len(half))])
        return bends

    def rate(self, v: int, j: int) -> Any:
        """How what is seen changes along a parameter; 0 if it does not."""
        kind, at, _ = self.seen[v]
        if kind == "z":
            return self.first.symbols[self.first.where[at, j]] if (at, j) in self.first.where else 0
        if kind == "x":
            return self.scale[j] * driver_sensitivity_symbol(at, j) if (at, j) in self.known else 0
        return self.scale[j] if at == j else 0

    def bent(self, i: int, j: int, k: int) -> Any:
        """Σ ∂²f_i/∂v∂w · (v along j) · (w along k); the inner sums are the same for every j."""
        import sympy

        outer = []
        for v, row in enumerate(self._bend[i]):
            rate = self.rate(v, j)
            if rate != 0:
                inner = sympy.Add(*(e * self.rate(w, k) for w, e in enumerate(row) if e != 0))
                outer.append(inner * rate)
        return sympy.Add(*outer)


def with_second_order(system: System, first: SensitivitySystem) -> SensitivitySystem:
    """Add second-order sensitivities behind the first ones, structural zeros left out.

    .. math:: \\dot T_{ijk} = \\sum_l \\frac{\\partial f_i}{\\partial z_l} T_{ljk}
        + s_j s_k \\sum_d
         \\frac{\\partial f_i}{\\partial x_d}\\frac{\\partial^2 x_d}{\\partial\\theta_j\\partial\\theta_k}
        + \\sum_{v,w} \\frac{\\partial^2 f_i}{\\partial v\\,\\partial w} \\dot v_j \\dot w_k

    where v and w run over the integrated states, the driving states and the parameters, and :math:`\\dot v_j` is how
    they change along :math:`s_j\\theta_j`.
    """
    import sympy

    parts, theta = _Differentiated(system, first), [expressions.symbol(s) for s in system.sensitivities]
    count, scale = len(system.integrated), parts.scale
    block, rated = curved_block(system), curved_by_doses(system, system.integrated)
    pushes: dict[tuple[int, int, int], Any] = {}
    initial, driven, alive = {}, set(), set(rated)
    for j, k in smooth_pairs(system):
        for i, state in enumerate(system.integrated):
            pushed = {
                d: e for (kind, d, _), e in zip(parts.seen, parts.gradient[i], strict=True)
                if kind == "x" and e != 0 and (d, j, k) in block
            }  # fmt: skip
            push = parts.bent(i, j, k) + sympy.Add(
                *(scale[j] * scale[k] * e * driver_curvature_symbol(d, j, k) for d, e in pushed.items())
            )
            if (i, j, k) in rated:
                push += scale[j] * scale[k] * rate_curvature_symbol(i, j, k)
            start = scale[j] * scale[k] * _second(system.initial[state], theta[j], theta[k])
            pushes[i, j, k], initial[i, j, k] = push, start
            driven |= {(d, j, k) for d in pushed}
            if push != 0 or start != 0:
                alive.add((i, j, k))
    alive = _spread(alive, [[e != 0 for e in row[:count]] for row in parts.gradient])
    order = sorted(alive, key=lambda t: (t[1], t[2], t[0]))
    symbols = {t: expressions.symbol(f"_ss_{t[0]}_{t[1]}_{t[2]}") for t in order}
    rhs = [
        sympy.Add(
            pushes[i, j, k],
            *(e * symbols[m, j, k] for m, e in enumerate(parts.gradient[i][:count]) if (m, j, k) in symbols and e != 0),
        )
        for i, j, k in order
    ]
    begin = len(first.symbols)
    return replace(
        first, symbols=(*first.symbols, *symbols.values()), rhs=(*first.rhs, *rhs),
        initial=(*first.initial, *(initial[t] for t in order)),
        second={t: begin + n for n, t in enumerate(order)}, curved=tuple(sorted(driven)),
    )  # fmt: skip
