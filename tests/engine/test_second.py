"""Second derivatives against closed forms, sixth-order differences of exact first ones, and one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pkpd import define, library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.compiled import Solution
from pkpd.engine.solve import integration
from pkpd.errors import InputError
from pkpd.model import Model

TIGHT = Settings(rtol=1e-12, atol=1e-14)
TIMES = np.array([0.5, 2.0, 6.0, 13.0, 30.0])
DOSES = (Dose(0, 100.0), Dose(12, 60.0, "infusion", 2.0))


def solved(
    model: Model, values: Any, names: Any, doses: Any = (DOSES,), times: Any = (TIMES,),
    settings: Settings = TIGHT, order: int = 2, linear: str = "closed form", **laid: Any,
) -> Solution:  # fmt: skip
    """One run; subjects are the items of doses and times."""
    code = compile_model(model, names, linear, order=order)
    table = np.atleast_2d(np.asarray(values, dtype=float))
    late = [np.zeros(len(t), bool) for t in times]
    found = code.run(table, code.schedule(table, doses, times, late, **laid), settings)
    assert not found.status.any()
    return found


def differenced(model: Model, values: Any, names: Any, **how: Any) -> np.ndarray:
    """∂²y/∂θ_j∂θ_k as sixth-order differences of exact first derivatives; all rows of values move together."""
    table, inputs, result = np.atleast_2d(np.asarray(values, dtype=float)), [*model.parameters.names], []
    for name in names:
        k = inputs.index(name)
        h, total = 2e-3 * abs(table[0, k]), 0.0
        for step, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                moved = table.copy()
                moved[:, k] += sign * step * h
                total = total + sign * weight * solved(model, moved, names, order=1, **how).slopes
        result.append(total / h)
    return np.stack(result, axis=2)


def agree(found: Solution, expected: np.ndarray) -> None:
    """Differences have six digits where a derivative is near its largest, and noise where it is zero."""
    scale = np.abs(expected).max(axis=0, keepdims=True) + np.abs(expected)
    assert (found.second == found.second.transpose(0, 1, 3, 2)).all()
    noise = 1e-10 * np.abs(expected).max()
    assert (np.abs(found.second - expected) <= 1e-6 * scale + noise).all()
    assert np.abs(expected).max() > 1e-3


def test_one_compartment_by_hand() -> None:
    found = solved(library.one_compartment(), [3.0, 20.0], ("CL", "V"), ((Dose(0, 100.0),),))
    c, t, v, k = 5 * np.exp(-0.15 * TIMES), TIMES, 20.0, 0.15
    np.testing.assert_allclose(found.second[:, 0, 0, 0], c * (t / v) ** 2, rtol=1e-11)
    np.testing.assert_allclose(found.second[:, 0, 1, 1], c / v**2 * ((1 - k * t) ** 2 + 1 - 2 * k * t), rtol=1e-10)
    np.testing.assert_allclose(found.second[:, 0, 0, 1], c * t / v**2 * (2 - k * t), rtol=1e-10)


RESPONSE = library.two_compartment() + library.indirect_response("IV", "R", by="C")
RESPONSE_VALUES = [3.0, 20.0, 2.0, 40.0, 5.0, 0.3, 4.0, 1.5]
CURVED = define(
    {"A": "-exp(-a)*A/(1 + b*A)", "R": "k*(r0**2 - R) - b*A*R"}, {"a": 1.0, "b": 0.03, "k": 0.4, "r0": 2.0},
    outputs={"y": "sqrt(R)*A", "R": "R"}, initial={"R": "r0**2"}, doses={"bolus": "A", "infusion": "A"},
)  # fmt: skip
MODELS = {
    "linear": (library.two_compartment(), [3.0, 20.0, 2.0, 40.0], ("CL", "V1", "Q", "V2"), "closed form"),
    "linear, integrated": (library.two_compartment(), [3.0, 20.0, 2.0, 40.0], ("CL", "V1", "Q", "V2"), "ode"),
    "saturable": (library.michaelis_menten(linear=True), [4.0, 2.0, 1.0, 20.0], None, "closed form"),
    "response": (RESPONSE, RESPONSE_VALUES, None, "closed form"),
    "curved in its parameters": (CURVED, [1.0, 0.03, 0.4, 2.0], None, "closed form"),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["automatic", "stiff"])
def test_against_differences(name: str, method: str) -> None:
    model, values, names, linear = MODELS[name]
    names, how = names or model.parameters.names, {"linear": linear}
    found = solved(model, values, names, settings=Settings(rtol=1e-12, atol=1e-14, method=method), **how)
    agree(found, differenced(model, values, names, **how))


def test_what_drives_by_both_ways() -> None:
    """In the modes of the block, and with everything integrated: the same but for the tolerance."""
    names = RESPONSE.parameters.names
    modes, whole = (solved(RESPONSE, RESPONSE_VALUES, names, linear=how).second for how in ("closed form", "ode"))
    assert np.abs(modes - whole).max() <= 1e-11 * np.abs(whole).max() > 0


def test_by_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    """SciPy's DOP853, driven by its matrix exponential: nothing of the modes, lanes or steps is used."""
    model = define(
        {"A": "-k*A", "R": "kin/(1 + A) - 0.2*R"}, {"k": 0.3, "kin": 2.0, "F": 0.8}, outputs={"R": "R"},
        initial={"R": "5*kin"}, doses={"bolus": "A", "infusion": "A"}, bioavailability={"A": "F**2"},
    )  # fmt: skip
    how: Any = {"settings": Settings(rtol=1e-9, atol=1e-10), "times": (np.array([0.5, 2.0, 13.0]),)}
    here = solved(model, [0.3, 2.0, 0.8], model.parameters.names, **how).second
    monkeypatch.setattr(integration, "AVAILABLE", False)
    there = solved(model, [0.3, 2.0, 0.8], model.parameters.names, **how).second
    np.testing.assert_allclose(there, here, rtol=1e-7, atol=1e-7)


