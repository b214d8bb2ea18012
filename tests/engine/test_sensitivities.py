"""Exact sensitivities: closed-form and integrated, against differences of order eight and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.model import Model, define
from tests.engine.engine_runs import run

FINE = Settings(rtol=1e-12, atol=1e-12)
DOSES = (Dose(0, 100.0), Dose(5, 80.0, "infusion", 3.0), Dose(12, 60.0))
ORAL = (*DOSES, Dose(3, 40.0, "oral"))
TIMES = np.array([0.5, 2.0, 5.0, 6.5, 8.0, 13.0, 20.0])
# Central differences of order eight: error (h³⁰ …)·f⁽⁹⁾, here below 1e-10 at a relative step of 2 %.
WEIGHTS = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])


def differences(model: Model, values: Any, names: tuple[str, ...], doses: tuple[Dose, ...], **how: Any) -> np.ndarray:
    """Return d output / d parameter, rows × outputs × names."""
    columns = [compile_model(model).system.inputs.index(n) for n in names]
    values = np.asarray(values, dtype=float)
    step = 0.01 * np.abs(values[columns])
    rows = [values]
    for column, h in zip(columns, step, strict=True):
        for k in (1, 2, 3, 4):
            for sign in (1, -1):
                moved = values.copy()
                moved[column] += sign * k * h
                rows.append(moved)
    found = run(model, np.array(rows), doses, TIMES, settings=FINE, **how).outputs
    found = found.reshape(len(rows), TIMES.size, -1)[1:].reshape(len(names), 4, 2, TIMES.size, -1)
    slope = np.einsum("k,nkto->nto", WEIGHTS, found[:, :, 0] - found[:, :, 1])
    return np.moveaxis(slope / step[:, None, None], 0, 2)


def check(model: Model, values: Any, names: tuple[str, ...], doses: tuple[Dose, ...], rtol: float = 1e-6) -> Any:
    """Compare relative to the largest slope of each output and parameter (a slope may pass through zero).

    Below 1e-5 of output/parameter a difference of values is rounding, and only has to be as small.
    """
    found = run(model, values, doses, TIMES, sens=names, settings=FINE)
    expected = differences(model, values, names, doses)
    theta = np.abs(np.asarray(values))[[compile_model(model).system.inputs.index(n) for n in names]]
    least = 1e-5 * np.abs(found.outputs).max(axis=0)[:, None] / theta
    size = np.maximum(np.abs(expected).max(axis=0), least)
    error = np.abs(found.slopes - expected).max(axis=0) / size
    assert error.max() < rtol, dict(zip(names, error.max(axis=0), strict=True))
    assert np.abs(found.slopes).max() > 0
    return found


PK = {
    "one": (library.one_compartment(), [2.0, 10.0], DOSES),
    "one oral": (library.one_compartment(absorption=True), [1.2, 2.0, 10.0], ORAL),
    "one oral, ka = k": (library.one_compartment(absorption=True), [0.2, 2.0, 10.0], ORAL),
    "two": (library.two_compartment(), [2.0, 10.0, 3.0, 20.0], DOSES),
    "two oral": (library.two_compartment(absorption=True), [1.2, 2.0, 10.0, 3.0, 20.0], ORAL),
}


@pytest.mark.parametrize("kind", list(PK))
def test_closed_form(kind: str) -> None:
    """All parameters; nothing is integrated, also where two rates are equal."""
    model, values, doses = PK[kind]
    names = model.parameters.names
    assert compile_model(model, names).system.integrated == ()
    check(model, values, names, doses)


def test_one_compartment_slopes_in_closed_form() -> None:
    """∂C/∂CL = −(t/V)·C and ∂C/∂V = (CL·t/V − 1)·C/V, to 1e-12."""
    t = np.array([0.1, 1.0, 30.0, 200.0])
    found = run(library.one_compartment(), [2.0, 10.0], (Dose(0, 100.0),), t, sens=("CL", "V"))
    c = 10 * np.exp(-0.2 * t)
    np.testing.assert_allclose(found.slopes[:, 0, 0], -t / 10 * c, rtol=1e-12)
    np.testing.assert_allclose(found.slopes[:, 0, 1], (0.2 * t - 1) * c / 10, rtol=1e-12)


RESPONSES = {
    "turnover": library.turnover("R", by="C"),
    "loss": library.stimulated_loss("R", by="C"),
    "I": library.indirect_response("I", "R", by="C"),
    "II": library.indirect_response("II", "R", by="C"),
    "III": library.indirect_response("III", "R", by="C"),
    "IV": library.indirect_response("IV", "R", by="C"),
    "precursor": library.precursor_turnover("R", by="C"),
    "redistribution": library.redistribution("R", by="C"),
    "signal": library.activation() + library.stimulated_loss("R", by="A"),
    "delay": library.transit_delay("D", steps=3) + library.stimulated_loss("R", by="D"),
    "direct": library.direct_effect("R", by="C"),
    "cooperative": define(
        {"R": "kin*(1 + top*D**h/(half**h + D**h)) - kout*R", "D": "kin*(A - D)", "A": "-kout*A"},
        {"kin": 0.4, "top": 2.0, "half": 0.7, "h": 2.3, "kout": 0.3},
        initial={"R": "kin/kout", "A": "half*3", "D": "half"}, outputs={"R": "R", "D": "D"},
    ),
}  # fmt: skip


def composed(kind: str) -> tuple[Model, list[float], tuple[str, ...]]:
    model = library.one_compartment() + RESPONSES[kind]
    given = {"CL": 2.0, "V": 10.0, "R_0": 3.0, "S_R": 0.8, "h_R": 1.6}
    values = [given.get(p.name, p.value) for p in model.parameters]
    return model, values, tuple(n for n in model.parameters.names if n not in ("CL", "V"))


def check_response(kind: str) -> None:
    """All parameters of the response; the drug stays in closed form (a delay chain of it moves to the integrated)."""
    model, values, names = composed(kind)
    check(model, values, names, DOSES)


@pytest.mark.parametrize("kind", ["IV", "delay", "direct", "cooperative"])
def test_response_with_the_drug_given(kind: str) -> None:
    """One of each sort; all of them in tests/long, and with the drug's parameters below."""
    check_response(kind)


