"""NCA of responses: every formula against a closed form or a dense integral, made here without the package."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd.errors import DataWarning, InputError
from pkpd.nca import summarise, why, wide_table
from pkpd.nca.response import LIMIT_PARAMETERS, RESPONSE_PARAMETERS, ResponseRules, nca_response
from pkpd.study import Study
from tests.nca.nca_studies import make_study


def response(times: Any, values: Any, *, dose: float | None = 0.0, subject: Any = 1, **more: Any) -> Study:
    """A study of one subject; times in h."""
    rows = [{"subject": subject, "analyte": "R", "time": t, "value": v} for t, v in zip(times, values, strict=True)]
    for name, column in more.items():
        rows = [{**row, name: one} for row, one in zip(rows, column, strict=True)]
    doses = [] if dose is None else [{"subject": subject, "time": dose, "amount": 10.0}]
    return make_study(rows, doses, units={"time": "h", "R": "10^9/L", "dose": "mg"})


def number(result: xr.Dataset, name: str, **where: Any) -> float:
    return float(result[name].sel(**where).item())


def why_not(result: xr.Dataset, name: str) -> str:
    return str(result["reason"].sel(parameter=name).item())


# A triangle: falls from 4 to 1 in 3 h, rises back through the baseline to 6 in 5 h.
TRIANGLE = response([0, 3, 8], [4, 1, 6])


def test_a_triangle_in_closed_form() -> None:
    """Back at the baseline at 3 + 3 = 6 h: below it lies 6·3/2, above it 2·2/2."""
    found = nca_response(TRIANGLE, limits=[2.0, "50 %", 5.0], slopes=[(0, 3), (3, 8)])
    want = {
        "n_samples": 3, "n_blq": 0, "baseline": 4, "t_first": 0, "t_last": 8, "r_last": 6, "r_max": 6, "t_max": 8,
        "change_max": 2, "percent_change_max": 50, "fold_max": 1.5, "r_min": 1, "t_min": 3, "change_min": -3,
        "percent_change_min": -75, "fold_min": 0.25, "auec": 7.5 + 17.5, "auc_above_b": 2, "auc_below_b": 9,
        "auc_net_b": -7, "time_above_b": 2, "time_below_b": 6, "time_percent_below_b": 75, "r_avg": 25 / 8,
        "change_avg": -7 / 8, "r_extreme": 1, "t_extreme": 3, "t_recovery": 6, "time_to_recovery": 3,
        "percent_recovered": 100 * (1 + 2 / 3),
    }  # fmt: skip
    assert set(want) == set(RESPONSE_PARAMETERS)
    for name, value in want.items():
        assert number(found, name) == pytest.approx(value, rel=1e-14), name
    # Below 2 from 2 h to 4 h, at most by 1; the same level as half of the baseline.
    want = {
        "auc_above_t": 25 - 8 * 2 + 1, "auc_below_t": 1, "auc_net_t": 9, "time_above_t": 6, "time_below_t": 2,
        "time_percent_below_t": 25, "t_onset": 2, "t_offset": 4, "time_across": 2, "time_between_bt": 4,
    }  # fmt: skip
    assert set(want) == set(LIMIT_PARAMETERS)
    for name, value in want.items():
        for limit in ("2", "50 %"):
            assert number(found, name, limit=limit) == pytest.approx(value, rel=1e-14), (name, limit)
    assert number(found, "t_onset", limit="5") == pytest.approx(7)
    assert math.isnan(number(found, "t_offset", limit="5"))
    reasons = found["reason_limit"].sel(limit="5")
    assert reasons.sel(limit_parameter="t_offset").item() == "the response is still across the limit at the last sample"
    assert found["slope"].values[0].tolist() == pytest.approx([-1, 1])
    assert found["slope"].attrs["units"] == "10^9/L/h"
    assert found["slope_points"].values[0].tolist() == [2, 2]


def dense(times: Any, values: Any, level: float, log: bool) -> dict[str, float]:
    """Areas and times by midpoints of 80 000 pieces; nothing of the package takes part."""
    edges = np.linspace(times[0], times[-1], 80_001)
    t, dt = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    k = np.searchsorted(times, t, side="right") - 1
    t1, t2, y1, y2 = times[k], times[k + 1], values[k], values[k + 1]
    share = (t - t1) / (t2 - t1)
    falls = log & (y2 < y1) & (y2 > 0)
    y = np.where(falls, np.exp((1 - share) * np.log(np.where(falls, y1, 1)) + share * np.log(np.where(falls, y2, 1))),
                 y1 + share * (y2 - y1))  # fmt: skip
    return {
        "above": np.maximum(y - level, 0).sum() * dt, "below": np.maximum(level - y, 0).sum() * dt,
        "time_below": (y < level).sum() * dt, "whole": y.sum() * dt,
    }  # fmt: skip


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_areas_and_times_against_a_dense_integral(seed: int, log: bool) -> None:
    """Midpoint sums: areas exact to the square of a piece (1e-6), times to a piece per crossing (12·1e-3 h)."""
    rng = np.random.default_rng(seed)
    times = np.concatenate([[0.0], np.sort(rng.uniform(1, 80, 11))])
    values = np.round(rng.lognormal(1, 0.7, 12) - (2.0 if seed % 3 == 2 else 0.0), 3)  # every third one crosses zero
    rule = "linear-up/log-down" if log else "linear"
    found = nca_response(response(times, values), limits=[1.5], curve=rule)
    for level, names in ((values[0], "b"), (1.5, "t")):
        want = dense(times, values, float(level), log)
        there = found if names == "b" else found.sel(limit="1.5")
        assert number(there, f"auc_above_{names}") == pytest.approx(want["above"], rel=1e-5, abs=2e-5)
        assert number(there, f"auc_below_{names}") == pytest.approx(want["below"], rel=1e-5, abs=2e-5)
        assert number(there, f"time_below_{names}") == pytest.approx(want["time_below"], abs=12 * 1e-3)
        total = number(there, f"time_below_{names}") + number(there, f"time_above_{names}")
        assert total == pytest.approx(times[-1])
    assert number(found, "auec") == pytest.approx(want["whole"], rel=1e-5, abs=2e-5)
    one, other = (dense(times, values, float(v), log)["time_below"] for v in (values[0], 1.5))
    assert number(found.sel(limit="1.5"), "time_between_bt") == pytest.approx(abs(one - other), abs=24 * 1e-3)


def test_an_exponential_fall_in_closed_form() -> None:
    """8·e^(−kt) from 8 to 1 in 6 h halves every 2 h: 4 at 2 h, 2 at 4 h; areas of an exponential."""
    found = nca_response(response([0, 6], [8, 1]), limits=[4.0, 2.0], curve="linear-up/log-down", baseline=4.0)
    k = math.log(8) / 6
    assert number(found, "auec") == pytest.approx(7 / k, rel=1e-14)
    assert number(found, "auc_above_b") == pytest.approx(4 / k - 8, rel=1e-13)
    assert number(found, "auc_below_b") == pytest.approx(16 - 3 / k, rel=1e-13)
    assert number(found, "time_below_b") == pytest.approx(4, rel=1e-14)
    assert number(found, "t_onset", limit="2") == pytest.approx(4, rel=1e-14)


def test_baselines() -> None:
    """Before the dose at 24 h stand 5, 7 and, at its time, 9; marked post it is no baseline but a jump."""
    times, values = [0, 12, 24, 48], [5, 7, 9, 3]
    study = response(times, values, dose=24.0)
    for rule, want in (("last", 9), ("first", 5), ("mean", 7), (6.5, 6.5)):
        assert number(nca_response(study, baseline=rule), "baseline") == pytest.approx(want)
    found = nca_response(study)
    assert number(found, "t_min") == 24  # times count from the dose
    assert found["dose_time"].item() == 24
    assert found["start"].item() == "observed"
    marked = nca_response(response(times, values, dose=24.0, mark=["", "", "post", ""]))
    assert number(marked, "baseline") == 7
    assert marked["start"].item() == "baseline put in"
    assert number(marked, "r_max") == 9
    assert number(marked, "t_max") == 0
    assert number(marked, "auec") == pytest.approx(24 * (9 + 3) / 2)


def test_no_sample_at_the_dose() -> None:
    """Phoenix puts the baseline in at the dose; or the curve begins at the first sample."""
    study = response([-5, 2, 4], [10, 6, 6])
    found = nca_response(study)
    assert number(found, "auec") == pytest.approx(2 * 8 + 12)
    assert number(found, "n_samples") == 2  # what was put in is no sample
    later = nca_response(study, start="first sample")
    assert (number(later, "t_first"), number(later, "auec")) == (2, 12)
    bare = nca_response(response([2, 4], [6, 8]))
    assert bare["start"].item() == "first sample"
    assert math.isnan(number(bare, "auc_above_b"))
    assert why_not(bare, "auc_above_b") == "no sample before the dose from which a baseline could be taken"
    assert number(bare, "r_max") == 8


def test_without_a_dose_the_clock_of_the_study_counts() -> None:
    found = nca_response(response([0, 10], [2, 4], dose=None))
    assert number(found, "baseline") == 2
    assert number(found, "auec") == 30
    assert math.isnan(found["dose"].item())


def test_extremes_after_the_beginning_or_all() -> None:
    study = response([0, 1, 2], [3, 5, 4])
    assert number(nca_response(study), "r_min") == 4
    assert number(nca_response(study, preset="phoenix"), "r_min") == 3
    assert number(nca_response(response([0, 1, 2, 3], [3, 5, 5, 4])), "t_max") == 1  # the first of several


def test_recovery() -> None:
    """Half of the change from 10 to 2 is back at 6: 4 h after the nadir on a line of one per hour."""
    study = response([0, 2, 7], [10, 2, 7])
    half = nca_response(study, recovery=0.5)
    assert number(half, "t_recovery") == pytest.approx(6)
    assert number(half, "time_to_recovery") == pytest.approx(4)
    whole = nca_response(study)
    assert math.isnan(number(whole, "t_recovery"))
    assert why_not(whole, "t_recovery") == "not recovered by the last sample"
    assert number(whole, "percent_recovered") == pytest.approx(62.5)
    up = nca_response(study, direction="up")
    assert why_not(up, "t_recovery").startswith("the response never went above its baseline")
    flat = nca_response(response([0, 1, 2], [3, 3, 3]), limits=[3.0, 9.0])
    assert why_not(flat, "t_extreme") == "the response never left its baseline"
    assert (number(flat, "time_above_b"), number(flat, "time_below_b")) == (2, 0)
    reasons = flat["reason_limit"].sel(limit_parameter="t_onset").values[0].tolist()
    assert reasons == ["the limit is the baseline, so no side of it is across",
                       "the response does not cross the limit"]  # fmt: skip
    exact = nca_response(response([0, 1, 2, 3], [3, 1, 3, 4]))
    assert number(exact, "t_recovery") == 2  # a sample at the baseline is recovered
    assert number(nca_response(response([0, 1, 2], [3, 1, 3])), "t_recovery") == 2  # also the last one


def test_a_limit_that_is_met_exactly_is_not_crossed() -> None:
    """A count of 0.5 is not below a limit of 0.5, as a grade has it."""
    found = nca_response(response([0, 1, 2], [1.5, 0.5, 1.5]), limits=[0.5])
    assert number(found, "time_below_t", limit="0.5") == 0
    assert math.isnan(number(found, "t_onset", limit="0.5"))
    high = nca_response(response([0, 1, 2], [1.5, 3, 4]), limits=[3.0])
    assert number(high, "t_onset", limit="3") == 1
    begins = nca_response(response([0, 1, 4], [0.3, 0.2, 0.8]), limits=[0.5], baseline=1.0)
    assert number(begins, "t_onset", limit="0.5") == 0  # across from the beginning
    assert number(begins, "t_offset", limit="0.5") == pytest.approx(2.5)


def test_percentages_need_a_positive_baseline() -> None:
    found = nca_response(response([0, 1, 2], [0, 4, 2]))
    assert number(found, "change_max") == 4
    assert math.isnan(number(found, "percent_change_max"))
    assert "not positive" in why_not(found, "fold_max")
    below = nca_response(response([0, 1, 2], [-1, 4, -2]))
    assert number(below, "auc_above_b") == pytest.approx(2.5 + 25 / 12)
    assert number(below, "change_min") == -1


def test_visits() -> None:
    """By label; by planned time where there is one; else by the time itself, no farther than the rule allows."""
    study = response([0, 25, 170], [8, 6, 4], nominal_time=[0, 24, math.nan], occasion=["day 1", "day 2", "day 8"])
    found = nca_response(study, visits=["day 8", 24, 168, "day 9"])
    assert found["visit_value"].values[0].tolist()[:2] == [4, 6]
    assert np.isnan(found["visit_value"].values[0][2:]).all()
    assert set(found["reason_visit"].values[0][2]) == {"no sample at this visit"}
    assert found["visit_change"].values[0].tolist()[:2] == [-4, -2]
    assert found["visit_percent_change"].values[0].tolist()[:2] == [-50, -25]
    near = nca_response(study, visits=[168], visit_window=2)
    assert number(near, "visit_value", visit="168") == 4


def test_windows() -> None:
    """Two courses: each a row; ends are interpolated, never extrapolated; a baseline of its own on request."""
    study = response([0, 10, 20, 30, 40], [4, 2, 4, 8, 4])
    found = nca_response(study, windows=[(0, 20), (15, 35), (20, 50)])
    assert found["window"].values.tolist() == ["0–20", "15–35", "20–50"]
    assert found["auec"].values[:2].tolist() == [60, pytest.approx(5 * 3.5 + 10 * 6 + 5 * 7)]
    assert found["start"].values.tolist()[:2] == ["observed", "interpolated"]
    assert found["r_max"].values[:2].tolist() == [4, 8]  # of samples, not of what was interpolated
    assert str(found["reason"].sel(parameter="auec").values[2]) == "sampling stops before the end of the window"
    assert nca_response(study, windows=[(20, 40)])["auec"].item() == 120  # the last sample stands at its end
    late = nca_response(study, windows=[(0, math.inf), (25, math.inf)], baseline_of="window")
    assert late["baseline"].values.tolist() == [4, 4]
    assert late["start"].values.tolist() == ["observed", "baseline put in"]
    own = nca_response(study, windows=[(30, math.inf)], baseline_of="window")
    assert own["baseline"].values.tolist() == [8]
    assert number(own, "change_min") == -4


def test_blq_samples_count_as_the_rule_says() -> None:
    def study(lloq: float) -> Study:
        return response([0, 1, 2], [4, math.nan, 4], blq=[False, True, False], lloq=[math.nan, lloq, math.nan])

    for rule, want in (("lloq/2", 0.5), ("lloq", 1.0), ("zero", 0.0)):
        found = nca_response(study(1.0), blq=rule)
        assert (number(found, "r_min"), number(found, "n_blq")) == (want, 1)
    with pytest.warns(DataWarning, match="1 BLQ samples of R are dropped"):
        assert number(nca_response(study(1.0), blq="drop"), "r_min") == 4
    with pytest.warns(DataWarning, match="since no limit is known"):
        nca_response(study(math.nan))
    high = response([0, 1, 2], [4, math.nan, 4], alq=[False, True, False], uloq=[math.nan, 9.0, math.nan])
    with pytest.warns(DataWarning, match="lower bounds"):
        assert number(nca_response(high), "r_max") == 9


def test_nothing_after_the_dose() -> None:
    found = nca_response(response([-1, 0], [3, 4]), limits=[2.0])
    assert number(found, "baseline") == 4
    assert why_not(found, "r_min") == "no sample after the beginning"
    assert set(found["reason_limit"].values.ravel()) == {"no sample after the beginning"}
    alone = nca_response(response([5], [3]))
    assert number(alone, "r_min") == 3
    assert why_not(alone, "auec") == "the curve covers no time: it has one point"


def two_subjects() -> Study:
    rows = [
        {"subject": s, "analyte": a, "time": t, "value": v + k}
        for s, k in (("B", 0.0), ("A", 1.0))
        for a in ("R", "Q")
        for t, v in ((0, 4), (1, 2), (2, 4))
    ]
    people = pandas.DataFrame({"subject": ["B", "A"], "arm": ["high", "low"], "age": [30, 40]})
    doses = [{"subject": s, "time": 0.0, "amount": 5.0} for s in ("A", "B")]
    units = {"time": "h", "R": "mmHg", "Q": "ng/mL", "dose": "mg", "age": "year"}
    return make_study(rows, doses, units=units, subjects=people)


def test_slopes_against_a_fit_by_numpy() -> None:
    times, values = np.array([0.0, 1, 2, 4, 8, 9]), np.array([4.0, 2.5, 2.9, 1.2, 1.9, 7])
    found = nca_response(response(times, values), slopes=[(1, 8), (8, 8.5)])
    assert found["slope"].values[0, 0] == pytest.approx(np.polyfit(times[1:5], values[1:5], 1)[0])
    assert found["slope_r2"].values[0, 0] == pytest.approx(np.corrcoef(times[1:5], values[1:5])[0, 1] ** 2)
    assert found["slope_points"].values[0].tolist() == [4, 1]
    assert found["reason_stretch"].values[0, 1, 0] == "fewer than two samples at different times in this stretch"


def test_several_analytes_and_covariates() -> None:
    tree = nca_response(two_subjects(), ["R", "Q"])
    assert set(tree.children) == {"R", "Q"}
    found = tree["R"].to_dataset()
    assert found["subject"].values.tolist() == ["B", "A"]
    assert found["arm"].values.tolist() == ["high", "low"]
    assert found["age"].attrs["units"] == "year"
    assert found["r_min"].values.tolist() == [2, 3]
    assert found["dose"].values.tolist() == [5, 5]
    assert tree["Q"]["auec"].attrs["units"] == "h·ng/mL"
    with pytest.raises(InputError, match="'R' is named twice"):
        nca_response(two_subjects(), ["R", "R"])


def test_a_unit_that_nobody_knows_is_carried_as_it_is() -> None:
    rows = [{"subject": 1, "analyte": "R", "time": t, "value": v} for t, v in ((0, 4), (1, 2))]
    study = make_study(rows, [], units={"time": "h", "R": "XYZ-7 score"})
    assert nca_response(study)["auec"].attrs["units"] in ("XYZ-7 score·h",)


def test_periods_are_each_a_row(tmp_path: Any) -> None:
    from pkpd.io import read_study

    rows = [
        {"subject": 1, "period": p, "time": t, "analyte": "R", "value": v, "amount": None}
        for p, low in ((1, 2.0), (2, 1.0))
        for t, v in ((0, 4.0), (5, low), (10, 4.0))
    ]
    rows += [{"subject": 1, "period": p, "time": 0, "amount": 10.0, "route": "oral"} for p in (1, 2)]
    study = read_study(pandas.DataFrame(rows), units={"time": "h", "R": "mmHg", "dose": "mg"})
    found = nca_response(study)
    assert found["period"].values.tolist() == [1, 2]
    assert found["r_min"].values.tolist() == [2, 1]
    assert found["subject"].values.tolist() == [1, 1]
    found.to_netcdf(tmp_path / "r.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as again:
        assert again["auc_below_b"].values.tolist() == found["auc_below_b"].values.tolist()


def test_what_cannot_be_asked_for_is_said_at_once() -> None:
    with pytest.raises(InputError) as caught:
        nca_response(TRIANGLE, limits=["half", 1.0, 1, float("inf")])
    assert all(text in str(caught.value) for text in ("limit 1 is 'half'", "limit 4 is inf", "1 is named twice"))
    with pytest.raises(InputError, match="visit 2 is nan"):
        nca_response(TRIANGLE, visits=[1, math.nan])
    with pytest.raises(InputError, match="0 ≤ begin < end"):
        nca_response(TRIANGLE, windows=[(3, 2)])
    with pytest.raises(InputError, match="did you mean 'linear'"):
        nca_response(TRIANGLE, curve="linaer")
    with pytest.raises(InputError) as caught:
        ResponseRules(baseline="lst", recovery=0, visit_window=-1)
    assert all(text in str(caught.value) for text in ("baseline is 'lst'", "recovery is 0", "visit_window is -1"))
    with pytest.raises(InputError, match="no analyte"):
        nca_response(TRIANGLE, "X")
    assert ResponseRules.from_json(ResponseRules(baseline=2.0).to_json()) == ResponseRules(baseline=2.0)
    assert ResponseRules.phoenix().curve == "linear-up/log-down"


@pytest.mark.parametrize("seed", range(4))
def test_units_of_time_and_response_only_scale(seed: int) -> None:
    """Doubling times and tripling values scales areas by 6, times by 2, responses by 3, shares not at all."""
    rng = np.random.default_rng(seed)
    times, values = np.concatenate([[0.0], np.cumsum(rng.uniform(1, 5, 8))]), rng.uniform(1, 9, 9)
    one = nca_response(response(times, values), limits=["80 %"])
    other = nca_response(response(2 * times, 3 * values), limits=["80 %"])
    factor = {"response": 3, "time": 2, "response·time": 6, "1": 1, "%": 1}
    for name, row in {**RESPONSE_PARAMETERS, **LIMIT_PARAMETERS}.items():
        want = factor[row.unit] * one[name].values.ravel()
        assert other[name].values.ravel() == pytest.approx(want, nan_ok=True), name


def test_why_tells_what_a_number_depends_on() -> None:
    found = nca_response(TRIANGLE, limits=[2.0, 9.0], visits=[3], slopes=[(0, 3)])
    area = why(found, "auc_below_b")
    for text in ("subject 1, 0–end h after the first dose: 9 10^9·h/L", "Formula: ∫max(R0 − R, 0) dt",
                 "Baseline 4 10^9/L: the last sample before the first dose", "ends at 8 h; linear"):  # fmt: skip
        assert text in area
    assert why(found, "AUC_Below_B") == area
    assert "Baseline" not in why(found, "auec")
    assert "It counts from 1 10^9/L at 3 h; recovered when 100 % of the change has gone" in why(found, "t_recovery")
    assert "(limit 2) of subject 1" in why(found, "time_below_t")
    assert "Baseline" not in why(found, "time_below_t")
    assert "Baseline" in why(found, "t_onset")
    assert "Baseline" in why(nca_response(TRIANGLE, limits=["50 %"]), "time_below_t[50 %]")
    assert why(found, "t_onset[9]").endswith("not computed, the response does not cross the limit.")
    assert "-75 %" in why(found, "visit_percent_change[3]")
    assert "-1 10^9/L/h" in why(found, "slope[0–3]")
    with pytest.raises(InputError, match=r"(?i)auc_below_b"):
        why(found, "auc_belw_b")
    with pytest.raises(InputError, match="made without visits"):
        why(nca_response(TRIANGLE), "visit_value")
    with pytest.raises(InputError, match="unknown limit"):
        why(found, "t_onset[3]")
    tree = nca_response(two_subjects(), ["R", "Q"])
    assert why(tree, "r_min", 1).count("subject A") == 2


def test_what_follows_on_an_analysis_takes_responses() -> None:
    found = nca_response(two_subjects(), "R", limits=[3.0])
    table = summarise(found, by="arm").set_index(["parameter", "arm"])
    assert table.loc[("r_min", "low"), "mean"] == 3
    assert table.loc[("time_below_t[3]", "high"), "unit"] == "h"
    assert "Rmin (mmHg)" in wide_table(found).columns
