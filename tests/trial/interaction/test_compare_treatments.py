"""Ratios of two treatments against R 4.2.2, from the AUCs of Chow & Liu without three values (`_long` below).

``nlme::lme(log(auc) ~ treatment, random = ~1 | subject, method = "REML")`` with ``nlme::intervals(m, level = 0.9)``,
confirmed by ``lme4::lmer(log(auc) ~ treatment + (1 | subject))``; ``t.test(log(x), log(y), conf.level = 0.9)`` with
``paired = TRUE``, as it is, and with ``var.equal = TRUE``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd import InputError
from pkpd.errors import DataWarning
from pkpd.trial import TreatmentComparison, compare_treatments, ratio_by_patients

FOLDER = Path(__file__).resolve().parents[2] / "reference" / "bioequivalence"


def _long() -> pandas.DataFrame:
    wide = pandas.read_csv(FOLDER / "chow_liu.csv")
    parts = [pandas.DataFrame({"subject": wide["subject"], "treatment": wide["sequence"].str[k - 1],
                               "auc": wide[f"period{k}"]}) for k in (1, 2)]  # fmt: skip
    return pandas.concat(parts, ignore_index=True)


def _incomplete() -> pandas.DataFrame:
    table = _long()
    lost = table["subject"].isin([2, 7]) & (table["treatment"] == "T")
    return table[~lost & ~((table["subject"] == 11) & (table["treatment"] == "R"))]


def _logs(row: pandas.Series) -> list[float]:
    return [float(v) for v in np.log(row[["estimate", "low", "high"]].to_numpy(float))]


def test_mixed_model_with_missing_periods_is_that_of_nlme() -> None:
    found = compare_treatments(_incomplete(), ["auc"], test="T", reference="R")
    mixed, pairs = (row for _, row in found.table().iterrows())
    np.testing.assert_allclose(_logs(mixed), [-0.0531758604568, -0.140826395026, 0.034474674112], atol=2e-8)
    assert (mixed["freedom"], mixed["n_test"], mixed["n_reference"], mixed["pairs"], mixed["dropped"]) == (
        20,
        22,
        23,
        21,
        0,
    )
    np.testing.assert_allclose(_logs(pairs), [-0.065260560622, -0.1523052435835, 0.0217841223395], atol=1e-10)
    assert (pairs["freedom"], pairs["n_test"], pairs["dropped"]) == (20, 21, 3)
    assert found.design == "within subjects"
    assert "one treatment only" in found.summary()


def test_independent_groups_are_those_of_t_test() -> None:
    table = _incomplete()
    one = table[(table["treatment"] == "T") & (table["subject"] <= 10)]
    other = table[(table["treatment"] == "R") & (table["subject"] > 10)]
    found = compare_treatments({"T": one, "R": other}, ["auc"])
    welch, pooled = (row for _, row in found.table().iterrows())
    np.testing.assert_allclose(_logs(welch), [-0.0989204926, -0.2877232030207, 0.0898822237328], atol=1e-10)
    np.testing.assert_allclose(_logs(pooled)[1:], [-0.2897241929031, 0.0918832136152], atol=1e-10)
    assert welch["freedom"] == pytest.approx(15.9386931711)
    assert (pooled["freedom"], welch["n_test"], welch["n_reference"]) == (19, 8, 13)
    assert (found.test, found.reference, found.design) == ("T", "R", "between subjects")


def test_complete_pairs_are_the_paired_t() -> None:
    """In balanced pairs that correlate positively REML gives the t interval of the differences."""
    mixed, pairs = (row for _, row in compare_treatments(_long(), ["auc"], test="T", reference="R").table().iterrows())
    np.testing.assert_allclose(_logs(mixed), _logs(pairs), atol=1e-7)


def test_what_n_patients_exclude_follows_from_the_row() -> None:
    """`ratio_by_patients` with the row's own geometric means, CVs and n gives the row's interval."""
    for paired, place in ((True, 1), (False, 1)):
        row = compare_treatments(_long(), ["auc"], test="T", reference="R", paired=paired).table().iloc[place]
        again = ratio_by_patients(
            row["test"], row["reference"], cv_test=row["cv_test"], cv_reference=row["cv_reference"], patients=[24],
            means="geometric", correlation=row["correlation"] if paired else None,
        ).iloc[0]  # fmt: skip
        for mine, theirs in (("estimate", "ratio"), ("low", "low"), ("high", "high"), ("excluded", "excluded"),
                             ("detectable", "detectable")):  # fmt: skip
            assert row[mine] == pytest.approx(again[theirs], rel=1e-9)
        assert row["excludes_none"] == again["excludes_1"]


def test_exchanging_the_sides_inverts_ratios_and_turns_differences() -> None:
    rng = np.random.default_rng(2)
    table = pandas.DataFrame({"subject": range(30), "treatment": ["a", "b"] * 15, "auc": rng.lognormal(3, 0.4, 30),
                              "tmax": rng.choice([0, 1, 2, 4, 6.0], 30)})  # fmt: skip
    one = compare_treatments(table, ["auc", "tmax"], test="a", reference="b").table()
    other = compare_treatments(table, ["auc", "tmax"], test="b", reference="a").table()
    ratio, shift = one["measure"] != "difference", one["measure"] == "difference"
    np.testing.assert_allclose(one.loc[ratio, "low"], 1 / other.loc[ratio, "high"])
    np.testing.assert_allclose(one.loc[shift, "low"], -other.loc[shift, "high"])
    assert shift.tolist() == [False, False, True]


def test_zero_has_no_logarithm_and_is_compared_by_ranks() -> None:
    table = _long()
    table.loc[3, "auc"] = 0.0
    row = compare_treatments(table, ["auc"], test="T", reference="R").table().iloc[0]
    assert "1 of 48 values are zero or negative" in row["reason"]
    assert np.isnan(row["estimate"])
    row = compare_treatments(table, ["auc"], test="T", reference="R", scale={"auc": "difference"}).table().iloc[0]
    assert (row["measure"], row["reason"], row["pairs"]) == ("difference", "", 24)
    assert row["low"] < row["estimate"] < row["high"]


def _response(shift: float, first: int) -> xr.Dataset:
    """What nca_response returns, by hand: three limits, one of them never crossed by some."""
    rng = np.random.default_rng(first)
    n = 12
    low = rng.lognormal(-1, 0.3, n)
    time = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(1, 40, n) + shift)
    data = {
        "baseline": ("profile", rng.lognormal(0, 0.2, n), {"units": "10^9/L"}),
        "r_extreme": ("profile", low, {"units": "10^9/L"}),
        "r_min": ("profile", low, {"units": "10^9/L"}),
        "t_min": ("profile", rng.uniform(90, 110, n), {"units": "h"}),
        "time_below_t": (("profile", "limit"), np.stack([time, time + 3], axis=1), {"units": "h"}),
        "time_to_recovery": ("profile", np.where(time > 30, np.nan, time), {"units": "h"}),
    }
    reason = np.where(np.isnan(data["time_to_recovery"][1]), "not recovered by the last sample", "")
    data["reason"] = (("profile", "parameter"), reason[:, None].astype(object))
    coords = {
        "subject": ("profile", np.arange(first, first + n)),
        "limit": ["0.5", "1"],
        "parameter": ["time_to_recovery"],
    }
    return xr.Dataset(data, coords, {"kind": "response", "synthetic": "made up"})


def test_responses_of_two_studies() -> None:
    with pytest.warns(DataWarning, match="numbers are missing"):
        found = compare_treatments({"with": _response(0, 100), "alone": _response(0, 300)})
    table = found.table()
    assert table["parameter"].drop_duplicates().tolist() == [
        "baseline", "r_min", "t_min", "time_to_recovery", "time_below_t[0.5]", "time_below_t[1]"]  # fmt: skip
    assert table.set_index("parameter").loc["t_min", "measure"] == "difference"
    assert (found.lost["reason"] == "not recovered by the last sample").all()
    assert "of those who did" in found.summary()
    assert found.attrs["synthetic"] == "made up"
    one = compare_treatments({"with": _response(0, 100), "alone": _response(0, 300)}, ["time_below_t[0.5]"])
    assert one.table()["parameter"].tolist() == ["time_below_t[0.5]"]


def test_units_and_doses_of_results() -> None:
    def result(factor: float, unit: str, dose: list[float], first: int) -> xr.Dataset:
        return xr.Dataset(
            {"cmax": ("profile", factor * np.array([1.0, 2.0, 4.0]), {"units": unit})},
            {"subject": ("profile", [first, first + 1, first + 2]), "dose": ("profile", dose, {"units": "mg"})},
        )

    one, other = result(1.0, "mg/L", [10.0, 10, 10], 1), result(1000.0, "ng/mL", [10.0, 10, 10], 11)
    row = compare_treatments({"a": one, "b": other}, ["Cmax"]).table().iloc[0]
    assert row["estimate"] == pytest.approx(1.0)
    assert row["unit"] == "ng/mL"
    doubled = compare_treatments({"a": result(1.0, "mg/L", [20.0, 20, 20], 1), "b": other}, ["cmax"])
    assert doubled.table()["estimate"].iloc[0] == pytest.approx(0.5)
    assert "doses differ" in doubled.summary()
    plain = compare_treatments({"a": result(1.0, "mg/L", [20.0, 20, 20], 1), "b": other}, ["cmax"], normalise=False)
    assert plain.table()["estimate"].iloc[0] == pytest.approx(1.0)


def test_labels_that_are_numbers_and_the_ratios_of_nca() -> None:
    """A dose level of 30.0 is called 30; `pkpd.nca.relative` has the same t intervals."""
    from pkpd.nca import relative_by

    rng = np.random.default_rng(6)
    data = xr.Dataset(
        {"cmax": ("profile", rng.lognormal(1, 0.3, 12), {"units": "ng/mL"})},
        {"subject": ("profile", np.tile(np.arange(6), 2)), "level": ("profile", np.repeat([30.0, 10.0], 6)),
         "dose": ("profile", np.repeat([30.0, 10.0], 6), {"units": "mg"}), "interval": ("profile", np.ones(12)),
         "dose_time": ("profile", np.zeros(12))},
    )  # fmt: skip
    for paired, ours, theirs in ((True, [1], [0]), (False, [0, 1], [0, 1])):
        mine = compare_treatments(data, ["cmax"], by="level", test=30, reference=10, paired=paired).table()
        other = relative_by(data, "level", 30.0, 10.0, parameters=["cmax"], paired=paired).summary
        for name, column in (("estimate", "ratio"), ("low", "low"), ("high", "high"), ("freedom", "freedom")):
            np.testing.assert_allclose(mine[name].to_numpy()[ours], other[column].to_numpy(float)[theirs])


def test_subjects_of_one_name_in_two_studies_are_said() -> None:
    table = _long()
    two = {"T": table[table["treatment"] == "T"], "R": table[table["treatment"] == "R"]}
    with pytest.warns(DataWarning, match="24 subjects of the two studies have one name"):
        apart = compare_treatments(two, ["auc"])
    assert apart.design == "between subjects"
    within = compare_treatments(two, ["auc"], paired=True)
    np.testing.assert_allclose(
        within.table()["low"], compare_treatments(table, ["auc"], test="T", reference="R").table()["low"]
    )


def test_every_problem_at_once() -> None:
    table = pandas.concat([_long(), _long().iloc[:1]], ignore_index=True)
    with pytest.raises(InputError, match="row 49"):
        compare_treatments(table, ["auc"], test="T", reference="R")
    with pytest.raises(InputError) as caught:
        compare_treatments(_long(), ["auc"], test="TT", reference="S")
    assert "'TT' never occurs" in str(caught.value)
    assert "'S' never occurs" in str(caught.value)
    with pytest.raises(InputError, match="unknown parameter 'aucc'"):
        compare_treatments(_long(), ["aucc"], test="T", reference="R")
    with pytest.raises(InputError, match="scale of auc is 'raw'"):
        compare_treatments(_long(), ["auc"], test="T", reference="R", scale={"auc": "raw"})
    with pytest.raises(InputError, match="row 5, auc"):
        compare_treatments(_long().astype({"auc": object}).assign(auc=lambda t: t["auc"].where(t.index != 4, "high")),
                           ["auc"], test="T", reference="R")  # fmt: skip
    twice = xr.Dataset(
        {"cmax": ("profile", [1.0, 2.0])}, {"subject": ("profile", [1, 1]), "arm": ("profile", ["a", "a"])}
    )
    with pytest.raises(InputError, match="test is not said"):
        compare_treatments(twice, ["cmax"], by="arm", reference="a")
    with pytest.raises(InputError, match="subject 1 has several profiles"):
        compare_treatments({"a": twice, "b": twice}, ["cmax"])


def test_few_subjects_say_why_there_is_no_interval() -> None:
    small = pandas.DataFrame({"subject": [1, 1, 2], "treatment": ["a", "b", "a"], "auc": [1.0, 2.0, 3.0]})
    rows = compare_treatments(small, ["auc"], test="a", reference="b").table()
    assert rows["reason"].tolist() == ["1 subjects have both sides; expected at least two", "one pair has no interval"]
    rows = compare_treatments(small, ["auc"], test="a", reference="b", paired=False).table()
    assert rows["reason"].iloc[0] == "too few subjects for an interval"
    flat = pandas.DataFrame({"subject": [1, 2, 1, 2], "treatment": [*"aabb"], "auc": [1.0, 2, 2, 4]})
    assert (
        compare_treatments(flat, ["auc"], test="a", reference="b")
        .table()["reason"]
        .str.contains("do not scatter")
        .all()
    )


def test_it_shows_itself() -> None:
    found = compare_treatments(_long(), ["auc"], test="T", reference="R")
    assert isinstance(found, TreatmentComparison)
    assert "could have excluded a ratio beyond" in str(found)
    assert "<table" in found._repr_html_()
