"""Other programs' answers: R package PK 1.3-6 (every estimate, SE, df and interval) and PKNCA (same rules only)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pkpd.nca.sparse import SPARSE_PRESETS, SparseResult, SparseRules, sparse, sparse_difference

CASES = json.loads((Path(__file__).parents[1] / "reference" / "sparse_cases.json").read_text(encoding="utf-8"))["cases"]
NCA_ROWS = ("auc_last", "auc_inf_obs", "aumc_inf_obs", "mrt_inf_obs", "mrt_half_life", "cl_obs", "vss_obs")
NAMES = [case["name"] for case in CASES]


def _rules(case: dict[str, Any]) -> SparseRules:
    options = case["options"]
    return SparseRules(level=options.get("conf.level", 0.95), tail=options.get("n.tail", 3))


def _result(case: dict[str, Any], rules: SparseRules) -> SparseResult:
    inputs = case["inputs"]
    if "conc_diff" not in inputs:
        dose = case["options"].get("dose", np.nan)
        return sparse(inputs["time"], inputs["conc"], inputs.get("id"), dose=dose, rules=rules)
    times, values, subjects, batch = [], [], [], []
    for name, differences in inputs["conc_diff"].items():
        clock = inputs["time"][name]
        per_time = len(clock) // len(set(clock))  # subjects in the same order at every time
        times += clock
        values += differences
        subjects += [k % per_time for k in range(len(clock))]
        batch += [name] * len(clock)
    return sparse(times, values, [*zip(batch, subjects, strict=True)], rules=rules)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_estimates_errors_and_intervals_are_those_of_the_r_package(case: dict[str, Any]) -> None:
    inputs, rules = case["inputs"], _rules(case)
    if "group" in inputs:
        groups = []
        for label in dict.fromkeys(inputs["group"]):
            rows = [k for k, g in enumerate(inputs["group"]) if g == label]
            groups.append(sparse([inputs["time"][k] for k in rows], [inputs["conc"][k] for k in rows], rules=rules))
        found = sparse_difference(*groups)
        for row in case["CIs"]:
            got = (found.estimate, found.se, *found.interval[row["method"]])
            np.testing.assert_allclose(got, [row[k] for k in ("est", "stderr", "lower", "upper")], rtol=1e-9)
            if row["df"] is not None:
                assert found.df == pytest.approx(row["df"], rel=1e-9)
        return
    result = _result(case, rules)
    whole = case["options"]["fun"].startswith("nca")
    for k, row in enumerate(case["CIs"]):
        name = NCA_ROWS[k] if whole else "auc_last"
        got = (result.estimate[name], result.se[name], *result.interval[row["method"]][name])
        np.testing.assert_allclose(got, [row[key] for key in ("est", "stderr", "lower", "upper")], rtol=1e-9)
        if row.get("df") is not None:
            assert result.df[name] == pytest.approx(row["df"], rel=1e-9)


@pytest.mark.parametrize("case", [case for case in CASES if case["pknca"]], ids=lambda case: case["name"])
def test_the_pknca_preset_gives_pkncas_area(case: dict[str, Any]) -> None:
    answer, inputs = case["pknca"], case["inputs"]
    found = sparse(inputs["time"], inputs["conc"], inputs.get("id"), rules=SPARSE_PRESETS["pknca"])
    if answer["sparse_auc"] is None:
        # PKNCA has no area from 0 before the first sample; neither has this preset, and it says so.
        assert np.isnan(found.estimate["auc_last"])
        assert "time zero" in found.reason["auc_last"]
        assert np.isnan(found.se["auc_last"])  # no standard error without its estimate
    else:
        assert found.estimate["auc_last"] == pytest.approx(answer["sparse_auc"], rel=1e-9)
    # PKNCA's standard error always goes with all the sampling times and plain means, as the default preset's area does.
    plain = sparse(inputs["time"], inputs["conc"], inputs.get("id"))
    assert plain.se["auc_last"] == pytest.approx(answer["se"], rel=1e-9)
    if answer["df"] is not None:
        assert plain.df["auc_last"] == pytest.approx(answer["df"], rel=1e-9)


def test_facts_recorded_in_pknca(reference: Path) -> None:
    path = reference / "external" / "pknca" / "pknca_facts.json"
    facts = [f for f in json.loads(path.read_text(encoding="utf-8"))["cases"] if f["category"] == "sparse"]
    assert facts
    fields = {"sparse_auc": "auc_last", "sparse_auclast": "auc_last", "sparse_aumclast": "aumc_last"}
    checked = 0
    for fact in facts:
        if fact["output_field"] not in fields:
            continue
        kept = fact["options"].get("options", {}).get("conc.blq") == "keep"
        rules = SPARSE_PRESETS["pknca"].changed(**({"zero_between": "keep"} if kept else {}))
        given = fact["inputs"]
        found = sparse(given["time"], given["conc"], given["subject"], rules=rules)
        assert found.estimate[fields[fact["output_field"]]] == pytest.approx(fact["pknca_value"], rel=1e-9), fact["id"]
        checked += 1
    assert checked >= 4
