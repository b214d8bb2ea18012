"""What switches while a run goes on: conditions on time in any form, on states, corners; against closed forms."""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
import pytest
from scipy.integrate import quad

from pkpd import define, library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.solve import integration
from pkpd.engine.status import SLIDES

TIGHT = Settings(rtol=1e-10)
LATE = np.zeros(1, dtype=bool)


@lru_cache(maxsize=64)
def model(equations: tuple[tuple[str, str], ...], parameters: tuple[tuple[str, float], ...], initial: str = "1"):
    states = dict(equations)
    outputs = {f"out_{s}": s for s in states}
    first = next(iter(states))
    return define(states, dict(parameters), initial={first: initial}, outputs=outputs, doses={"bolus": first})


def run(of, values=None, times=(0.0, 168.0), doses=(), sens=(), settings=TIGHT, linear="closed form", order=1):
    code = compile_model(of, tuple(sens), linear, order=order)
    table = np.atleast_2d(of.parameters.values if values is None else np.asarray(values, dtype=float))
    times, count = np.asarray(times, dtype=float), len(table)
    plan = code.schedule(table, [doses] * count, [times] * count, [np.zeros(len(times), bool)] * count)
    return code.run(table, plan, settings)


def only(text: str, **parameters: float):
    """A state that collects a function of time."""
    return model((("B", f"k*({text})"),), tuple({"k": 1.0, **parameters}.items()), "0")


FORMS = {  # function of time, where quadrature must cut it
    "1 if abs(t - 84) < 6 else 0": (78, 90),
    "1 if (t - 84)**2 < 1 else 0": (83, 85),
    "1 if 1 - (t - 84)**2 > 0 and t > 83.5 else 0": (83.5, 85),
    "max(0, 1 - abs(t - 84))": (83, 84, 85),
    "min(t, 84)": (84,),
    "exp(-(t - 84)**2/2)": (80, 84, 88),
    "exp(-((t - 84)/0.01)**2)": (83.9, 84, 84.1),
    "1/(1 + (1000*(t - 84))**2)": (83.9, 83.999, 84, 84.001, 84.1),
    "1 if cos(6.283185307179586*t/24) > 0.95 else 0": None,
    "1 if t*(168 - t) > 7000 and t < 100 else 0": (84 - 56**0.5, 84 + 56**0.5),
    "tanh(50*(t - 84)) + tanh(50*(90 - t))": (83.9, 84, 84.1, 89.9, 90, 90.1),
    "exp(20*(cos(6.283185307179586*(t - 3)/24) - 1))": tuple(range(3, 168, 24)),
    "abs(sin(t))": tuple(np.pi * np.arange(1, 54)),
    "1 if exp(-0.01*t) < 0.5 and t < 75 else 0": (100 * np.log(2), 75),
    "1 if max(0, t - 84) > 0 else 0": (84,),
    "1 if min(t, 84) >= 84 else 0": (84,),
    "(2 if (3 if t**2 > 7056 else 1) > 2 else 0)": (84,),
    "1 if abs(abs(t - 84) - 10) < 1 else 0": (73, 75, 93, 95),
}


def integral(text: str, corners) -> float:
    """∫ from 0 to 168, each smooth stretch by itself."""
    if corners is None:  # |t − 24·n| < arccos(0.95)·24/2π: seven whole days
        return 7 * 2 * np.arccos(0.95) * 24 / (2 * np.pi)
    f = eval(
        f"lambda t: {text}",
        {n: getattr(np, n) for n in ("exp", "cos", "sin", "tanh")} | {"abs": abs, "max": max, "min": min},
    )
    cuts = [0.0, *corners, 168.0]
    return sum(quad(f, a, b, epsabs=0, epsrel=1e-12, limit=200)[0] for a, b in itertools.pairwise(cuts))


@pytest.mark.parametrize("text", FORMS)
def test_functions_of_time_are_seen_whatever_is_asked_for(text: str) -> None:
    right = integral(text, FORMS[text])
    for times in ((0.0, 168.0), (0.0, 83.0, 84.0, 168.0), np.linspace(0, 168, 50)):
        found = run(only(text), times=times)
        assert not found.status.any()
        np.testing.assert_allclose(found.outputs[-1, 0], right, rtol=1e-8)


