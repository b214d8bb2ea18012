"""Target-mediated disposition: its limits, what it conserves, and how its approximations agree with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.model import Model
from tests.library.library_runs import solve, values_of

KINDS = {
    "full": library.tmdd,
    "QSS": library.tmdd_quasi_steady_state,
    "MM": library.tmdd_michaelis_menten,
}
TIMES = np.array([0.5, 2.0, 8.0, 24.0, 72.0, 200.0])
COMMON = {"CL": 0.3, "V1": 3.0, "Q": 0.5, "V2": 2.0, "kint": 0.05, "R0": 2.0}


def of(kind: str, kon: float = 2.0, koff: float = 0.15, kdeg: float = 0.1, **changed: float) -> dict[str, float]:
    """The same drug and target in every kind: KSS = KM = (koff + kint)/kon."""
    p: dict[str, float] = COMMON | changed
    kss = (koff + p["kint"]) / kon
    own = {"full": {"kon": kon, "koff": koff, "kdeg": kdeg}, "QSS": {"KSS": kss, "kdeg": kdeg}, "MM": {"KM": kss}}
    return values_of(KINDS[kind](), **p, **own[kind])


def run(kind: str, values: dict[str, float], doses: Any, times: Any = TIMES) -> dict[str, Any]:
    return solve(KINDS[kind](), values, times, doses)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("absorption", [False, True])
@pytest.mark.parametrize("compartments", [1, 2, 3])
def test_without_target_it_is_linear(kind: str, absorption: bool, compartments: int) -> None:
    """R0 = 1e-12 of the drug changes nothing that can be seen."""
    linear = {1: library.one_compartment, 2: library.two_compartment, 3: library.three_compartment}[compartments]
    model: Model = KINDS[kind](compartments, absorption=absorption)
    values = values_of(model, R0=1e-12)
    doses = [Dose(0, 100.0, "oral" if absorption else "bolus"), Dose(10, 30.0, "infusion", 2.0)]
    plain = linear(absorption=absorption)
    expected = solve(plain, {n: values[n] for n in plain.parameters.names}, TIMES, doses)["C"]
    found = solve(model, values, TIMES, doses)["C"]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", ["full", "QSS"])
def test_the_target_rests_without_drug(kind: str) -> None:
    found = run(kind, of(kind), [])
    np.testing.assert_allclose(found["target"], 2.0, rtol=1e-10)  # the solver's
    np.testing.assert_allclose(found["complex"], 0.0, atol=1e-12)


def test_binding_conserves_drug_and_target() -> None:
    """No turnover, no elimination: R + P and the drug, free and bound, are constant; they settle at KD."""
    found = run("full", of("full", kdeg=0.0, kint=0.0, CL=0.0), [Dose(0, 10.0)], [1.0, 10.0, 1000.0])
    np.testing.assert_allclose(found["target"] + found["complex"], 2.0, rtol=1e-9)
    np.testing.assert_allclose(found["central"] + found["peripheral"] + 3 * found["complex"], 10.0, rtol=1e-9)
    kd = found["C"][-1] * found["target"][-1] / found["complex"][-1]
    assert kd == pytest.approx(0.15 / 2.0, rel=1e-7)


def test_at_steady_state_the_three_agree() -> None:
    """dP/dt = 0 is the quasi-steady state, so full and QSS agree to the digits; MM too where kint = kdeg."""
    dose = [Dose(0, 1.0 * 9000, "infusion", 9000.0)]
    full, qss = (run(k, of(k), dose, [8000.0]) for k in ("full", "QSS"))
    for name in ("C", "complex", "target", "RO"):
        np.testing.assert_allclose(qss[name], full[name], rtol=1e-7)
    full, qss, mm = (run(k, of(k, **({} if k == "MM" else {"kdeg": 0.05})), dose, [8000.0]) for k in KINDS)
    for name in ("C", "RO"):
        np.testing.assert_allclose([qss[name], mm[name]], [full[name]] * 2, rtol=1e-7)
    c = mm["C"][0]
    assert 0.3 * c + 0.05 * 2.0 * 3.0 * c / (0.1 + c) == pytest.approx(1.0, rel=1e-9)


def test_quasi_steady_state_is_the_limit_of_fast_binding() -> None:
    """At a fixed KD the error falls in proportion to 1/kon (tenfold binding, a tenth of the error)."""
    errors = []
    for speed in (1.0, 10.0, 100.0):
        kon, koff = 20.0 * speed, 2.0 * speed
        full, qss = (run(k, of(k, kon=kon, koff=koff), [Dose(0, 20.0)]) for k in ("full", "QSS"))
        errors.append(np.abs(np.log(qss["C"] / full["C"])).max())
    assert errors[2] < 1e-3
    assert errors[1] / errors[0] == pytest.approx(0.1, rel=0.3)
    assert errors[2] / errors[1] == pytest.approx(0.1, rel=0.1)


def test_michaelis_menten_is_the_limit_of_much_drug() -> None:
    """With kint = kdeg total target is constant; MM comes close to QSS as the target becomes small beside the drug.

    Up to a day here: later the drug itself falls to the size of the target.
    """
    errors = []
    for part in (1e-2, 1e-4):
        p = {"R0": 2.0 * part, "kdeg": 0.05}
        qss = run("QSS", of("QSS", **p), [Dose(0, 20.0)], TIMES[:4])["C"]
        mm = run("MM", of("MM", R0=2.0 * part), [Dose(0, 20.0)], TIMES[:4])["C"]
        errors.append(np.abs(np.log(mm / qss)).max())
    assert errors[1] < 1e-3
    assert errors[1] < 0.03 * errors[0]


def test_michaelis_menten_is_the_library_s_own() -> None:
    """The same curve as parallel elimination with Vmax = kint·R0·V1."""
    p = of("MM")
    plain = library.michaelis_menten(2, linear=True)
    q = values_of(plain, CL=0.3, V1=3.0, Q=0.5, V2=2.0, Vmax=0.05 * 2 * 3, Km=p["KM"])
    a, b = run("MM", p, [Dose(0, 20.0)])["C"], solve(plain, q, TIMES, [Dose(0, 20.0)])["C"]
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_free_drug_in_quasi_steady_state_solves_the_binding_equation() -> None:
    """C + Rt·C/(KSS + C) = Ct and free + bound target = Rt at every time."""
    p = of("QSS")
    found = run("QSS", p, [Dose(0, 20.0)])
    np.testing.assert_allclose(found["C"] + found["complex"], found["Ctot"], rtol=1e-9)
    np.testing.assert_allclose(found["target"] + found["complex"], found["target_total"], rtol=1e-12)


def test_occupancy() -> None:
    """RO = C/(KD + C) at once or, with slow binding under constant C, at the rate koff(1 + C/KD)."""
    from tests.library.library_runs import DRIVE

    fast, slow = library.receptor_occupancy("B"), library.receptor_occupancy("B", kinetic=True)
    p = values_of(DRIVE + slow, c=3.0, KD_B=0.5, koff_B=0.2)
    assert solve(DRIVE + fast, {"c": 3.0, "KD_B": 0.5}, [1.0])["B"][0] == pytest.approx(3 / 3.5, rel=1e-12)
    expected = 3 / 3.5 * -np.expm1(-0.2 * 7 * TIMES)
    np.testing.assert_allclose(solve(DRIVE + slow, p, TIMES)["B"], expected, rtol=1e-9)