def test_rates_that_are_equal() -> None:
    """Then there are no modes, and everything is integrated."""
    chain = define(
        {"D": "-ka*D", "T": "ka*D - kt*T", "A": "kt*T - k*A", "R": "kin*(1 + A) - 0.2*R"},
        {"ka": 1.0, "kt": 1.0, "k": 0.2, "kin": 2.0}, outputs={"R": "R"}, initial={"R": "5*kin"}, doses={"bolus": "D"},
    )  # fmt: skip
    how: Any = {"doses": ((Dose(0, 10.0),),)}
    names = chain.parameters.names
    for kt in (1.0, 1.0 + 1e-9, 1.01, 1.2):
        values = [1.0, kt, 0.2, 2.0]
        agree(solved(chain, values, names, **how), differenced(chain, values, names, **how))


def test_values_and_first_derivatives_are_those_of_first_order() -> None:
    names = RESPONSE.parameters.names
    once, twice = (solved(RESPONSE, RESPONSE_VALUES, names, order=order) for order in (1, 2))
    np.testing.assert_allclose(twice.outputs, once.outputs, rtol=1e-10)
    np.testing.assert_allclose(twice.slopes, once.slopes, rtol=1e-9, atol=1e-12)
    assert once.second.shape == (0, *twice.second.shape[1:])


def test_changes_of_values_and_rows() -> None:
    """Values that change while the drug is there, and outputs with another row than the one that holds."""
    rows = np.array([RESPONSE_VALUES, RESPONSE_VALUES])
    rows[1, :2] *= (1.4, 0.8)
    rows[1, 5:] *= 1.3
    names = RESPONSE.parameters.names
    for time_rows in (None, [[1, 0, 1, 1, 0]]):
        laid: Any = {"changes": [(4.0,)], "time_rows": time_rows}
        agree(solved(RESPONSE, rows, names, **laid), differenced(RESPONSE, rows, names, **laid))


def test_company_and_workers_do_not_matter() -> None:
    """The same bits alone and among others: some by modes, one with equal rates, one whose infusion has a rate."""
    model = define(
        {"D": "-ka*D", "A": "ka*D - k*A", "R": "kin/(1 + A) - 0.2*R"},
        {"ka": 1.0, "k": 0.2, "kin": 2.0, "F": 0.8}, outputs={"R": "R", "A": "A"}, initial={"R": "5*kin"},
        doses={"bolus": "D", "infusion": "A"}, bioavailability={"A": "F", "D": "F**2"},
    )  # fmt: skip
    rng = np.random.default_rng(4)
    values = np.array([1.0, 0.2, 2.0, 0.8]) * rng.uniform(0.7, 1.4, (11, 4))
    values[3, 1] = values[3, 0]
    doses = [(Dose(0, 10.0), Dose(float(i % 3), 6.0, "infusion", 2.0)) for i in range(11)]
    doses[5] = (Dose(0, 10.0, "infusion", rate=2.0),)
    times = [TIMES[: 2 + i % 4] for i in range(11)]
    names, loose = model.parameters.names, Settings(rtol=1e-6)
    for workers in (1, 2):
        settings = Settings(rtol=1e-6, workers=workers)
        together = solved(model, values, names, doses, times, settings).second
        at = 0
        for i in range(11):
            alone = solved(model, values[i], names, [doses[i]], [times[i]], loose).second
            assert (together[at : at + len(times[i])] == alone).all()
            at += len(times[i])


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("response", [False, True])
def test_bioavailability(linear: str, response: bool) -> None:
    """What arrives of a dose is curved in its parameters: exactly so where no time moves with it."""
    equations = {"D": "-ka*D", "A": "ka*D - k*A"} | ({"R": "1/(1 + A) - 0.2*R"} if response else {})
    model = define(
        equations, {"ka": 1.0, "k": 0.3, "f": 0.5, "g": 0.2}, outputs={"y": "R*A" if response else "A"},
        doses={"bolus": "D", "infusion": "A"}, bioavailability={"D": "1/(1 + exp(-f - g*ka))", "A": "exp(-g*f)"},
    )  # fmt: skip
    values, names = [1.0, 0.3, 0.5, 0.2], model.parameters.names
    found = solved(model, values, names, linear=linear)
    agree(found, differenced(model, values, names, linear=linear))
    if not response:
        # Once more without differences: twice the dose is twice everything, to roundings of the tolerance.
        doses = tuple(Dose(d.time, 2 * d.amount, d.route, d.duration) for d in DOSES)
        np.testing.assert_allclose(
            solved(model, values, names, (doses,), linear=linear).second, 2 * found.second, rtol=1e-9
        )


