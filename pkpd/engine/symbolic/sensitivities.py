"""Forward sensitivity equations: which derivatives are not zero by structure, and what they obey."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pkpd.engine.symbolic.calculus import derivative
from pkpd.engine.symbolic.switches import side_symbol
from pkpd.engine.symbolic.symbols import System
from pkpd.model import expressions
from pkpd.model.model import DOSING

Pairs = set[tuple[int, int]]


def moved_by_doses(system: System, states: tuple[str, ...]) -> Pairs:
    """Return for which of the states doses depend on which sensitivities, as pairs of their positions."""
    model = system.model
    moved = set()
    for i, state in enumerate(states):
        texts = [getattr(model, kind)[state] for kind in DOSING if state in getattr(model, kind)]
        symbols = set().union(*(expressions.parse(text).free_symbols for text in texts)) if texts else set()
        moved |= {(i, j) for j, name in enumerate(system.sensitivities) if expressions.symbol(name) in symbols}
    return moved


def moved_by_event_times(system: System, states: int) -> Pairs:
    """Return all states with the sensitivities on which the model's event times depend: any flow may change there."""
    seen = set().union(*(e.free_symbols for e, _ in system.event_times)) if system.event_times else set()
    some = [j for j, name in enumerate(system.sensitivities) if expressions.symbol(name) in seen]
    return {(i, j) for i in range(states) for j in some}


def moved_block(system: System) -> Pairs:
    """Return which states of the closed-form block depend on which sensitivities, as pairs of their positions."""
    n = len(system.linear)
    theta = [expressions.symbol(s) for s in system.sensitivities]
    moved = moved_by_doses(system, system.linear) | moved_by_event_times(system, n)
    for i, state in enumerate(system.linear):
        parts = [*system.matrix[i * n : (i + 1) * n], system.constant[i], system.initial[state]]
        seen = set().union(*(part.free_symbols for part in parts))
        moved |= {(i, j) for j, symbol in enumerate(theta) if symbol in seen}
    return _spread(moved, [[system.matrix[i * n + k] != 0 for k in range(n)] for i in range(n)])


def _spread(alive: Pairs, sees: list[list[bool]]) -> Pairs:
    """Add to the pairs whatever sees a state that depends on the same sensitivity."""
    new = set(alive)
    while new:
        new = {(i, j) for k, j in new for i, row in enumerate(sees) if row[k]} - alive
        alive = alive | new
    return alive


def moved_by_switch(system: System, gap: Any, alive: Pairs) -> set[int]:
    """Return the sensitivities on which the moment depends at which a gap is zero."""
    seen, states = gap.free_symbols, [expressions.symbol(s) for s in system.integrated]
    own = {j for j, name in enumerate(system.sensitivities) if expressions.symbol(name) in seen}
    return own | {j for i, j in alive if states[i] in seen}


def _with_switches(system: System, alive: Pairs, sees: list[list[bool]]) -> Pairs:
    """Add whatever sees a state that depends on a sensitivity, or switches at a moment that does."""
    while True:
        alive = _spread(alive, sees)
        new = set()
        for k, switch in enumerate(system.switches):
            rows = [i for i, f in enumerate(system.rhs) if side_symbol(k) in f.free_symbols]
            new |= {(i, j) for j in moved_by_switch(system, switch.gap, alive) for i in rows}
        if new <= alive:
            return alive
        alive |= new


def rate_sensitivity_symbol(state: int, sensitivity: int) -> Any:
    """Return the symbol of the derivative of an infusion rate."""
    return expressions.symbol(f"_drate_{state}_{sensitivity}")


def driver_sensitivity_symbol(driver: int, sensitivity: int) -> Any:
    """Return the symbol of the derivative of a driving state (its position in the block)."""
    return expressions.symbol(f"_dx_{driver}_{sensitivity}")


def scale_symbol(name: str) -> Any:
    """Return the symbol of the scale of a sensitivity."""
    return expressions.symbol(f"_scale_{name}")


