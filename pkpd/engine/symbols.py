"""From a model's text to the symbols of the engine: what is linear, what is integrated, what depends on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pkpd.engine.calculus import slope
from pkpd.errors import ModelError, nearest, unknown_names
from pkpd.model import Model, expressions
from pkpd.model.model import DOSING

LINEAR_CHOICES = ("closed form", "ode")


@dataclass(frozen=True, eq=False)
class System:
    """A model split into a linear block (solved in closed form) and the rest (integrated).

    Attributes
    ----------
    model : Model
        Where it comes from.
    inputs : tuple of str
        Parameters, then covariates: the columns of the value table.
    linear, integrated : tuple of str
        States of the closed-form block, with :math:`dx/dt = Kx + b`, and of the integrated rest.
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

    @property
    def states(self) -> tuple[str, ...]:
        """The states in the order of the engine: linear, then integrated."""
        return self.linear + self.integrated

    @property
    def driving(self) -> tuple[int, ...]:
        """Positions of the linear states that the integrated ones see."""
        seen = set().union(*(e.free_symbols for e in self.rhs)) if self.rhs else set()
        return tuple(k for k, s in enumerate(self.linear) if expressions.symbol(s) in seen)


def analyse(model: Model, sensitivities: Sequence[str] = (), linear: str = "closed form") -> System:
    """Split a model into its closed-form block and the integrated rest.

    The block is the largest set of states whose equations are linear in the set with constant coefficients and
    see no other state. When derivatives are wanted with respect to a parameter of the block while other states
    are integrated, everything is integrated: one mechanism carries all derivatives.

    Raises
    ------
    ModelError
        If names are not defined, or outputs refer to each other in a circle.
    """
    if linear not in LINEAR_CHOICES:
        raise ModelError(f"unknown choice linear={linear!r}; {nearest(linear, LINEAR_CHOICES)}")
    whole = _read(model, sensitivities)
    block = _linear_states(whole.rhs) if linear == "closed form" else ()
    rest = tuple(s for s in model.states if s not in block)
    seen = _block_symbols(block, whole.rhs, whole.initial) | _dosing_symbols(model)
    if block and rest and seen & _symbols(sensitivities):
        block, rest = (), model.states
    return _split(whole, block, rest)


def only_block(model: Model, sensitivities: Sequence[str] = ()) -> System:
    """Return the closed-form block of a model alone, with derivatives, as if there were nothing else."""
    whole = _read(model, sensitivities)
    return _split(whole, _linear_states(whole.rhs), ())


@dataclass(frozen=True, eq=False)
class _Whole:
    """A model's equations as symbols, before they are split."""

    model: Model
    rhs: dict[str, Any]
    outputs: dict[str, Any]
    initial: dict[str, Any]
    sensitivities: tuple[str, ...]


def _read(model: Model, sensitivities: Sequence[str]) -> _Whole:
    if model.needs:
        raise ModelError([f"{n!r} is used but nothing defines it" for n in model.needs], f"model {model.name!r}")
    if problems := unknown_names(sensitivities, (*model.parameters.names, *model.covariates), "parameter"):
        raise ModelError(problems)
    outputs = _closed_outputs(model)
    algebraic = {n: e for n, e in outputs.items() if n not in model.equations}  # a state's name means the state
    rhs = {s: _insert(expressions.parse(e), algebraic) for s, e in model.equations.items()}
    initial = {s: expressions.parse(model.initial.get(s, "0")) for s in model.states}
    return _Whole(model, rhs, outputs, initial, tuple(sensitivities))


def _split(whole: _Whole, block: tuple[str, ...], rest: tuple[str, ...]) -> System:
    matrix, constant = _matrix(block, whole.rhs)
    model = whole.model
    inputs = (*model.parameters.names, *model.covariates)
    rhs = tuple(whole.rhs[s] for s in rest)
    return System(model, inputs, block, rest, matrix, constant, rhs, whole.outputs, whole.initial, whole.sensitivities)


def _symbols(names: Sequence[str]) -> set[Any]:
    return {expressions.symbol(n) for n in names}


def _insert(expression: Any, outputs: dict[str, Any]) -> Any:
    return expression.xreplace({expressions.symbol(n): e for n, e in outputs.items()})


def _closed_outputs(model: Model) -> dict[str, Any]:
    """Put outputs that use other outputs in terms of states; ``{"ALC": "ALC"}`` is the state itself."""
    named = {n: expressions.parse(e) for n, e in model.outputs.items()}
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


def _linear_states(rhs: dict[str, Any]) -> tuple[str, ...]:

    block = {s: e for s, e in rhs.items() if not _switches(e, rhs)}
    time = expressions.symbol(expressions.TIME)
    everyone = {expressions.symbol(s) for s in rhs}
    while block:
        inside = {expressions.symbol(s) for s in block}
        bad = []
        for name, expression in block.items():
            slopes = [slope(expression, s) for s in inside & expression.free_symbols]
            foreign = (everyone - inside) | {time}
            seen = expression.free_symbols & foreign
            if seen or any(each.free_symbols & (everyone | {time}) for each in slopes):
                bad.append(name)
        if not bad:
            return tuple(block)
        block = {s: e for s, e in block.items() if s not in bad}
    return ()


