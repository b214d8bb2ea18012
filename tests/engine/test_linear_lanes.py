"""Linear blocks over lanes: against 90 digits, against the way subject by subject, in any company.

The exact numbers are sums of exponentials in 90 digits; derivatives are differences of these at 1e-20, so that their
error is below 1e-30.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution
from pkpd.engine.compiled import Compiled
from pkpd.engine.machine import disk, jit
from pkpd.engine.machine.kernel_cache import kernel_digest
from pkpd.engine.machine.steps import linear_layout
from pkpd.engine.machine.steps.linear_layout import BlockLayout, shape_of
from pkpd.engine.solve.linear_lanes import solve_linear_lanes
from pkpd.engine.timeline.schedule import Schedule
from pkpd.model import Model, define

pytestmark = pytest.mark.skipif(not jit.AVAILABLE, reason="there are no lanes without numba")

ONE, TWO = library.one_compartment(absorption=True), library.two_compartment(absorption=True)
BASE = {"ka": 1.0, "CL": 3.0, "V": 30.0, "V1": 30.0, "Q": 2.0, "V2": 50.0}


def concentration(p: Sequence[Any], t: Any) -> Any:
    """One or two compartments with absorption, by the number of parameters, after a dose of 1."""
    ka, clearance, v = p[:3]
    if len(p) == 3:
        k = clearance / v
        return ka / v * (mpmath.exp(-k * t) - mpmath.exp(-ka * t)) / (ka - k)
    k10, k12, k21 = clearance / v, p[3] / v, p[3] / p[4]
    total = k10 + k12 + k21
    root = mpmath.sqrt(total * total - 4 * k10 * k21)
    rates = [ka, (total + root) / 2, (total - root) / 2]
    weights = [(k21 - x) / mpmath.fprod(z - x for z in rates if z != x) for x in rates]
    return ka / v * mpmath.fsum(w * mpmath.exp(-x * t) for w, x in zip(weights, rates, strict=True))


def exact(p: Sequence[float], t: float) -> tuple[np.ndarray, np.ndarray]:
    """The concentration and its slopes, and its second derivatives, by differences in many digits."""
    with mpmath.workdps(90):
        values, clock, count = [mpmath.mpf(x) for x in p], mpmath.mpf(t), len(p)
        steps = [v * mpmath.mpf(10) ** -20 for v in values]

        def at(*moves: tuple[int, int]) -> Any:
            other = list(values)
            for j, sign in moves:
                other[j] += sign * steps[j]
            return concentration(other, clock)

        middle, up, down = at(), [at((j, 1)) for j in range(count)], [at((j, -1)) for j in range(count)]
        slopes = [(up[j] - down[j]) / (2 * steps[j]) for j in range(count)]
        second = np.empty((count, count))
        for j in range(count):
            second[j, j] = float((up[j] - 2 * middle + down[j]) / steps[j] ** 2)
            for k in range(j):
                corners = [a * b * at((j, a), (k, b)) for a in (1, -1) for b in (1, -1)]
                second[j, k] = second[k, j] = float(mpmath.fsum(corners) / (4 * steps[j] * steps[k]))
        return np.array([float(x) for x in (middle, *slopes)]), second


def equal(values: np.ndarray, fast: bool) -> None:
    """Make ka one of the block's rates to 1e-12."""
    clearance, v = values[1:3]
    if len(values) == 3:
        values[0] = clearance / v * (1 + 1e-12)
        return
    k10, k12, k21 = clearance / v, values[3] / v, values[3] / values[4]
    total = k10 + k12 + k21
    root = np.sqrt(total * total - 4 * k10 * k21)
    values[0] = (total + (root if fast else -root)) / 2 * (1 + 1e-12)


# What happens to values and time, and the errors of values and slopes, and of second derivatives: roundings that grow
# with rate × time (2 000 h: 2e4 of 1e-16).
KINDS: dict[str, tuple[Callable[[np.ndarray], None], float | None, float, float]] = {
    "ordinary": (lambda v: None, None, 2e-13, 5e-13),
    "ka = the fast rate": (lambda v: equal(v, True), None, 2e-13, 5e-13),
    "ka = the slow rate": (lambda v: equal(v, False), None, 2e-13, 5e-13),
    "early": (lambda v: None, 1e-4, 2e-14, 2e-14),
    "late": (lambda v: None, 2000.0, 2e-11, 5e-11),
    "fast exchange": (lambda v: v.__setitem__(slice(3, 4), v[3:4] * 1000), None, 2e-12, 5e-12),
}