@dataclass(frozen=True, eq=False)
class SensitivitySystem:
    """The integrated states followed by the sensitivities that are not zero by structure.

    Attributes
    ----------
    symbols : tuple
        Symbol of every component of the integrated vector.
    rhs, initial : tuple
        Derivative and initial value of every component.
    where : dict
        (state index, sensitivity index) → position of :math:`\\partial z / \\partial \\theta \\cdot s_\\theta`, where
        the scale :math:`s_\\theta` makes it commensurate with the state, so that one tolerance serves both.
    driven : tuple of (int, int)
        What the closed form must provide besides the driving states: derivative of which of them (its position in
        the block) with respect to which sensitivity.
    second : dict
        (state index, two sensitivity indices) → position of the second derivative, times both scales; of second order.
    curved : tuple of (int, int, int)
        What the closed form must then provide, too: second derivative of which driving state.
    """

    symbols: tuple[Any, ...]
    rhs: tuple[Any, ...]
    initial: tuple[Any, ...]
    where: dict[tuple[int, int], int]
    driven: tuple[tuple[int, int], ...]
    second: dict[tuple[int, int, int], int] = field(default_factory=dict)
    curved: tuple[tuple[int, int, int], ...] = ()


def with_sensitivities(system: System) -> SensitivitySystem:
    """Add forward sensitivity equations to the integrated states, structural zeros left out.

    .. math:: \\dot S_{ij} = \\sum_k \\frac{\\partial f_i}{\\partial z_k} S_{kj}
        + s_j\\Bigl(\\frac{\\partial f_i}{\\partial \\theta_j}
        + \\sum_d \\frac{\\partial f_i}{\\partial x_d}\\frac{\\partial x_d}{\\partial \\theta_j}\\Bigr)

    with the driving states :math:`x_d` of the closed-form block.
    """
    import sympy

    z = [expressions.symbol(s) for s in system.integrated]
    start = [system.initial[s] for s in system.integrated]
    theta = [expressions.symbol(s) for s in system.sensitivities]
    scale = [scale_symbol(s) for s in system.sensitivities]
    count, many = range(len(z)), range(len(theta))
    jacobian = [[derivative(f, s) for s in z] for f in system.rhs]
    direct = [[derivative(f, th) for th in theta] for f in system.rhs]
    first = [[derivative(e, th) for th in theta] for e in start]
    moved = moved_by_doses(system, system.integrated)
    known = moved_block(system)
    drivers = [expressions.symbol(system.linear[d]) for d in system.driving]
    steep = [[derivative(f, x) for x in drivers] for f in system.rhs]
    pushed = {
        (i, j): [d for k, d in enumerate(system.driving) if steep[i][k] != 0 and (d, j) in known]
        for i in count for j in many
    }  # fmt: skip
    alive = {(i, j) for i in count for j in many if direct[i][j] != 0 or first[i][j] != 0 or pushed[i, j]}
    alive |= moved | moved_by_event_times(system, len(z))
    alive = _with_switches(system, alive, [[e != 0 for e in row] for row in jacobian])
    order = sorted(alive, key=lambda pair: (pair[1], pair[0]))
    s = {pair: expressions.symbol(f"_s_{pair[0]}_{pair[1]}") for pair in order}
    place = {d: k for k, d in enumerate(system.driving)}
    rhs = [
        sympy.Add(
            scale[j] * direct[i][j],
            *(jacobian[i][k] * s[k, j] for k in count if (k, j) in s and jacobian[i][k] != 0),
            *(scale[j] * steep[i][place[d]] * driver_sensitivity_symbol(d, j) for d in pushed[i, j]),
            *([scale[j] * rate_sensitivity_symbol(i, j)] if (i, j) in moved else []),
        )
        for i, j in order
    ]
    initial = [scale[j] * first[i][j] for i, j in order]
    driven = sorted({(d, j) for (_, j), ds in pushed.items() for d in ds})
    return SensitivitySystem(
        (*z, *(s[p] for p in order)), (*system.rhs, *rhs), (*start, *initial),
        {pair: len(z) + n for n, pair in enumerate(order)}, tuple(driven),
    )  # fmt: skip