@pytest.mark.parametrize("text", ["1 if abs(t - 84) < 6 else 0", "1 if cos(6.283185307179586*t/24) > 0.95 else 0"])
@pytest.mark.parametrize("settings", [Settings(method="stiff"), Settings(max_step=0.7), Settings(rtol=1e-4)])
def test_by_every_method(text: str, settings: Settings) -> None:
    found = run(only(text), settings=settings)
    np.testing.assert_allclose(found.outputs[-1, 0], integral(text, FORMS[text]), rtol=1e-6)


def test_a_moment_that_parameters_move() -> None:
    """∫ from 0 to T of [cos(2πt/P) > c] is n whole stretches of 2·arccos(c)·P/2π: derivatives by P and by c."""
    found = run(only("1 if cos(6.283185307179586*t/P) > c else 0", P=24.0, c=0.95), sens=("P", "c", "k"))
    wide = np.arccos(0.95) / np.pi
    # The last stretch ends at 168 = 7·P exactly, half of it is inside: that half begins at 7·P − wide·P/2.
    by_period = 6 * wide + 0.5 * wide - (7 - 0.5 * wide)
    by_limit = -7 * 24 / np.pi / np.sqrt(1 - 0.95**2)
    np.testing.assert_allclose(found.slopes[-1, 0], [by_period, by_limit, 7 * 24 * wide], rtol=1e-8)


DECAY = (("C", "-ke*C"), ("B", "1 if low < C and C < high else 0"))
VALUES = (("ke", 0.1), ("low", 0.9), ("high", 1.0))


@pytest.mark.parametrize("settings", [TIGHT, Settings(method="stiff", rtol=1e-10), Settings(max_step=1.0)])
@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_narrow_band_of_a_state(settings: Settings, linear: str) -> None:
    """The time from C = high to C = low is ln(high/low)/ke."""
    found = run(
        model(DECAY, VALUES, "10"), times=[0, 23.5, 100], sens=("ke", "low", "high"), settings=settings, linear=linear
    )
    enters, leaves = np.log(10) / 0.1, np.log(10 / 0.9) / 0.1
    np.testing.assert_allclose(found.outputs[:, 1], [0, 23.5 - enters, leaves - enters], rtol=1e-8, atol=1e-12)
    inside = [enters / 0.1, 0, 1 / (1.0 * 0.1)]
    after = [-(leaves - enters) / 0.1, -1 / (0.9 * 0.1), 1 / (1.0 * 0.1)]
    np.testing.assert_allclose(found.slopes[1:, 1], [inside, after], rtol=1e-7)


def test_a_peak_that_just_reaches_a_limit() -> None:
    """An oral dose whose peak is above the limit for a moment; there the solver has no reason to stop."""
    oral = define(
        {"depot": "-ka*depot", "A": "ka*depot - ke*A", "B": "1 if A > limit else 0"},
        {"ka": 1.0, "ke": 0.1, "limit": 0.5}, outputs={"B": "B"}, doses={"bolus": "depot"},
    )  # fmt: skip

    def amount(t: float, less: float = 0.0) -> float:
        return 100 / 0.9 * (np.exp(-0.1 * t) - np.exp(-t)) - less

    from scipy.optimize import brentq

    peak = np.log(10) / 0.9
    for below in (1e-2, 1e-4, 1e-6):
        limit = amount(peak) * (1 - below)
        found = run(oral, [1.0, 0.1, limit], [0, 200.0], (Dose(0.0, 100.0),), ("limit",))
        ends = [brentq(amount, *span, args=(limit,), xtol=1e-13) for span in ((0.1, peak), (peak, 50))]
        steep = [-0.1 * 100 / 0.9 * np.exp(-0.1 * t) + 100 / 0.9 * np.exp(-t) for t in ends]
        np.testing.assert_allclose(found.outputs[-1, 0], ends[1] - ends[0], rtol=1e-5)
        np.testing.assert_allclose(found.slopes[-1, 0, 0], 1 / steep[1] - 1 / steep[0], rtol=1e-4)
    missed = run(oral, [1.0, 0.1, amount(peak) * 1.0001], [0, 200.0], (Dose(0.0, 100.0),))
    assert missed.outputs[-1, 0] == 0