@pytest.mark.parametrize("model", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_values_and_derivatives_against_many_digits(kind: str, model: Model) -> None:
    """Relative to each number, beside a thousandth of value/parameter(s) where a derivative crosses zero."""
    change, when, bound, second_bound = KINDS[kind]
    names = model.parameters.names
    rng = np.random.default_rng(8)
    values = np.array([BASE[n] for n in names]) * np.exp(0.4 * rng.standard_normal((40, len(names))))
    for row in values:
        change(row)
    times = rng.choice([0.25, 0.5, 1, 2, 4, 8, 12, 24.0], 40) if when is None else np.full(40, when)
    found, twice = (
        solve(compiled(model, names, order=order), values, [(Dose(0, 1.0, "oral"),)] * 40, [[t] for t in times])
        for order in (1, 2)
    )
    assert np.array_equal(found.outputs, twice.outputs)
    for k, (row, t) in enumerate(zip(values, times, strict=True)):
        expected, second = exact(row, t)
        size = np.abs(expected) + 1e-3 * np.abs(expected[0]) / np.array([1.0, *row])
        for each in (found, twice):
            error = np.abs(np.array([each.outputs[k, 0], *each.slopes[k, 0]]) - expected) / size
            assert error.max() < bound, (row, t, error)
        size = np.abs(second) + 1e-3 * np.abs(expected[0]) / np.outer(row, row)
        error = np.abs(twice.second[k, 0] - second) / size
        assert error.max() < second_bound, (row, t, error)


def compiled(model: Model, names: Sequence[str] = (), lanes: bool = True, order: int = 1) -> Compiled:
    """A model's code of its own, whose block is solved over lanes or subject by subject."""
    code = Compiled(model, names, "closed form", order)
    assert code.block.complete
    code.block.__dict__["over_lanes"] = lanes
    return code


def solve(code: Compiled, values: Any, doses: Any, times: Any, late: bool = False) -> Solution:
    return code.run(np.asarray(values, dtype=float), lay_out(code, values, doses, times, late), Settings(workers=1))


def lay_out(code: Compiled, values: Any, doses: Any, times: Any, late: bool = False) -> Schedule:
    clocks = [np.asarray(t, dtype=float) for t in times]
    return code.schedule(np.asarray(values, dtype=float), doses, clocks, [np.full(t.shape, late) for t in clocks])


TWO_IV = library.two_compartment()
WITH_INPUT = define(
    {"A": "kin - k*A - q*A + r*B", "B": "q*A - r*B"}, {"k": 0.3, "q": 0.2, "r": 0.1, "kin": 2.0},
    outputs={"A": "A", "B": "B"}, initial={"A": "kin/k"}, doses={"bolus": "A", "infusion": "B"},
)  # fmt: skip
FEW_PARAMETERS = library.one_compartment() + library.transit_delay(steps=3)  # more flows than parameters
SWING = define({"x": "w*y - g*x", "y": "-w*x"}, {"w": 2.0, "g": 0.1}, outputs={"x": "x", "y": "y"},
               initial={"x": "1"}, doses={"bolus": "x", "infusion": "y"})  # fmt: skip
LATE = define(
    {"G": "-ka*G", "A": "ka*G - CL/V*A"}, {"ka": 1.0, "CL": 3.0, "V": 30.0, "F": 0.7, "L": 0.3, "D": 2.0},
    outputs={"C": "A/V"}, doses={"oral": "G", "infusion": "A", "bolus": "A"}, bioavailability={"G": "F", "A": "F"},
    lag={"G": "L"}, infusion_duration={"A": "D"},
)  # fmt: skip
CHAIN = TWO_IV + library.transit_delay("T", by="C", steps=9)  # whose code is loops over tables
MODELS = {
    "chain": CHAIN, "one": library.one_compartment(), "one oral": ONE, "two oral": TWO,
    "three": library.three_compartment(),
    "input": WITH_INPUT, "few parameters": FEW_PARAMETERS, "swing": SWING, "late": LATE,
}  # fmt: skip


def crowd(model: Model, count: int) -> tuple[np.ndarray, list[tuple[Dose, ...]], list[list[float]]]:
    """Subjects with boluses, infusions and repeated doses of their own, and times of their own."""
    rng = np.random.default_rng(5)
    typical = np.array([BASE.get(p.name, p.value if np.isfinite(p.value) else 4.0) for p in model.parameters])
    values = typical * np.exp(0.3 * rng.standard_normal((count, len(typical))))
    routes, doses, times = sorted(model.doses), [], []
    for k in range(count):
        given = []
        for start in sorted(rng.choice(np.arange(0, 30, 0.5), rng.integers(1, 4), replace=False)):
            route = str(rng.choice(routes))
            length = float(rng.choice([0.5, 2.0])) if route == "infusion" else 0.0
            more = {"additional": 3, "interval": 12.0} if rng.random() < 0.3 else {}
            given.append(Dose(float(start), 100.0, route, length, **more))
        doses.append(tuple(given))
        times.append(
            sorted(rng.choice(np.arange(0, 60, 0.25), rng.integers(1, 12)).tolist()) if k % 5 else [1.0, 2.0, 3.0]
        )
    return values, doses, times


@pytest.mark.parametrize("kind", list(MODELS))
@pytest.mark.parametrize("late", [False, True])
def test_the_same_as_subject_by_subject(kind: str, late: bool) -> None:
    """To roundings: 1e-12 of the largest of a subject, for values and slopes by every parameter."""
    model = MODELS[kind]
    values, doses, times = crowd(model, 40)
    names = model.parameters.names
    a = solve(compiled(model, names), values, doses, times, late)
    b = solve(compiled(model, names, lanes=False), values, doses, times, late)
    assert np.array_equal(a.status, b.status)
    assert not a.status.any()
    for new, old in ((a.outputs, b.outputs), (a.states, b.states), (a.slopes, b.slopes)):
        largest = np.abs(old).max(axis=0) + 1e-300
        assert np.max(np.abs(new - old) / largest) < 1e-12
    assert np.abs(b.slopes).max() > 0


@pytest.mark.parametrize("kind", list(MODELS))
def test_second_derivatives_are_those_of_the_first(kind: str) -> None:
    """Of infusions, inputs, oscillations: differences of sixth order of the slopes, with an error of 1e-9."""
    model = MODELS[kind]
    values, doses, times = crowd(model, 20)
    names = model.parameters.names
    first, twice = compiled(model, names), compiled(model, names, order=2)
    found = solve(twice, values, doses, times).second
    assert twice.code.structure.moving == tuple(names.index(n) for n in ("L", "D") if n in names)
    for j in range(len(names)):
        total: Any = 0.0
        for step, weight in ((1, 3 / 4), (2, -3 / 20), (3, 1 / 60)):
            for sign in (1, -1):
                moved = values.copy()
                moved[:, j] *= 1 + 5e-4 * sign * step
                total = total + sign * weight * solve(first, moved, doses, times).slopes
        size = np.repeat(5e-4 * values[:, j], [len(t) for t in times])
        expected = total / size[:, None, None]
        largest = np.abs(expected).max(axis=0) + 1e-2 * np.abs(expected).max()  # noise where it is zero
        assert (np.abs(found[:, :, j] - expected) <= 1e-8 * largest).all(), names[j]
    assert np.array_equal(found, found.swapaxes(2, 3))


@pytest.mark.parametrize("kind", list(MODELS))
def test_bits_in_any_company(kind: str) -> None:
    """Alone, in another order, beside infusions (which need other code): the same bits."""
    model = MODELS[kind]
    values, doses, times = crowd(model, 40)
    code = compiled(model, model.parameters.names, order=2)
    whole, plan = solve(code, values, doses, times), lay_out(code, values, doses, times)
    rows = [np.arange(lo, hi) for lo, hi in zip(plan.rows[:-1], plan.rows[1:], strict=True)]
    rng = np.random.default_rng(6)
    groups = [rng.permutation(40), rng.permutation(40)[:9], *([k] for k in range(0, 40, 3))]
    for which in groups:
        some = solve(code, values[which], [doses[k] for k in which], [times[k] for k in which])
        mine = np.concatenate([rows[k] for k in which])
        assert some.outputs.tobytes() == whole.outputs[mine].tobytes()
        assert some.slopes.tobytes() == whole.slopes[mine].tobytes()
        assert some.second.tobytes() == whole.second[mine].tobytes()
        assert some.states.tobytes() == whole.states[mine].tobytes()


def test_directions_are_what_is_fewer() -> None:
    """Flows for two compartments, parameters for a chain with one rate; the models above try both."""
    flows = BlockLayout(shape_of(compiled(TWO, TWO.parameters.names).code.structure), False)
    assert flows.by_flow
    assert flows.directions == 4
    few = BlockLayout(shape_of(compiled(FEW_PARAMETERS, FEW_PARAMETERS.parameters.names).code.structure), False)
    assert not few.by_flow
    assert few.directions == len(FEW_PARAMETERS.parameters.names)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", ["one oral", "two oral", "few parameters", "late", "swing", "input"])
def test_loops_over_tables_compute_the_same(kind: str, order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done for large blocks, done for a small one: the same to roundings, derivatives too."""
    model = MODELS[kind]
    values, doses, times = crowd(model, 20)
    names = model.parameters.names
    usual = solve(compiled(model, names, order=order), values, doses, times)
    monkeypatch.setattr(linear_layout, "MOST_ENTRIES", 0)
    monkeypatch.setenv("PKPD_CACHE", "")
    disk.folder.cache_clear()
    code = compiled(model, names, order=order)
    assert code.block._layout(False).large
    tables = solve(code, values, doses, times)
    disk.folder.cache_clear()
    for new, old in ((tables.outputs, usual.outputs), (tables.slopes, usual.slopes), (tables.second, usual.second)):
        largest = np.nanmax(np.abs(old), axis=0, initial=1e-300) + 1e-3 * np.nanmax(np.abs(old), initial=0.0)
        assert np.nanmax(np.abs(new - old) / largest, initial=0.0) < 1e-11
        assert np.array_equal(np.isnan(new), np.isnan(old))


def test_an_interval_that_comes_again_gives_the_same_numbers() -> None:
    """Hourly samples use one exponential 24 times; each alone has its own: equal to the roundings of 24 products."""
    code = compiled(TWO, TWO.parameters.names)
    values = [[BASE[n] for n in TWO.parameters.names]]
    hourly = solve(code, values, [(Dose(0, 100.0, "oral"),)], [np.arange(1.0, 25.0)])
    for k in range(24):
        one = solve(code, values, [(Dose(0, 100.0, "oral"),)], [[k + 1.0]])
        np.testing.assert_allclose(hourly.outputs[k], one.outputs[0], rtol=3e-14)
        np.testing.assert_allclose(hourly.slopes[k], one.slopes[0], rtol=1e-12, atol=1e-14 * np.abs(one.slopes).max())


def test_a_subject_that_is_no_number_is_none_throughout() -> None:
    code = compiled(TWO, TWO.parameters.names)
    values = np.tile([BASE[n] for n in TWO.parameters.names], (11, 1))
    values[3, 1], values[7, 2] = np.nan, 0.0
    found = solve(code, values, [(Dose(0, 100.0, "oral"),)] * 11, [[1.0, 2.0]] * 11)
    assert found.status.nonzero()[0].tolist() == [3, 7]
    bad = np.isin(np.arange(22) // 2, [3, 7])
    for part in (found.outputs, found.states, found.slopes):
        assert np.isnan(part[bad]).all()
        assert np.isfinite(part[~bad]).all()


def test_the_loop_counts_no_references() -> None:
    """Each would be an atomic operation for every slice. The kept machine code names what it calls."""
    solve(compiled(ONE), [[BASE[n] for n in ONE.parameters.names]], [(Dose(0, 1.0, "oral"),)], [[1.0]])
    folder = Path(solve_linear_lanes._cache.cache_path)  # type: ignore[attr-defined]
    kept = list(folder.glob(f"linear_lanes.solve_linear_lanes-*{kernel_digest()[:16]}*.nbc"))
    assert kept
    assert all(b"NRT_incref" not in file.read_bytes() for file in kept)
