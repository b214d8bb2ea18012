"""When a label separates periods and when it does not, and what is asked of tables that do not say enough."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import InputError
from pkpd.io import adnca_table, read_adnca, read_nonmem, read_study, write_nonmem
from pkpd.library import one_compartment
from pkpd.simulate import predict
from pkpd.study import combine

pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}


def table(rows: list[tuple[object, ...]], columns: str = "subject period time C") -> pandas.DataFrame:
    return pandas.DataFrame(rows, columns=columns.split())


def crossover(times: dict[object, list[float]]) -> pandas.DataFrame:
    return table([(1, label, t, 10 / (1 + abs(t))) for label, own in times.items() for t in own])


@pytest.mark.parametrize(
    "times",
    [
        {1: [0, 4, 24], 2: [24.5, 30, 48]},  # one clock
        {1: [0, 4, 24], 2: [25, 30, 48], 3: [49, 60]},
        {"dense": [0, 1, 2, 312, 313, 336], "trough": [24, 48, 72, 96]},  # labels that are no periods
        {"screening": [-24], 1: [0, 4, 24]},
        {1: [0, 4, 24.02], 2: [24.0, 24.5, 48]},  # the last sample was late
    ],
)
def test_one_clock_stays_one_clock(times: dict[object, list[float]]) -> None:
    study = read_study(crossover(times), units={"time": "h", "C": "mg/L"})
    assert not study.several_periods
    assert "clock" not in study.observations


@pytest.mark.parametrize(
    "times",
    [
        {1: [0, 4, 24], 2: [0, 4, 24]},
        {1: [0, 4, 24], 2: [1, 4, 23]},  # one time again is enough
        {1: [0.02, 4.1, 24.2], 2: [0.01, 4.3, 24.4]},  # none is, and the time falls where the label changes
        {"A": [0, 24], "B": [0], "C": [24]},
        {1: [5.0], 2: [5.0]},
    ],
)
def test_the_same_times_again_are_another_period(times: dict[object, list[float]]) -> None:
    study = read_study(crossover(times), units={"time": "h", "C": "mg/L"})
    assert study.several_periods
    assert study.observations["clock"].tolist() == [t for own in times.values() for t in own]


def test_an_excluded_sample_is_no_evidence() -> None:
    rows = [(1, "day 1", 4, 5.0, 0), (1, "unscheduled", 4, 6.0, 1), (1, "day 1", 8, 4.0, 0)]
    study = read_study(table(rows, "subject visit time C excluded"), units={"time": "h", "C": "mg/L"})
    assert not study.several_periods


def test_two_visits_in_every_period() -> None:
    times = {"P1 day 1": [0, 24], "P1 day 8": [168, 192], "P2 day 1": [0, 24], "P2 day 8": [168, 192]}
    study = read_study(crossover(times), units={"time": "h", "C": "mg/L"})
    assert study.observations["period"].tolist() == [1] * 4 + [2] * 4


def test_doses_must_say_their_period() -> None:
    plan = pandas.DataFrame({"subject": [1, 1], "time": [0, 0], "amount": [100, 200]})
    with pytest.raises(InputError, match=r"doses: 2 rows of 1 subjects say no period.*column 'period'"):
        read_study(crossover({1: [1, 4], 2: [1, 4]}), plan, units=UNITS)
    with pytest.raises(InputError, match="the periods of subject 1 are P1, P2, those of its samples 1, 2"):
        read_study(crossover({1: [1, 4], 2: [1, 4]}), plan.assign(period=["P1", "P2"]), units=UNITS)


def test_what_is_offered_for_equal_times() -> None:
    plain = crossover({1: [0, 4], 2: [0, 4]}).drop(columns="period")
    with pytest.raises(InputError, match="if the clock starts anew in every period: a column 'period'"):
        read_study(plain, units={"time": "h", "C": "mg/L"})
    meeting = crossover({1: [0, 24], 2: [24, 48]})  # the end of one is the beginning of the other
    with pytest.raises(InputError) as caught:
        read_study(meeting, units={"time": "h", "C": "mg/L"})
    assert "duplicates" not in str(caught.value)
    assert "occasions 1, 2" in str(caught.value)
    twice = crossover({1: [0, 4, 4], 2: [0, 4]})
    with pytest.raises(InputError, match="duplicates='mean'"):
        read_study(twice, units={"time": "h", "C": "mg/L"})
    averaged = read_study(twice, units={"time": "h", "C": "mg/L"}, duplicates="mean")
    assert len(averaged.observations) == 4  # within a period only


def study_of(times: dict[object, list[float]]) -> pkpd.study.Study:
    plan = pandas.DataFrame({"subject": 1, "time": 0.0, "amount": 100.0, "period": [*times]})
    return read_study(crossover(times), plan, units=UNITS)


def test_predictions_of_a_period_know_nothing_of_the_one_before() -> None:
    model = one_compartment().with_values(CL=2.0, V=20.0)
    found = predict(model, study_of({1: [1, 4, 24], 2: [-0.5, 1, 4, 24]}))
    sampled = found[found["kind"] == "observation"]
    expected = np.where(sampled["clock"] < 0, 0.0, 5.0 * np.exp(-0.1 * sampled["clock"]))
    np.testing.assert_allclose(sampled["C"], expected, rtol=1e-12)
    assert (found["kind"] == "reset").sum() == 0  # the reset that was put in is not shown


def test_written_and_read_again() -> None:
    study = study_of({1: [0.1, 4, 24], 2: [-0.5, 0.1, 4]})
    expected = pkpd.nca(study)
    back = [read_adnca(adnca_table(study, study_id="S"))]
    back.append(read_nonmem(write_nonmem(study), units={"time": "h", "dose": "mg", "DV": "mg/L"}))
    for one in back:
        found = pkpd.nca(one)
        for name in ("auc_last", "cmax", "dose", "period", "dose_time"):
            np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)


def test_a_covariate_that_differs_between_periods_holds_from_the_reset_on() -> None:
    times = {1: [1, 4], 2: [-0.5, 1, 4]}
    plan = pandas.DataFrame({"subject": 1, "time": 0.0, "amount": 100.0, "period": [*times]})
    rows = crossover(times)
    study = read_study(rows.assign(fed=rows["period"] - 1.0), plan, units=UNITS)
    records = study.records
    reset = study._doses[study._doses["reset"]].iloc[0]
    assert records[records["time"] == reset["time"]]["fed"].tolist() == [1.0]


def test_studies_are_put_together() -> None:
    one = study_of({1: [1, 4], 2: [1, 4]})
    other = read_study(table([(2, 1, 1, 5.0)]), pandas.DataFrame({"subject": [2], "time": [0.0], "amount": [1.0]}),
                       units=UNITS)  # fmt: skip
    both = combine(one, other)
    assert pkpd.nca(both)["period"].values.tolist() == [1, 2, 1]
    assert both.deviations().empty
    assert len(both.audit())
