"""Units of outputs that state none: a concentration of drug is in the model's units, everything else in the study's."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from pkpd import units
from pkpd.errors import InputError, UnitError
from pkpd.model import Model, expressions
from pkpd.model.drug import measures_drug
from pkpd.study import Study


def with_output_units(model: Model, study: Study, observed: Mapping[str, str]) -> Model:
    """Return the model with a unit for every observed concentration of drug that states none.

    Amounts enter in the model's unit, so that ``A/V`` comes out in its amount per volume, whatever the study's unit is.

    Parameters
    ----------
    model : Model
        With concrete units.
    study : Study
        What was measured.
    observed : mapping
        Output → analyte.

    Raises
    ------
    InputError
        If an output states no unit, its equation holds a number, and the units of model and study differ: then nobody
        knows whether the number converts the one into the other.
    """
    found, problems = dict(model.units), []
    for output, analyte in observed.items():
        own = study.units.get(analyte, "")
        if found.get(output) or analyte in study.assumed_units or not own or not units.is_kind(own, "concentration"):
            continue
        made = units.resolve("amount/volume", model.base)
        if not (measures_drug(model, output) and _same_kind(own, made)):
            continue
        if units.factor(own, made) != 1 and _holds_number(model.outputs[output]):
            problems.append(
                f"output {output!r} states no unit: {model.outputs[output]!r} may be in {made} (the model's) or in "
                f"{own} (as {analyte} was measured); say which: units={{{output!r}: {own!r}}} in define"
            )
        found[output] = made
    if problems:
        raise InputError(problems, f"model {model.name!r}")
    return replace(model, units=found) if found != dict(model.units) else model


def _same_kind(one: str, other: str) -> bool:
    """Whether two concentrations can be converted: both by mass or both in moles."""
    try:
        units.factor(one, other)
    except UnitError:
        return False
    return True


def _holds_number(text: str) -> bool:
    expressions.names(text)  # checks the text
    tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
    return any(isinstance(node, ast.Constant) and node.value not in (0, 1) for node in ast.walk(tree))
