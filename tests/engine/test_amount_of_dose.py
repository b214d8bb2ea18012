"""``dose``, the amount of the dose, in what a model says of doses: each dose has its own lag, part, rate and length."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd.arrays import Array
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.machine import jit
from pkpd.errors import InputError, ModelError
from pkpd.model import Model, define
from tests.examples import budget

TIMES = np.array([0.0, 0.5, 1.0, 2.5, 4.0, 7.0, 12.0, 24.0, 40.0])
VALUES = {"ka": 1.0, "k": 0.2, "b": 0.01, "L": 0.5, "D0": 40.0}


def oral(extra: str = "", **said: Any) -> Model:
    """Doses into a depot (or straight into A); `extra` makes the model read the time after dose."""
    texts = {"bioavailability": {"G": "exp(-b*dose)"}, "lag": {"G": "L*dose/(dose + D0)"}}
    return define({"G": "-ka*G", "A": f"ka*G - k*A{extra}"}, VALUES, outputs={"A": "A"},
                  doses={"oral": "G", "bolus": "A", "infusion": "A"}, **(texts | said))  # fmt: skip


def run(model: Model, doses: list[Dose], by: tuple[str, ...] = (), order: int = 1, values: Any = None) -> Any:
    code = compile_model(model, by, order=order)
    table = np.atleast_2d(model.parameters.values if values is None else values)
    plan = code.schedule(table, [doses], [TIMES], [np.ones(len(TIMES), bool)])
    return code.run(table, plan, Settings(rtol=1e-11))


def by_hand(doses: list[Dose], b: float = 0.01, late: float = 0.5, d0: float = 40.0) -> Array:
    """Bateman's function of every oral dose, an exponential of every bolus."""
    found = np.zeros(len(TIMES))
    for d in doses:
        for m in range(d.additional + 1):
            since = TIMES - d.time - m * d.interval
            if d.route == "oral":
                since = since - late * d.amount / (d.amount + d0)
                shape = np.exp(-0.2 * since.clip(0)) - np.exp(-since.clip(0))
                found += np.where(since >= 0, d.amount * np.exp(-b * d.amount) * shape / 0.8, 0.0)
            else:
                found += np.where(since >= 0, d.amount * np.exp(-0.2 * since.clip(0)), 0.0)
    return found


SOME = st.builds(Dose, st.sampled_from([0.0, 0.0, 1.0, 2.0]), st.sampled_from([5.0, 50.0, 200.0]),
                 st.sampled_from(["oral", "oral", "bolus"]), interval=st.sampled_from([3.0]),
                 additional=st.sampled_from([0, 2]))  # fmt: skip


