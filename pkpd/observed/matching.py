"""Which analyte of a study each output of a model is, and in which units the two meet."""

from __future__ import annotations

from collections.abc import Mapping

from pkpd import units
from pkpd.errors import InputError, unknown_names
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.study import Study


def match_outputs(model: Model, study: Study, observed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return output → analyte: as told, else by name.

    An output ``C`` without an analyte of its name is the drug: the only concentration left, or else the only one
    that cannot be measured before the first dose (what the body makes itself has a baseline). The only output of a
    model is the only analyte of a study, whatever their names.

    Raises
    ------
    InputError
        If a name does not exist or nothing matches.
    """
    if observed is not None:
        problems = unknown_names(observed, model.outputs, "output")
        problems += unknown_names(observed.values(), study.analytes, "analyte")
        if problems:
            raise InputError(problems, "observed")
        return dict(observed)
    found = {name: name for name in model.outputs if name in study.analytes}
    left = [a for a in study.analytes if a not in found and units.is_kind(study.units[a], "concentration")]
    if len(left) > 1:
        left = [a for a in left if not _has_baseline(study, a)]
    if "C" in model.outputs and "C" not in found and len(left) == 1:
        found["C"] = left[0]
    if not found and len(study.analytes) == 1 and len(model.outputs) == 1:
        return {next(iter(model.outputs)): study.analytes[0]}  # nothing else can be meant
    if not found:
        names = list(model.outputs)
        raise InputError(
            f"no analyte of {list(study.analytes)} matches an output of {names}; say observed={{output: analyte}}"
        )
    return found


def _has_baseline(study: Study, analyte: str) -> bool:
    """Whether any subject has a measurable value at or before its first dose."""
    table = study.used(analyte)
    first = table["subject"].map(study.doses.groupby("subject")["time"].min())
    before = (table["time"] < first) | ((table["time"] == first) & (table["mark"] != "post"))
    return bool((before & ~table["blq"] & (table["value"] > 0)).any())


def in_study_units(model: Model, study: Study, observed: Mapping[str, str]) -> Model:
    """Return the model in the units of the study if it has none of its own yet."""
    if model.base != WORDS:
        return model
    analyte = observed.get("C")
    if analyte is None:  # the drug is not measured here: any concentration of the study will do to set the scale
        names = [a for a in study.analytes if units.is_kind(study.units[a], "concentration")]
        analyte = names[0] if names else None
    if "dose" in study.units and analyte is not None:
        amount, volume = units.usual_units(study.units["dose"], study.units[analyte])
    else:
        amount, volume = "mg", "L"
    return model.in_units(time=study.units["time"], amount=amount, volume=volume)
