"""Every model of the library: complete, of consistent dimensions, solvable alone and with every other."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.errors import ModelError
from pkpd.model import Model, define
from pkpd.model.show import as_html
from tests.library.dimensions import problems
from tests.library.library_runs import DRIVE, DRUGS, ENTRIES, FINE, RESPONSES, composed, solve, values_of

NEEDS = {"C": "amount/volume", "CL": "volume/time", "A": ""}
DOSES = {
    "zero_order_absorption()": (Dose(0, 100.0, "infusion", modelled="duration"),),
    "sequential_absorption()": (Dose(0, 100.0, "infusion", modelled="duration", into="depot"),),
    "mixed_absorption()": (Dose(0, 100.0, "oral"), Dose(0, 100.0, "infusion", modelled="duration")),
}
NONE = define({}, [], name="nothing")
ELIMINATION = ("CL", "Vmax", "kint")
"""What ends a drug's stay; without it, amounts are conserved."""


def standard_doses(call: str, model: Model) -> tuple[Dose, ...]:
    """A dose in the way that the model is for, and an infusion that meets it."""
    first = DOSES.get(call, (Dose(0, 100.0, "oral" if "oral" in model.doses else "bolus"),))
    return (*first, Dose(12, 50.0, "infusion", 2.0))


@pytest.mark.parametrize("call", list(ENTRIES))
def test_dimensions(call: str) -> None:
    """Derivatives are state per time, outputs and initial values have their units, doses enter amounts.

    The response is counted in moles and the drug in mg, so that neither can be taken for the other.
    """
    made = ENTRIES[call].make() if "delay" in call else composed(ENTRIES[call], unit="mol")  # it keeps the unit
    assert problems(made, NEEDS) == []


@pytest.mark.parametrize(
    "equation", ["-CL*A", "-CL/V*A + ka", "-CL/V*A*exp(-V)", "-CL/V*A**2", "CL/V*max(A, V)", "A*(ka + CL/V)*sqrt(A)"]
)
def test_the_dimension_check_sees_what_is_wrong(equation: str) -> None:
    """So does `define`, which computes dimensions in another way."""
    from pkpd.parameters import Parameter, Parameters

    parameters = (Parameter("CL", 1.0, "L/h"), Parameter("V", 1.0, "L"), Parameter("ka", 1.0, "1/h"))
    parts = {"units": {"A": "mg", "C": "mg/L"}, "outputs": {"C": "A/V"}}
    base = {"time": "h", "amount": "mg", "volume": "L"}
    right = define({"A": "-CL/V*A - ka*A"}, Parameters(parameters), base=base, **parts)
    assert problems(right, {}) == []
    assert problems(replace(right, equations={"A": equation}), {})
    with pytest.raises(ModelError):
        define({"A": equation}, Parameters(parameters), base=base, **parts)


@pytest.mark.parametrize("call", list(ENTRIES))
def test_every_model_says_what_it_is(call: str) -> None:
    """Every parameter has a meaning, positive bounds or a reason; the name that is listed makes the model."""
    entry = ENTRIES[call]
    model = entry.make()
    assert all(p.meaning for p in model.parameters)
    assert all(p.lower == 0.0 for p in model.parameters if not p.name.startswith("peak"))
    again = eval(f"library.{call}", {"library": library})
    assert again == model
    assert "References" in (entry.function.__doc__ or "") or not model.reference
    assert set(model.needs) <= set(NEEDS)
    assert model.name in as_html(model)
    assert not library.typical(model).parameters.missing


@pytest.mark.parametrize("call", list(DRUGS))
def test_a_standard_dose(call: str) -> None:
    """Typical values, one dose and one infusion: finite, not negative, gone in the end."""
    model = DRUGS[call]
    found = solve(model, values_of(model), [0.0, 1.0, 6.0, 13.0, 24.0, 5000.0], standard_doses(call, model))
    for name, values in found.items():
        assert np.isfinite(values).all(), name
        assert values.min() >= -1e-8, name
    assert found["C"][1:5].max() > 0.1
    assert found["C"][-1] < 1e-6


@pytest.mark.parametrize("call", list(DRUGS))
def test_nothing_is_lost_without_elimination(call: str) -> None:
    """With no elimination the amounts add up to what was given (bound drug too)."""
    model = DRUGS[call]
    values = values_of(model, **{n: 0.0 for n in ELIMINATION if n in model.parameters})
    found = solve(model, values, [11.0, 20.0, 300.0], standard_doses(call, model))
    total = sum(found[s] for s in model.states if model.units[s] in ("amount", model.base["amount"]))
    if "complex" in model.states:
        total = total + found["complex"] * values["V1"]
    late = 50 * values.get("Fz", 1.0)  # here the model takes its part of every infusion
    np.testing.assert_allclose(total, [100.0, 100.0 + late, 100.0 + late], rtol=1e-9)


