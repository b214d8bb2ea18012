"""Crossovers whose clock starts anew: each period is what it would be as a study of its own, by any reader."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.dosing import oral
from pkpd.errors import DataWarning, InputError
from pkpd.io import read_adnca, read_nonmem, read_study
from pkpd.nca import relative_by
from pkpd.study import Study

pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
TIMES = (-0.25, 0.5, 1.0, 4.1, 8.0, 24.3)
VALUES = {("1", 1): (0, 8, 6, 3, 1.5, 0.4), ("1", 2): (0, 4, 5, 3.5, 2, 0.7),
          ("2", 1): (0, 7, 5.5, 3, 1.6, 0.5), ("2", 2): (0, 3, 4, 3.1, 1.9, 0.6)}  # fmt: skip


def samples(names: dict[int, object] | None = None) -> pandas.DataFrame:
    """Two subjects, two periods with the same planned times; `names` are those of the periods."""
    label = names or {1: 1, 2: 2}
    rows = [(s, label[p], t, v) for (s, p), values in VALUES.items() for t, v in zip(TIMES, values, strict=True)]
    return pandas.DataFrame(rows, columns=["subject", "period", "time", "C"])


def doses(names: dict[int, object] | None = None) -> pandas.DataFrame:
    label = names or {1: 1, 2: 2}
    return pandas.DataFrame(
        [(s, label[p], 0.0, 100.0 * p, "oral") for s, p in VALUES],
        columns=["subject", "period", "time", "amount", "route"],
    )


@cache
def alone(subject: str, period: int) -> xr.Dataset:
    """The analysis of one period as a study of its own, without any word of periods."""
    table, given_ = (
        one[(one["subject"] == subject) & (one["period"] == period)].drop(columns="period")
        for one in (samples(), doses())
    )
    return pkpd.nca(read_study(table, given_, units=UNITS))


def same(found: xr.Dataset, other: xr.Dataset) -> None:
    """Every number of two profiles is the same, to the last bit."""
    assert found.sizes["profile"] == other.sizes["profile"] == 1
    for name, variable in other.data_vars.items():
        if variable.dtype.kind == "f" and "sample" not in variable.dims:
            np.testing.assert_array_equal(found[name].values, variable.values, err_msg=str(name))
    for name in ("dose", "route", "dose_time", "tau", "interval"):
        np.testing.assert_array_equal(found[name].values, other[name].values, err_msg=name)


def check(study: Study) -> xr.Dataset:
    found = pkpd.nca(study)
    assert found.sizes["profile"] == len(VALUES)
    for k, (subject, period) in enumerate(VALUES):
        one = found.isel(profile=[k])
        assert (str(one["subject"].item()), one["period"].item()) == (subject, period)
        same(one, alone(subject, period))
    return found


@pytest.mark.parametrize(
    ("heading", "names"),
    [("period", {1: 1, 2: 2}), ("Visit", {1: "Period 2", 2: "Period 10"}), ("OCC", {1: "fasted", 2: "fed"})],
)
def test_plain_tables(heading: str, names: dict[int, object]) -> None:
    tables = [one.rename(columns={"period": heading}) for one in (samples(names), doses(names))]
    found = check(read_study(*tables, units=UNITS))
    assert found["occasion"].values.tolist() == [str(names[p]) for _, p in VALUES]


def test_rows_in_any_order_and_one_table_for_all() -> None:
    shuffled = [one.sample(frac=1, random_state=3) for one in (samples(), doses())]
    ordered, mixed = read_study(samples(), doses(), units=UNITS), read_study(*shuffled, units=UNITS)
    assert mixed.data_hash == ordered.data_hash
    check(mixed)
    check(read_study(pandas.concat(shuffled), units=UNITS))


def test_a_plan_is_given_in_every_period() -> None:
    found = pkpd.nca(read_study(samples(), oral("100 mg"), units=UNITS))
    assert found["dose"].values.tolist() == [100.0] * 4
    np.testing.assert_array_equal(found["cmax"], [8, 5, 7, 4])


def test_what_the_study_shows() -> None:
    study = read_study(samples(), doses(), units=UNITS)
    assert len(study.doses) == 4
    assert not study.doses["amount"].eq(0).any()
    table = study.observations
    assert (table.groupby("subject")["time"].diff().dropna() > 0).all()
    assert table["clock"].tolist() == [*TIMES] * 4
    assert "the clock starts anew in 2 periods of 2 subjects" in " ".join(study.notes)


@settings(max_examples=3)
@given(st.data())
def test_any_period_is_what_it_is_alone(data: st.DataObject) -> None:
    """Several doses a period, decimal times, bolus or oral: the period alone gives the same bits."""
    times = st.lists(st.integers(1, 4800).map(lambda k: k / 100), min_size=3, max_size=6, unique=True).map(sorted)
    route = data.draw(st.sampled_from(["bolus", "oral"]))
    rows, given_ = [], []
    for period in (1, 2, 3)[: data.draw(st.integers(2, 3))]:
        dosed = [0.0, *data.draw(st.sampled_from([[], [12.1], [12.1, 24.2]]))]
        given_ += [(7, period, t, 10.0 * period, route) for t in dosed]
        rows += [(7, period, t, data.draw(st.integers(1, 900)) / 10) for t in data.draw(times)]
    table = pandas.DataFrame(rows, columns=["subject", "period", "time", "C"])
    plan = pandas.DataFrame(given_, columns=["subject", "period", "time", "amount", "route"])
    found = pkpd.nca(read_study(table, plan, units=UNITS))
    for period, part in table.groupby("period"):
        other = read_study(part.drop(columns="period"), plan[plan["period"] == period].drop(columns="period"),
                           units=UNITS)  # fmt: skip
        expected = pkpd.nca(other)
        mine = found.isel(profile=np.flatnonzero(found["period"].values == period))
        assert mine.sizes["profile"] == expected.sizes["profile"]
        for k in range(mine.sizes["profile"]):
            same(mine.isel(profile=[k]), expected.isel(profile=[k]))


def adnca(**more: Any) -> pandas.DataFrame:
    table = samples().rename(columns={"subject": "USUBJID", "time": "AFRLT", "C": "AVAL", "period": "APERIOD"})
    table["ARRLT"], table["DOSEA"] = table["AFRLT"], 100.0 * table["APERIOD"]
    return table.assign(PARAM="C", AVALU="mg/L", DOSEU="mg", ROUTE="ORAL", RELTMU="h", **more)


def test_adnca_by_the_column_that_tells_periods_apart() -> None:
    table = adnca(AVISIT="Day 1")
    check(read_adnca(table))
    texts = table["APERIOD"].map({1: "Period 1", 2: "Period 2"})
    for name in ("APERIODC", "AVISIT", "ATPTREF"):
        check(read_adnca(table.drop(columns=["APERIOD", "AVISIT"]).assign(**{name: texts})))


def test_adnca_on_one_clock_is_one_period_though_a_copy_stands_under_another_visit() -> None:
    rows = [("A", t, t if t <= 24 else t - 24, "Day 1" if t <= 24 else "Day 2", v, "")
            for t, v in ((0, 0.0), (2, 5.0), (24, 1.0), (26, 6.0), (48, 1.2))]  # fmt: skip
    rows.append(("A", 2.0, 2.0, "Day 2", 5.0, "COPY"))
    table = pandas.DataFrame(rows, columns=["USUBJID", "AFRLT", "ARRLT", "AVISIT", "AVAL", "DTYPE"])
    study = read_adnca(table.assign(PARAM="C", AVALU="mg/L", DOSEA=100.0, DOSEU="mg", ROUTE="ORAL", RELTMU="h"))
    assert not study.several_periods
    assert study.doses["time"].tolist() == [0.0, 24.0]


def nonmem(reset: bool) -> pandas.DataFrame:
    """The same crossover as event records; `reset`: with EVID 4 in place of OCC alone."""
    rows = []
    for (subject, period), values in VALUES.items():
        rows.append((int(subject), 0.0, 100.0 * period, None, period, 4 if reset and period > 1 else 1))
        rows += [(int(subject), t, None, v, period, 0) for t, v in zip(TIMES[1:], values[1:], strict=True)]
    return pandas.DataFrame(rows, columns=["ID", "TIME", "AMT", "DV", "OCC", "EVID"])


def test_nonmem_tables() -> None:
    units = {"time": "h", "dose": "mg", "DV": "mg/L"}
    every = [read_nonmem(nonmem(True), units=units, routes="oral")]
    every.append(read_nonmem(nonmem(False), units=units, routes="oral"))
    every.append(read_nonmem(nonmem(False).rename(columns={"OCC": "PERIOD"}), units=units, routes="oral"))
    every.append(read_nonmem(nonmem(False).drop(columns="EVID"), units=units, routes="oral"))
    shuffled = nonmem(False).assign(route=nonmem(False)["AMT"].map(lambda a: "oral" if a > 0 else None))
    every.append(read_study(shuffled.sample(frac=1, random_state=1), units=units))
    for study in every:
        found = pkpd.nca(study)
        assert found["period"].values.tolist() == [1, 2, 1, 2]
        for k, (subject, period) in enumerate(VALUES):
            one, other = found.isel(profile=[k]), alone(subject, period)
            for name in ("cmax", "auc_last", "auc_inf_obs", "tmax", "dose", "tau", "dose_time"):
                np.testing.assert_array_equal(one[name].values, other[name].values, err_msg=name)


def test_a_sample_before_the_dose_of_a_later_period_comes_after_the_reset() -> None:
    table = nonmem(False)
    early = pandas.DataFrame([(s, -1.0, None, 0.0, 2, 0) for s in (1, 2)], columns=table.columns)
    whole = pandas.concat([table, early]).sort_values(["ID", "OCC", "TIME"], kind="stable")
    study = read_nonmem(whole, units={"time": "h", "dose": "mg", "DV": "mg/L"}, routes="oral")
    kinds = study.records[study.records["subject"] == 1]["kind"].tolist()
    assert kinds[6:9] == ["reset", "observation", "dose"]
    assert len(study.observations) == len(whole) - 4


def test_time_that_falls_without_another_occasion_stays_an_error() -> None:
    with pytest.raises(InputError, match="only a reset"):
        read_nonmem(nonmem(False).assign(OCC=1))


def test_intervals_by_hand_and_chosen_points_are_on_the_clock_of_the_period() -> None:
    study = read_study(samples(), doses(), units=UNITS)
    found = pkpd.nca(study, intervals=[(0, 8)])
    assert found.sizes["profile"] == 4
    assert found["interval_end"].values.tolist() == [8.0] * 4
    np.testing.assert_array_equal(found["cmax"], [8, 5, 7, 4])
    result = pkpd.nca(study)
    changed = pkpd.nca.choose_points(study, result, 1, use=(4.1, 8.0, 24.3))
    moved = changed["lambda_z"].values != result["lambda_z"].values
    assert moved.tolist() == [False, True, False, False] or changed["lambda_z_points"].values[1] == 3
    np.testing.assert_array_equal(changed["lambda_z"].values[[0, 2, 3]], result["lambda_z"].values[[0, 2, 3]])


def test_collections_of_every_period() -> None:
    rows = [(1, p, a, b, 50.0 * p, 2.0) for p in (1, 2) for a, b in ((0.1, 0.3), (0.3, 12.4), (12.4, 24.1))]
    table = pandas.DataFrame(rows, columns=["subject", "period", "time", "until", "volume", "U"])
    given_ = doses()[doses()["subject"] == "1"].assign(subject=1, time=0.1)
    found = pkpd.nca(read_study(table, given_, units={"time": "h", "dose": "mg", "U": "mg/L", "volume": "mL"}))
    assert found["period"].values.tolist() == [1, 2]
    assert found["subject"].values.tolist() == [1, 1]
    np.testing.assert_allclose(found["fraction_excreted"], [0.003, 0.003], rtol=1e-14)  # 3·50 mL·2 mg/L = 0.3 mg
    np.testing.assert_array_equal(found["collected_to"], [24.0, 24.0])


def test_ratios_of_a_crossover_by_treatment() -> None:
    """Test and reference in either order: R/T by hand from Cmax, with each subject's own periods."""
    table = samples()
    first = (table["subject"] == "1") == (table["period"] == 1)
    study = read_study(table.assign(formulation=np.where(first, "T", "R")), doses().assign(amount=100.0), units=UNITS)
    found = relative_by(pkpd.nca(study), "treatment", "T", "R", parameters=["cmax"])
    row = found.summary.iloc[0]
    assert (row["design"], row["n"]) == ("paired", 2)
    assert row["ratio"] == pytest.approx(np.sqrt((8 / 5) * (4 / 7)), rel=1e-14)
    by_visit = relative_by(pkpd.nca(study), "occasion", 2, 1, parameters=["cmax"])  # numbers name visits as texts do
    assert by_visit.summary["ratio"].iloc[0] == pytest.approx(np.sqrt((5 / 8) * (4 / 7)), rel=1e-14)


