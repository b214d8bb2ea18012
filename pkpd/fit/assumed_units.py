"""What is said of parameters that state no unit: in which one their numbers are."""

from __future__ import annotations

from pkpd import units
from pkpd.errors import UnitError, warn
from pkpd.model import Model
from pkpd.model.dimensions import inferred_units
from pkpd.model.model import WORDS
from pkpd.study import Study


def say_units(asked: Model, fitted: Model, study: Study) -> tuple[str, ...]:
    """Return a note on the units of parameters that state none; warn where nobody chose them.

    A study with doses in mg and concentrations in ng/mL is computed in ng and mL, so that a clearance of 1.8 L/h is
    the number 1800 there.

    Parameters
    ----------
    asked : Model
        As it was given.
    fitted : Model
        As it is fitted, with concrete units.
    study : Study
        What is fitted.

    Warns
    -----
    DataWarning
        If the study's own unit of doses is another than that of the fit.
    """
    found = inferred_units(fitted)
    if not found:
        return ()
    names = ", ".join(f"{name} ({unit})" for name, unit in found.items())
    base = ", ".join(fitted.base[word] for word in ("time", "amount", "volume"))
    state = "states" if len(found) == 1 else "state"
    note = f"{names} {state} no unit: the numbers are in the units of the fit ({base}), start values too"
    dose = study.units.get("dose", "")
    if asked.base == WORDS and dose and "dose" not in study.assumed_units and _differ(dose, fitted.base["amount"]):
        volume = "L/kg" if units.per_kg(dose) else "L"
        choice = f'in_units(time="{fitted.base["time"]}", amount="{dose}", volume="{volume}")'
        warn(f"{note}; doses were given in {dose}: state units, or choose them: model.{choice}")
    return (note,)


def _differ(dose: str, amount: str) -> bool:
    try:
        return units.factor(dose, amount) != 1
    except UnitError:
        return True
