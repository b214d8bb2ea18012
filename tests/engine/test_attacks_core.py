"""What an attack on the rewritten engine found, and random models against SciPy, neighbours and parts."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model
from pkpd.engine.machine import disk
from pkpd.model import Model
from tests.fresh_process import without_the_package

TIGHT = Settings(rtol=1e-11, atol=1e-13)


def solve(
    model: Model, values: Any, doses: Sequence[Sequence[Dose]], times: Sequence[Any], sens: Sequence[str] = (),
    linear: str = "closed form", how: Settings = TIGHT,
) -> Solution:  # fmt: skip
    code = compile_model(model, sens, linear)
    table, clocks = np.atleast_2d(np.asarray(values, dtype=float)), [np.asarray(t, dtype=float) for t in times]
    plan = code.schedule(table, doses, clocks, [np.zeros(len(t), bool) for t in clocks])
    return code.run(table, plan, how)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    nan = np.isnan(a)
    return np.array_equal(nan, np.isnan(b)) and a[~nan].tobytes() == b[~nan].tobytes()


# ---- what drives may be negative ----------------------------------------------------------------------------------

SWING = define(
    {"x": "w*y", "y": "-w*x", "z": "x - k*z*z/(1 + z*z)"}, {"w": 1.0, "k": 0.1}, outputs={"x": "x", "z": "z"},
    initial={"x": "1", "z": "3"},
)  # fmt: skip


def test_a_swinging_block_drives_with_its_sign() -> None:
    """Complex rates have no modes; where everything is integrated, a negative state must not be cut off at zero."""
    times = [1.0, 3.0, 5.0]
    found = solve(SWING, [1.0, 0.1], [()], [times], ("w",))
    exact = solve_ivp(
        lambda t, z: np.cos(t) - 0.1 * z**2 / (1 + z**2), (0, 5), [3.0], t_eval=times, rtol=1e-12, atol=1e-13,
        method="DOP853",
    ).y[0]  # fmt: skip
    np.testing.assert_allclose(found.outputs[:, 1], exact, rtol=1e-9)
    up, down = (solve(SWING, [1 + h, 0.1], [()], [times]).outputs[:, 1] for h in (1e-4, -1e-4))
    np.testing.assert_allclose(found.slopes[:, 1, 0], (up - down) / 2e-4, atol=1e-6)


def test_what_became_negative_before_a_change_drives_with_its_sign_after_it() -> None:
    model = define(
        {"x": "(-a if t < T else a) - k*x", "z": "x - q*z*z/(1 + z*z)"}, {"a": 1.0, "k": 0.5, "T": 2.0, "q": 0.1},
        outputs={"x": "x", "z": "z"}, initial={"z": "3"},
    )  # fmt: skip
    times = [1.0, 2.0, 2.5, 4.0]

    def x(t: float) -> float:
        low = -2 * (1 - np.exp(-0.5 * min(t, 2.0)))
        return float(low if t <= 2 else 2 + (low - 2) * np.exp(-0.5 * (t - 2)))

    found, z, exact = solve(model, [1.0, 0.5, 2.0, 0.1], [()], [times]), [3.0], []
    for lo, hi in zip([0.0, *times[:-1]], times, strict=True):
        z = solve_ivp(
            lambda t, y: x(t) - 0.1 * y**2 / (1 + y**2), (lo, hi), z, rtol=1e-12, atol=1e-13, method="DOP853"
        ).y[:, -1]
        exact.append(z[0])
    np.testing.assert_allclose(found.outputs[:, 1], exact, rtol=1e-8)


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_steady_state_with_negative_states(linear: str) -> None:
    """Newton must not refuse a state that the doses themselves make negative: 150 doses given one by one."""
    model = define(
        {"x": "-k*x - w*y", "y": "k*x - q*y", "E": "kin - kout*E*(1 + abs(x)/(1 + abs(x)))",
         "F": "r*(E - F)*(1 + F/9)"},
        {"k": 0.475, "q": 0.564, "w": 1.3, "kin": 1.0, "kout": 0.4, "r": 0.1}, outputs={"E": "E", "F": "F"},
        doses={"bolus": "x"},
    )  # fmt: skip
    values, times = [0.475, 0.564, 1.3, 1.0, 0.4, 0.1], [300.5, 301.5]
    slowly = solve(model, values, [tuple(Dose(2.0 * k, 7.0) for k in range(151))], [times]).outputs
    at_once = solve(
        model, values, [(Dose(300.0, 7.0, steady_state="instead", interval=2.0),)], [times], ("kin",), linear,
        Settings(rtol=1e-11, atol=1e-13, method="explicit"),
    )  # fmt: skip
    assert at_once.status[0] == 0
    np.testing.assert_allclose(at_once.outputs, slowly, rtol=1e-8)


# ---- derivatives --------------------------------------------------------------------------------------------------


def test_two_own_times_at_one_moment_have_a_derivative_each() -> None:
    model = define(
        {"A": "-(k1 if t < T1 else k2)*A", "B": "-(k1 if t < T2 else k2)*B"},
        {"k1": 1.0, "k2": 2.0, "T1": 1.0, "T2": 1.0}, outputs={"A": "A", "B": "B"}, initial={"A": "1", "B": "1"},
    )  # fmt: skip
    for linear in ("closed form", "ode"):
        found = solve(model, [1.0, 2.0, 1.0, 1.0], [()], [[3.0]], ("T1", "T2"), linear)
        np.testing.assert_allclose(found.slopes[0], np.exp(-5) * np.eye(2), rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("method", ["explicit", "stiff", "automatic"])
def test_a_derivative_that_does_not_move(method: str) -> None:
    """∂x/∂x0 of dx/dt = k stays 1: its equation is zero by structure, and must be written as a zero all the same."""
    model = define(
        {"x": "k", "E": "k - q*E*E/(1 + E)"}, {"k": 1.0, "q": 0.4, "x0": 0.5}, outputs={"x": "x", "E": "E"},
        initial={"x": "x0", "E": "x0"},
    )  # fmt: skip
    times = np.array([1.0, 3.0, 7.0])
    found = solve(model, [1.0, 0.4, 0.5], [()], [times], ("x0", "k"), "ode", Settings(method=method))
    assert found.status[0] == 0
    np.testing.assert_allclose(found.slopes[:, 0], np.column_stack([np.ones(3), times]), rtol=1e-9)


@pytest.mark.parametrize("spread", [0.0, 1e-8, 1.1e-4, 9e-4, 2e-3, 5e-3, 1e-2, 3e-2])
def test_derivatives_with_three_nearly_equal_rates(spread: float) -> None:
    """Modes that almost coincide lose the digits of the exchange between them, or the solver its patience."""
    model = define(
        {"G": "-a*G", "A": "a*G - b*A", "B": "b*A - c*B", "E": "kin - kout*E*(1 + B)"},
        {"a": 0.5, "b": 0.5, "c": 0.5, "kin": 1.0, "kout": 0.5}, outputs={"E": "E"}, initial={"E": "kin/kout"},
        doses={"oral": "G"},
    )  # fmt: skip
    values = [0.5 * (1 + spread), 0.5, 0.5 * (1 - spread), 1.0, 0.5]
    how = Settings(rtol=1e-12, atol=1e-14)
    closed, whole = (
        solve(model, values, [(Dose(0, 10.0, "oral"),)], [[1.0, 5.0, 20.0]], ("a", "b", "c"), linear, how)
        for linear in ("closed form", "ode")
    )
    assert closed.status[0] == 0
    np.testing.assert_allclose(closed.slopes, whole.slopes, rtol=1e-9, atol=2e-10)


# ---- neighbours ---------------------------------------------------------------------------------------------------


def test_a_neighbour_with_an_infusion_changes_no_bit() -> None:
    """CL = 0: the modes serve a bolus but not an infusion, which each subject decides for itself."""
    model = define(
        {"A": "-CL/V*A", "E": "kin - kout*E*(1 + A/V)"}, {"CL": 1.0, "V": 10.0, "kin": 1.0, "kout": 0.5},
        outputs={"E": "E"}, initial={"E": "kin/kout"}, doses={"bolus": "A", "infusion": "A"},
    )  # fmt: skip
    values = [[0.0, 10.0, 1.0, 0.5], [1.0, 10.0, 1.0, 0.5]]
    doses = [(Dose(0, 100.0),), (Dose(0, 100.0, "infusion", 2.0),)]
    times = [[1.0, 5.0]] * 2
    for sens in ((), ("CL", "kin")):
        both = solve(model, values, doses, times, sens, how=Settings())
        alone = solve(model, values[:1], doses[:1], times[:1], sens, how=Settings())
        assert same_bits(both.outputs[:2], alone.outputs)
        assert same_bits(both.slopes[:2], alone.slopes)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_a_neighbour_that_is_no_number_harms_nobody_on_the_same_time_line(bad: float, linear: str) -> None:
    """Without doses both share a time line although the model says something of doses."""
    model = define(
        {"A": "-k*A", "E": "kin - E*E*(1 + A)"}, {"k": 0.1, "kin": 1.0, "F": 0.7, "E0": 2.0}, outputs={"E": "E"},
        initial={"A": "1", "E": "E0"}, doses={"bolus": "A"}, bioavailability={"A": "F"},
    )  # fmt: skip
    values = [[bad, 1.0, 0.7, 2.0], [0.1, 1.0, 0.7, 2.0]]
    both = solve(model, values, [(), ()], [[5.0]] * 2, ("k", "E0"), linear)
    alone = solve(model, values[1:], [()], [[5.0]], ("k", "E0"), linear)
    assert both.status.tolist()[1:] == [0]
    assert same_bits(both.outputs[1:], alone.outputs)
    assert same_bits(both.slopes[1:], alone.slopes)


def _crowd(seed: int, count: int) -> tuple[Model, np.ndarray, list[tuple[Dose, ...]], list[np.ndarray]]:
    """Subjects with and without modes, zeros, NaN and blow-ups, on few and many time lines."""
    rng = np.random.default_rng(seed)
    model = define(
        {"G": "-ka*G", "A": "ka*G - CL/V*A + s - q*A + p*B", "B": "q*A - p*B",
         "E": "kin*(1 + A/(EC + A)) - kout*E*E*A"},
        {"ka": 0.5, "CL": 2.0, "V": 10.0, "s": 0.0, "q": 0.2, "p": 0.1, "kin": 1.0, "kout": 0.3, "EC": 1.0, "F": 0.8},
        outputs={"C": "A/V", "E": "E"}, initial={"E": "kin"}, doses={"oral": "G", "bolus": "A", "infusion": "A"},
        bioavailability={"A": "F"},
    )  # fmt: skip
    typical = np.array([p.value for p in model.parameters])
    values = typical * np.exp(0.3 * rng.standard_normal((count, len(typical))))
    values[::5, 4] = 0.0  # B is never filled
    values[::7, 1] = 0.0
    values[::6, 0] = values[::6, 5]
    values[::11, 6], values[3::13, 1], values[5::17, 8] = np.nan, np.inf, -5.0
    plans = [
        (), (Dose(0, 10.0, "oral"),), (Dose(1.0, 5.0), Dose(1.0, 3.0, "infusion", 4.0)),
        (Dose(0, 5.0, "oral", additional=3, interval=2.0), Dose(5.0, 1.0, reset=True)),
        (Dose(2.0, 4.0, steady_state="instead", interval=3.0),), (Dose(1.0, 2.0), Dose(2.0, 0.5, action="multiply")),
    ]  # fmt: skip
    clocks = [np.empty(0), np.array([5.0, 1.0, 1.0, 9.0]), np.array([-1.0, 0.0, 2.0]), rng.uniform(0, 12, 30)]
    pick = rng.integers(0, 1000, (count, 2))
    return model, values, [plans[k % len(plans)] for k in pick[:, 0]], [clocks[k % len(clocks)] for k in pick[:, 1]]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("sens", [(), ("CL", "kin"), ("F", "q", "kout")])
@pytest.mark.parametrize("method", ["automatic", "stiff"])
def test_any_company_order_workers_and_part_give_the_same_bits(sens: tuple[str, ...], method: str) -> None:
    count = 67
    model, values, doses, times = _crowd(3, count)
    code, how = compile_model(model, sens), Settings(method=method, max_steps=2000, workers=1)
    after = [np.zeros(len(t), bool) for t in times]
    plan = code.schedule(values, doses, times, after)
    whole = code.run(values, plan, how)
    assert 3 < (whole.status != 0).sum() < count // 2
    rows = [np.arange(lo, hi) for lo, hi in zip(plan.rows[:-1], plan.rows[1:], strict=True)]
    rng = np.random.default_rng(4)
    some = np.arange(20, count, 3)
    orders = [np.arange(count), rng.permutation(count), rng.integers(0, count, 40), np.array([11]), some]
    for which, workers in zip(orders, (7, 2, 3, 1, 1), strict=True):
        mine = np.concatenate([rows[i] for i in which])
        other = Settings(method=method, max_steps=2000, workers=workers)
        again = code.schedule(values[which], *([part[i] for i in which] for part in (doses, times, after)))
        for part in (again, plan.part(which)):
            found = code.run(values[which], part, other)
            assert found.status.tolist() == whole.status[which].tolist()
            assert same_bits(found.outputs, whole.outputs[mine])
            assert same_bits(found.slopes, whole.slopes[mine])
            assert same_bits(found.states, whole.states[mine])


# ---- what is kept on disk -----------------------------------------------------------------------------------------

SCRIPT = """
import sys
from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import compile_model
import numpy as np
def go(equation, sens=("CL",), linear="closed form"):
    model = define({"A": "-CL/V*A", "E": equation}, {"CL": 1.0, "V": 10.0}, outputs={"E": "E"}, initial={"E": "2"},
                   doses={"bolus": "A"})
    code = compile_model(model, sens, linear)
    values = np.array([[1.0, 10.0]])
    found = code.run(values, code.schedule(values, [(Dose(0, 100.0),)], [[1.0, 5.0]], [[False, False]]))
    return found.outputs.tobytes().hex() + found.slopes.tobytes().hex()
