"""Ratios between profiles: Student's published example, hand calculation, invariants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from pkpd.errors import InputError
from pkpd.nca import nca
from pkpd.nca.after.compare import accumulation, relative, relative_by
from pkpd.nca.after.descriptive import mean_difference
from tests.examples import budget
from tests.nca.nca_studies import make_study

# Student, The probable error of a mean. Biometrika 6 (1908) 1-25: hours of sleep gained by two soporifics.
FIRST = (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0)
SECOND = (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4)


def with_values(
    values: Sequence[float], subjects: Sequence[int] | None = None, dose: float = 100.0, name: str = "auc_inf_obs"
) -> xr.Dataset:
    """A result whose parameter has these values."""
    who = list(range(len(values))) if subjects is None else list(subjects)
    rows = [{"subject": s, "time": t, "value": np.exp(-0.3 * t)} for s in who for t in (1, 2, 4, 8)]
    doses = [{"subject": s, "time": 0, "amount": dose} for s in who]
    found = nca(make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}), "C")
    order = np.argsort(np.argsort(who))
    column = np.empty(len(who))
    column[order] = values
    return found.assign({name: found[name].copy(data=column)})


def test_students_pairs() -> None:
    """t intervals of the differences as printed by R's ``t.test(extra ~ group, data = sleep, paired = TRUE)``."""
    found = relative(with_values(np.exp(SECOND)), with_values(np.exp(FIRST)), ["auc_inf_obs"], level=0.95)
    row = found.summary.iloc[0]
    assert (row["design"], row["n"], row["dropped"], row["freedom"], row["reason"]) == ("paired", 10, 0, 9, "")
    np.testing.assert_allclose(np.log([row["ratio"], row["low"], row["high"]]), [1.58, 0.7001142, 2.4598858], atol=1e-7)
    np.testing.assert_allclose(np.log(found.subjects["ratio"]), np.subtract(SECOND, FIRST), atol=1e-12)
    assert (found.subjects["reason"] == "").all()


def test_students_groups() -> None:
    """As printed by R's ``t.test(extra ~ group, data = sleep)``, Welch and with ``var.equal = TRUE``."""
    test, other = with_values(np.exp(SECOND), range(20, 30)), with_values(np.exp(FIRST))
    found = relative(test, other, ["auc_inf_obs"], level=0.95)
    rows = found.summary.set_index("design")
    for design, limits, freedom in (
        ("parallel, Welch", (-0.2054832, 3.3654832), 17.776),
        ("parallel, pooled", (-0.203874, 3.363874), 18),
    ):
        row = rows.loc[design]
        np.testing.assert_allclose(np.log([row["low"], row["high"]]), limits, atol=1e-6)
        np.testing.assert_allclose(np.log(row["ratio"]), 1.58, atol=1e-12)
        np.testing.assert_allclose(row["freedom"], freedom, atol=1e-3)
        assert (row["n_test"], row["n_reference"], row["n"], row["dropped"]) == (10, 10, 20, 0)
    assert found.subjects["ratio"].isna().all()
    assert set(found.subjects["reason"]) == {"parallel groups: no ratio within a subject"}


def test_bioavailability_by_hand() -> None:
    """F = AUC_T·D_R/(AUC_R·D_T) = 60·50/(40·100) = 0.75 and 90·50/(30·100) = 1.5; a half-life has no dose in it."""
    test, other = with_values([60, 90], dose=100), with_values([40, 30], dose=50)
    found = relative(test, other, ["auc_inf_obs", "half_life"])
    np.testing.assert_allclose(found.subjects["ratio"], [0.75, 1.5, 1, 1])
    np.testing.assert_allclose(found.summary["ratio"], [np.sqrt(0.75 * 1.5), 1])
    plain = relative(test, other, ["auc_inf_obs"], normalise=False)
    np.testing.assert_allclose(plain.subjects["ratio"], [1.5, 3])
    assert (found.rules["dose"], plain.rules["dose"]) == (
        "concentrations, areas and moments divided by the dose", "not divided by the dose",
    )  # fmt: skip
    micro = other.assign_coords(dose=("profile", 1000 * other["dose"].values, {"units": "ug"}))
    micro["auc_inf_obs"] = micro["auc_inf_obs"] * 1000
    micro["auc_inf_obs"].attrs = {**other["auc_inf_obs"].attrs, "units": "h·ug/L"}
    np.testing.assert_allclose(relative(test, micro, ["auc_inf_obs"]).subjects["ratio"], [0.75, 1.5])
    zero = relative(test, with_values([40, 30], dose=0), ["auc_inf_obs"])
    assert set(zero.subjects["reason"]) == {"reference: no dose > 0 to divide by"}


@budget(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.1, 50), st.floats(0.1, 50)), min_size=2, max_size=6))
def test_exchanging_the_sides_inverts_the_ratio(pairs: list[tuple[float, float]]) -> None:
    # One result is made once: hypothesis only changes its numbers.
    one, other = (BLANK.isel(profile=slice(0, len(pairs))).copy() for _ in range(2))
    one["cmax"], other["cmax"] = (("profile", [p[k] for p in pairs], BLANK["cmax"].attrs) for k in (0, 1))
    for paired in (True, False):
        a = relative(one, other, ["cmax"], paired=paired).summary[["ratio", "low", "high"]].to_numpy(float)
        b = relative(other, one, ["cmax"], paired=paired).summary[["ratio", "high", "low"]].to_numpy(float)
        np.testing.assert_allclose(a * b, 1, rtol=1e-9)
        assert (a[:, 1] <= a[:, 0]).all()


BLANK = with_values(np.ones(6))