def test_subjects_with_one_period_keep_their_profile() -> None:
    table, plan = samples(), doses()
    lost = read_study(table[(table["subject"] == "1") | (table["period"] == 2)],
                      plan[(plan["subject"] == "1") | (plan["period"] == 2)], units=UNITS)  # fmt: skip
    found = pkpd.nca(lost)
    assert found["occasion"].values.tolist() == ["1", "2", "2"]
    same(found.isel(profile=[2]), alone("2", 2))


def test_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        read_study(samples(), doses(), units=UNITS)


def test_sparse_samples_make_a_curve_of_every_period() -> None:
    rows = [(s, p, t, 10.0 * p + s) for s in (1, 2, 3) for p in (1, 2) for t in (1.0, 4.0)]
    table = pandas.DataFrame(rows, columns=["subject", "period", "time", "C"])
    given_ = pandas.DataFrame([(s, p, 0.0, 100.0 * p) for s in (1, 2, 3) for p in (1, 2)],
                              columns=["subject", "period", "time", "amount"])  # fmt: skip
    found = pkpd.nca.nca_sparse(read_study(table, given_, units=UNITS), "C")
    assert found["group"].values.tolist() == ["period 1", "period 2"]
    assert found["cmax"].values.tolist() == [12.0, 22.0]
    assert found["dose"].values.tolist() == [100.0, 200.0]