runs = [go("1 - E*(1 + A)"), go("1 - 2*E*(1 + A)"), go("1 - E*(1 + A)", ("V",)), go("1 - E*(1 + A)", ("CL",), "ode")]
assert len(set(runs)) == 4
print(*runs, "sympy" in sys.modules)
"""


def _process(folder: str) -> subprocess.Popen[str]:
    there = {**os.environ, "PKPD_CACHE": folder, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", SCRIPT], env=there, stdout=subprocess.PIPE, text=True)


def _copy(folder: str) -> list[str]:
    """The same in a process that has imported other libraries already."""
    return without_the_package(f"import os; os.environ['PKPD_CACHE'] = {folder!r}\n{SCRIPT}").split()


def test_processes_share_a_folder_and_survive_what_is_spoilt_in_it(tmp_path: Path) -> None:
    running = [_process(str(tmp_path)) for _ in range(2)]
    first = [*(p.communicate()[0].split() for p in running), _copy("")]
    assert len({tuple(f[:-1]) for f in first}) == 1
    assert len(first[0]) == 5
    kept = sorted(tmp_path.glob("*.code"))
    assert _process(str(tmp_path)).communicate()[0].split() == [*first[0][:-1], "False"]
    for k, file in enumerate(kept):
        head, code = file.read_bytes().split(b"\n", 1)
        about = json.loads(head)
        about["about"].pop("structure", None)
        spoilt = [head + b"\n" + code[:-50], b"[]\n" + code, json.dumps(about).encode() + b"\n" + code, b""]
        file.write_bytes(spoilt[k % len(spoilt)])
    assert _copy(str(tmp_path))[:-1] == first[0][:-1]


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are counted at the first write of a process and at every so-manyth."""
    monkeypatch.setattr(disk, "folder", lambda: tmp_path)
    monkeypatch.setattr(disk, "_written", itertools.count())
    for name, value in (("_MOST", 5), ("_DROPPED", 2), ("_LOOKS", 4)):
        monkeypatch.setattr(disk, name, value)
    for k in range(9):
        disk.write(f"number {k}", {}, b"code")
        os.utime(tmp_path / f"number {k}.code", (k, k))
    # Counted with 1, 5 and 9 of them: then the two oldest go.
    assert sorted(file.stem for file in tmp_path.glob("*.code")) == [f"number {k}" for k in range(2, 9)]


def test_what_stands_beside_the_code_is_under_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "folder", lambda: tmp_path)
    disk.write("some", {"place": [1, 2]}, b"code")
    assert disk.read("some") == ({"place": [1, 2]}, b"code")
    file = tmp_path / "some.code"
    file.write_bytes(file.read_bytes().replace(b"[1, 2]", b"[1, 3]"))
    assert disk.read("some") is None


def test_whatever_shapes_code_is_in_the_digest_of_its_makers() -> None:
    assert {"event_times", "symbols", "sensitivities", "formulas"} <= {file.stem for file in disk.sources()}