def test_subjects_on_one_side_are_counted_with_a_reason() -> None:
    test, other = with_values([2, 4, np.nan, -1], [0, 1, 2, 3]), with_values([1, 1, 1, 1], [1, 2, 3, 4])
    found = relative(test, other, ["auc_inf_obs"])
    row = found.summary.iloc[0]
    assert (row["n_test"], row["n_reference"], row["n"], row["dropped"]) == (2, 4, 1, 4)
    np.testing.assert_allclose(row["ratio"], 4)
    assert np.isnan(row["low"])
    assert row["reason"] == "one pair has no interval"
    reasons = found.subjects.set_index("subject")["reason"]
    assert reasons[0] == "reference: no profile"
    assert reasons[4] == "test: no profile"
    assert reasons[2] == "test: no number"
    assert reasons[3] == "test: not positive, so it has no logarithm"
    assert reasons[1] == ""
    np.testing.assert_array_equal(found.subjects["ratio"].isna(), found.subjects["reason"] != "")
    apart = relative(test, other, ["auc_inf_obs"], paired=False).summary
    assert set(apart["n"]) == {6}
    none = relative(with_values([1.0], [7]), other, ["auc_inf_obs"], paired=True).summary.iloc[0]
    assert (none["n"], none["reason"]) == (0, "no subject has both sides")


def test_reasons_are_those_of_the_analysis() -> None:
    rows = [{"subject": 0, "time": t, "value": 1.0 + t} for t in (1, 2, 4)]
    study = make_study(rows, [{"subject": 0, "time": 0, "amount": 1.0, "route": "oral"}],
                       units={"time": "h", "dose": "mg", "C": "mg/L"})  # fmt: skip
    rising = nca(study, "C")
    found = relative(rising, rising, ["auc_inf_obs"])
    why = str(rising["reason"].sel(parameter="auc_inf_obs").item())
    assert why
    assert found.subjects["reason"].item() == f"test: {why}; reference: {why}"


@pytest.fixture(scope="module")
def repeated() -> xr.Dataset:
    """Subject s has ratio 2, then 3 of the second and third to the first interval; subject 3 stops after two."""
    rows, doses = [], []
    for s in range(4):
        for k, gain in enumerate((1.0, 2.0, 3.0)):
            if (s, k) != (3, 2):
                rows += [
                    {"subject": s, "time": 24 * k + t, "value": (s + 1) * gain * np.exp(-0.3 * t)} for t in (1, 4, 8)
                ]
            doses.append({"subject": s, "time": 24.0 * k, "amount": 100.0})
    return nca(make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}), "C")


def test_accumulation_is_the_ratio_of_intervals(repeated: xr.Dataset) -> None:
    found = accumulation(repeated, ("auc_last", "cmax"))
    np.testing.assert_allclose(found.summary["ratio"], 3, rtol=1e-12)
    assert found.summary["n"].tolist() == [3, 3]
    assert found.summary["dropped"].tolist() == [1, 1]
    second = accumulation(repeated, ("cmax",), first=1, last=2)
    np.testing.assert_allclose(second.subjects["ratio"], 2, rtol=1e-12)
    np.testing.assert_allclose(second.summary[["low", "high"]].to_numpy(float), 2, rtol=1e-12)
    assert set(accumulation(repeated).summary["parameter"]) >= {"auc_last", "cmax"}
    with pytest.raises(InputError, match="unknown interval 9"):
        accumulation(repeated, ("cmax",), last=9)
    with pytest.raises(InputError, match="several doses"):
        accumulation(with_values([1.0, 2.0]), ("cmax",))


def test_groups_come_from_a_coordinate(repeated: xr.Dataset) -> None:
    found = relative_by(repeated, "interval", 2, 1, parameters=["cmax"])
    np.testing.assert_allclose(found.summary["ratio"], 2)
    treatment = np.where(repeated["subject"].values % 2 == 0, "A", "B")
    coded = repeated.assign_coords(treatment=("profile", treatment)).isel(profile=repeated["interval"].values == 1)
    rows = relative_by(coded, "treatment", "A", "B", parameters=["cmax"]).summary
    np.testing.assert_allclose(rows["ratio"], np.sqrt(1 * 3) / np.sqrt(2 * 4))
    with pytest.raises(InputError, match="unknown treatment 'C'"):
        relative_by(coded, "treatment", "A", "C")
    with pytest.raises(InputError, match="did you mean 'treatment'"):
        relative_by(coded, "treatmnt", "A", "B")


def test_all_problems_at_once(repeated: xr.Dataset) -> None:
    with pytest.raises(InputError) as caught:
        relative(repeated, repeated, ["cmaxx"], level=90)
    text = str(caught.value)
    for part in ("level is 90", "test: unknown parameter 'cmaxx'", "reference: subject 0 has 3 profiles"):
        assert part in text


@pytest.mark.parametrize("pooled", [False, True])
@budget(30, deadline=None)
@given(
    x=st.lists(st.integers(-50, 50), min_size=2, max_size=5, unique=True),
    y=st.lists(st.integers(-500, 500), min_size=3, max_size=12, unique=True),
)
def test_groups_of_unequal_size_and_spread(x: list[int], y: list[int], pooled: bool) -> None:
    """As `scipy.stats.ttest_ind` has it: groups of one size would hide which spread belongs to which."""
    a, b = np.array(x, dtype=float), np.array(y, dtype=float)
    theirs = ttest_ind(a, b, equal_var=pooled)
    expected = (a.mean() - b.mean(), *theirs.confidence_interval(0.9), theirs.df)
    np.testing.assert_allclose(mean_difference(a, b, 0.9, pooled), expected, rtol=1e-9, atol=1e-9)