def test_treatments_of_event_records() -> None:
    table = nonmem(False)
    table["TRT"] = np.where(table["OCC"] == table["ID"], "T", "R")
    found = pkpd.nca(read_nonmem(table, units={"time": "h", "dose": "mg", "DV": "mg/L"}, routes="oral"))
    assert found["treatment"].values.tolist() == ["T", "R", "R", "T"]


def test_an_excluded_sample_is_told_of_its_own_period_and_on_its_clock() -> None:
    """It was told of every period, 17 h after the dose: on the time that runs on."""
    table = samples().assign(excluded=False, reason="")
    gone = (table["subject"] == "1") & (table["period"] == 2) & (table["time"] == 4.1)
    table = table.assign(excluded=gone, reason=np.where(gone, "haemolysed", ""))
    result = pkpd.nca(read_study(table, doses(), units=UNITS))
    texts = [pkpd.why(result, "auc_last", k) for k in range(4)]
    assert "4.1 h (excluded: haemolysed)" in texts[1]
    assert "subject 1, period 2, interval 1" in texts[1]
    assert "haemolysed" not in texts[0] + texts[2] + texts[3]


def test_people_are_counted_and_not_their_periods() -> None:
    with pytest.warns(DataWarning, match="4 samples of 2 subjects lie before the first dose"):
        pkpd.nca(read_study(samples(), doses(), units=UNITS))


@pytest.mark.parametrize("rule", [None, "mean", "first"])
def test_samples_of_two_treatments_are_not_averaged(rule: str | None) -> None:
    """Without a word of periods, `duplicates` made one profile of both treatments."""
    treated = [one.assign(treatment=np.where(one["period"] == 1, "T", "R")) for one in (samples(), doses())]
    table, given_ = (one.drop(columns="period") for one in treated)
    with pytest.raises(InputError, match="of the treatments T, R: no average is meant"):
        read_study(table, given_, units=UNITS, duplicates=rule)
