"""Second derivatives: the equations of the first derivatives are added to the model and differentiated again.

The first derivatives of states, and those of the outputs, become states and outputs of a larger model; its first
derivatives are the second ones of the model, by the same closed form, solvers and events. What a dose's time or amount
depends on is not among its equations: with respect to such parameters the exact first derivatives are differenced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.dosing import Dose
from pkpd.engine.compiled import Compiled, Solution, compile_model
from pkpd.engine.settings import Settings
from pkpd.model import Model, expressions

_STEP = 4e-3  # relative; with the sixth-order formula its error is below 1e-12 for smooth functions
_WEIGHTS = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}  # central difference of sixth order


@dataclass(frozen=True, eq=False)
class Curved:
    """Outputs with first and second derivatives.

    Attributes
    ----------
    solution : Solution
        Outputs, states and first derivatives.
    second : array, rows × outputs × sensitivities × sensitivities
        Second derivatives of the outputs; symmetric.
    """

    solution: Solution
    second: Array


def solve_twice(
    model: Model, sensitivities: Sequence[str], values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any],
    after: Sequence[Any], settings: Settings | None = None, linear: str = "closed form",
) -> Curved:  # fmt: skip
    """Solve subjects and return second derivatives of the outputs, too.

    .. math:: \\frac{\\partial^2 y}{\\partial\\theta_j\\partial\\theta_k}

    Parameters
    ----------
    model : Model
        A complete model.
    sensitivities : sequence of str
        Parameters :math:`\\theta`.
    values : array, subjects × inputs
        Parameters, then covariates, in the order of the model.
    doses, times, after : sequences, one item per subject
        As for `Compiled.schedule`.
    settings : Settings, optional
        Tolerances and method.
    linear : {"closed form", "ode"}
        As for `compile_model`.

    Raises
    ------
    InputError, ModelError
        As `Compiled.run` and `compile_model`.
    """
    settings, values = settings or Settings(), np.atleast_2d(np.asarray(values, dtype=float))
    names = list(sensitivities)
    once = compile_model(model, names, linear)
    plan = once.schedule(values, doses, times, after)
    solution = once.run(values, plan, settings)
    count, n = len(names), len(once.outputs)
    second = np.zeros((len(solution.outputs), n, count, count))
    shifty = _of_doses(once)
    if compile_model(model, names, linear, order=2).code.structure.order == 2 and plan.trains:
        shifty = list(range(count))  # steady states have first derivatives only
    fixed = [j for j in range(count) if j not in shifty]
    if fixed:
        chosen = [names[j] for j in fixed]
        twice = compile_model(model, chosen, linear, order=2)
        more = twice.run(values, twice.schedule(values, doses, times, after), settings, states=False)
        if twice.code.structure.order == 2:
            differentiated = more.second
        else:
            differentiated = more.slopes[:, n:, :].reshape(len(second), n, len(fixed), len(fixed))
        second[np.ix_(range(len(second)), range(n), fixed, fixed)] = (
            differentiated + differentiated.transpose(0, 1, 3, 2)
        ) / 2
        failed = np.isnan(more.slopes).any(axis=(1, 2))
        second[failed] = np.nan
    for j in shifty:
        column = _differences(once, once.inputs.index(names[j]), values, doses, times, after, settings)
        second[:, :, j, :] = column
        second[:, :, :, j] = column
    for j in shifty:  # both orders of two such parameters were differenced
        for k in shifty:
            second[:, :, j, k] = second[:, :, k, j] = (second[:, :, j, k] + second[:, :, k, j]) / 2
    return Curved(solution, second)


def _of_doses(code: Compiled) -> list[int]:
    """Sensitivities on which doses, or the model's event times, depend."""
    layout, model = code.code.structure, code.model
    texts = [expressions.parse(getattr(model, kind)[state]) for kind, state in layout.dosing]
    seen = (
        set().union(*(e.free_symbols for e in (*texts, *(e for e, _ in code.system.event_times))))
        if texts or layout.from_dose
        else set()
    )
    return [j for j, name in enumerate(code.sensitivities) if expressions.symbol(name) in seen]


def _differences(
    code: Compiled, column: int, values: Array, doses: Sequence[Sequence[Dose]], times: Sequence[Any],
    after: Sequence[Any], settings: Settings,
) -> Array:  # fmt: skip
    """Derivative of the first derivatives with respect to one input, from six solutions."""
    total: Any = 0.0
    size = np.where(values[:, column] == 0, 1.0, np.abs(values[:, column]))
    rows = np.repeat(size, [len(t) for t in times])
    for k, weight in _WEIGHTS.items():
        for sign in (1, -1):
            moved = values.copy()
            moved[:, column] += sign * k * _STEP * size
            solution = code.run(moved, code.schedule(moved, doses, times, after), settings, states=False)
            total = total + sign * weight * solution.slopes
    return np.asarray(total / (_STEP * rows)[:, None, None])
