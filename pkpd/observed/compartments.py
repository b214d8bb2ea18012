"""Which state of a model each compartment of a study is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest, warn
from pkpd.model import Model
from pkpd.records import OBSERVATION
from pkpd.study import Study


@dataclass(frozen=True)
class Compartments:
    """The states of a model that the compartments of a study are.

    Attributes
    ----------
    states : mapping
        Compartment, as the study calls it → state.
    by_route : mapping
        (Compartment, route) → state, for doses that enter where the model says for their route.
    """

    states: Mapping[str, str]
    by_route: Mapping[tuple[str, str], str]

    def place(self, doses: Sequence[Dose]) -> tuple[Dose, ...]:
        """Return the doses with states in place of compartments."""
        if not self.states and not self.by_route:
            return tuple(doses)
        placed = []
        for dose in doses:
            state = self.by_route.get((dose.into, dose.route)) or self.states.get(dose.into)
            placed.append(replace(dose, into=state) if state else dose)
        return tuple(placed)


def compartments_of(model: Model, study: Study, numbered: Mapping[int, str] | None = None) -> Compartments:
    """Return the state of every compartment that the doses of a study name.

    A number counts the states in the model's order. Where the study knows better, a dose enters as the model says for
    its route: an oral dose, and one into the compartment that the samples are from. A dose without a compartment enters
    by its route; where the model has no such route and one entry only, it enters there.

    Parameters
    ----------
    model : Model
        The model.
    study : Study
        Its doses may name compartments.
    numbered : mapping of int to str, optional
        Number of a compartment → state; then nothing else decides.

    Raises
    ------
    InputError
        If a compartment is no state of the model, naming what it has.
    """
    doses, numbers = study._doses, dict(numbered or dict(enumerate(model.states, start=1)))
    pairs = sorted(set(zip(doses["into"].tolist(), doses["route"].tolist(), strict=True)))
    real = doses["switch"] == ""
    by_route = _by_route(model, study, pairs) if numbered is None else {}
    needed = {into for into, route in pairs if into and (into, route) not in by_route}
    needed |= set(doses["into"][~real])
    states = {name: numbers.get(int(name), "") if name.isdigit() else name for name in sorted(needed)}
    problems = [
        f"compartment {name} is no state; the model has {numbers}"
        if name.isdigit()
        else f"compartment {name} is no state; {nearest(name, model.states)}"
        for name, state in states.items()
        if state not in model.states
    ]
    if problems:
        raise InputError(problems, "compartments")
    found = Compartments(states, by_route)
    _say_what_passes_by(model, study, found)
    return found


def _say_what_passes_by(model: Model, study: Study, found: Compartments) -> None:
    """Warn about doses that only became boluses because nothing said their route, beside an oral entry of the model.

    A data set with one CMT for doses and samples looks the same whether they were injected or swallowed.
    """
    depot = model.doses.get("oral", "")
    if not depot or "bolus" not in study.attrs.get("assumed_routes", ()):
        return
    doses = study._doses
    bolus = doses[(doses["route"] == "bolus") & (doses["amount"] > 0)]
    states = [
        found.by_route.get((into, "bolus")) or found.states.get(into) or model.doses.get("bolus", depot)
        for into in bolus["into"].tolist()
    ]
    count = sum(state != depot for state in states)
    if count:
        warn(
            f"{count} doses are taken as boluses, since nothing in the table says their route, and do not enter the "
            f"model at {depot!r}, where its oral doses do; if they were taken by mouth, say routes='oral' to "
            "read_nonmem, or give a column 'route'"
        )


def _by_route(model: Model, study: Study, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    if not study.in_order:
        return {}
    records = study.records
    sampled = set(records["compartment"][records["kind"] == OBSERVATION]) - {""}
    entries = set(model.doses.values())
    found: dict[tuple[str, str], str] = {}
    for into, route in pairs:
        informed = route == "oral" or sampled == {into}
        if into.isdigit() and informed and route in model.doses:
            found[into, route] = model.doses[route]
        elif not into and route not in model.doses and len(entries) == 1:
            found[into, route] = next(iter(entries))
    return found