@budget(15)
@given(st.lists(SOME, min_size=1, max_size=5))
def test_every_dose_has_its_own_lag_and_part(doses: list[Dose]) -> None:
    """Several at one time, too; laid out all at once, and one after the other (where time after dose matters)."""
    expected = by_hand(doses)
    for extra in ("", " + 0*tad"):
        np.testing.assert_allclose(run(oral(extra), doses).outputs[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_two_doses_at_one_time_without_a_lag() -> None:
    """What arrives is all that is said: time lines are scaled, but not where the parts differ."""
    model = oral(lag={})
    for amounts in ((10.0, 100.0), (100.0, 10.0), (30.0, 30.0)):
        doses = [Dose(0, amount, "oral") for amount in amounts]
        np.testing.assert_allclose(run(model, doses).outputs[:, 0], by_hand(doses, late=0.0), rtol=1e-10, atol=1e-12)


def test_derivatives_are_exact() -> None:
    doses = [Dose(0, 10.0, "oral"), Dose(0, 100.0, "oral"), Dose(3, 50.0, "oral", interval=4.0, additional=3)]
    found = run(oral(), doses, ("b", "L", "D0"), order=2)
    h = 1e-6
    for which, name in enumerate(("b", "late", "d0")):
        start = {"b": 0.01, "late": 0.5, "d0": 40.0}
        above, below = (by_hand(doses, **(start | {name: start[name] * (1 + s)})) for s in (h, -h))
        slope = (above - below) / (2 * h * start[name])
        np.testing.assert_allclose(found.slopes[:, 0, which], slope, rtol=1e-6, atol=1e-5)
    above, below = (by_hand(doses, b=0.01 + s) for s in (1e-5, -1e-5))
    second = (above + below - 2 * by_hand(doses)) / 1e-10
    np.testing.assert_allclose(found.second[:, 0, 0, 0], second, rtol=1e-3, atol=1.0)


def test_infusions_whose_length_depends_on_the_amount() -> None:
    """100 at 20 an hour and 40 at 20 an hour, said once as lengths and once as rates."""
    doses = [Dose(0, 100.0, "infusion", modelled="duration"), Dose(0, 40.0, "infusion", modelled="duration")]
    model = oral(bioavailability={}, lag={}, infusion_duration={"A": "dose/20"}, infusion_rate={"A": "dose/(dose/20)"})
    expected = 20 / 0.2 * sum(
        np.exp(-0.2 * (TIMES - end).clip(0)) * (1 - np.exp(-0.2 * np.minimum(TIMES, end))) for end in (5.0, 2.0)
    )  # fmt: skip
    np.testing.assert_allclose(run(model, doses).outputs[:, 0], expected, rtol=1e-10, atol=1e-12)
    rates = [replace(dose, modelled="rate") for dose in doses]
    np.testing.assert_allclose(run(model, rates).outputs[:, 0], expected, rtol=1e-10, atol=1e-12)


def test_additional_doses_meet_later_values() -> None:
    """The second row of values holds from 5 on: what arrives then is said with it, for the same amount."""
    model = oral(lag={})
    code = compile_model(model)
    table = np.array([list(VALUES.values()), list((VALUES | {"b": 0.002}).values())])
    doses = [Dose(0, 50.0, "oral", interval=6.0, additional=1)]
    plan = code.schedule(table, [doses], [TIMES], [np.ones(len(TIMES), bool)], [[5.0]])
    found = code.run(table, plan, Settings(rtol=1e-11)).outputs[:, 0]
    expected = by_hand([Dose(0, 50.0, "oral")], late=0.0) + by_hand([Dose(6, 50.0, "oral")], 0.002, 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_steady_state() -> None:
    doses = [Dose(0, 50.0, "oral", interval=6.0, steady_state="instead")]
    found = run(oral(lag={}), doses).outputs[0, 0]
    past = [Dose(0, 50.0, "oral", interval=6.0, additional=60)]
    code = compile_model(oral(lag={}))
    table = np.atleast_2d(list(VALUES.values()))
    long = code.run(table, code.schedule(table, [past], [np.array([360.0])], [np.zeros(1, bool)]), Settings(rtol=1e-11))
    assert found == pytest.approx(long.outputs[0, 0], rel=1e-8)


def test_the_same_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    doses = [Dose(0, 10.0, "oral"), Dose(0, 100.0, "oral"), Dose(2, 20.0)]
    monkeypatch.setattr(jit, "AVAILABLE", False)
    found = run(oral(" + 0*b"), doses).outputs[:, 0]
    np.testing.assert_allclose(found, by_hand(doses), rtol=1e-9, atol=1e-9)


def test_it_is_only_known_of_doses_and_own_names_win() -> None:
    with pytest.raises(ModelError, match=r"'dose', the amount of the dose, is known in lag, .*covariates=\('dose',\)"):
        define({"A": "-k*A/dose"}, {"k": 1.0}, outputs={"A": "A"})
    own = define({"A": "-k*A"}, {"k": 0.2}, outputs={"A": "A"}, doses={"bolus": "A"}, covariates=("dose",),
                 bioavailability={"A": "dose/10"})  # fmt: skip
    assert not own.by_amount
    np.testing.assert_allclose(run(own, [Dose(0, 7.0)], values=[0.2, 5.0]).outputs[0, 0], 3.5)
    assert oral().needs == ()
    assert oral().key != own.key


def test_what_cannot_be_a_part_names_dose_and_amount() -> None:
    model = oral(bioavailability={"G": "1 - dose/80"})
    with pytest.raises(InputError, match=r"bioavailability of 'G' is -0\.25 for a dose of 100; expected a number ≥ 0"):
        run(model, [Dose(0, 50.0, "oral"), Dose(1, 100.0, "oral")])
    steep = oral(bioavailability={"G": "dose**-0.5"}, lag={})
    nothing = [Dose(0, 0.0, "oral"), Dose(0, 4.0, "oral")]
    np.testing.assert_allclose(run(steep, nothing).outputs[:, 0], by_hand([Dose(0, 4.0, "oral")], np.log(2) / 4, 0.0))


def test_amounts_are_in_the_units_of_the_model() -> None:
    """Given in g and in mg/kg, said of mg: half of 100 mg arrives, a third of 200 mg."""
    model = define({"G": "-ka*G", "A": "ka*G - k*A"}, {"ka": 1.0, "k": 0.2}, outputs={"A": "A"}, doses={"oral": "G"},
                   bioavailability={"G": "100/(100 + dose)"}, base={"time": "h", "amount": "mg", "volume": "L"},
                   units={"A": "mg"})  # fmt: skip
    people = pkpd.Population(model, model.parameters)
    times = [2.0, 5.0]
    shape = (np.exp(-0.2 * np.array(times)) - np.exp(-np.array(times))) / 0.8
    for amount, arrives in (("0.1 g", 50.0), ("200 mg", 200 / 3)):
        drawn = pkpd.simulate(people, pkpd.oral(amount), subjects=1, times=times)
        np.testing.assert_allclose(drawn["A"].values.ravel(), arrives * shape, rtol=1e-8)
    table = pandas.DataFrame({"subject": 1, "time": times, "analyte": "A", "value": 1.0})
    person = pandas.DataFrame({"subject": [1], "weight": [50.0]})
    units = {"time": "h", "A": "mg", "dose": "mg/kg"}
    study = pkpd.read_study(table, pkpd.oral("4 mg/kg"), subjects=person, units=units)
    drawn = pkpd.simulate(people, study)
    np.testing.assert_allclose(drawn["value"].values.ravel(), 200 / 3 * shape, rtol=1e-8)