NONLINEAR = (
    ("C", "-(fast if C > limit else slow)*C/(1 + C)"),
    ("R", "kin*(1 + max(C - limit, 0)) - kout*R*(2 if R < 3 else 1)"),
)
PARAMETERS = (("fast", 1.0), ("slow", 0.3), ("limit", 2.0), ("kin", 1.0), ("kout", 0.4))


@pytest.mark.parametrize("method", ["explicit", "stiff"])
def test_derivatives_are_those_of_differences(method: str) -> None:
    of, times = model(NONLINEAR, PARAMETERS, "10"), [2.0, 5.0, 9.0, 20.0, 30.0]
    names = [n for n, _ in PARAMETERS]
    doses = (Dose(12.0, 8.0), Dose(14.0, 3.0))
    how = Settings(rtol=1e-11, method=method)
    found = run(of, times=times, doses=doses, sens=names, settings=how)
    base = np.array([v for _, v in PARAMETERS])
    moves = np.concatenate([base + s * np.diag(base * 1e-4) for s in (-2, -1, 1, 2)])
    values = run(of, moves, times, doses, settings=how).outputs.reshape(4, len(names), len(times), 2)
    slopes = np.einsum("s,sptk->tkp", np.array([1, -8, 8, -1]) / 12, values) / (base * 1e-4)
    np.testing.assert_allclose(found.slopes, slopes, rtol=2e-6, atol=1e-8)


def test_a_lag_moves_what_switches() -> None:
    """A dose that comes later lifts C above the limit at once: the effect ends later, too."""
    late = define(
        {"C": "-ke*C", "B": "1 if C > limit else 0"}, {"ke": 0.1, "limit": 1.0, "wait": 2.0},
        outputs={"B": "B"}, doses={"bolus": "C"}, lag={"C": "wait"},
    )  # fmt: skip
    found = run(late, times=[5.0, 60.0], doses=(Dose(0.0, 10.0), Dose(40.0, 0.5)), sens=("wait", "ke", "limit"))
    stays = np.log(10) / 0.1
    np.testing.assert_allclose(found.outputs[:, 0], [3.0, stays], rtol=1e-9)
    np.testing.assert_allclose(found.slopes[:, 0], [[-1, 0, 0], [0, -stays / 0.1, -1 / 0.1]], rtol=1e-8, atol=1e-9)


def test_second_derivatives() -> None:
    """(ln high − ln low)/ke, twice."""
    found = run(model(DECAY, VALUES, "10"), times=[100.0], sens=("ke", "low"), order=2)
    whole = np.log(1 / 0.9)
    right = [[2 * whole / 0.1**3, 1 / (0.9 * 0.1**2)], [1 / (0.9 * 0.1**2), 1 / (0.9**2 * 0.1)]]
    np.testing.assert_allclose(found.second[0, 1], right, rtol=1e-6)


def test_what_slides_is_said() -> None:
    """An infusion that is on below a limit and off above it would hold the amount there."""
    held = model((("A", "(5 if A < 2 else 0) - ke*A"),), (("ke", 0.1),), "0")
    found = run(held, times=[0.0, 10.0])
    assert found.status[0] == SLIDES
    assert np.isnan(found.outputs).all()
    assert "limit" in found.advice(0)
    free = run(held, [3.0], times=[0.0, 10.0])  # 5/3 is reached below the limit: nothing switches
    np.testing.assert_allclose(free.outputs[-1, 0], 5 / 3, rtol=1e-9)


