"""Doses and samples on the time line: equal times, order, superposition, and nothing that depends on company."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model, schedule
from pkpd.errors import InputError
from pkpd.model import define
from tests.engine.engine_runs import one_compartment, run, run_each
from tests.examples import budget

ONE = library.one_compartment()
TWO = library.two_compartment()
EFFECT = library.one_compartment() + library.stimulated_loss("R", by="C")
VALUES = [2.0, 10.0, 0.2, 3.0, 1.5]  # CL, V, kout, R0, S
NONLINEAR = define({"A": "-Vm*A/(Km + A)"}, {"Vm": 2.0, "Km": 5.0}, outputs={"A": "A"},
                   doses={"bolus": "A", "infusion": "A"})  # fmt: skip
amount = st.floats(0.1, 100)
any_dose = st.one_of(
    st.builds(Dose, st.integers(0, 20).map(float), amount),
    st.builds(lambda t, a, d: Dose(t, a, "infusion", d), st.integers(0, 20).map(float), amount, st.floats(0.25, 8)),
)
doses_strategy = st.lists(any_dose, max_size=5)
clock = st.lists(st.one_of(st.integers(-2, 30).map(float), st.floats(-2, 30)), max_size=8)


def test_before_and_after_a_dose_at_the_same_time() -> None:
    doses = (Dose(0, 100.0), Dose(12, 50.0))
    times = [0.0, 0.0, 12.0, 12.0, 12.0]
    found = run(ONE, [2.0, 10.0], doses, times, after=[False, True, True, False, True]).outputs[:, 0]
    left = 10 * np.exp(-2.4)
    np.testing.assert_allclose(found, [0, 10, left + 5, left, left + 5], rtol=1e-13)


def test_the_rule_holds_for_integrated_states() -> None:
    for where in (0.0, 12.0):
        found = run(NONLINEAR, [2.0, 5.0], (Dose(where, 30.0),), [where, where], after=[False, True]).outputs[:, 0]
        assert list(found) == [0.0, 30.0]


def test_start_and_end_of_an_infusion_are_continuous() -> None:
    doses = (Dose(2, 60.0, "infusion", 3.0),)
    times = [2.0, 2.0, 5.0, 5.0]
    for model, values in ((ONE, [2.0, 10.0]), (NONLINEAR, [2.0, 5.0])):
        found = run(model, values, doses, times, after=[False, True, False, True]).outputs[:, 0]
        assert found[0] == found[1] == 0
        assert found[2] == pytest.approx(found[3], rel=1e-12)
        assert found[2] > 0
    exact = 20 / 2.0 * -np.expm1(-0.2 * 3)
    assert run(ONE, [2.0, 10.0], doses, [5.0]).outputs[0, 0] == pytest.approx(exact, rel=1e-12)


def test_before_the_first_dose_and_at_negative_times() -> None:
    doses = (Dose(-5, 100.0), Dose(3, 10.0))
    found = run(ONE, [2.0, 10.0], doses, [-9.0, -5.0, -1.0, 3.0]).outputs[:, 0]
    np.testing.assert_allclose(found, [0, 0, 10 * np.exp(-0.8), 10 * np.exp(-1.6)], rtol=1e-13)
    response = run(EFFECT, VALUES, (Dose(3, 10.0),), [-4.0, 0.0, 3.0]).outputs[:, 1]
    np.testing.assert_allclose(response, 3.0, rtol=1e-9)  # at rest until the dose


def test_initial_values_hold_at_zero() -> None:
    """A process without doses starts at time 0, wherever the first sample is."""
    model = define({"x": "-k*x"}, {"k": 0.5}, outputs={"x": "x"}, initial={"x": "8"})
    np.testing.assert_allclose(run(model, [0.5], (), [2.0, 4.0]).outputs[:, 0], 8 * np.exp([-1, -2]), rtol=1e-13)


def test_duplicate_and_empty_times() -> None:
    assert run(ONE, [2.0, 10.0], (Dose(0, 1.0),), []).outputs.shape == (0, 1)
    assert run(EFFECT, VALUES, (Dose(0, 1.0),), []).outputs.shape == (0, 2)
    twice = run(EFFECT, VALUES, (Dose(0, 50.0),), [4.0, 9.0, 4.0, 4.0]).outputs
    assert np.array_equal(twice[0], twice[2])
    assert np.array_equal(twice[0], twice[3])
    assert not np.array_equal(twice[0], twice[1])


def test_nobody_is_nobody() -> None:
    found = run_each(ONE, np.empty((1, 2)) + 1, [()], [[]])
    assert found.outputs.shape == (0, 1)


def test_no_subjects_at_all() -> None:
    """Either an empty schedule or an error of the package."""
    try:
        assert schedule([], [], [], {"bolus": 0}, 1).subjects == 0
    except ValueError as error:
        assert isinstance(error, InputError)  # noqa: PT017


@pytest.mark.parametrize("when", [np.nan, np.inf, -np.inf])
def test_times_that_are_no_times(when: float) -> None:
    with pytest.raises(InputError, match="finite"):
        run(ONE, [1.0, 1.0], (Dose(0, 1.0),), [1.0, when])


def test_values_of_the_wrong_shape() -> None:
    with pytest.raises(InputError, match="shape"):
        run(ONE, [1.0, 1.0, 1.0], (Dose(0, 1.0),), [1.0])


@given(doses=doses_strategy, times=clock, seed=st.integers(0, 99))
@budget(max_examples=60)
def test_permuted_rows_give_permuted_results(doses: list[Dose], times: list[float], seed: int) -> None:
    """Bit for bit, in samples and in doses."""
    rng = np.random.default_rng(seed)
    order, other = rng.permutation(len(times)), rng.permutation(len(doses))
    late = rng.random(len(times)) < 0.5
    clock = np.array(times, dtype=float)
    # Amounts given at one instant are added up in the order given: compare to rounding where doses are permuted.
    base = run(EFFECT, VALUES, doses, clock, after=late).outputs
    assert np.array_equal(run(EFFECT, VALUES, doses, clock[order], after=late[order]).outputs, base[order])
    moved = run(EFFECT, VALUES, [doses[k] for k in other], clock, after=late).outputs
    np.testing.assert_allclose(moved, base, rtol=1e-9, atol=1e-12)


@given(first=doses_strategy, second=doses_strategy, times=clock)
@budget(max_examples=60)
def test_linear_pharmacokinetics_superpose(first: list[Dose], second: list[Dose], times: list[float]) -> None:
    values = [2.0, 10.0, 3.0, 20.0]
    a, b, c = (run(TWO, values, d, times).outputs for d in (first, second, [*first, *second]))
    np.testing.assert_allclose(a + b, c, rtol=1e-11, atol=1e-300)


@given(doses=doses_strategy, times=clock, ratio=st.floats(1e-3, 1e3))
@budget(max_examples=40)
def test_concentrations_scale_with_the_dose(doses: list[Dose], times: list[float], ratio: float) -> None:
    more = [Dose(d.time, d.amount * ratio, d.route, d.duration) for d in doses]
    values = [2.0, 10.0, 3.0, 20.0]
    a, b = (run(TWO, values, d, times).outputs for d in (doses, more))
    np.testing.assert_allclose(a * ratio, b, rtol=1e-10, atol=1e-300)  # loses digits by the infusion's rate, see below


@pytest.mark.parametrize(
    "size", [1e3, *(x for x in (1e9, 1e12, 1e18))]
)  # fmt: skip
def test_the_unit_of_an_infusion_costs_no_digits(size: float) -> None:
    """The same infusion in grams or picograms, to 1e-9."""
    values, times = [2.0, 10.0, 3.0, 20.0], [0.5, 1.0, 5.0]
    small, large = (run(TWO, values, (Dose(0, a, "infusion", 1.0),), times).outputs for a in (1.0, size))
    np.testing.assert_allclose(large / size, small, rtol=1e-9)


@given(doses=doses_strategy, times=clock, share=st.floats(0.05, 0.95))
@budget(max_examples=40)
def test_a_dose_in_two_parts(doses: list[Dose], times: list[float], share: float) -> None:
    """Two boluses at once, two infusions at once, or one infusion cut in time: the same course, integrated too."""
    parts: list[Dose] = []
    for d in doses:
        if d.route == "bolus":
            parts += [Dose(d.time, d.amount * share), Dose(d.time, d.amount * (1 - share))]
        else:
            cut = d.duration * share
            parts += [Dose(d.time, d.amount * share, "infusion", cut),
                      Dose(d.time + cut, d.amount * (1 - share), "infusion", d.duration - cut)]  # fmt: skip
    fine = Settings(rtol=1e-11, atol=1e-11)
    a, b = (run(EFFECT, VALUES, d, times, settings=fine).outputs for d in (doses, parts))
    np.testing.assert_allclose(a[:, 0], b[:, 0], rtol=1e-9, atol=1e-14)  # the cut is rounded, and so are rates
    np.testing.assert_allclose(a[:, 1], b[:, 1], rtol=1e-8)


@given(doses=doses_strategy, times=clock, shift=st.integers(1, 1000))
@budget(max_examples=40)
def test_shifted_in_time(doses: list[Dose], times: list[float], shift: int) -> None:
    """A model at rest does not know what time it is."""
    later = [Dose(d.time + shift, d.amount, d.route, d.duration) for d in doses]
    fine = Settings(rtol=1e-11, atol=1e-11)
    moved = np.array(times, dtype=float) + shift
    # A sample within rounding of a dose or of an infusion's end may change sides: leave these out.
    edges = np.array([e for d in doses for e in (d.time, d.time + d.duration)])
    clear = np.array([not edges.size or np.min(np.abs(edges - t)) > 1e-9 for t in times], dtype=bool)
    a = run(EFFECT, VALUES, doses, times, settings=fine).outputs[clear]
    b = run(EFFECT, VALUES, later, moved, settings=fine).outputs[clear]
    np.testing.assert_allclose(a[:, 0], b[:, 0], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(a[:, 1], b[:, 1], rtol=1e-7)


def test_many_doses_at_the_same_time() -> None:
    """Fifty boluses and twenty infusions at one instant are one of each."""
    many = [Dose(1, 2.0)] * 50 + [Dose(1, 3.0, "infusion", 2.0)] * 20
    few = [Dose(1, 100.0), Dose(1, 60.0, "infusion", 2.0)]
    times = [0.5, 1.0, 2.0, 3.0, 9.0]
    np.testing.assert_allclose(
        run(EFFECT, VALUES, many, times).outputs, run(EFFECT, VALUES, few, times).outputs, rtol=1e-7
    )
    np.testing.assert_allclose(
        run(ONE, [2.0, 10.0], many, times).outputs[:, 0],
        one_compartment({"CL": 2.0, "V": 10.0}, few, times), rtol=1e-12,
    )  # fmt: skip


def test_zero_amounts_do_nothing() -> None:
    times = np.linspace(0, 20, 9)
    base = run(EFFECT, VALUES, (Dose(0, 50.0),), times).outputs
    more = run(EFFECT, VALUES, (Dose(0, 50.0), Dose(4, 0.0), Dose(5, 0.0, "infusion", 2.0)), times).outputs
    np.testing.assert_allclose(more, base, rtol=1e-6)
    np.testing.assert_allclose(more[:, 0], base[:, 0], rtol=1e-13)


def test_results_do_not_depend_on_workers_or_company() -> None:
    """Bit for bit: 1, 2, 3 or 7 threads; alone, in a batch, and in the reversed batch."""
    rng = np.random.default_rng(4)
    n = 90
    values = np.array(VALUES) * np.exp(0.3 * rng.standard_normal((n, 5)))
    doses = (Dose(0, 50.0), Dose(6, 30.0, "infusion", 2.0))
    times = np.linspace(0, 30, 13)
    how = [Settings(workers=w) for w in (1, 2, 3, 7, None)]
    for sens in ((), ("S_R",), EFFECT.parameters.names):
        runs = [run(EFFECT, values, doses, times, sens=sens, settings=s) for s in how]
        for other in runs[1:]:
            assert np.array_equal(other.outputs, runs[0].outputs)
            assert np.array_equal(other.slopes, runs[0].slopes)
        rows = runs[0].outputs.reshape(n, 13, 2)
        backwards = run(EFFECT, values[::-1], doses, times, sens=sens).outputs.reshape(n, 13, 2)
        assert np.array_equal(backwards[::-1], rows)
        for k in range(0, n, 17):
            assert np.array_equal(run(EFFECT, values[k], doses, times, sens=sens).outputs, rows[k])


@pytest.mark.parametrize(
    ("last", "above"), [(Dose(5, 40.0, reset=True), 4.0), (Dose(5, 50.0, steady_state="instead", interval=12.0), None)]
)
def test_between_a_dose_and_a_reset_at_its_time(last: Dose, above: float | None) -> None:
    """Records of one time act in their order: 100 mg in 10 L are there, until the next record takes them away."""
    code, values = compile_model(ONE), np.array([[2.0, 10.0]])
    plan = code.schedule(values, [(Dose(5, 100.0), last)], [np.array([5.0, 5, 5, 6])], [np.array([0, 1, 2, 2])])
    found = code.run(values, plan).outputs[:, 0]
    top = 5 / -np.expm1(-0.2 * 12) if above is None else above
    np.testing.assert_allclose(found, [0, 10, top, top * np.exp(-0.2)], rtol=1e-12)


def test_amounts_that_are_replaced_and_multiplied() -> None:
    """100 decays to 100/e; 30 stands there instead, is multiplied by 2 and by 1.5, and 10 are added: 10 L hold 100."""
    doses = [Dose(0, 100.0), Dose(5, 30.0, action="replace"), Dose(5, 2.0, action="multiply"),
             Dose(5, 1.5, action="multiply"), Dose(5, 10.0)]  # fmt: skip
    times, after = [5.0, 5.0, 10.0], [False, True, False]
    found = run(ONE, [2.0, 10.0], doses, times, after=after).outputs[:, 0]
    np.testing.assert_allclose(found, [10 / np.e, 10, 10 / np.e], rtol=1e-12)


def test_the_layout_of_rows() -> None:
    code = compile_model(ONE)
    plan = schedule([(), (Dose(0, 1.0),)], [[3.0, 1.0], [2.0, 0.0, 1.0]], [[0, 0], [0, 0, 0]], code.entries, 1)
    assert list(plan.row_time) == [1.0, 3.0, 0.0, 1.0, 2.0]  # sorted within a subject …
    assert list(plan.order) == [1, 0, 3, 4, 2]  # … and where each was asked for
    assert list(plan.row_subject) == [0, 0, 1, 1, 1]
    assert plan.subjects == 2


@pytest.mark.parametrize("how", [{"duration": 1e-17}, {"rate": 1e20}, {"modelled": "duration"}, {"modelled": "rate"}])
def test_an_infusion_too_short_for_the_clock_where_it_arrives_is_a_bolus(how: dict[str, Any]) -> None:
    """It ran for ever: its end came before its beginning, because a lag had moved both past what the clock tells."""
    dosing = {"lag": {"A": "L"}, "infusion_duration": {"A": "1e-17"}, "infusion_rate": {"A": "1e20"}}
    model = define({"A": "-k*A"}, {"k": 0.1, "L": 1.0}, outputs={"A": "A"}, doses={"infusion": "A"}, **dosing)
    for more in ({}, {"additional": 1, "interval": 100.0}):
        doses = (Dose(0.0, 10.0, "infusion", **how, **more),)
        code, values = compile_model(model), np.array([[0.1, 1.0]])
        plan = code.schedule(values, [doses], [np.array([0.5, 2.0, 50.0])], [np.zeros(3, dtype=bool)])
        found = code.run(values, plan).outputs[:, 0]
        np.testing.assert_allclose(found, [0.0, *(10 * np.exp(-0.1 * np.array([1.0, 49.0])))], rtol=1e-12)


def test_an_infusion_of_nothing_gives_nothing() -> None:
    found = run(ONE, [2.0, 10.0], (Dose(1.0, 0.0, "infusion", rate=5.0),), [0.5, 2.0, 50.0]).outputs[:, 0]
    assert found.tolist() == [0.0, 0.0, 0.0]
