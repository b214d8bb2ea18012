"""Which outputs of a model measure the drug itself: a matter of its equations, not of the units that they state."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pkpd.model import expressions
from pkpd.model.evaluate import evaluate_text
from pkpd.model.model import Model

_MUCH, _MORE = 1e9, 1e10  # amounts so high that whatever saturates has done so


def measures_drug(model: Model, output: str) -> bool:
    """Say whether an output is a concentration (or an amount) that doses drive.

    That is an output which is no state by itself, is 0 where there is no drug, and in the end grows in proportion to
    the drug: ``A/V``, but not ``E0 + S*A/V`` (a baseline) or ``C/(KD + C)`` (it saturates). The drug is what is 0 until
    a dose is given: the states without an initial value.

    Parameters
    ----------
    model : Model
        The model; what it needs from another model is taken to be drug, too.
    output : str
        Name of the output.
    """
    if output in model.equations:
        return False
    drug = [state for state in model.equations if state not in model.initial]
    drug += [name for name in model.needs if name not in model.covariates]
    none, much, more = (_value(model, output, dict.fromkeys(drug, level)) for level in (0.0, _MUCH, _MORE))
    grows = more / _MORE
    return bool(none == 0 and grows > 0 and abs(much / _MUCH - grows) <= 1e-3 * grows)


def _value(model: Model, output: str, drug: Mapping[str, float]) -> float:
    """Return an output where the drug is what is said, and all else a number near 1."""
    others = {*model.parameters.names, *model.covariates, *model.equations} - set(drug)
    values: dict[str, float] = {name: 1.0 + 0.1 * k / len(others) for k, name in enumerate(sorted(others))}
    values |= {**drug, expressions.TIME: 1.0, expressions.TAD: 1.0}
    for _ in model.outputs:  # an output may stand in another
        for name, text in model.outputs.items():
            if name not in values and expressions.names(text) <= set(values):
                values[name] = float(evaluate_text(text, values))
    return float(values.get(output, np.nan))