def test_subjects_do_not_see_each_other() -> None:
    of = model(NONLINEAR, PARAMETERS, "10")
    values = np.array([v for _, v in PARAMETERS]) * np.linspace(0.5, 2, 13)[:, None]
    times = np.linspace(0, 30, 7)
    together = run(of, values, times, (Dose(12.0, 8.0),), ("limit",))
    for i in (0, 5, 12):
        alone = run(of, values[i], times, (Dose(12.0, 8.0),), ("limit",))
        np.testing.assert_array_equal(together.outputs[7 * i : 7 * i + 7], alone.outputs)
        np.testing.assert_array_equal(together.slopes[7 * i : 7 * i + 7], alone.slopes)


def test_shorter_steps_change_nothing() -> None:
    """Whatever of the library depends on time by itself, with doses where it takes any."""
    for of in (library.circadian_turnover(by="0.2"), library.circadian_baseline(), library.enterohepatic()):
        doses = (Dose(0.0, 100.0, next(iter(of.doses))), Dose(24.0, 100.0, next(iter(of.doses)))) if of.doses else ()
        free, held = (
            run(of, times=np.linspace(0, 96, 9), doses=doses, settings=Settings(max_step=h)).outputs
            for h in (np.inf, 0.25)
        )
        np.testing.assert_allclose(free, held, rtol=2e-7, atol=1e-9 * np.abs(held).max())


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        (model(NONLINEAR, PARAMETERS, "10"), [2.0, 9.0, 30.0], (Dose(12.0, 8.0),), ("fast", "limit")),
        (only("1 if abs(t - T) < 6 else 0", T=84.0), [80.0, 168.0], (), ("T",)),
        (only("max(0, 1 - (t - T)**2)", T=84.0), [83.5, 168.0], (), ("T",)),
    ]
    ours = [run(of, times=times, doses=doses, sens=sens) for of, times, doses, sens in cases]
    monkeypatch.setattr(integration, "AVAILABLE", False)
    for found, (of, times, doses, sens) in zip(ours, cases, strict=True):
        theirs = run(of, times=times, doses=doses, sens=sens)
        assert not theirs.status.any()
        np.testing.assert_allclose(theirs.outputs, found.outputs, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(theirs.slopes, found.slopes, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("tad*tad > 4", (2, 2)),
        ("tad*t > 28", (28**0.5, 2)),
        ("sqrt(tad) > L", (2, 2)),
        ("tad - 0.1*t > 1", (1 / 0.9, 2.2 / 0.9)),
    ],
)
def test_time_after_dose_that_only_a_condition_sees(text: str, begins: tuple[float, float]) -> None:
    """Nothing but the gap of a switch has `tad`: it counts from each dose all the same (doses at 0 and 12 h)."""
    of = model((("A", f"-ke*A*(3 if {text} else 1)"),), (("ke", 0.2), ("L", 2**0.5)), "0")
    found = run(of, times=[8.0, 20.0], doses=(Dose(0.0, 10.0), Dose(12.0, 5.0)))
    first = 10 * np.exp(-0.2 * (12 + 2 * (12 - begins[0]))) + 5
    right = [10 * np.exp(-0.2 * (8 + 2 * (8 - begins[0]))), first * np.exp(-0.2 * (8 + 2 * (8 - begins[1])))]
    np.testing.assert_allclose(found.outputs[:, 0], right, rtol=1e-8)


@pytest.mark.parametrize("method", ["automatic", "explicit", "stiff"])
def test_nothing_at_all_is_a_number(method: str) -> None:
    """A subject on placebo; what is zero until a switch begins it. The stiff method divided by its size."""
    how = Settings(method=method)
    placebo = model((("A", "-ke*A/(1 + A)"),), (("ke", 0.2),), "0")
    assert run(placebo, times=[1.0, 9.0], sens=("ke",), settings=how).outputs.tolist() == [[0.0], [0.0]]
    for text in ("1 if t**3 > T**3 else 0", "1 if cos(t/60) < cos(T/60) else 0"):
        late = run(only(text, T=80.0), times=[7.0, 168.0], sens=("T",), settings=how)
        np.testing.assert_allclose(late.outputs[:, 0], [0.0, 88.0], rtol=1e-6)
        np.testing.assert_allclose(late.slopes[:, 0, 0], [0.0, -1.0], rtol=1e-6)