def _switches(expression: Any, rhs: dict[str, Any]) -> bool:
    """Whether a state stands in the condition of an ``a if … else b``: constant slopes, but not linear."""
    import sympy

    states = {expressions.symbol(s) for s in rhs}
    pieces = expression.atoms(sympy.Piecewise)
    return any(condition.free_symbols & states for piece in pieces for _, condition in piece.args)


def _matrix(block: tuple[str, ...], rhs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    import sympy

    symbols = [expressions.symbol(s) for s in block]
    rest = dict.fromkeys(symbols, sympy.Integer(0))
    matrix = tuple(slope(rhs[row], column) for row in block for column in symbols)
    return matrix, tuple(rhs[row].xreplace(rest) for row in block)


def _block_symbols(block: tuple[str, ...], rhs: dict[str, Any], initial: dict[str, Any]) -> set[Any]:
    parts = [*(rhs[s] for s in block), *(initial[s] for s in block)]
    return set().union(*(p.free_symbols for p in parts))


def _dosing_symbols(model: Model) -> set[Any]:
    """What lags, bioavailabilities and modelled infusions depend on."""
    texts = [text for kind in DOSING for text in getattr(model, kind).values()]
    return set().union(*(expressions.parse(text).free_symbols for text in texts)) if texts else set()


def moved_by_doses(system: System) -> set[tuple[int, int]]:
    """Return which integrated states' doses depend on which sensitivities, as pairs of their positions."""
    model = system.model
    found = set()
    dosed = {*model.doses.values(), *(state for kind in DOSING for state in getattr(model, kind))}
    for i, state in enumerate(system.integrated):
        texts = [getattr(model, kind)[state] for kind in DOSING if state in getattr(model, kind)]
        if state not in dosed or not texts:
            continue
        symbols = set().union(*(expressions.parse(text).free_symbols for text in texts))
        found |= {(i, j) for j, name in enumerate(system.sensitivities) if expressions.symbol(name) in symbols}
    return found


def rate_slope_symbol(state: int, sensitivity: int) -> Any:
    """Return the symbol of the derivative of an infusion rate."""
    return expressions.symbol(f"_drate_{state}_{sensitivity}")


@dataclass(frozen=True, eq=False)
class Augmented:
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
    """

    symbols: tuple[Any, ...]
    rhs: tuple[Any, ...]
    initial: tuple[Any, ...]
    where: dict[tuple[int, int], int]


def scale_symbol(name: str) -> Any:
    """Return the symbol of the scale of a sensitivity."""
    return expressions.symbol(f"_scale_{name}")


def augment(system: System) -> Augmented:
    """Add forward sensitivity equations to the integrated states, structural zeros left out.

    .. math:: \\dot S_{ij} = \\sum_k \\frac{\\partial f_i}{\\partial z_k} S_{kj}
        + s_j\\frac{\\partial f_i}{\\partial \\theta_j}
    """
    import sympy

    z = [expressions.symbol(s) for s in system.integrated]
    start = [system.initial[s] for s in system.integrated]
    theta = [expressions.symbol(s) for s in system.sensitivities]
    scale = [scale_symbol(s) for s in system.sensitivities]
    count = range(len(z))
    jacobian = [[slope(f, s) for s in z] for f in system.rhs]
    direct = [[slope(f, th) for th in theta] for f in system.rhs]
    slope0 = [[slope(e, th) for th in theta] for e in start]
    moved = moved_by_doses(system)
    alive = {(i, j) for i in count for j in range(len(theta)) if direct[i][j] != 0 or slope0[i][j] != 0} | moved
    grown = True
    while grown:
        new = {
            (i, j) for i in count for j in range(len(theta)) for k in count if jacobian[i][k] != 0 and (k, j) in alive
        }
        grown = not new <= alive
        alive |= new
    order = sorted(alive, key=lambda pair: (pair[1], pair[0]))
    s = {pair: expressions.symbol(f"_s_{pair[0]}_{pair[1]}") for pair in order}
    rhs = [
        sympy.Add(
            scale[j] * direct[i][j],
            *(jacobian[i][k] * s[k, j] for k in count if (k, j) in s and jacobian[i][k] != 0),
            *([scale[j] * rate_slope_symbol(i, j)] if (i, j) in moved else []),
        )
        for i, j in order
    ]
    initial = [scale[j] * slope0[i][j] for i, j in order]
    where = {pair: len(z) + n for n, pair in enumerate(order)}
    return Augmented(
        tuple(z) + tuple(s[p] for p in order), system.rhs + tuple(rhs), tuple(start) + tuple(initial), where
    )
