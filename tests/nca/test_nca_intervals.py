"""Cutting a study into dosing intervals, units, and what happens to samples at dose times."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import DataWarning, InputError
from pkpd.nca import nca, profiles_of, why
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "dose": "ug/kg", "C": "ng/mL"}
TIMES = (0.5, 1.0, 2.0, 4.0)


def course(start: float, scale: float = 1.0, subject: object = 1) -> list[dict[str, object]]:
    return [{"subject": subject, "time": start + t, "value": scale * 100 * 2.0**-t} for t in TIMES]


def test_one_row_per_subject_and_interval_with_samples() -> None:
    doses = [{"subject": s, "time": d, "amount": 30.0} for s in (1, 2) for d in (0, 24, 48)]
    result = nca(make_study([*course(48), *course(0, 2), *course(24, 3, 2)], doses, units=UNITS), "C")
    assert list(result["subject"].values) == [1, 1, 2]
    assert list(result["interval"].values) == [1, 3, 2]
    assert list(result["dose_time"].values) == [0, 48, 24]
    assert list(result["interval_end"].values) == [24, np.inf, 24]
    np.testing.assert_allclose(result["c0"], [200, 100, 300], rtol=1e-12)
    np.testing.assert_allclose(result["half_life"], 1, rtol=1e-12)


def test_units_are_derived_and_a_dose_per_kg_stays_per_kg() -> None:
    study = make_study(course(0), [{"subject": 1, "time": 0, "amount": 30.0}], units=UNITS)
    result = nca(study, "C")
    units = {n: result[n].attrs["units"] for n in ("auc_last", "aumc_last", "cl_obs", "vss_obs", "lambda_z", "c0")}
    assert units == {
        "auc_last": "h·ng/mL", "aumc_last": "h^2·ng/mL", "cl_obs": "mL/h/kg", "vss_obs": "mL/kg", "lambda_z": "1/h",
        "c0": "ng/mL",
    }  # fmt: skip
    np.testing.assert_allclose(result["vss_obs"], 30_000 / 100, rtol=1e-12)
    assert result["dose"].item() == 30
    assert result["dose"].attrs["units"] == "ug/kg"


def test_weights_turn_a_dose_per_kg_into_an_absolute_one() -> None:
    people = pandas.DataFrame({"subject": [1, 2], "weight": [80.0, 50.0]})
    doses = [{"subject": s, "time": 0, "amount": 30.0} for s in (1, 2)]
    study = make_study([*course(0), *course(0, 1, 2)], doses, units={**UNITS, "weight": "kg"}, subjects=people)
    result = nca(study, "C", dose_unit="mg")
    np.testing.assert_allclose(result["vss_obs"], [0.3 * 80, 0.3 * 50], rtol=1e-12)
    assert result["vss_obs"].attrs["units"] == "L"


def test_a_sample_at_a_dose_time_closes_the_interval_before_unless_marked_post() -> None:
    doses = [{"subject": 1, "time": d, "amount": 30.0} for d in (0, 24)]
    at_dose = {"subject": 1, "time": 24, "value": 7.0}
    for mark, last in (("", 24.0), ("pre", 24.0), ("post", 4.0)):
        study = make_study([*course(0), {**at_dose, "mark": mark}, *course(24)], doses, units=UNITS)
        result = nca(study, "C")
        assert result["tlast"].values[0] == last
        assert result["tlast"].values[1] == 4
        assert result["n_samples"].values[1] == (5 if mark == "post" else 4)
    np.testing.assert_allclose(result["c0"], [100, 7], rtol=1e-12)  # drawn after the bolus: that is its C0


def test_before_and_after_at_one_time_are_told_apart() -> None:
    doses = [{"subject": 1, "time": d, "amount": 30.0} for d in (0, 24)]
    pair = [{"subject": 1, "time": 24, "value": v, "mark": m} for m, v in (("post", 150.0), ("pre", 7.0))]
    result = nca(make_study([*course(0), *pair, *course(24)], doses, units=UNITS), "C")
    assert list(result["clast"].values) == [7.0, 6.25]
    np.testing.assert_allclose(result["c0"], [100, 150], rtol=1e-12)


def test_a_predose_sample_of_the_first_bolus_belongs_to_its_interval_but_is_not_c0() -> None:
    pre = {"subject": 1, "time": 0, "value": 1.0, "mark": "pre"}
    dose = [{"subject": 1, "time": 0, "amount": 30.0}]
    result = nca(make_study([pre, *course(0)], dose, units=UNITS), "C")
    np.testing.assert_allclose(result["c0"], 100, rtol=1e-12)
    assert result["n_samples"].item() == 5
    with pytest.warns(DataWarning, match="1 quantifiable samples at the time of a first bolus"):
        nca(make_study([{**pre, "mark": ""}, *course(0)], dose, units=UNITS), "C")


def test_a_trough_opens_the_next_extravascular_interval() -> None:
    doses = [{"subject": 1, "time": d, "amount": 30.0, "route": "oral"} for d in (0, 24)]
    trough = {"subject": 1, "time": 24, "value": 3.0}
    after = [{"subject": 1, "time": 25, "value": 9.0}, {"subject": 1, "time": 26, "value": 9.0}]
    result = nca(make_study([*course(0), trough, *after], doses, units=UNITS), "C", auc="linear")
    assert result["auc_last"].values[1] == 6 + 9
    assert result["tlast"].values[0] == 24
    # Without a trough the smallest value of the interval stands in; after the first dose it is zero.
    result = nca(make_study([*course(0), *after], doses, units=UNITS), "C", auc="linear")
    assert result["auc_last"].values[1] == 9 + 9
    assert result["sample_time"].values[0, 0] == 0.5


def test_samples_before_the_first_dose_are_counted_in_a_warning() -> None:
    study = make_study(
        [{"subject": 1, "time": -1, "value": 3.0}, *course(0)], [{"subject": 1, "time": 0, "amount": 30.0}], units=UNITS
    )
    with pytest.warns(DataWarning, match="1 samples of 1 subjects lie before the first dose"):
        result = nca(study, "C")
    assert result["n_samples"].item() == 4


def test_subjects_without_a_dose_keep_their_row() -> None:
    study = make_study([*course(0), *course(0, 1, 2)], [{"subject": 2, "time": 0, "amount": 30.0}], units=UNITS)
    result = nca(study, "C")
    assert list(result["interval"].values) == [0, 1]
    row = 0
    assert np.isnan(result["dose_time"].values[row])
    assert result["cmax"].values[row] > 0
    assert "no dose known" in why(result, "cl_obs", row)
    assert "no value at the time of the dose" in why(result, "auc_last", row)
    assert result["route"].values[row] == ""


def test_doses_at_the_same_time_add_up_and_mixed_routes_have_no_clearance() -> None:
    twice = [{"subject": 1, "time": 0, "amount": 15.0}, {"subject": 1, "time": 0, "amount": 15.0}]
    assert nca(make_study(course(0), twice, units=UNITS), "C")["dose"].item() == 30
    mixed = [twice[0], {**twice[1], "route": "infusion", "duration": 1.0}]
    result = nca(make_study(course(0), mixed, units=UNITS), "C")
    assert "different routes" in why(result, "cl_obs")
    assert np.isfinite(result["half_life"].item())


def test_an_analyte_that_is_not_a_concentration() -> None:
    rows = [{"subject": 1, "time": t, "value": v} for t, v in ((0, 2.0), (1, 1.0), (2, 0.5), (3, 0.25))]
    dose = [{"subject": 1, "time": 0, "amount": 30.0, "route": "oral"}]
    result = nca(make_study(rows, dose, units={**UNITS, "C": "10^9/L"}), "C", auc="linear")
    assert result["auc_last"].item() == 2.625
    assert result["auc_last"].attrs["units"] == "10^9·h/L"
    assert "not a concentration" in why(result, "cl_obs")


def test_excluded_samples_take_no_part() -> None:
    dose = [{"subject": 1, "time": 0, "amount": 30.0}]
    wrong = {"subject": 1, "time": 3, "value": 1e6, "excluded": True, "reason": "haemolysed"}
    a = nca(make_study([*course(0), wrong], dose, units=UNITS), "C")
    b = nca(make_study(course(0), dose, units=UNITS), "C")
    assert a.equals(b)


def test_labels_follow_the_subject_and_the_visit() -> None:
    doses = [{"subject": "b", "time": 0, "amount": 30.0, "occasion": "day 1"}]
    rows = [{**row, "occasion": "visit 2"} for row in course(0, 1, "a")] + course(0, 1, "b")
    result = nca(make_study(rows, doses, units=UNITS), "C")
    assert dict(zip(result["subject"].values, result["occasion"].values, strict=True)) == {"a": "visit 2", "b": "day 1"}


def test_unknown_analyte_suggests_the_nearest() -> None:
    study = make_study(course(0), [{"subject": 1, "time": 0, "amount": 30.0}], units=UNITS)
    with pytest.raises(InputError, match="did you mean 'C'"):
        nca(study, "c")
    with pytest.raises(InputError, match="unknown preset 'phoenx'"):
        nca(study, "C", preset="phoenx")


def test_profiles_do_not_depend_on_the_order_of_doses_and_samples() -> None:
    doses = [{"subject": s, "time": d, "amount": 30.0 + d} for s in (1, 2) for d in (0, 24)]
    rows = [row for s in (1, 2) for d in (0, 24) for row in course(d, s, s)]
    a = profiles_of(make_study(rows, doses, units=UNITS), "C")
    b = profiles_of(make_study(rows[::-1], doses[::-1], units=UNITS), "C")
    for name in ("times", "values", "offsets", "dose", "route"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_intervals_equal_a_plain_loop_on_random_studies() -> None:
    rng = np.random.default_rng(12)
    marks = np.array(["", "pre", "post"])
    for _ in range(40):
        doses = [
            {"subject": s, "time": float(d), "amount": 1.0, "route": r}
            for s, r in ((1, "oral"), (2, "bolus"))
            for d in rng.choice(20, rng.integers(1, 5), replace=False)
        ]
        rows = [
            {"subject": s, "time": float(t), "value": float(rng.lognormal()), "mark": str(rng.choice(marks))}
            for s in (1, 2, 3)
            for t in rng.choice(24, 9, replace=False)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            found = profiles_of(make_study(rows, doses, units=UNITS), "C")
        expected: dict[tuple[int, int], list[tuple[float, float]]] = {}
        for s in (1, 2, 3):
            given = sorted((d["time"], d["route"]) for d in doses if d["subject"] == s)
            mine = sorted((r["time"], r["value"], r["mark"]) for r in rows if r["subject"] == s)
            for number, (start, _) in enumerate(given, 1):
                end = given[number][0] if number < len(given) else np.inf
                own = [
                    (t - start, v)
                    for t, v, m in mine
                    if start < t < end or (t == end and m != "post") or (t == start and (m == "post" or number == 1))
                ]
                if own:
                    expected[s, number] = own
            for number, (start, route) in enumerate(given, 1):
                if (s, number) in expected and number > 1 and route == "oral":
                    trough = [(0.0, v) for t, v, m in mine if t == start and m != "post"]
                    expected[s, number] = trough + expected[s, number]
            if not given:
                expected[s, 0] = [(t, v) for t, v, _ in mine]
        names = zip(found.labels["subject"], found.labels["interval"], strict=True)
        got = {
            (int(s), int(k)): list(zip(found.times[a:b], found.values[a:b], strict=True))
            for (s, k), a, b in zip(names, found.offsets[:-1], found.offsets[1:], strict=True)
        }
        assert got == expected


@pytest.mark.parametrize("kind", ["rate", "duration"])
def test_an_infusion_of_unknown_length_is_said(kind: str) -> None:
    """Half the length of the infusion comes off the MRT, and only a model knows it."""
    table = pandas.DataFrame({"subject": [1, 1, 1], "time": [1.0, 2.0, 4.0], "C": [4.0, 2.0, 0.5]})
    units = {"time": "h", "dose": "mg", "C": "mg/L"}
    plan = pkpd.Regimen((pkpd.Dose(0, 100, "infusion", modelled=kind),), "mg")
    with pytest.warns(DataWarning, match="1 infusions of 1 subjects last as long as a model says"):
        nca(pkpd.read_study(table, plan, units=units), "C")
