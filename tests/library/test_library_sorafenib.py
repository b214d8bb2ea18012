"""Sorafenib (Jain 2011): the chain in closed form, an independent piecewise-linear solution, mass, printed numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import gammainc

from pkpd import library
from pkpd.dosing import Dose
from pkpd.errors import InputError
from tests.library.library_runs import solve

TWICE_DAILY = [Dose(12.0 * k, 400.0, "oral") for k in range(61)]
MODELS = {reading: library.sorafenib(reading) for reading in ("returned", "eliminated")}
EXPECTED = {
    # By reading: AUC0-12 at steady state, accumulation, tmax of the first dose (h); il21.md, section 8.
    # Its accumulation, 5.9 and 3.35, is that of bile which enters the blood at once (5.925 and 3.352). Bile that enters
    # the fourth transit compartment, as its text says, gives 5.960 and 3.388.
    "returned": (98.0, {"transit4": 5.960, "central": 5.925}, 4.2),
    "eliminated": (49.2, {"transit4": 3.388, "central": 3.352}, 3.8),
}


def matrices(reading: str, p: dict[str, float], entry: int = 4) -> tuple[Any, Any]:
    """The system with the gallbladder closed and open, written from the paper's scheme and not from the equations."""
    ka = 5 / p["MTT"]
    out = p["CL"] / p["V"] / (1.0 if reading == "returned" else 1 - p["Fbile"])
    closed = np.zeros((7, 7))
    for k in range(5):
        closed[k, k] -= ka
        closed[k + 1, k] += ka
    closed[5, 5] -= out
    closed[6, 5] += p["Fbile"] * out
    opened = closed.copy()
    opened[6, 6] -= p["kge"]
    opened[entry, 6] += p["kge"]
    return closed, opened


def after(x: Any, hours: float, closed: Any, opened: Any, opens: float) -> Any:
    """The amounts so long after a dose."""
    early = expm(closed * min(hours, opens)) @ x
    return expm(opened * (hours - opens)) @ early if hours > opens else early


@pytest.mark.parametrize("reading", MODELS)
def test_the_published_numbers(reading: str) -> None:
    """AUC0-12 of 400 mg twice daily, its ratio to the first dose's, time of the peak: first dose and 61st."""
    model, grid = MODELS[reading], np.linspace(0, 12, 241)
    first = solve(model, model.parameters.as_dict(), grid, [TWICE_DAILY[0]])["C"]
    last = solve(model, model.parameters.as_dict(), 720 + grid, TWICE_DAILY, after=True)["C"]
    area, accumulation, peak = EXPECTED[reading]
    assert np.trapezoid(last, grid) == pytest.approx(area, abs=0.1)
    assert np.trapezoid(last, grid) / np.trapezoid(first, grid) == pytest.approx(accumulation["transit4"], abs=0.005)
    assert grid[first.argmax()] == pytest.approx(peak, abs=0.051)
    assert grid[last.argmax()] == pytest.approx(3.0, abs=0.051)
    assert last[0] == pytest.approx(last[-1], rel=1e-3)


@pytest.mark.parametrize(("entry", "bile"), [(4, "transit4"), (5, "central")])
@pytest.mark.parametrize("reading", MODELS)
def test_the_steady_area_is_dose_by_clearance(reading: str, entry: int, bile: str) -> None:
    """All of a dose leaves for good in an interval: AUC = D/((1 − Fbile)·CL) or D/CL; the area is an eighth state here.

    The ratio to the first dose's area, without any solver, is that of `EXPECTED`.
    """
    p = MODELS[reading].parameters.as_dict()
    closed, opened = (np.pad(m, (0, 1)) for m in matrices(reading, p, entry))
    closed[7, 5] = opened[7, 5] = 1 / p["V"]
    through = after(np.eye(8), 12.0, closed, opened, p["Tge"])
    dose = np.eye(7)[0] * 400.0
    steady = np.linalg.solve(np.eye(7) - through[:7, :7], dose)
    area = through[7, :7] @ steady
    gone = p["CL"] * (1 - p["Fbile"] if reading == "returned" else 1.0)
    assert area == pytest.approx(400 / gone, rel=1e-10)
    assert gone == pytest.approx({"returned": 4.08126, "eliminated": 8.13}[reading])
    assert area / (through[7, :7] @ dose) == pytest.approx(EXPECTED[reading][1][bile], abs=0.001)


