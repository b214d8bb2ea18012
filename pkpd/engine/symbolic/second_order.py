"""A model whose first derivatives are states and outputs of their own, so that its derivatives are second ones."""

from __future__ import annotations

from dataclasses import replace

from pkpd.engine.symbolic.calculus import derivative
from pkpd.engine.symbolic.sensitivities import scale_symbol, with_sensitivities
from pkpd.engine.symbolic.symbols import Whole, split
from pkpd.model import expressions


def with_first_derivatives(whole: Whole) -> Whole:
    """Return a model's equations with those of its first derivatives, and its outputs with their derivatives."""
    import sympy

    system = split(whole, (), tuple(whole.rhs))
    full = with_sensitivities(system)
    ones = {scale_symbol(name): sympy.Integer(1) for name in whole.sensitivities}
    names = {pair: f"d_{system.integrated[pair[0]]}_d_{whole.sensitivities[pair[1]]}" for pair in full.where}
    taken = {*whole.rhs, *system.inputs, *whole.outputs}
    names = {pair: _free(name, taken) for pair, name in names.items()}
    renamed = {full.symbols[k]: expressions.symbol(names[pair]) for pair, k in full.where.items()} | ones
    rhs = dict(whole.rhs) | {names[pair]: full.rhs[k].xreplace(renamed) for pair, k in full.where.items()}
    initial = dict(whole.initial) | {names[p]: full.initial[k].xreplace(ones) for p, k in full.where.items()}
    theta = [expressions.symbol(name) for name in whole.sensitivities]
    place = {state: i for i, state in enumerate(system.integrated)}
    outputs = dict(whole.outputs)
    for name, e in whole.outputs.items():
        for j, symbol in enumerate(theta):
            moved = [derivative(e, expressions.symbol(s)) * expressions.symbol(names[i, j])
                     for s, i in place.items() if (i, j) in names]  # fmt: skip
            outputs[_free(f"d_{name}_d_{whole.sensitivities[j]}", {*taken, *outputs})] = sympy.Add(
                derivative(e, symbol), *moved
            )
    # The model only lends names here: the equations themselves are the symbols above.
    model = replace(whole.model, equations={**whole.model.equations, **dict.fromkeys(names.values(), "0")})
    return replace(whole, model=model, rhs=rhs, initial=initial, outputs=outputs)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