@pytest.mark.parametrize("kind", list(RESPONSES))
def test_everything_at_once(kind: str) -> None:
    """PK parameters too: one mechanism carries all derivatives."""
    model, values, _ = composed(kind)
    found = check(model, values, model.parameters.names, DOSES)
    plain = run(model, values, DOSES, TIMES, settings=FINE)
    np.testing.assert_allclose(found.outputs, plain.outputs, rtol=1e-9, atol=1e-9)


def test_asking_for_slopes_leaves_the_values_alone() -> None:
    """To the tolerance: more components take other steps."""
    model, values, names = composed("IV")
    a = run(model, values, DOSES, TIMES)
    b = run(model, values, DOSES, TIMES, sens=names)
    np.testing.assert_allclose(a.outputs, b.outputs, rtol=1e-6, atol=1e-7)
    assert np.array_equal(a.outputs[:, 0], b.outputs[:, 0])


def test_order_and_subset_of_names() -> None:
    model, values, names = composed("IV")
    everything = run(model, values, DOSES, TIMES, sens=names, settings=FINE).slopes
    reverse = run(model, values, DOSES, TIMES, sens=names[::-1], settings=FINE).slopes
    one = run(model, values, DOSES, TIMES, sens=names[1:2], settings=FINE).slopes
    np.testing.assert_allclose(reverse[:, :, ::-1], everything, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(one[:, :, 0], everything[:, :, 1], rtol=1e-8, atol=1e-9)


def test_a_parameter_of_zero_has_a_slope() -> None:
    """The scale of a sensitivity is 1 where the value is 0: d/dS of a turnover at S = 0 is its response to S."""
    model = library.one_compartment() + library.turnover("R", by="C")
    values = [2.0, 10.0, 0.3, 3.0, 0.0]
    found = run(model, values, DOSES, TIMES, sens=("S_R",), settings=FINE).slopes[:, 1, 0]
    one = run(model, [2.0, 10.0, 0.3, 3.0, 1.0], DOSES, TIMES, settings=FINE).outputs[:, 1] - 3.0  # R is linear in S
    np.testing.assert_allclose(found, one, rtol=1e-8)


def test_covariates_may_be_asked_for() -> None:
    model = define({"A": "-CL*w**0.75/V*A"}, {"CL": 2.0, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A"},
                   covariates=("w",))  # fmt: skip
    found = run(model, [2.0, 10.0, 1.3], (Dose(0, 100.0),), [3.0], sens=("w",)).slopes[0, 0, 0]
    c = 10 * np.exp(-0.2 * 1.3**0.75 * 3)
    assert found == pytest.approx(-0.2 * 3 * 0.75 * 1.3**-0.25 * c, rel=1e-12)


def test_linear_block_by_both_ways() -> None:
    """Closed form and sensitivity equations give the same slopes of the pharmacokinetics."""
    model, values, doses = PK["two oral"]
    a = run(model, values, doses, TIMES, sens=model.parameters.names)
    b = run(model, values, doses, TIMES, sens=model.parameters.names, linear="ode", settings=FINE)
    np.testing.assert_allclose(a.slopes, b.slopes, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("hill", [1.0, 1.6])
def test_slopes_before_the_first_dose(hill: float) -> None:
    """C = 0: a direct effect is at its baseline, and so is every derivative: 1 for the baseline, 0 for the others."""
    model = library.one_compartment() + library.direct_effect("E", by="C")
    found = run(model, [2.0, 10.0, 5.0, 0.9, 1.0, hill], (Dose(1, 100.0),), [0.0, 0.5], sens=model.parameters.names)
    expected = [1.0 if n == "E_0" else 0.0 for n in model.parameters.names]
    np.testing.assert_allclose(found.slopes[:, 1], [expected, expected], atol=1e-12)


@pytest.mark.parametrize("name", ["h", "CL"])
def test_a_hill_response_can_be_fitted(name: str) -> None:
    model = library.one_compartment() + Model(
        "Hill", {"R": "kin*(1 - C**h/(I**h + C**h)) - kin*R"},
        define({}, {"kin": 0.1, "h": 1.5, "I": 1.0}).parameters, initial={"R": "1"}, outputs={"R": "R"},
    )  # fmt: skip
    found = run(model, [2.0, 10.0, 0.1, 1.5, 1.0], (Dose(1, 100.0),), [0.5, 3.0], sens=(name,))
    assert found.status[0] == 0
    assert np.isfinite(found.slopes).all()


def test_concentrations_stay_positive_when_slopes_of_the_drug_are_asked_for() -> None:
    from pkpd import il21

    model = il21.model()
    values = il21.truth().parameters.subset(model.parameters.names).values
    doses = il21.regimen().in_units("ng/kg").doses
    found = run(model, values, doses, np.arange(1, 1176.0, 1.0), sens=("CL", "SL"))
    assert (found.outputs[:, 0] >= 0).all()


@pytest.mark.parametrize("method", ["explicit", "stiff"])
@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("dose", [Dose(0, 100.0, "oral"), Dose(2, 100.0)])
def test_a_response_that_is_steep_at_zero(dose: Dose, linear: str, method: str) -> None:
    """C**0.5 has an infinite slope before the first dose and after the last trace of drug; its derivatives have not."""
    model = define(
        {"G": "-ka*G", "A": "ka*G - CL/V*A", "E": "kin - kout*E*(1 + (A/V)**h)"},
        {"ka": 1.2, "CL": 6.0, "V": 20.0, "kin": 2.0, "kout": 0.4, "h": 0.5},
        outputs={"E": "E"}, initial={"E": "kin/kout"}, doses={"oral": "G", "bolus": "A"},
    )  # fmt: skip
    values, names = np.array([1.2, 6.0, 20.0, 2.0, 0.4, 0.5]), ("ka", "CL", "V", "h")
    # Integrated, a washed-out amount is noise around zero, whose root is no number: closed form only.
    times = [1.0, 2.0, 5.0, 20.0, 150.0, 5000.0] if linear == "closed form" else [1.0, 2.0, 5.0]
    how = Settings(rtol=1e-10, atol=1e-12, method=method)
    found = run(model, values, (dose,), times, sens=names, linear=linear, settings=how)
    assert not found.status.any(), found.advice(0)
    for j, k in enumerate([0, 1, 2, 5]):
        rows = []
        for step in (-2, -1, 1, 2):
            moved = values.copy()
            moved[k] *= 1 + 1e-3 * step
            rows.append(run(model, moved, (dose,), times, linear=linear, settings=how).outputs[:, 0])
        expected = (rows[0] - 8 * rows[1] + 8 * rows[2] - rows[3]) / (12e-3 * values[k])
        np.testing.assert_allclose(found.slopes[:, 0, j], expected, rtol=1e-5, atol=1e-6)
