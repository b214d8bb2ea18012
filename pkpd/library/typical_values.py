"""Typical values for a first look at a model whose clearances and volumes nobody has chosen yet."""

from __future__ import annotations

from collections.abc import Mapping

from pkpd import units
from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.model import Model
from pkpd.model.model import WORDS

_UNITS = {"time": "h", "amount": "mg", "volume": "L"}
_SIZES: Mapping[str, str] = {
    "CL": "5 L/h", "V": "50 L", "V1": "20 L", "V2": "50 L", "V3": "100 L", "Q": "5 L/h", "Q2": "5 L/h", "Q3": "1 L/h",
    "Vmax": "10 mg/h", "Km": "1 mg/L", "CLb": "5 L/h",
}  # fmt: skip
_KINDS: Mapping[str, str] = {"CL_": "5 L/h", "V_": "20 L"}


@checked
def typical(model: Model) -> Model:
    """Return a model with a value for every parameter: round numbers of a small molecule, in h, mg and L.

    For looking at a model, teaching and tests: **no drug has these values**, and a fit should start from its data
    (`pkpd.fit.initial_estimates`). Clearances and volumes of library models have no value for that reason. Values
    that the model has are kept; a baseline without one becomes 1 in its own unit.

    Parameters
    ----------
    model : Model
        From the library or composed of its parts; units are chosen if none were.

    Raises
    ------
    InputError
        If a parameter has neither a value nor a typical one, or its unit is per kg of body weight.
    """
    made = model.in_units(**_UNITS) if model.base == WORDS else model
    values: dict[str, float | str] = {}
    unknown = []
    for name in made.parameters.missing:
        stem = name.partition("_")[0] + "_"
        if name in _SIZES:
            values[name] = _SIZES[name]
        elif name.endswith("_0"):
            values[name] = 1.0
        elif stem in _KINDS:
            values[name] = _KINDS[stem]
        else:
            unknown.append(f"no typical value for {name!r}; set it by with_values")
        unit = made.parameters.get(name).unit
        if name in values and units.per_kg(unit):
            unknown.append(
                f"typical values are not per kg of body weight, {name!r} is in {unit!r}; set it by with_values"
            )
    if unknown:
        raise InputError(unknown, f"model {model.name!r}")
    return made.with_values(**values)