@pytest.mark.parametrize("call", list(ENTRIES))
def test_derivatives(call: str) -> None:
    """What a fit needs: dE/dθ·θ of every parameter that is not fixed, against central differences (1e-5 of the size).

    One time is before the first dose, where powers and logarithms of a concentration are at their corner. The
    differences are of the outputs of the same code (that they do not depend on what else is integrated is a test of
    the engine): one compiled model, not two.
    """
    own = ENTRIES[call].make()
    model = own if call in DRUGS else library.one_compartment() + (library.activation() if "A" in own.needs else NONE)
    model = model if call in DRUGS else model + own
    values, names = values_of(model), [p.name for p in own.parameters if not p.fixed]
    doses = [replace(d, time=d.time + 1) for d in standard_doses(call, model)]
    code, times = compile_model(model, names), np.array([0.0, 2.0, 9.0, 21.0])

    def run(changed: dict[str, float]) -> Any:
        row = np.array([[changed[n] for n in code.inputs]])
        return code.run(row, code.schedule(row, [doses], [times], [np.zeros(4, bool)]), FINE)

    slopes = run(values).slopes
    for k, name in enumerate(names):
        up, down = (run(values | {name: values[name] * (1 + e)}).outputs for e in (1e-5, -1e-5))
        expected = (up - down) / 2e-5
        size = np.abs(expected).max(axis=0) + np.abs(up).max(axis=0) * 1e-3
        error = np.abs(slopes[:, :, k] * values[name] - expected) / size
        assert error.max() < 1e-5, (name, error.max())


LINEAR = [c for c in DRUGS if not c.startswith(("tmdd", "michaelis"))]


@pytest.mark.parametrize("call", LINEAR)
def test_linear_models_are_proportional_to_dose(call: str) -> None:
    model, times = DRUGS[call], [0.5, 4.0, 13.0, 40.0]
    doses = standard_doses(call, model)
    one, seven = (
        solve(model, values_of(model), times, [replace(d, amount=k * d.amount) for d in doses]) for k in (1, 7)
    )
    np.testing.assert_allclose(seven["C"], 7 * one["C"], rtol=1e-8)


@pytest.mark.parametrize("call", [c for c in DRUGS if c not in LINEAR])
def test_the_others_are_not(call: str) -> None:
    model = DRUGS[call]
    one, seven = (solve(model, values_of(model), [20.0], [Dose(0, a)])["C"] for a in (100.0, 700.0))
    assert abs(seven[0] / one[0] - 7) > 0.5


def check_responses(call: str, first: int = 0, step: int = 1, settings: Settings = FINE) -> None:
    """Every so-manyth response at once on top of one drug, each under its own name: complete, finite, and all move.

    What drives others (activation, the effect compartment) is always there.
    """
    model, moving = DRUGS[call], []
    for k, entry in enumerate(RESPONSES):
        drives = entry.function.__name__ in ("activation", "effect_compartment")
        if k % step != first and not drives:
            continue
        if entry.function.__name__ == "metabolite" and "CL" not in model.parameters:
            made = library.metabolite(f"R{k}", by="Vmax*C/(Km + C)")
        elif drives:
            made = entry.make()
        else:
            made = composed(entry, name=f"R{k}")
        moving += list(made.outputs)
        model = model + made
    assert model.needs == ()
    doses = standard_doses(call, DRUGS[call])
    found = solve(model, values_of(model), np.linspace(0, 60, 13), doses, settings=settings)
    for name in moving:
        assert np.isfinite(found[name]).all(), name
        assert np.ptp(found[name]) > 0, name


@pytest.mark.parametrize("call", list(DRUGS))
def test_responses_go_with_every_drug(call: str) -> None:
    """An eighth of the responses on top of each drug, another eighth on the next: all of them three times.

    What is asked for is no digit, so a coarse tolerance does: its series are short, and soon compiled.
    """
    check_responses(call, list(DRUGS).index(call) % 8, 8, Settings(rtol=1e-5))


RESTING = [
    e.call for e in RESPONSES
    if "name" in inspect.signature(e.function).parameters and "R_0" in composed(e, name="R").parameters
    and not e.kind.startswith(("tumour", "rhythm"))
]  # fmt: skip


@pytest.mark.parametrize("call", RESTING)
def test_a_response_without_drug_stays_at_its_baseline(call: str) -> None:
    model = DRIVE + composed(ENTRIES[call], name="R", by="C")
    found = solve(model, values_of(model, c=0.0, R_0=3.0), [0.0, 10.0, 2000.0])["R"]
    np.testing.assert_allclose(found, 3.0, rtol=1e-9)
    assert len(RESTING) > 20
