"""What every model of drug in compartments is built from: disposition, elimination and a way in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pkpd.errors import InputError
from pkpd.library.common import CONCENTRATION, require_choice
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

CL = Parameter("CL", unit="volume/time", meaning="clearance")
KA = Parameter("ka", 1.0, "1/time", meaning="absorption rate constant")
VMAX = Parameter("Vmax", unit="amount/time", meaning="maximal rate of elimination")
KM = Parameter("Km", unit=CONCENTRATION, meaning="concentration of half-maximal elimination")
IV: Mapping[str, str] = {"bolus": "central", "infusion": "central"}
GIBALDI = "Gibaldi & Perrier, Pharmacokinetics, 2nd ed. 1982"
WORDS = {1: "one compartment", 2: "two compartments", 3: "three compartments"}
_TISSUES = {
    1: (),
    2: (("peripheral", "Q", "V2"),),
    3: (("peripheral", "Q2", "V2"), ("deep", "Q3", "V3")),
}
_LOSSES: Mapping[str, tuple[str, tuple[Parameter, ...]]] = {
    "linear": ("-CL/{v}*central", (CL,)),
    "saturable": ("-Vmax*central/(Km*{v} + central)", (VMAX, KM)),
    "parallel": ("-CL/{v}*central - Vmax*central/(Km*{v} + central)", (CL, VMAX, KM)),
}


@dataclass(frozen=True)
class Way:
    """How drug comes in: states before the central one, what they bring there, and where doses enter.

    Parameters
    ----------
    name : str
        In words, after the name of the disposition.
    equations : mapping
        States before the central compartment.
    rate : str
        What arrives in the central compartment.
    parameters : tuple of Parameter
        Of the way in.
    parts : mapping
        Parts of the `Model`: doses, lag, bioavailability, infusion_duration.
    reference : str
        Where it comes from.
    """

    name: str = ""
    equations: Mapping[str, str] = field(default_factory=dict)
    rate: str = ""
    parameters: tuple[Parameter, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=lambda: {"doses": IV})
    reference: str = ""


INTRAVENOUS = Way()


def first_order(*, lag: bool = False, bioavailability: bool = False) -> Way:
    """Return the way in from a depot at rate ka, with ``Tlag`` and ``F`` if wanted."""
    parts: dict[str, Any] = {"doses": {**IV, "oral": "depot"}}
    parameters: tuple[Parameter, ...] = (KA,)
    if lag:
        parameters += (Parameter("Tlag", 0.25, "time", meaning="absorption lag time"),)
        parts["lag"] = {"depot": "Tlag"}
    if bioavailability:
        parameters += (Parameter("F", 0.7, upper=1.0, meaning="bioavailability of what enters the depot"),)
        parts["bioavailability"] = {"depot": "F"}
    return Way("first-order absorption", {"depot": "-ka*depot"}, "ka*depot", parameters, parts)


def way_in(absorption: bool, lag: bool = False, bioavailability: bool = False) -> Way:
    """Return the way in: intravenous, or a depot with first-order absorption.

    Raises
    ------
    InputError
        If a lag or a bioavailability is asked for without a depot.
    """
    if (lag or bioavailability) and not absorption:
        raise InputError("lag and bioavailability belong to a depot; expected absorption=True with them")
    return first_order(lag=lag, bioavailability=bioavailability) if absorption else INTRAVENOUS


def central_volume(compartments: int) -> str:
    """Return the name of the central volume: V alone, V1 with others."""
    require_choice(compartments, WORDS, "number of compartments")
    return "V" if compartments == 1 else "V1"


def exchange(compartments: int, driving: str = "") -> tuple[str, dict[str, str], tuple[Parameter, ...]]:
    """Return what the central compartment exchanges, the tissues' equations, and volumes with distribution clearances.

    Parameters
    ----------
    compartments : int
        1 to 3.
    driving : str
        The concentration that distributes, where it is not all of central/volume.
    """
    v = central_volume(compartments)
    meaning = "volume of distribution" if compartments == 1 else "central volume"
    parameters = [Parameter(v, unit="volume", meaning=meaning)]
    terms, tissues = "", {}
    for state, q, volume in _TISSUES[compartments]:
        out = f"{q}*{driving}" if driving else f"{q}/{v}*central"
        terms += f" - {out} + {q}/{volume}*{state}"
        tissues[state] = f"{out} - {q}/{volume}*{state}"
        parameters += [
            Parameter(q, unit="volume/time", meaning=f"distribution clearance ({state})"),
            Parameter(volume, unit="volume", meaning=f"{state} volume"),
        ]
    return terms, tissues, tuple(parameters)


def drug(compartments: int, way: Way = INTRAVENOUS, *, elimination: str = "linear", reference: str = GIBALDI) -> Model:
    """Return a model of drug in compartments.

    Parameters
    ----------
    compartments : int
        1 to 3.
    way : Way
        How drug comes in.
    elimination : {"linear", "saturable", "parallel"}
        Clearance, Michaelis–Menten, or both.
    reference : str
        Where the disposition comes from.
    """
    require_choice(elimination, _LOSSES, "elimination")
    v = central_volume(compartments)
    loss, lost_by = _LOSSES[elimination]
    terms, tissues, sizes = exchange(compartments)
    arriving = f"{way.rate} + " if way.rate else ""
    equations = {**way.equations, "central": f"{arriving}{loss.format(v=v)}{terms}", **tissues}
    words = [WORDS[compartments], "" if elimination == "linear" else f"{elimination} elimination", way.name]
    return Model(
        name=", ".join(w for w in words if w),
        equations=equations,
        parameters=Parameters((*way.parameters, *lost_by, *sizes)),
        outputs={"C": f"central/{v}"},
        units={"C": CONCENTRATION, **dict.fromkeys(equations, "amount")},
        reference="; ".join(r for r in (reference, way.reference) if r),
        **way.parts,
    )