@pytest.mark.parametrize("reading", MODELS)
def test_the_exact_switch_is_a_piecewise_linear_system(reading: str) -> None:
    """Three doses, every state, against matrix exponentials of the closed and the open gallbladder."""
    model = library.sorafenib(reading, emptying="exact")
    p = model.parameters.as_dict()
    closed, opened = matrices(reading, p)
    times = np.array([1.0, 6.0, 6.5, 11.9, 14.0, 19.0, 23.9, 26.0, 40.0])
    found = solve(model, p, times, TWICE_DAILY[:3])
    x, expected, last = np.zeros(7), [], 0.0
    for start, end in ((0.0, 12.0), (12.0, 24.0), (24.0, 99.0)):
        x = (after(x, start - last, closed, opened, p["Tge"]) if start else x) + np.eye(7)[0] * 400.0
        last = start
        expected += [after(x, t - start, closed, opened, p["Tge"]) for t in times if start <= t < end]
    states = np.column_stack([found[s] for s in model.states])
    np.testing.assert_allclose(states, np.array(expected), rtol=1e-7, atol=1e-7)
    smooth = solve(MODELS[reading], p, times, TWICE_DAILY[:3])["C"]
    np.testing.assert_allclose(smooth, found["C"], rtol=0.02)  # the published switch opens within about 0.3 h


def test_bile_may_enter_the_blood_at_once() -> None:
    """The accumulation of il21.md (3.35), by the solver."""
    model, grid = library.sorafenib("eliminated", bile_into="central"), np.linspace(0, 12, 241)
    first = solve(model, model.parameters.as_dict(), grid, [TWICE_DAILY[0]])["C"]
    last = solve(model, model.parameters.as_dict(), 720 + grid, TWICE_DAILY, after=True)["C"]
    assert np.trapezoid(last, grid) / np.trapezoid(first, grid) == pytest.approx(3.352, abs=0.005)
    assert grid[first.argmax()] == pytest.approx(3.8, abs=0.3)


def test_the_chain_is_a_gamma_distribution() -> None:
    """Five equal steps: D·P(5, 5t/MTT) has been absorbed, whose mean is MTT."""
    model, times = MODELS["returned"], np.array([0.3, 1.0, 2.0, 4.0, 12.0])
    found = solve(model, model.parameters.as_dict() | {"CL": 0.0}, times, [Dose(0, 400.0, "oral")])
    np.testing.assert_allclose(found["central"], 400 * gammainc(5, 5 * times / 1.98), rtol=1e-8)


def test_mass_balance() -> None:
    """What is there and what has left for good is what was given, at every time; all of it has left in the end."""
    model = MODELS["returned"] + library.metabolite("M", by="(1 - Fbile)*CL*C")
    p = library.typical(model).parameters.as_dict() | {"fm_M": 1.0, "CL_M": 0.0}
    times = np.array([0.5, 5.0, 7.0, 11.0, 18.0, 60.0, 3000.0])
    found = solve(model, p, times, TWICE_DAILY[:2])
    total = sum(found[s] for s in model.states)
    np.testing.assert_allclose(total, np.where(times < 12, 400.0, 800.0), rtol=1e-8)
    assert found["metabolite_M"][-1] == pytest.approx(800.0, rel=1e-8)
    assert found["gallbladder"][3:5].min() > 1.0


def test_the_gallbladder_is_closed_until_six_hours() -> None:
    """Up to 4 h the published switch lets through nothing that shows (1e-7); at 9 h it shows."""
    model = MODELS["returned"]
    values = model.parameters.as_dict()
    open_, shut = (solve(model, values | {"kge": k}, [4.0, 9.0], [Dose(0, 400.0, "oral")])["C"] for k in (0.857, 0.0))
    assert open_[0] == pytest.approx(shut[0], rel=1e-7)
    assert open_[1] > 1.1 * shut[1]


def test_choices_are_checked() -> None:
    with pytest.raises(InputError, match="did you mean 'returned'"):
        library.sorafenib("return")
    with pytest.raises(InputError, match="did you mean 'smooth'"):
        library.sorafenib(emptying="smoth")
    with pytest.raises(InputError, match="did you mean 'transit4'"):
        library.sorafenib(bile_into="transit")
