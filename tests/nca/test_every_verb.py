"""Every verb answers every result: with what it is asked for, or with a sentence that says why not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr
from matplotlib import pyplot

import pkpd
from pkpd import nca, plot
from pkpd.errors import DataWarning, InputError
from pkpd.nca import nca_response, nca_sparse
from tests.nca.test_nca_covariates import study

pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
DATA = study()
SPARSE = nca.sparse([1, 1, 2, 2, 4, 4], [1, 2, 3, 4, 2, 1.0], dose=1.0)
RESULTS: dict[str, Any] = {
    "nca": nca(DATA, "C"),
    "windows": nca(DATA, "C", windows=[(0, 6)], above=[2]),
    "one parameter": nca(DATA, "C", parameters=["cmax"]),
    "one profile": nca(DATA, "C").isel(profile=0),
    "two analytes": nca(DATA, ["C", "urine"]),
    "excretion": nca(DATA, "urine"),
    "response": nca_response(DATA, "C", limits=[2], visits=[1], slopes=[(1, 6)]),
    "responses": nca_response(DATA, ["C"]),
    "sparse": nca_sparse(DATA, "C", by="arm"),
    "one group": nca_sparse(DATA, "C", by="arm").isel(group=0),
    "SparseResult": SPARSE,
}
OF_PROFILES = ["nca", "windows", "one parameter", "excretion", "response"]
VERBS: dict[str, tuple[Callable[[Any], Any], list[str]]] = {
    "summarise": (nca.summarise, [*RESULTS]),
    "summarise by": (lambda r: nca.summarise(r, by="arm"), [n for n in RESULTS if n != "SparseResult"]),
    "wide_table": (nca.wide_table, [*RESULTS]),
    "wide_table by name": (lambda r: nca.wide_table(r, units=False), [*RESULTS]),
    "why": (lambda r: nca.why(r, "cmax"), [n for n in RESULTS if n not in ("excretion", "response", "responses")]),
    "why excreted": (lambda r: nca.why(r, "amount_excreted"), ["two analytes", "excretion"]),
    "why response": (lambda r: nca.why(r, "auec"), ["response", "responses"]),
    "rerun": (nca.rerun, [n for n in RESULTS if n != "SparseResult"]),
    "choose_points": (lambda r: nca.choose_points(r, 0, leave_out=[3.0]), OF_PROFILES[:3]),
    "lambda_z_line": (lambda r: nca.lambda_z_line(r, 0), ["nca", "windows"]),
    "relative": (lambda r: nca.relative(r, r), OF_PROFILES[:3]),
    "relative_by": (lambda r: nca.relative_by(r, "arm", "active", "placebo"), OF_PROFILES[:3]),
    "accumulation": (nca.accumulation, []),
    "dose_proportionality": (lambda r: nca.dose_proportionality(r, ["cmax"]), OF_PROFILES[:3]),
    "dose_proportionality of amounts": (lambda r: nca.dose_proportionality(r, ["amount_excreted"]), ["excretion"]),
    "superpose_study": (lambda r: nca.superpose_study(r, pkpd.oral("10 mg")), ["nca", "windows"]),
    "parameter_boxes": (lambda r: plot.parameter_boxes(r, "cmax", by="arm"), OF_PROFILES[:3]),
    "proportionality": (lambda r: plot.proportionality(r, "cmax"), OF_PROFILES[:3]),
    "lambda_z": (plot.lambda_z, ["nca", "windows"]),
    "lambda_z_page": (lambda r: plot.lambda_z_page(r, pyplot.subplots(4)[1]), ["nca", "windows"]),
    "initial_estimates": (lambda r: pkpd.initial_estimates(pkpd.library.one_compartment(), r),
                          ["nca", "windows", "one profile"]),
    "pp_table": (lambda r: pkpd.io.pp_table(r, study_id="A"), OF_PROFILES),
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_answers_or_says_why_not(verb: str) -> None:
    function, fits = VERBS[verb]
    for name, result in RESULTS.items():
        if name in fits:
            function(result)
        else:
            with pytest.raises(pkpd.errors.PkpdError) as refused:
                function(result)
            assert len(str(refused.value)) < 600, f"{verb} of {name} shows a whole result: {refused.value}"
        pyplot.close("all")


def test_the_sentence_says_what_the_result_is_and_what_to_do() -> None:
    for name, words in {
        "two analytes": r"several analytes \(C, urine\); expected one, such as result\['C'\]",
        "sparse": "sparse result.*sparse_ratio",
        "one profile": r"result.isel\(profile=\[0\]\)",
        "excretion": "collections and no samples",
        "response": "no terminal phase",
    }.items():
        with pytest.raises(InputError, match=words):
            nca.lambda_z_line(RESULTS[name], 0)
    with pytest.raises(InputError, match=r"say what to compare, parameters="):
        nca.relative(RESULTS["excretion"], RESULTS["excretion"])
    assert nca.relative(RESULTS["excretion"], RESULTS["excretion"], ["amount_excreted"]).summary["ratio"][0] == 1
    with pytest.raises(InputError, match="windows, not by dosing intervals"):
        nca.accumulation(RESULTS["response"])
    with pytest.raises(InputError, match="does not hold lambda_z"):
        nca.lambda_z_line(RESULTS["one parameter"], 0)


def test_several_analytes_are_summarised_below_one_another() -> None:
    table = nca.summarise(RESULTS["two analytes"], by="arm")
    alone = nca.summarise(RESULTS["excretion"], by="arm")
    mine = table[table["analyte"] == "urine"].drop(columns="analyte").reset_index(drop=True)
    same = ["arm", "parameter", "unit", "n", "mean", "sd"]
    lower = mine[~mine["parameter"].str.startswith("clr")], alone[~alone["parameter"].str.startswith("clr")]
    pandas.testing.assert_frame_equal(lower[0][same], lower[1][same])
    assert table["analyte"].unique().tolist() == ["C", "urine"]
    wide = nca.wide_table(RESULTS["two analytes"], ["cmax", "amount_excreted"], units=False)
    assert wide["analyte"].tolist() == ["C"] * 4 + ["urine"] * 4
    assert wide["cmax"].notna().tolist() == [True] * 4 + [False] * 4
    with pytest.raises(InputError, match="'cmaxx'; did you mean 'cmax'"):
        nca.wide_table(RESULTS["two analytes"], ["cmaxx"])


def test_groups_of_a_sparse_result_have_one_row_a_method() -> None:
    found = RESULTS["sparse"]
    table = nca.summarise(found, by="arm")
    assert len(table) == found.sizes["group"] * found.sizes["parameter"] * found.sizes["method"]
    row = table[(table["arm"] == "active") & (table["parameter"] == "auc_last") & (table["method"] == "z")].iloc[0]
    assert row["estimate"] == found["auc_last"].sel(group="active")
    assert row["upper"] == found["upper"].sel(group="active", parameter="auc_last").isel({"method": 1})
    assert row["unit"] == found["auc_last"].attrs["units"]
    alone = nca.summarise(SPARSE)
    assert alone["estimate"].equals(SPARSE.table()["estimate"])
    wide = nca.wide_table(found, units=False)
    assert wide["group"].tolist() == ["placebo", "active"]
    np.testing.assert_array_equal(wide["cmax"], found["cmax"])


def test_one_profile_is_a_result_with_one_row() -> None:
    whole, one = RESULTS["windows"], RESULTS["windows"].isel(profile=2)
    pandas.testing.assert_frame_equal(nca.wide_table(one), nca.wide_table(whole.isel(profile=[2])))
    pandas.testing.assert_frame_equal(nca.summarise(one), nca.summarise(whole.isel(profile=[2])))
    assert nca.why(one, "auc_inf_obs") == nca.why(whole, "auc_inf_obs", 2)


def test_a_wide_table_has_windows_and_thresholds_and_the_labels_asked_for() -> None:
    found = RESULTS["windows"]
    table = nca.wide_table(found, units=False)
    kind = "auc_window[0–6, line]"
    np.testing.assert_array_equal(table[kind], found["auc_window"].sel(window="0–6", extrapolation="line"))
    assert [name for name in table if name.startswith("auc_window")] == [kind]  # as the rules say; others by name
    assert "auc_window[0–6, pred] (h·ug/mL)" in nca.wide_table(found, ["auc_window[0–6, pred]"])
    np.testing.assert_array_equal(table["time_above[2.0]"], found["time_above"].sel(threshold=2))
    assert nca.wide_table(found, ["cmax"], labels=["subject", "arm"]).columns.tolist()[:2] == ["subject", "arm"]
    with pytest.raises(InputError, match="unknown label 'armm'; did you mean 'arm'"):
        nca.wide_table(found, labels=["armm"])


def two_doses(times: dict[int, list[float]]) -> Any:
    """One subject with two doses and these samples after each."""
    samples = [("1", 24.0 * k + t, 8 * 0.8**t) for k, after in times.items() for t in after]
    doses = pandas.DataFrame({"subject": "1", "time": [0.0, 24.0], "amount": 10.0, "route": "oral"})
    table = pandas.DataFrame(samples, columns=["subject", "time", "C"])
    return pkpd.read_study(table, doses, units={"time": "h", "dose": "mg", "C": "ug/mL"})


def test_points_without_an_interval_are_meant_for_every_interval() -> None:
    data = two_doses({0: [1, 2, 4, 6, 8, 12], 1: [1, 2, 4, 6, 8, 12]})
    found = nca(data, points=[nca.Points("1", use=(2, 6, 12))])
    assert found["lambda_z_points"].values.tolist() == [3, 3]
    number = nca(data, points=[nca.Points(1, use=(2, 6, 12))])  # the table says "1"
    np.testing.assert_array_equal(number["lambda_z"], found["lambda_z"])


def test_where_one_interval_lacks_them_the_rules_choose_and_it_is_said() -> None:
    data = two_doses({0: [1, 2, 4, 6, 8, 12], 1: [1, 2, 4, 8]})
    plain = nca(data)
    with pytest.warns(DataWarning, match="do not exist in 1 of 2 profiles"):
        found = nca(data, points=[nca.Points("1", use=(2, 6, 12))])
    assert found["lambda_z_points"].values[0] == 3
    assert found["lambda_z_points"].values[1] == plain["lambda_z_points"].values[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        without = nca(data, points=[nca.Points("1", leave_out=(12,))])  # nothing to leave out in the second
    assert without["lambda_z_end"].values[0] == 8
    with pytest.raises(InputError, match="no sample at 5"):
        nca(data, points=[nca.Points("1", use=(5, 6, 12))])
    with pytest.raises(InputError, match="no sample at 6"):
        nca(data, points=[nca.Points("1", use=(2, 6, 8), interval=2)])
    with pytest.raises(InputError, match=r"no profile of subject '1', interval 3; expected interval 1, 2"):
        nca(data, points=[nca.Points("1", use=(2, 6, 8), interval=3)])
    with pytest.raises(InputError, match="unknown subject 'x'; known: 1"):
        nca(data, points=[nca.Points("x", use=(2, 6, 8))])


def test_a_result_knows_its_study() -> None:
    data = two_doses({0: [1, 2, 4, 6, 8, 12], 1: [1, 2, 4, 6, 8, 12]})
    for found in (nca(data, windows=[(0, 6)]), nca_response(data, limits=["50 %"], windows=[(0, 12), (0, np.inf)]),
                  nca_sparse(data)):  # fmt: skip
        xr.testing.assert_identical(nca.rerun(found), found)
        xr.testing.assert_identical(nca.rerun(found, study=data), found)
        xr.testing.assert_identical(nca.rerun(data, found), found)
    found = nca(data)
    changed = nca.choose_points(found, 1, use=[4, 8, 12])
    xr.testing.assert_identical(nca.choose_points(data, found, 1, use=[4, 8, 12]), changed)
    xr.testing.assert_identical(nca.choose_points(data, found, profile=1, use=[4, 8, 12]), changed)
    assert changed["lambda_z_points"].values[1] == 3
    assert nca.rerun(found, auc="linear")["auc_last"].values[0] > found["auc_last"].values[0]


def test_a_study_that_is_gone_must_be_given_and_another_one_is_said() -> None:
    data = two_doses({0: [1, 2, 4, 6, 8, 12.25], 1: [1, 2]})
    found = nca(data)
    again = two_doses({0: [1, 2, 4, 6, 8, 12.25], 1: [1, 2]})
    del data
    xr.testing.assert_identical(nca.rerun(found), found)  # by its contents, not by which object it is
    del again
    with pytest.raises(InputError, match=r"not in this session any more; give it, study="):
        nca.rerun(found)
    with pytest.raises(InputError, match=r"give it, study="):
        nca.choose_points(found, 0, use=[1, 2, 4])
    with pytest.warns(DataWarning, match="other data"):
        nca.rerun(found, study=two_doses({0: [1, 2, 4, 6, 8, 12], 1: [1, 2]}))
    with pytest.raises(InputError, match="settings do not know their study"):
        nca.rerun(str(found.attrs["settings"]))


def test_what_is_asked_for_is_found_by_any_of_its_names() -> None:
    """Phoenix's and CDISC's names, as in `nca`; the order is the asked one; an unknown name suggests one of these."""
    result, tree, sparse = RESULTS["nca"], RESULTS["two analytes"], RESULTS["sparse"]
    table = nca.summarise(result, "arm", parameters=["AUCINF_obs", "Cmax"])
    whole = nca.summarise(result, "arm").set_index(["arm", "parameter"])
    assert table["parameter"].tolist() == ["auc_inf_obs", "cmax"] * 2
    pandas.testing.assert_frame_equal(
        table.set_index(["arm", "parameter"]), whole.loc[[*zip(table["arm"], table["parameter"], strict=True)]]
    )
    assert [*nca.wide_table(result, ["AUCINF_obs", "Cmax"], units=False, labels=[])] == ["auc_inf_obs", "cmax"]
    several = nca.summarise(tree, parameters=["cmax", "amount_excreted"])
    assert several[["analyte", "parameter"]].to_numpy().tolist() == [["C", "cmax"], ["urine", "amount_excreted"]]
    assert set(nca.summarise(sparse, parameters=["cmax"])["parameter"]) == {"cmax"}
    for broken in (result, tree, sparse):
        with pytest.raises(InputError, match="unknown parameter 'cmaxx'; did you mean 'cmax'"):
            nca.summarise(broken, parameters=["cmaxx"])
        with pytest.raises(InputError, match="parameters is empty"):
            nca.summarise(broken, parameters=[])


def test_why_knows_profiles_by_their_subjects() -> None:
    """A subject with one profile, the group of a sparse result; several profiles are named."""
    result = RESULTS["nca"]
    subjects = result["subject"].values.tolist()
    once = [k for k, name in enumerate(subjects) if subjects.count(name) == 1]
    for k in once:
        assert nca.why(result, "cmax", subjects[k]) == nca.why(result, "cmax", k)
    group = str(RESULTS["sparse"]["group"].values[1])
    assert nca.why(RESULTS["sparse"], "cmax", group) == nca.why(RESULTS["sparse"], "cmax", 1)
    twice = xr.concat([result, result], "profile", data_vars="minimal", coords="minimal", compat="override")
    with pytest.raises(InputError, match="has 2 profiles; expected the position of one: 0, "):
        nca.why(twice, "cmax", subjects[0])
    with pytest.raises(InputError, match="unknown subject 'nobody'"):
        nca.why(result, "cmax", "nobody")
