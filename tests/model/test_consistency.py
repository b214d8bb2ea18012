"""Units in equations: what contradicts itself is refused with both units and the way out; the rest is not touched."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pkpd import library, units
from pkpd.errors import ModelError
from pkpd.model import define
from pkpd.model.consistency import contradictions
from pkpd.parameters import Parameters
from tests.library.library_runs import ENTRIES, composed

BASE = {"time": "h", "amount": "mg", "volume": "L"}
VALUES = {"CL": "5 L/h", "V": "50 L", "ka": "1 1/h", "EC50": "2 mg/L", "Emax": 3.0, "E0": "10 mm", "h": 2.0, "S": 1.0,
          "T": "3 h", "D50": "200 mg", "IC": "30 ng/mL", "kin": "1 1/day", "VM": "9 mg/h", "w0": "2 g"}  # fmt: skip


def one(**parts: Any) -> dict[str, Any]:
    """A model of one compartment, with what is said otherwise."""
    usual = {"equations": {"A": "-CL/V*A"}, "outputs": {"C": "A/V"}, "units": {"C": "mg/L"}, "doses": {"bolus": "A"}}
    return {**usual, **parts}


def made(parts: dict[str, Any]) -> Any:
    """The model, with those of the values that it uses."""
    given = {"base": BASE, **parts}
    used = {n for kind in ("equations", "outputs", "initial", "lag", "bioavailability", "infusion_duration",
                           "infusion_rate") for text in given.get(kind, {}).values()
            for n in re.findall(r"\w+", text)}  # fmt: skip
    values = {n: v for n, v in VALUES.items() if n in used and n not in given["equations"]}
    return define(given.pop("equations"), values, **given)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "ng/mL from mg and L": (one(units={"C": "ng/mL"}), r"'A/V' is in mg/L, and C is in ng/mL.*factor 1000"),
    "ug/L": (one(units={"C": "ug/L"}), "factor 1000"),
    "amount for concentration": (one(outputs={"C": "A"}), r"expected one unit on both sides|doses into"),
    "amount times volume": (one(outputs={"C": "A*V"}), "in L·mg, and C is in mg/L"),
    "molar output": (one(units={"C": "nmol/L"}), "mg/L, and C is in nmol/L"),
    "clearance without volume": (one(equations={"A": "-CL*A"}), r"dA/dt is in mg/h"),
    "volume without clearance": (one(equations={"A": "-A/V"}), "dA/dt"),
    "rate and clearance added": (one(equations={"A": "-(ka + CL)*A"}), r"'CL' is in L/h, and ka is in 1/h"),
    "volume added to amount": (one(outputs={"C": "(A + V)/V"}), r"'V' is in L, and A is in mg"),
    "exp of a volume": (one(equations={"A": "-CL/V*A*exp(-V)"}), r"what exp\(\) takes is a pure number"),
    "exp of an amount": (one(equations={"A": "-CL/V*A*exp(-A)"}), r"exp\(\) takes"),
    "sin of a volume": (one(outputs={"C": "A/V", "L": "sin(V)"}), r"sin\(\) takes"),
    "exponent with a unit": (one(outputs={"C": "A/V", "L": "(A/V)**T"}), "an exponent is a pure number"),
    "time compared with a volume": (one(equations={"A": "-CL/V*A if t < V else 0"}), r"'V' is in L, and t is in h"),
    "amount compared with a concentration": (one(equations={"A": "-CL/V*A if A > EC50 else 0"}), "EC50"),
    "two cases of two kinds": (one(equations={"A": "-CL/V*A if t < T else -CL*A"}), r"-CL \* A|-CL\*A"),
    "max of unlike": (one(outputs={"C": "max(A, V)/V"}), "'V' is in L, and A is in mg"),
    "mod of unlike": (one(outputs={"C": "A/V", "d": "mod(t, V)"}), "'V' is in L, and t is in h"),
    "IC50 in another size": (one(outputs={"C": "A/V", "E": "E0*(1 - A/V/(IC + A/V))"}, units={"C": "mg/L", "E": "mm"}),
                             r"IC.*ng/mL.*factor"),
    "Hill in another size": (one(outputs={"C": "A/V", "E": "(A/V)**h/(IC**h + (A/V)**h)"}), "E"),
    "power of another size": (one(equations={"A": "-CL/V*A*(A/V)/(IC + A/V)"}), "factor"),
    "initial value in g": (one(equations={"A": "-CL/V*A", "w": "ka*w"}, initial={"w": "w0"},
                               units={"C": "mg/L", "w": "ug"}), "factor"),
    "lag as a volume": (one(lag={"A": "V"}), "a lag is in h"),
    "bioavailability with a unit": (one(bioavailability={"A": "T"}), "in h·mg/L, and C is in mg/L"),
    "bioavailability of the dose": (one(bioavailability={"A": "1/(1 + A0/D50)"}, covariates=("A0",),
                                        units={"C": "mg/L", "A": "ng"}), "in 1e-06 mg/L"),
    "length of an infusion": (one(infusion_duration={"A": "ka"}), "the length of an infusion is in h"),
    "rate of an infusion": (one(infusion_rate={"A": "D50"}), "the rate of an infusion is in mg/h"),
    "state in another size": (one(units={"A": "ug", "C": "mg/L"}), "doses into 'A': .*factor"),
    "zero order in a volume": (one(equations={"A": "VM*V - CL/V*A"}), "dA/dt|VM"),
    "michaelis with a rate": (one(equations={"A": "-ka*(A/V)/(EC50 + A/V)"}), "dA/dt is in mg/h"),
    "a sum with time": (one(outputs={"C": "A/V + t"}), "'t' is in h, and A / V is in mg/L"),
    "sqrt": (one(outputs={"C": "sqrt(A)/V"}), "C is in mg/L"),
    "square": (one(outputs={"C": "A**2/V"}), "C is in mg/L"),
    "an output of an output": (one(outputs={"C": "A/V", "D": "1000*C"}, units={"C": "ng/mL", "D": "mg/L"}), "factor"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_contradicts_itself_is_refused(what: str) -> None:
    parts, said = WRONG[what]
    with pytest.raises(ModelError, match=said):
        made(parts)


RIGHT: dict[str, dict[str, Any]] = {
    "plain": one(),
    "converted": one(outputs={"C": "1000*A/V"}, units={"C": "ng/mL"}),
    "converted at the end": one(outputs={"C": "A/V*1e3"}, units={"C": "ng/mL"}),
    "divided": one(outputs={"C": "A/(V/1000)"}, units={"C": "ng/mL"}),
    "same size, other words": one(units={"C": "ug/mL"}),
    "molar mass as a number": one(outputs={"C": "A/V/0.1802"}, units={"C": "umol/L"}),
    "a rate as a number": one(equations={"A": "-0.1*A"}),
    "a rate as a number in exp": one(equations={"A": "-CL/V*A*exp(-0.1*t)"}),
    "hours as a number": one(equations={"A": "-CL/V*A if mod(t, 24) < 8 else 0"}),
    "no unit of the output": one(units={}),
    "Hill": one(outputs={"C": "A/V", "E": "E0*(1 + Emax*(A/V)**h/(EC50**h + (A/V)**h))"},
                units={"C": "mg/L", "E": "mm"}),
    "two sizes, converted": one(outputs={"C": "A/V", "E": "E0*(1 - C/(IC/1000 + C))"}, units={"C": "mg/L", "E": "mm"}),
    "log of a quotient": one(outputs={"C": "A/V", "L": "log(A/V/EC50)"}),
    "log of a concentration": one(outputs={"C": "A/V", "L": "log(A/V + 1e-6)"}, units={"C": "mg/L"}),
    "millimetres and centimetres": one(outputs={"C": "A/V", "E": "E0*0.1"}, units={"C": "mg/L", "E": "cm"}),
    "dose dependent": one(bioavailability={"A": "1/(1 + dose/D50)"}),
    "dose into a concentration": {"equations": {"C": "-CL/V*C"}, "bioavailability": {"C": "1/V"},
                                  "doses": {"bolus": "C"},
                                  "outputs": {"C": "C"}, "units": {"C": "mg/L"}},
    "a tumour in g": one(equations={"A": "-CL/V*A", "w": "ka*w"}, initial={"w": "w0"}, units={"C": "mg/L", "w": "g"}),
    "days and hours": one(equations={"A": "-kin*A"}),
    "weights": one(equations={"A": "-CL/V*A*(WT/70)**0.75"}, covariates=("WT",)),
    "saturable": one(equations={"A": "-VM*(A/V)/(EC50 + A/V)"}),
    "late": one(lag={"A": "T"}, infusion_rate={"A": "VM"}, infusion_duration={"A": "T"}),
    "switched": one(equations={"A": "-CL/V*A if t < T else 0"}),
    "softened": one(outputs={"C": "max(A, 0)/V"}),
}  # fmt: skip


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_right_is_not_touched(what: str) -> None:
    assert contradictions(made(RIGHT[what])) == []


@pytest.mark.parametrize("call", list(ENTRIES))
def test_the_library_is_right_in_any_units(call: str) -> None:
    model = ENTRIES[call].make() if "delay" in call else composed(ENTRIES[call], unit="g")
    for amount, volume in (("mg", "L"), ("ng/kg", "mL/kg"), ("nmol", "L")):
        chosen = model.in_units(time="h", amount=amount, volume=volume) if units.is_open(model.base["time"]) else model
        assert contradictions(chosen) == []


def test_a_response_in_g_keeps_its_unit_beside_doses_in_mg() -> None:
    """Until now the tumour at the start was taken in mg, and the growth in g/h."""
    model = (library.one_compartment() + library.simeoni()).in_units(**BASE)
    found = {p.name: p.unit for p in model.parameters}
    assert (found["w_0"], found["lambda1_w"]) == ("g", "g/h")
    assert model.with_values(w_0="500 mg").parameters["w_0"] == 0.5


def test_parameters_without_a_unit_are_never_an_alarm() -> None:
    bare = Parameters(tuple(p for p in define({"A": "-CL*V*A**2 + exp(CL) + t"}, {"CL": 1.0, "V": 2.0}).parameters))
    assert contradictions(define({"A": "-CL*V*A**2 + exp(CL)"}, bare, base=BASE, outputs={"C": "A/V"})) == []


def test_without_chosen_units_sizes_wait() -> None:
    """Times, volumes and amounts are converted when units are chosen; concentrations are not, and are said then."""
    parts = one(equations={"A": "-(CL/V + kin)*A"}, units={}, base={})
    parts.pop("base")
    model = define(parts.pop("equations"), {"CL": "5 L/h", "V": "50 L", "kin": "1 1/day"}, **parts)
    assert contradictions(model.in_units(**BASE)) == []
    effect = define({"A": "-CL/V*A"}, {"CL": "5 L/h", "V": "50 L", "IC": "3 ng/mL"},
                    outputs={"C": "A/V", "E": "C/(IC + C)"}, doses={"bolus": "A"})  # fmt: skip
    with pytest.raises(ModelError, match="they differ by the factor"):
        effect.in_units(**BASE)
    assert effect.in_units(time="h", amount="ng", volume="mL")
