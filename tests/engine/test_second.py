"""Second derivatives against sixth-order differences of first ones, closed forms and symmetry."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd import define, library
from pkpd.dosing import Dose
from pkpd.engine import Settings
from pkpd.engine.second import solve_twice

TIGHT = Settings(rtol=1e-12, atol=1e-14)
TIMES = np.array([0.5, 2.0, 6.0, 13.0, 30.0])
DOSES = (Dose(0, 100.0), Dose(12, 60.0, "infusion", 2.0))


def twice(model, values, names, doses=DOSES, times=TIMES, linear="closed form", settings=TIGHT):
    found = solve_twice(model, names, values, [doses], [times], [np.zeros(len(times), bool)], settings, linear)
    assert not found.solution.status.any()
    return found


def differenced(model, values, names, doses=DOSES, times=TIMES, linear="closed form"):
    """∂²y/∂θ_j∂θ_k from values of first derivatives that `solve_twice` itself returns at moved parameters."""
    inputs = [*model.parameters.names]
    result = []
    for name in names:
        k, h = inputs.index(name), 2e-3 * abs(values[inputs.index(name)])
        total = 0.0
        for step, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                moved = list(values)
                moved[k] += sign * step * h
                total = total + sign * weight * twice(model, moved, names, doses, times, linear).solution.slopes
        result.append(total / h)
    return np.stack(result, axis=2)


def test_one_compartment_by_hand() -> None:
    model = library.one_compartment()
    found = twice(model, [3.0, 20.0], ("CL", "V"), (Dose(0, 100.0),))
    c, t, v, k = 5 * np.exp(-0.15 * TIMES), TIMES, 20.0, 0.15
    np.testing.assert_allclose(found.second[:, 0, 0, 0], c * (t / v) ** 2, rtol=1e-11)
    np.testing.assert_allclose(found.second[:, 0, 1, 1], c / v**2 * ((1 - k * t) ** 2 + 1 - 2 * k * t), rtol=1e-10)
    np.testing.assert_allclose(found.second[:, 0, 0, 1], c * t / v**2 * (2 - k * t), rtol=1e-10)


MODELS = {
    "linear": (library.two_compartment(), [3.0, 20.0, 2.0, 40.0], ("CL", "V1", "Q", "V2"), "closed form"),
    "linear, integrated": (library.two_compartment(), [3.0, 20.0, 2.0, 40.0], ("CL", "V1", "Q", "V2"), "ode"),
    "saturable": (library.michaelis_menten(linear=True), [4.0, 2.0, 1.0, 20.0], None, "closed form"),
    "response": (
        library.two_compartment() + library.indirect_response("IV", "R", by="C"),
        [3.0, 20.0, 2.0, 40.0, 5.0, 0.3, 4.0, 1.5], None, "closed form",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["automatic", "stiff"])
def test_against_differences(name: str, method: str) -> None:
    model, values, names, linear = MODELS[name]
    names = names or model.parameters.names
    found = twice(model, values, names, linear=linear, settings=Settings(rtol=1e-12, atol=1e-14, method=method))
    expected = differenced(model, values, names, linear=linear)
    scale = np.abs(expected).max(axis=0, keepdims=True) + np.abs(expected)
    assert np.abs(found.second - found.second.transpose(0, 1, 3, 2)).max() == 0
    noise = 1e-10 * np.abs(expected).max()  # of the differences, where the exact value is zero
    assert (np.abs(found.second - expected) <= 1e-6 * scale + noise).all()
    assert np.abs(expected).max() > 1e-3


def test_parameters_of_doses_and_own_times() -> None:
    """A lag, a bioavailability and the time of a change: differences of exact first derivatives, by hand."""
    model = define(
        {"A": "-(k1 if t < T else k2)*A"}, {"k1": 0.1, "k2": 0.4, "T": 4.0, "F": 0.7, "late": 0.5},
        outputs={"A": "A"}, doses={"bolus": "A"}, lag={"A": "late"}, bioavailability={"A": "F"},
    )  # fmt: skip
    names = ("k1", "k2", "T", "F", "late")
    found = twice(model, [0.1, 0.4, 4.0, 0.7, 0.5], names, (Dose(0, 10.0),), np.array([2.0, 6.0, 9.0]))
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
