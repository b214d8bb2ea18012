"""Many states, many times, and subjects that cannot be solved: against SciPy, matrix exponentials and conservation."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model
from pkpd.model import Model, define
from pkpd.model.expressions import symbol
from tests.engine.engine_runs import run

TIGHT = {"rtol": 1e-11, "atol": 1e-11}
METHODS = ("explicit", "stiff")

# Tissue: volume (L), blood flow (L/h), tissue-to-blood partition coefficient: of the order of an adult's, made up here.
TISSUES = {
    "adipose": (14.5, 16.8, 6.0), "bone": (10.5, 16.8, 0.6), "brain": (1.45, 40.3, 1.1), "heart": (0.33, 13.4, 1.3),
    "kidney": (0.31, 63.8, 2.4), "muscle": (29.0, 57.1, 0.9), "skin": (3.3, 16.8, 1.5), "thymus": (0.025, 1.0, 1.2),
    "thyroid": (0.02, 5.0, 1.0), "marrow": (1.5, 10.1, 2.0), "adrenal": (0.014, 1.0, 3.0), "gonads": (0.035, 0.4, 1.4),
    "eyes": (0.015, 0.5, 0.8), "rest": (3.9, 6.7, 1.0),
}  # fmt: skip
SPLANCHNIC = {"gut": (1.02, 50.4, 1.6), "spleen": (0.15, 10.1, 1.9), "pancreas": (0.14, 3.4, 1.7)}
LIVER = (1.8, 22.4, 3.0)  # its own arterial flow; the portal vein brings the splanchnic one
LUNG, VENOUS, ARTERIAL = (0.5, 0.8), 3.7, 1.9  # volume and partition; blood volumes
INDIVIDUAL = {"CLint": 60.0, "Km": 1.5, "scale": 1.0}


def physiological(saturable: bool) -> Model:
    """Return 22 states: well-stirred tissues between arterial and venous blood, the liver after the portal vein.

    Each tissue: dA/dt = Q·(C_in − A/(V·P)). The liver clears CLint·C, or CLint·C/(1 + C/Km), which is counted.
    """

    def out(name: str, volume: float, partition: float) -> str:
        return f"{name}/({volume}*scale*{partition})"

    blood = f"arterial/({ARTERIAL}*scale)"
    equations, back = {}, []
    for name, (volume, flow, partition) in TISSUES.items():
        equations[name] = f"{flow}*({blood} - {out(name, volume, partition)})"
        back.append(f"{flow}*{out(name, volume, partition)}")
    portal = []
    for name, (volume, flow, partition) in SPLANCHNIC.items():
        equations[name] = f"{flow}*({blood} - {out(name, volume, partition)})"
        portal.append(f"{flow}*{out(name, volume, partition)}")
    volume, flow, partition = LIVER
    hepatic = flow + sum(f for _, f, _ in SPLANCHNIC.values())
    here = out("liver", volume, partition)
    cleared = f"CLint*{here}/(1 + {here}/Km)" if saturable else f"CLint*{here}"
    equations["liver"] = f"{flow}*{blood} + {' + '.join(portal)} - {hepatic}*{here} - {cleared}"
    back.append(f"{hepatic}*{here}")
    total = hepatic + sum(f for _, f, _ in TISSUES.values())
    lung, vein = out("lung", *LUNG), f"venous/({VENOUS}*scale)"
    equations |= {
        "venous": f"{' + '.join(back)} - {total}*{vein}", "lung": f"{total}*({vein} - {lung})",
        "arterial": f"{total}*({lung} - {blood})", "cleared": cleared,
    }  # fmt: skip
    return define(
        equations, INDIVIDUAL, outputs={"C": vein, "everything": " + ".join(equations)},
        doses={"bolus": "venous", "infusion": "venous", "oral": "gut"}, name="physiological",
    )  # fmt: skip


def chain(states: int, saturable: bool) -> Model:
    """Return compartments in a row, each draining into the next: v·c·x, or v·c·x/(2 + x); the last keeps everything."""
    names = [f"x{k}" for k in range(states)]
    flows = [f"{0.6 + 0.05 * k!r}*v*{n}" + (f"/(2 + {n})" if saturable else "") for k, n in enumerate(names)]
    equations = {n: f"-{flows[k]}" if k < states - 1 else "0*x0" for k, n in enumerate(names)}
    for k in range(1, states):
        equations[names[k]] = f"{equations[names[k]]} + {flows[k - 1]}".replace("0*x0 + ", "")
    if states == 1:
        equations["x0"] = f"-{flows[0]}"
    return define(equations, {"v": 1.0}, outputs={n: n for n in names}, doses={"bolus": "x0", "infusion": "x0"})


@lru_cache(maxsize=32)
def _rhs(model: Model) -> tuple[object, object]:
    """The right-hand side and its Jacobian from the equations alone: nothing of the engine is in them."""
    y = [symbol(s) for s in model.states]
    p = [symbol(n) for n in model.parameters.names]
    algebraic = {symbol(n): model.expression(n) for n in model.outputs if n not in model.equations}
    f = sympy.Matrix([model.expression(s).xreplace(algebraic) for s in model.states])
    return sympy.lambdify((y, p), list(f), cse=True), sympy.lambdify((y, p), f.jacobian(y), cse=True)


def by_scipy(model: Model, values: list[float], doses: list[Dose], times: np.ndarray, method: str) -> np.ndarray:
    """Return the states at `times` (before a dose) by SciPy, cut at doses and ends of infusions."""
    rhs, jacobian = _rhs(model)
    edges = sorted({0.0, *(d.time for d in doses), *(d.time + d.duration for d in doses), float(times[-1])})
    state, found = np.zeros(len(model.states)), np.full((times.size, len(model.states)), np.nan)
    found[times == 0] = 0.0
    for begin, end in pairwise(edges):
        rate = np.zeros(state.size)
        for d in doses:
            into = model.states.index(model.doses[d.route])
            if d.route != "infusion" and d.time == begin:
                state[into] += d.amount
            if d.route == "infusion" and d.time <= begin < d.time + d.duration:
                rate[into] += d.amount / d.duration
        inside = (times > begin) & (times <= end)
        solved = solve_ivp(
            lambda t, y, r: np.asarray(rhs(y, values)) + r, (begin, end), state, method, **TIGHT, args=(rate,),
            t_eval=np.union1d(times[inside], [end]), jac=lambda t, y, r: np.asarray(jacobian(y, values)),
        )  # fmt: skip
        assert solved.success
        found[inside] = solved.y.T[np.isin(solved.t, times[inside])]
        state = solved.y[:, -1].copy()
    return found


DOSES = [Dose(0.0, 100.0), Dose(2.0, 80.0, "infusion", duration=3.0), Dose(6.0, 120.0, "oral")]
CLOCK = np.array([0.0, 0.02, 0.1, 0.5, 1, 2, 3, 5, 6, 6.05, 7, 9, 12, 24, 48])


def close(found: np.ndarray, expected: np.ndarray, size: float = 300.0, error: float = 1e-8) -> None:
    """Each value to 1e-8 of what was given (300 mg), and to 1e-6 of itself where it is not tiny."""
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=error * size)


@lru_cache
def physiology_by_scipy(saturable: bool) -> np.ndarray:
    """The oracle of the next tests, integrated once a model."""
    return by_scipy(physiological(saturable), list(INDIVIDUAL.values()), DOSES, CLOCK, "Radau")


@pytest.mark.parametrize("how", ["closed form", *METHODS])
@pytest.mark.parametrize("saturable", [False, True])
def test_a_physiological_model(how: str, saturable: bool) -> None:
    """22 states against Radau at 1e-11; with a saturable liver nothing has a closed form."""
    model, values = physiological(saturable), list(INDIVIDUAL.values())
    assert len(model.states) == 22
    linear = "closed form" if how == "closed form" else "ode"
    settings = Settings(**TIGHT) if how == "closed form" else Settings(method=how, **TIGHT)
    code = compile_model(model, (), linear)
    assert (code.integrated is None) == (how == "closed form" and not saturable)
    found = run(model, values, DOSES, CLOCK, linear=linear, settings=settings)
    assert not found.status.any()
    close(found.states, physiology_by_scipy(saturable), error=1e-9)
    given = np.array([sum(d.amount * (min(max(t - d.time, 0), d.duration) / d.duration if d.duration else t > d.time)
                          for d in DOSES) for t in CLOCK])  # fmt: skip
    np.testing.assert_allclose(
        found.outputs[:, 1], given, rtol=1e-11, atol=1e-11
    )  # nothing is lost but what is cleared
    assert (found.states >= (0 if how == "closed form" and not saturable else -1e-9)).all()


def test_physiology_has_its_steady_state() -> None:
    """A constant infusion for 60 days: C = rate/CL by the well-stirred liver, and every tissue at its partition."""
    model, values = physiological(False), list(INDIVIDUAL.values())
    found = run(model, values, [Dose(0, 24 * 60 * 5.0, "infusion", duration=24 * 60.0)], [1440.0])
    flow = LIVER[1] + sum(f for _, f, _ in SPLANCHNIC.values())
    total = flow + sum(f for _, f, _ in TISSUES.values())
    extraction = INDIVIDUAL["CLint"] / (flow + INDIVIDUAL["CLint"])
    arterial = 5.0 / (flow * extraction)
    state = dict(zip(model.states, found.states[0], strict=True))
    assert state["arterial"] / ARTERIAL == pytest.approx(arterial, rel=1e-9)
    assert state["venous"] / VENOUS == pytest.approx(arterial, rel=1e-9)  # the infusion replaces what the liver takes
    assert total * arterial > 5.0
    for name, (volume, _, partition) in {**TISSUES, **SPLANCHNIC}.items():
        assert state[name] / (volume * partition) == pytest.approx(arterial, rel=1e-9), name


STATES = (1, 2, 5, 20, 60)  # 40 in tests/long
TIMES = np.array([0.1, 1.0, 3.0, 10.0, 10.5, 30.0, 80.0])
GIVEN = [Dose(0.0, 100.0), Dose(10.0, 50.0, "infusion", duration=8.0)]


def generator(states: int, v: float) -> np.ndarray:
    """The matrix of the linear chain, with a row for the infusion rate below it."""
    k = np.zeros((states + 1, states + 1))
    for i in range(states if states == 1 else states - 1):
        k[i, i] = -(0.6 + 0.05 * i) * v
        if states > 1:
            k[i + 1, i] = (0.6 + 0.05 * i) * v
    k[0, -1] = 1.0
    return k


def by_expm(states: int, v: float) -> np.ndarray:
    found = []
    for t in TIMES:
        state, k = np.zeros(states + 1), generator(states, v)
        state[0] = 100.0
        state = expm(k * min(t, 10.0)) @ state
        state[-1] = 50 / 8
        state = expm(k * min(max(t - 10, 0), 8.0)) @ state
        state[-1] = 0.0
        found.append((expm(k * max(t - 18, 0)) @ state)[:-1])
    return np.array(found)


def check_linear_chain(states: int) -> None:
    """Closed form and both solvers against matrix exponentials; what enters stays inside; nothing below zero."""
    model = chain(states, False)
    expected = by_expm(states, 1.3)
    given = 100 + 50 / 8 * np.clip(TIMES - 10, 0, 8)
    for how in ("closed form", *METHODS):
        settings = Settings(method="automatic" if how == "closed form" else how, **TIGHT)
        linear = "closed form" if how == "closed form" else "ode"
        found = run(model, [1.3], GIVEN, TIMES, linear=linear, settings=settings)
        assert not found.status.any()
        np.testing.assert_allclose(found.states, expected, rtol=1e-7, atol=1e-8, err_msg=how)
        if how == "closed form":
            np.testing.assert_allclose(found.states, expected, rtol=1e-9, atol=1e-11)
            assert (found.states >= 0).all()
        assert found.states.min() > -1e-9
        if states > 1:
            np.testing.assert_allclose(found.states.sum(axis=1), given, rtol=1e-10, err_msg=how)


@pytest.mark.parametrize("states", STATES)
def test_linear_chains(states: int) -> None:
    check_linear_chain(states)


def check_saturable_chain(states: int, method: str) -> None:
    """Against LSODA at 1e-11 with a Jacobian; what enters stays inside; nothing below zero."""
    model = chain(states, True)
    found = run(model, [1.3], GIVEN, TIMES, settings=Settings(method=method, **TIGHT))
    assert not found.status.any()
    np.testing.assert_allclose(found.states, by_scipy(model, [1.3], GIVEN, TIMES, "LSODA"), rtol=1e-6, atol=2e-8)
    assert found.states.min() > -1e-9
    if states > 1:
        np.testing.assert_allclose(found.states.sum(axis=1), 100 + 50 / 8 * np.clip(TIMES - 10, 0, 8), rtol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("states", STATES)
def test_saturable_chains(states: int, method: str) -> None:
    check_saturable_chain(states, method)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_hundred_thousand_times(linear: str) -> None:
    """One subject at 10⁵ times, shuffled, is the same subject at the same times in ten runs of 10⁴, to 1e-9."""
    model = define(
        {"A": "-(k + q)*A + q*B", "B": "q*A - q*B", "R": "0.3*(1 + 4*A/(2 + A)) - 0.1*R"}, {"k": 0.4, "q": 0.2},
        outputs={"A": "A", "R": "R"}, initial={"R": "3"}, doses={"bolus": "A"},
    )  # fmt: skip
    doses = [Dose(24.0 * d, 10.0) for d in range(10)]
    times = np.random.default_rng(5).permutation(np.linspace(0, 300, 100_000))
    settings = Settings(rtol=1e-12, atol=1e-12)
    whole = run(model, [0.4, 0.2], doses, times, linear=linear, settings=settings).outputs
    parts = [run(model, [0.4, 0.2], doses, t, linear=linear, settings=settings).outputs for t in np.split(times, 10)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-9, atol=1e-11)
    few = np.argsort(times)[::10_000]
    alone = run(model, [0.4, 0.2], doses, times[few], linear=linear, settings=settings).outputs
    np.testing.assert_allclose(alone, whole[few], rtol=1e-9, atol=1e-11)


FAILING = {
    "runs away in finite time": ("k*x**2", 1.0, "blows up|not a number"),
    "falls to rounding": ("k/(2 - x)", 1.0, "blows up|not a number|step limit"),
    "logarithm of a negative number": ("log(1.5 - k)*x", 2.0, "not a number"),
    "root of a negative number": ("-sqrt(1 - k)*x", 2.0, "not a number"),
    "a value that is missing": ("-k*x*x", math.nan, "not a number"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", ["automatic", *METHODS])
@pytest.mark.parametrize("name", FAILING)
def test_one_who_cannot_be_solved_harms_nobody(name: str, method: str) -> None:
    """A status and a sentence for the one, NaN throughout; the others bit for bit as in a run without it."""
    text, bad, sentence = FAILING[name]
    model = define({"x": text, "z": "x - 0.3*z"}, {"k": 0.1}, outputs={"x": "x", "z": "z"}, initial={"x": "1"})
    values = np.array([[0.1], [0.05], [bad], [0.02], [0.15]])
    times, settings = np.array([0.5, 1.0, 2.5]), Settings(method=method, max_steps=20_000)
    found = run(model, values, (), times, settings=settings)
    assert (found.status != 0).tolist() == [False, False, True, False, False]
    assert np.isnan(found.outputs[6:9]).all()
    assert np.isnan(found.states[6:9]).all()
    assert re.search(sentence, found.advice(2)), found.advice(2)
    assert found.advice(0) == ""
    without = run(model, np.delete(values, 2, axis=0), (), times, settings=settings)
    assert not without.status.any()
    np.testing.assert_array_equal(np.delete(found.outputs, [6, 7, 8], axis=0), without.outputs)


def with_a_negative_volume(saturable: bool) -> tuple[Solution, Solution]:
    """Three subjects of whom the second has volumes below zero, and the other two alone."""
    values = np.array([[60.0, 1.5, 1.0], [60.0, 1.5, -1.0], [30.0, 1.5, 1.2]])
    model = physiological(saturable)
    return run(model, values, DOSES, CLOCK), run(model, values[[0, 2]], DOSES, CLOCK)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("saturable", [False, True])
def test_a_negative_volume_harms_nobody_else(saturable: bool) -> None:
    found, without = with_a_negative_volume(saturable)
    assert not without.status.any()
    rest = np.delete(found.outputs, np.s_[CLOCK.size : 2 * CLOCK.size], axis=0)
    np.testing.assert_array_equal(rest, without.outputs)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("saturable", [
    False, True,
])  # fmt: skip
def test_a_negative_volume_has_a_status(saturable: bool) -> None:
    """Physiology with volumes below zero grows beyond every number: a status, a sentence, and NaN throughout."""
    found, _ = with_a_negative_volume(saturable)
    assert (found.status != 0).tolist() == [False, True, False]
    assert found.advice(1)
    assert np.isnan(found.outputs[CLOCK.size : 2 * CLOCK.size]).all()
