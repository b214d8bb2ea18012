"""What `why` says: everything that a number depends on, and nothing else, for every kind of result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from pkpd.dosing import Dose
from pkpd.errors import InputError
from pkpd.nca import NAMES, Points, nca, nca_sparse, sparse, why
from pkpd.study import Study
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
TIMES, VALUES = (0.5, 1, 2, 4, 6, 8, 12), (9.0, 8.0, 6.0, 3.5, 2.4, 1.3, 0.5)


def study(route: str = "bolus", times: Any = TIMES, values: Any = VALUES, **more: dict[str, Any]) -> Study:
    """One subject; ``t4={...}`` changes the sample at 4 h."""
    rows = [{"subject": 1, "time": t, "value": c} | more.get(f"t{t:g}", {}) for t, c in zip(times, values, strict=True)]
    dose = {"subject": 1, "time": 0, "amount": 100.0, "route": route, "duration": 0.5 * (route == "infusion")}
    return make_study(rows, [dose], units=UNITS)


@pytest.mark.parametrize(("route", "preset", "partial", "tau"), [
    ("bolus", "phoenix", "line", 10.0), ("oral", "phoenix", "line", 24.0), ("infusion", "phoenix", "all", 24.0),
    ("bolus", "pknca", "obs", 24.0), ("oral", "pknca", "last", 24.0),
])  # fmt: skip
def test_the_regression_is_told_where_the_number_moves_with_it(
    route: str, preset: str, partial: str, tau: float
) -> None:
    """Two choices of points change λz and nothing else: the numbers that differ are those that depend on it."""
    asked: Any = {"preset": preset, "partial": partial, "tau": tau, "time_zero": "zero"}
    one, two = (nca(study(route), "C", points=[Points(1, use=use)], **asked) for use in ((4, 6, 8), (6, 8, 12)))
    for name in [*NAMES[::3], "auc_last", "auc_tau", "auc_inf_obs", "vz_last", "cl_tau", "ctau", "swing_tau", "cmax"]:
        first, second = float(one[name][0]), float(two[name][0])
        if np.isnan(first) or name == "lambda_z_points":  # three points in both
            continue
        text = why(one, name)
        assert ("Terminal regression over" in text) == (first != second), text
        assert ("chosen by hand" in text) == (first != second)
        assert first != second or " extrapolated" not in text.replace("log back-extrapolated", "")
        assert first != second or "best adjusted R²" not in text


@pytest.mark.parametrize(("window", "kind"), [((0, 6), "line"), ((0, 20), "all"), ((0, 20), "obs"), ((2, 30), "line")])
def test_windows_tell_the_regression_where_they_go_on_along_it(window: tuple[float, float], kind: str) -> None:
    results = [nca(study("oral"), "C", windows=[(0, 1), window], points=[Points(1, use=use)])
               for use in ((4, 6, 8), (6, 8, 12))]  # fmt: skip
    first, second = (float(r["auc_window"].sel(extrapolation=kind)[0, 1]) for r in results)
    text = why(results[0], f"auc_window[{window[0]}–{window[1]}, {kind}]")
    assert f"{first:.6g}" in text
    assert ("Terminal regression" in text) == (first != second)


def test_the_value_at_the_beginning_is_told_where_it_counts() -> None:
    oral, bolus = nca(study("oral"), "C"), nca(study("bolus"), "C")
    rising = nca(study("bolus", values=(7.0, 8.0, 6.0, 3.5, 2.4, 1.3, 0.5)), "C")
    at_zero = nca(study("bolus", (0.0, *TIMES), (11.0, *VALUES), t0={"mark": "post"}), "C")
    assert "0 was put in at the dose" in why(oral, "auc_last")
    assert "put in" not in why(oral, "cmax") + why(oral, "half_life") + why(oral, "ctau")
    c0 = 9.0 * 9.0 / 8.0  # the line through ln 9 at 0.5 and ln 8 at 1, at 0
    for name in ("c0", "auc_all", "cl_obs"):
        assert f"C0 {c0:.6g} is back-extrapolated" in why(bolus, name)
        assert "at 0.5 and 1 h" in why(bolus, name)
    assert "C0 7 is the first sample" in why(rising, "auc_last")
    assert "sample at the time of the dose" in why(at_zero, "c0")
    assert "extrapolated" not in why(at_zero, "auc_last")
    between = nca(study("oral"), "C", intervals=[(1.5, 7)])
    assert "interpolated between the samples" in why(between, "auc_tau")


def test_blq_and_excluded_samples_are_told() -> None:
    blq = {"blq": True, "lloq": 0.2, "value": np.nan}
    made = study("oral", (0.0, *TIMES, 16), (0.0, *VALUES, 0.0), t0=blq, t4={"excluded": True, "reason": "hemolysed"},
                 t6=blq, t16=blq)  # fmt: skip
    result = nca(made, "C", tau=24.0)
    for name in ("auc_last", "auc_all", "auc_inf_obs", "cl_tau", "half_life"):
        assert "6 h (BLQ, dropped)" in why(result, name)
    for name in ("auc_last", "cmax", "half_life", "cl_obs"):
        assert "4 h (excluded: hemolysed)" in why(result, name)
    assert "BLQ samples count as 0 at 0 h." in why(result, "auc_last")
    assert "BLQ samples count as 0 at 0, 16 h." in why(result, "auc_all")
    assert "BLQ" not in why(result, "cmax")
    assert "BLQ samples" not in why(result, "half_life")
    assert "hemolysed" not in why(result, "n_samples")
    other = nca(study("oral", t6=blq), "C", blq_between="lloq/2")
    assert "BLQ samples count as 0.1 at 6 h." in why(other, "auc_last")


@pytest.mark.parametrize(("times", "values", "words"), [
    ((6, 8, 12), (5.0, 4.0, 2.0), "sampling begins late, at 6 h, with the largest concentration; 2 samples lie after"),
    ((24,), (1.0,), "sampling begins late, at 24 h, with the largest concentration; no sample lies after"),
    ((0.5, 1, 2, 4), (1.0, 3.0, 5.0, 4.0), "Cmax is at 2 h, and 1 sample lies after it (of 4 quantifiable ones)"),
])  # fmt: skip
def test_too_few_samples_after_the_peak_say_where_the_samples_are(times: Any, values: Any, words: str) -> None:
    result = nca(study("oral", times, values), "C")
    for name in ("half_life", "auc_inf_obs", "cl_pred"):
        assert words in why(result, name)


def test_every_kind_of_result_is_explained() -> None:
    urine = {"subject": 1, "analyte": "U", "value": 4.0, "volume": 100.0}
    blood = [{"subject": 1, "time": t, "value": c} for t, c in zip(TIMES, VALUES, strict=True)]
    second = [{**row, "analyte": "M", "value": row["value"] / 2} for row in blood]
    rows = [*blood, *second, {**urine, "time": 0.0, "until": 6.0}, {**urine, "time": 6.0, "until": 12.0}]
    made = make_study(rows, [{"subject": 1, "time": 0, "amount": 100.0}],
                      units={**UNITS, "M": "mg/L", "U": "mg/L", "volume": "mL"})  # fmt: skip
    tree = nca(made, ["C", "U"])
    text = why(tree, "auc_last")
    assert text.startswith("C: AUC to the last")
    assert "0.8 mg" in why(tree, "amount_excreted")
    assert "Σ concentration·volume" in why(tree["U"].to_dataset(), "ae")
    both = why(nca(made, ["C", "M"]), "cmax")
    assert "C: largest observed concentration of subject 1, interval 1: 9 mg/L." in both
    assert "M: largest observed concentration of subject 1, interval 1: 4.5 mg/L." in both
    group = nca_sparse(made, "C")
    assert "AUC to infinity" in why(group, "cl_obs") or "clearance" in why(group, "cl_obs")
    assert "Terminal regression" in why(group, "cl_obs")
    assert "Terminal regression" not in why(group, "auc_last")
    assert "put in at the dose" in why(group, "auc_last")
    assert "put in" not in why(group, "cmax")
    assert "not computed, one" not in why(sparse(TIMES, VALUES, dose=Dose(0, 100.0, "oral")), "auc_last")
    with pytest.raises(InputError, match="amount_excreted"):
        why(tree["U"].to_dataset(), "amount_excretd")
    with pytest.raises(InputError, match="expected 0 to 0"):
        why(group, "auc_last", 1)


def test_sparse_collections_and_thresholds_have_a_sentence_for_every_parameter() -> None:
    result: xr.Dataset = nca_sparse(study("oral"), "C")
    for name in result["parameter"].values:
        assert why(result, name).endswith(".")
    above = nca(study("oral"), "C", above=[2.0, 5.0])
    assert f"{float(above['time_above'][0, 1]):.6g} h" in why(above, "time_above[5]")
    with pytest.raises(InputError, match="expected one of 2, 5"):
        why(above, "auc_above[3]")
    with pytest.raises(InputError, match="without windows"):
        why(above, "auc_window")


def test_a_limit_is_told_of_the_numbers_that_it_speaks_against() -> None:
    """A line that spans too few half-lives: λz, what is made of it, and AUCtau only where it goes on along it."""
    for tau, along in ((10.0, False), (24.0, True)):
        result = nca(study("oral"), "C", tau=tau, accept_span=9.0)
        for name, told in (("half_life", True), ("cl_obs", True), ("auc_tau", along), ("cl_tau", along),
                           ("auc_last", False), ("cmax", False), ("tmax", False)):  # fmt: skip
            assert ("Not accepted by the limits: span" in why(result, name)) == told, (tau, name)


@pytest.mark.parametrize(("rule", "words"), [
    ("none", ""), ("subtract", "0.9 mg/L, there before the dose, is taken off the samples (rule"),
    ("decay", "0.9 mg/L, there before the dose, is taken off the samples, falling with λz (rule"),
])  # fmt: skip
def test_what_was_taken_off_is_told(rule: str, words: str) -> None:
    made = study("oral", (0.0, *TIMES), (0.9, *VALUES))
    result = nca(made, "C", predose_correction=rule, windows=[(0, 4)], above=[2.0])
    for name in ("cmax", "auc_last", "half_life", "cl_obs", "auc_window", "time_above"):
        assert words in why(result, name)
        assert ("taken off" in why(result, name)) is bool(words)
    assert "taken off" not in why(result, "n_samples")


def test_a_window_and_c0_tell_of_samples_above_the_limit() -> None:
    limit = {"value": np.nan, "alq": True, "uloq": 10.0}
    result = nca(study("bolus", **{"t0.5": limit}), "C", windows=[(0, 4)])
    assert "above the upper limit of quantification (at 0.5 h)" in why(result, "auc_window")
    assert "not both within the limits" in why(result, "c0")
    assert "do not fall" not in why(result, "c0")
    assert "above the upper limit" not in why(nca(study("bolus"), "C", windows=[(0, 4)]), "auc_window")


def test_a_predose_value_beside_zeros_is_no_infinite_share() -> None:
    flags = nca(study("bolus", (0.0, 1.0, 2.0), (5.0, 0.0, 0.0)), "C")["flags"].item()
    assert "predose 5 > 5 % of Cmax, which is 0" in flags


@pytest.mark.parametrize("route", ["oral", "bolus"])
def test_a_mean_curve_with_samples_above_the_limit_is_flagged(route: str) -> None:
    limit = {"value": np.nan, "alq": True, "uloq": 10.0}
    rows = [{"subject": s, "time": t, "value": c} for s, by in ((1, 1.0), (2, 1.1)) for t, c in
            zip(TIMES, by * np.array(VALUES), strict=True)]  # fmt: skip
    dosed = [{"subject": s, "time": 0, "amount": 100.0, "route": route} for s in (1, 2)]
    result = nca_sparse(make_study([rows[0] | limit, *rows[1:]], dosed, units=UNITS), "C")
    assert not result["accepted"].item()
    for name in ("cmax", "auc_last", "cl_obs"):
        assert why(result, name).count("above the upper limit of quantification: Cmax and areas are lower bounds") == 1
    assert "upper limit" not in why(result, "lambda_z") + why(result, "clast")
    plain = nca_sparse(make_study(rows, dosed, units=UNITS), "C")
    assert "upper limit" not in plain["flags"].item() + why(plain, "cmax")
