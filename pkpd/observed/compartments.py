"""Which state of a model each compartment of a study is (floor 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest
from pkpd.model import Model
from pkpd.study import Study


def state_names(model: Model, study: Study, compartments: Mapping[int, str] | None = None) -> dict[str, str]:
    """Return the state of every compartment that doses and records of a study name.

    A number counts the states in the model's order. A dose without a compartment enters by its route; where the model
    has no such route and one entry only, it enters there (key "").

    Parameters
    ----------
    model : Model
        The model.
    study : Study
        Its doses may name compartments.
    compartments : mapping of int to str, optional
        Number of a compartment → state, where the model's order is another.

    Raises
    ------
    InputError
        If a compartment is no state of the model, naming what it has.
    """
    numbered = dict(compartments or dict(enumerate(model.states, start=1)))
    doses = study._doses
    used = sorted(set(doses["into"]) - {""})
    states = {name: numbered.get(int(name), "") if name.isdigit() else name for name in used}
    problems = [
        f"compartment {name} is no state; the model has {numbered}"
        if name.isdigit()
        else f"compartment {name} is no state; {nearest(name, model.states)}"
        for name, state in states.items()
        if state not in model.states
    ]
    if problems:
        raise InputError(problems, "compartments")
    silent = set(doses["route"][(doses["into"] == "") & (doses["amount"] > 0)]) - set(model.doses)
    entries = set(model.doses.values())
    if study.in_order and silent and len(entries) == 1:
        states |= {f"route {route}": next(iter(entries)) for route in silent}
    return states


def in_states(doses: Sequence[Dose], states: Mapping[str, str]) -> tuple[Dose, ...]:
    """Return the doses with states in place of compartments."""
    if not states:
        return tuple(doses)
    return tuple(
        replace(dose, into=state) if (state := states.get(dose.into or f"route {dose.route}")) else dose
        for dose in doses
    )
