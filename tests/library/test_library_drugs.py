"""Drugs in compartments against closed forms: disposition, absorption, saturable elimination, metabolite, bile."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammainc, lambertw

from pkpd import library
from pkpd.dosing import Dose
from tests.examples import budget
from tests.library.library_runs import absorbed, bolus_curve, exponentials, infusion_curve, solve, values_of

TIMES = np.array([0.25, 1.0, 2.5, 6.0, 12.0, 30.0, 100.0])
MADE = {1: library.one_compartment, 2: library.two_compartment, 3: library.three_compartment}
SIZES = {1: ("CL", "V"), 2: ("CL", "V1", "Q", "V2"), 3: ("CL", "V1", "Q2", "V2", "Q3", "V3")}
MODELLED = Dose(0, 100.0, "infusion", modelled="duration")


@pytest.mark.parametrize("compartments", [1, 2, 3])
@given(data=st.data())
@budget(max_examples=25)
def test_bolus_infusion_and_oral(compartments: int, data: st.DataObject) -> None:
    """Sums of one to three exponentials, for random clearances and volumes, to 1e-8 of the peak."""
    drawn = {n: data.draw(st.floats(0.5, 50.0)) for n in SIZES[compartments]}
    model = MADE[compartments](absorption=True)
    values = values_of(model, **drawn, ka=data.draw(st.floats(0.2, 3.0)))
    rates, parts = exponentials(values, compartments)
    near = min(abs(a - b) for k, a in enumerate([*rates, values["ka"]]) for b in [*rates, values["ka"]][:k])
    if near < 1e-3 * max(rates):  # the textbook's differences in the denominator lose their digits
        return
    expected = {
        Dose(0, 100.0): bolus_curve(rates, parts, TIMES),
        Dose(0, 100.0, "infusion", 2.0): infusion_curve(rates, parts, TIMES, 2.0),
        Dose(0, 100.0, "oral"): bolus_curve(*absorbed(rates, parts, values["ka"]), TIMES),
    }
    for dose, curve in expected.items():
        found = solve(model, values, TIMES, [dose])["C"]
        np.testing.assert_allclose(found, 100 * curve, rtol=1e-8, atol=1e-8 * 100 * curve.max())


def test_lag_and_bioavailability() -> None:
    plain, late = library.two_compartment(absorption=True), library.two_compartment(
        absorption=True, lag=True, bioavailability=True
    )  # fmt: skip
    a = solve(plain, values_of(plain), TIMES, [Dose(0, 100.0, "oral"), Dose(3, 50.0)])
    values = values_of(late, Tlag=0.5, F=0.4)
    b = solve(late, values, TIMES, [Dose(-0.5, 250.0, "oral"), Dose(3, 50.0)])
    np.testing.assert_allclose(a["C"], b["C"], rtol=1e-10)


@pytest.mark.parametrize("compartments", [1, 2, 3])
def test_zero_order_absorption(compartments: int) -> None:
    """It is an infusion of length Tk0."""
    model = library.zero_order_absorption(compartments)
    values = values_of(model, Tk0=3.0)
    rates, parts = exponentials(values, compartments)
    expected = 100 * infusion_curve(rates, parts, TIMES, 3.0)
    np.testing.assert_allclose(solve(model, values, TIMES, [MODELLED])["C"], expected, rtol=1e-9)
    given_length = solve(model, values, TIMES, [Dose(0, 100.0, "infusion", 1.5)])["C"]  # an infusion keeps its own
    np.testing.assert_allclose(given_length, 100 * infusion_curve(rates, parts, TIMES, 1.5), rtol=1e-9)


@pytest.mark.parametrize("compartments", [1, 2])
def test_sequential_absorption(compartments: int) -> None:
    """An infusion into the depot: the exponentials of the oral curve, infused over Tk0."""
    model = library.sequential_absorption(compartments)
    values = values_of(model, Tk0=3.0, ka=0.9)
    rates, parts = absorbed(*exponentials(values, compartments), 0.9)
    found = solve(model, values, TIMES, [replace(MODELLED, into="depot")])["C"]
    np.testing.assert_allclose(found, 100 * infusion_curve(rates, parts, TIMES, 3.0), rtol=1e-8)
    iv = solve(model, values, TIMES, [Dose(0, 100.0)])["C"]
    np.testing.assert_allclose(iv, 100 * bolus_curve(*exponentials(values, compartments), TIMES), rtol=1e-9)


def test_mixed_absorption_is_the_sum_of_its_parts() -> None:
    model = library.mixed_absorption()
    values = values_of(model, Tk0=3.0, ka=0.9, Fz=0.3)
    rates, parts = exponentials(values, 1)
    expected = 30 * infusion_curve(rates, parts, TIMES, 3.0) + 70 * bolus_curve(*absorbed(rates, parts, 0.9), TIMES)
    found = solve(model, values, TIMES, [Dose(0, 100.0, "oral"), MODELLED])["C"]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("transits", [1, 3, 10])
def test_transit_chain_is_a_gamma_density(transits: int) -> None:
    """What has arrived in the absorption compartment is the gamma distribution function P(n + 1, ktr·t).

    Savic et al. 2007, eq. 7 for a whole number of transits: D·ktr(ktr·t)ⁿexp(−ktr·t)/n! arrives per time; seen with
    ka and CL at zero, and through the absorption by quadrature.
    """
    model = library.transit_absorption(transits=transits)
    ktr = (transits + 1) / 2.0
    values = values_of(model, MTT=2.0, ka=0.0, CL=0.0)
    found = solve(model, values, TIMES, [Dose(0, 100.0, "oral")])
    np.testing.assert_allclose(found["absorption"], 100 * gammainc(transits + 1, ktr * TIMES), rtol=1e-8)
    values |= {"ka": 0.7}
    density = lambda s: ktr * (ktr * s) ** transits * math.exp(-ktr * s) / math.factorial(transits)  # noqa: E731
    expected = [quad(lambda s, t=t: 100 * density(s) * math.exp(-0.7 * (t - s)), 0, t)[0] for t in TIMES[:6]]
    found = solve(model, values, TIMES[:6], [Dose(0, 100.0, "oral")])
    np.testing.assert_allclose(found["absorption"], expected, rtol=1e-7)


def check_mean_times(transits: int) -> None:
    """MRT = MTT + 1/ka + V/CL, AUC = D/CL, by long quadrature of a fine curve."""
    model = library.transit_absorption(transits=transits)
    values = values_of(model, MTT=3.0, ka=0.8, CL=10.0, V=20.0)
    t = np.linspace(0, 80, 40_001)
    c = solve(model, values, t, [Dose(0, 100.0, "oral")])["C"]
    area = np.trapezoid(c, t)
    assert area == pytest.approx(10.0, rel=1e-6)
    assert np.trapezoid(c * t, t) / area == pytest.approx(3.0 + 1.25 + 2.0, rel=1e-6)


@pytest.mark.parametrize("transits", [1, 5])
def test_mean_times_add_up(transits: int) -> None:
    check_mean_times(transits)


def test_repeated_doses_through_the_chain_superpose() -> None:
    model = library.transit_absorption(2, transits=4)
    values = values_of(model, MTT=6.0)
    t = np.arange(0.0, 40.0, 1.5)
    one = lambda shift: solve(model, values, t, [Dose(shift, 100.0, "oral")])["C"]  # noqa: E731
    both = solve(model, values, t, [Dose(0, 100.0, "oral"), Dose(4, 100.0, "oral")])["C"]
    np.testing.assert_allclose(both, one(0) + one(4), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dose", [5.0, 100.0, 2000.0])
def test_michaelis_menten_in_closed_form(dose: float) -> None:
    """C = Km·W[(C0/Km)·exp((C0 − Vmax·t/V)/Km)] (Schnell & Mendoza 1997), to 1e-8 of C0."""
    model = library.michaelis_menten()
    p = values_of(model, Vmax=10.0, Km=2.0, V=50.0)
    start = dose / p["V"]
    times = np.array([0.5, 2.0, 10.0, 40.0])
    expected = p["Km"] * lambertw(start / p["Km"] * np.exp((start - p["Vmax"] / p["V"] * times) / p["Km"])).real
    np.testing.assert_allclose(solve(model, p, times, [Dose(0, dose)])["C"], expected, rtol=1e-8, atol=1e-9 * start)


@pytest.mark.parametrize("compartments", [1, 2, 3])
def test_michaelis_menten_far_below_km_is_linear(compartments: int) -> None:
    """With CL = Vmax/Km (plus the parallel one); the difference is of the order C/Km = 1e-7."""
    linear = MADE[compartments]()
    for parallel in (False, True):
        model = library.michaelis_menten(compartments, linear=parallel)
        p = values_of(model, Vmax=10.0, Km=2.0)
        expected = solve(linear, {**values_of(linear), **p, "CL": 5.0 + parallel * p.get("CL", 0.0)}, TIMES,
                         [Dose(0, 1e-6)])["C"]  # fmt: skip
        found = solve(model, p, TIMES, [Dose(0, 1e-6)], settings=_tiny())["C"]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def _tiny():  # type: ignore[no-untyped-def]
    from pkpd.engine import Settings

    return Settings(rtol=1e-10, atol=1e-20)


def test_parallel_elimination_at_steady_state() -> None:
    """Under a constant infusion: rate = CL·C + Vmax·C/(Km + C)."""
    model = library.michaelis_menten(2, linear=True)
    p = values_of(model, CL=2.0, Vmax=10.0, Km=1.0)
    c = solve(model, p, [4000.0], [Dose(0, 12.0 * 5000, "infusion", 5000.0)])["C"][0]
    assert 2 * c + 10 * c / (1 + c) == pytest.approx(12.0, rel=1e-9)


def test_metabolite_in_closed_form() -> None:
    """A parent of one exponential: fm·k·D/V_M·(e^(−kt) − e^(−m·t))/(m − k)."""
    model = library.one_compartment() + library.metabolite("M")
    p = values_of(model, CL=5.0, V=20.0, fm_M=0.4, CL_M=3.0, V_M=30.0)
    k, m = 0.25, 0.1
    expected = 0.4 * k * 100 / 30 * (np.exp(-k * TIMES) - np.exp(-m * TIMES)) / (m - k)
    np.testing.assert_allclose(solve(model, p, TIMES, [Dose(0, 100.0)])["C_M"], expected, rtol=1e-9)


@pytest.mark.parametrize("parent", ["linear", "saturable", "parallel"])
def test_all_that_is_eliminated_becomes_metabolite(parent: str) -> None:
    """With fm = 1 and a metabolite that stays, parent and metabolite add up to the dose."""
    drug = library.transit_absorption(2, elimination=parent)
    by = {"linear": "CL*C", "saturable": "Vmax*C/(Km + C)", "parallel": "CL*C + Vmax*C/(Km + C)"}[parent]
    model = drug + library.metabolite("M", by=by)
    found = solve(model, values_of(model, fm_M=1.0, CL_M=0.0), TIMES, [Dose(0, 100.0, "oral")])
    np.testing.assert_allclose(sum(found[s] for s in model.states), 100.0, rtol=1e-9)


def test_two_metabolites_share_the_elimination() -> None:
    model = library.one_compartment() + library.metabolite("M") + library.metabolite("N")
    t = np.linspace(0, 400, 20_001)
    found = solve(model, values_of(model, fm_M=0.3, fm_N=0.6, CL_M=4.0, CL_N=2.0), t, [Dose(0, 100.0)])
    assert np.trapezoid(found["C_M"], t) == pytest.approx(0.3 * 100 / 4, rel=1e-5)
    assert np.trapezoid(found["C_N"], t) == pytest.approx(0.6 * 100 / 2, rel=1e-5)


@pytest.mark.parametrize("emptying", ["periodic", "continuous"])
def test_what_comes_back_from_bile_is_eliminated_in_the_end(emptying: str) -> None:
    """∫CL·C dt = dose whatever the recirculation: seen with a metabolite that keeps it."""
    model = library.enterohepatic(emptying) + library.metabolite("M")
    p = values_of(model, fm_M=1.0, CL_M=0.0, CLb=20.0)
    found = solve(model, p, [24.0, 3000.0], [Dose(0, 100.0)])
    assert found["metabolite_M"][1] == pytest.approx(100.0, rel=1e-8)
    assert found["metabolite_M"][0] < 99
    without = solve(model, p | {"CLb": 0.0}, [24.0], [Dose(0, 100.0)])["C"]
    assert found["C"][0] > without[0]


def test_the_gallbladder_empties_at_meals() -> None:
    """Peaks of the flow at tmeal and every Tmeal on; the concentration rises again after a meal."""
    model = library.enterohepatic()
    p = values_of(model, CLb=30.0, CL=2.0, ka=3.0, kge=3.0, sharpness=40.0, Tmeal=8.0, tmeal=6.0)
    t = np.linspace(0, 24, 2401)
    c = solve(model, p, t, [Dose(0, 100.0)])["C"]
    up = t[1:][np.diff(c) > 0]
    assert up.size
    into_cycle = (up[up > 0.1] - 6.0 + 4) % 8 - 4
    assert np.abs(into_cycle).max() < 3
    rising = {round((x - 6) / 8) for x in up[up > 0.1]}
    assert rising == {0, 1, 2}


def test_continuous_emptying_is_a_linear_system() -> None:
    from scipy.linalg import expm

    model = library.enterohepatic("continuous")
    p = values_of(model)
    k = np.array([
        [-p["ka"], 0, p["kge"]],
        [p["ka"], -(p["CL"] + p["CLb"]) / p["V"], 0],
        [0, p["CLb"] / p["V"], -p["kge"]],
    ])  # fmt: skip
    expected = [(expm(k * t) @ [100.0, 0, 0])[1] / p["V"] for t in TIMES]
    np.testing.assert_allclose(solve(model, p, TIMES, [Dose(0, 100.0, "oral")])["C"], expected, rtol=1e-9)


@pytest.mark.parametrize(("shape", "precision"), [(1.0, 1e-8), (2.2, 1e-8), (0.7, 1e-7)])
def test_weibull_share_has_been_absorbed(shape: float, precision: float) -> None:
    """Without elimination the central amount is D·(1 − exp(−(t/td)^β)); β = 1 is first-order absorption."""
    model = library.weibull_absorption()
    found = solve(model, values_of(model, beta=shape, td=2.0, CL=0.0), TIMES, [Dose(0, 100.0, "oral")])
    np.testing.assert_allclose(found["central"], -100 * np.expm1(-((TIMES / 2.0) ** shape)), rtol=precision)