def test_infusion_of_a_rate_ends_with_what_arrives() -> None:
    """Its end moves with the bioavailability, so that part is differenced."""
    model = define(
        {"A": "-k*A"}, {"k": 0.3, "F": 0.5}, outputs={"A": "A"}, doses={"infusion": "A"}, bioavailability={"A": "F"}
    )
    found = solved(model, [0.3, 0.5], ("k", "F"), ((Dose(0, 10.0, "infusion", rate=2.0),),), (np.array([1.0, 6.0]),))
    # After the end at T = 10·F/2: A = 2/k·(exp(kT) − 1)·exp(−kt).
    k, t, end = 0.3, 6.0, 2.5
    assert found.second[0, 0, 1, 1] == pytest.approx(0.0, abs=1e-7)
    assert found.second[1, 0, 1, 1] == pytest.approx(2 * k * 25 * np.exp(k * (end - t)), rel=1e-8)
    assert found.second[1, 0, 0, 1] == pytest.approx(2 * 5 * (end - t) * np.exp(k * (end - t)), rel=1e-8)


def test_parameters_of_doses_and_own_times() -> None:
    """A lag, a bioavailability and the time of a change: differences of exact first derivatives, by hand."""
    model = define(
        {"A": "-(k1 if t < T else k2)*A"}, {"k1": 0.1, "k2": 0.4, "T": 4.0, "F": 0.7, "late": 0.5},
        outputs={"A": "A"}, doses={"bolus": "A"}, lag={"A": "late"}, bioavailability={"A": "F"},
    )  # fmt: skip
    names = ("k1", "k2", "T", "F", "late")
    found = solved(model, [0.1, 0.4, 4.0, 0.7, 0.5], names, ((Dose(0, 10.0),),), (np.array([2.0, 6.0, 9.0]),))
    for row, t in zip(found.second[:, 0], (2.0, 6.0, 9.0), strict=True):
        early, later = min(t, 4.0) - 0.5, max(t - 4.0, 0.0)
        a = 7.0 * np.exp(-0.1 * early - 0.4 * later)
        past = float(t > 4.0)
        first = np.array([-early, -later, 0.3 * past, 1 / 0.7, 0.1])  # of log A
        bend = np.zeros((5, 5))
        bend[0, 2] = bend[2, 0] = -past
        bend[1, 2] = bend[2, 1] = past
        bend[0, 4] = bend[4, 0] = 1.0
        bend[3, 3] = -1 / 0.49
        np.testing.assert_allclose(row, a * (np.outer(first, first) + bend), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", ["linear", "response"])
def test_steady_states(kind: str) -> None:
    model, values, names, _ = MODELS[kind]
    names = names or model.parameters.names
    doses = ((Dose(0, 100.0, steady_state="instead", interval=12.0), Dose(12.0, 60.0)),)
    how: Any = {"doses": doses, "settings": Settings(rtol=1e-11, atol=1e-13)}
    found = solved(model, values, names, **how)
    expected = differenced(model, values, names, **how)
    scale = np.abs(expected).max(axis=0, keepdims=True) + np.abs(expected)
    assert (np.abs(found.second - expected) <= 1e-6 * scale + 1e-8 * np.abs(expected).max()).all()


def test_a_subject_that_fails_has_no_second_derivatives() -> None:
    model = define({"A": "k*A**2"}, {"k": 1.0}, outputs={"A": "A"}, doses={"bolus": "A"})
    code, table = compile_model(model, ("k",), order=2), np.array([[1.0], [0.01]])
    times = [np.array([0.5, 2.0])] * 2
    plan = code.schedule(table, [(Dose(0, 1.0),)] * 2, times, [np.zeros(2, bool)] * 2)
    found = code.run(table, plan, Settings(rtol=1e-9))
    assert found.status[0] != 0
    assert np.isnan(found.second[:2]).all()
    t = times[0]
    np.testing.assert_allclose(found.second[2:, 0, 0, 0], 2 * t**2 / (1 - 0.01 * t) ** 3, rtol=1e-6)


def test_time_lines_of_first_order_are_refused() -> None:
    model = define(
        {"A": "-k*A"}, {"k": 0.3, "F": 0.5}, outputs={"A": "A"}, doses={"bolus": "A"}, bioavailability={"A": "F"}
    )
    once, twice = (compile_model(model, ("k", "F"), order=order) for order in (1, 2))
    table = np.array([[0.3, 0.5]])
    plan = once.schedule(table, [(Dose(0, 1.0),)], [TIMES], [np.zeros(5, bool)])
    with pytest.raises(InputError, match="no second derivatives"):
        twice.run(table, plan)
