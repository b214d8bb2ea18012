"""What a person sees who prints a value: the call that makes it, or a few lines; nothing for programmers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd import nca, plot
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.fit import Options
from pkpd.population import InverseWishart, NormalPrior, Omega, Population, block, residual_error
from tests.fuzz.tally import UNREADABLE

MODEL = pkpd.define({"A": "-CL/V*A"}, {"CL": "2 L/h", "V": "10 L"}, outputs={"C": "A/V"}, doses={"bolus": "A"},
                    base={"time": "h", "amount": "mg", "volume": "L"}, units={"C": "mg/L"})  # fmt: skip
CALLS: list[Any] = [
    Dose(0, 100), Dose(2.0, 1.0, "infusion", duration=2.0, additional=3, interval=24.0), pkpd.Parameter("CL", 5, "L/h"),
    nca.Rules(), nca.PRESETS["phoenix"], nca.Rules(auc="linear", lambda_z_points=4), nca.Points(1, use=(1.0, 2.0)),
    nca.NcaSettings("C", nca.Rules(blq_after=0.5), tau=24.0), Options(robust=True), Settings(rtol=1e-6),
    plot.MeanRule("mean"), plot.BandStyle((0.5,), "red"),
]  # fmt: skip


@pytest.mark.parametrize("value", CALLS, ids=lambda value: type(value).__name__)
def test_what_is_printed_makes_it_again(value: Any) -> None:
    space = {"inf": np.inf, "Parameter": pkpd.Parameter, **vars(nca), **vars(plot), "Dose": Dose, "Options": Options,
             "Settings": Settings}  # fmt: skip
    assert eval(repr(value), space) == value
    assert len(repr(value)) < 130


@given(st.floats(0, 100), st.integers(0, 9))
def test_a_dose_of_any_numbers(amount: float, more: int) -> None:
    dose = Dose(np.float64(1.0), np.float64(amount), additional=more, interval=np.float64(24.0))
    assert eval(repr(dose), {"Dose": Dose}) == dose
    assert ("additional" in repr(dose)) == (more > 0)


def test_a_regimen_line_by_line() -> None:
    plan = pkpd.infusion("30 ug/kg", "2 h", days=[1, 2])
    assert repr(plan) == (
        "<Regimen: 2 × 30 ug/kg infusion, 0 to 24 h>\n"
        "  0 h: 30 ug/kg infusion over 2 h\n"
        "  24 h: 30 ug/kg infusion over 2 h"
    )
    assert repr(pkpd.bolus("1 mg")) == "<Regimen: 1 × 1 mg bolus, at 0 h>\n  0 h: 1 mg bolus"
    assert repr(pkpd.oral("1 mg", days=range(1, 31))).endswith("and 20 more")
    odd = pkpd.Regimen(
        (Dose(0, 0.5, action="multiply", into="A", reset=True), Dose(1, 5, additional=3, interval=24)), "mg"
    )
    assert "into='A', action='multiply', after a reset" in repr(odd)
    assert "5 mg bolus, and 3 more every 24 h" in repr(odd)


def test_a_population_says_what_it_holds_and_no_more() -> None:
    people = Population(
        MODEL, MODEL.parameters + pkpd.Parameters((pkpd.Parameter("prop_C", 0.2),)), Omega.independent(CL=0.3),
        (residual_error("C", "proportional"),), covariates=pandas.DataFrame({"weight": [60.0]}),
        relations={"CL": "CL*(weight/70)**0.75"}, limits={"V": (1.0, 20.0)}, exponents={"V": "2*eta_CL"},
        constraints=("CL < V",),
        priors=(NormalPrior({"CL": 2.0}, {"CL": 0.1}), InverseWishart(("CL",), np.eye(1), 4.0)),
    )  # fmt: skip
    text = repr(people)
    assert text.splitlines()[0] == "<Population: own model>"
    for part in ("CL           2 L/h", "eta_CL  0.09", "proportional residual error of C", "CL = CL*(weight/70)**0.75",
                 "V varies with 2*eta_CL", "V from 1 to 20",
                 "CL < V", "prior: NormalPrior", "covariates: weight"):  # fmt: skip
        assert part in text
    assert "table" not in text
    assert not UNREADABLE.search(text)
    assert "* fixed" not in text


def test_random_effects_stand_in_columns() -> None:
    assert repr(Omega.independent(CL=0.3, V1=0.2)) == "eta_CL  0.09\neta_V1  0.04"
    held = block("CL", "V", omega=[[0.09, 0.0], [0.0, 0.04]], zeros=[("CL", "V")])
    assert repr(held) == "eta_CL  0.09  0*\neta_V   0*  0.04\n* fixed"


def test_compiled_code_says_what_it_is() -> None:
    assert repr(compile_model(MODEL, ["CL"])) == "<Compiled own model: closed form, derivatives by CL>"
