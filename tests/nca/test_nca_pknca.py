"""PKNCA's answers with preset "pknca": its test facts and ten whole scenarios, read in place.

Source: external/pknca (PKNCA 0.12.1.9000, run by others; inputs, options and values only). What differs on purpose
stands in ``DIFFERENT`` and in docs/nca-presets.md with its reason.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray as xr

from pkpd import read_study
from pkpd.dosing import Dose
from pkpd.nca import ALIASES, PRESETS, Asked, Points, Profiles, area, compute, find_tau, nca
from pkpd.nca.kernel.extrapolation import Extrapolation
from pkpd.nca.kernel.prepare import apply_rules
from pkpd.study import Study

# Scenario, interval, parameter: why our answer is another one. Each is derived in docs/nca-presets.md.
_OTHER_CLOCK = "PKNCA compares the time after the interval's start with its end on the study's clock"
DIFFERENT = {
    ("multidose", "120 132", "ctrough"): _OTHER_CLOCK,
    ("multidose", "120 132", "cstart"): _OTHER_CLOCK,
    ("multidose", "120 132", "ptr"): _OTHER_CLOCK,
    ("multidose", "120 Inf", "cstart"): _OTHER_CLOCK,
    ("multidose", "120 Inf", "cav"): "an average over an infinite time is not zero but undefined",
    ("multidose", "120 Inf", "cav.int.inf.obs"): "an average over an infinite time is not zero but undefined",
    ("partial", "0 5", "aucint.inf.pred"): "nothing is extrapolated inside the samples, so no Clast is needed",
    ("partial", "1.5 7", "aumcint.inf.obs"): "moments count from the beginning of an interval (see the window test)",
    ("partial", "2.5 24", "aumcint.inf.obs"): "moments count from the beginning of an interval (see the window test)",
    ("iv", "0 Inf", "auclast"): "AUC of a bolus starts at C0; PKNCA calls that aucivlast (see the C0 test)",
    ("iv", "0 Inf", "aucinf.obs"): "AUC of a bolus starts at C0; PKNCA calls that aucivinf.obs",
    ("iv", "0 Inf", "aumcinf.obs"): "AUMC of a bolus starts at C0; PKNCA calls that aumcivinf.obs",
}
TOBIT = {"lambda.z", "clast.pred", "half.life", "span.ratio", "tobit_residual", "adj_tobit_residual"}
KEYS = {"multidose": "multidose", "partial AUCs": "partial", "iv bolus": "iv"}


@pytest.fixture(scope="module")
def scenarios(reference: Path) -> dict[str, Any]:
    cases = json.loads((reference / "external/pknca/pknca_scenarios.json").read_text())["cases"]
    return {case["name"]: case for case in cases}


@pytest.fixture(scope="module")
def facts(reference: Path) -> list[dict[str, Any]]:
    return list(json.loads((reference / "external/pknca/pknca_facts.json").read_text())["cases"])


def study_of(case: dict[str, Any]) -> Study:
    conc = pandas.DataFrame(case["conc"]).rename(columns={"ID": "subject", "conc": "value"}).dropna(subset=["value"])
    dose = pandas.DataFrame(case["dose"]).rename(columns={"ID": "subject", "dose": "amount"})
    dose["route"] = "bolus" if "intravascular" in str(case["dose_args"]) else "oral"
    limit = {"x": float(conc["lloq"].iloc[0])} if "lloq" in conc else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_study(
            conc.assign(analyte="x")[["subject", "time", "analyte", "value"]], dose,
            units={"time": "h", "dose": "mg", "x": "mg/L"}, lloq=limit,
        )  # fmt: skip


def rules_of(case: dict[str, Any]) -> dict[str, Any]:
    """The options of a scenario in our words."""
    options, found = case["options"] or {}, {}
    blq = options.get("conc.blq")
    if isinstance(blq, str):
        found.update(dict.fromkeys(("blq_before", "blq_between", "blq_after"), blq))
    elif blq:
        words = {"keep": "zero"}
        found = {f"blq_{ours}": words.get(blq[theirs], blq[theirs])
                 for ours, theirs in (("before", "first"), ("between", "middle"), ("after", "last"))}  # fmt: skip
    if options.get("hl_method") == "tobit":
        found["lambda_z_method"] = "tobit"
    if "predose" in str(case["impute"]):
        found["time_zero"] = ("predose", "smallest")
    return found


def run(case: dict[str, Any], start: float, end: float, **changes: Any) -> xr.Dataset:
    points = ()
    if "exclude_half.life" in str(case["conc_args"]):
        points = (Points(1, leave_out=tuple(row["time"] for row in case["conc"] if row["exc"])),)
    above = [case["intervals"]["conc_above"]] if "conc_above" in case["intervals"] else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nca(study_of(case), "x", preset="pknca", intervals=[(start, end)], points=points, above=above,
                   **{**rules_of(case), **changes})  # fmt: skip


SCENARIOS = [
    "multidose tau=12: day1 0-12, SS 120-132, tail 120-Inf", "partial AUCs with inter/extrapolation",
    "BLQ rule default", "BLQ rule  drop", "BLQ rule first keep,middle 0.25,last 0.25", "time_above",
    "iv bolus c0 methods", "predose imputation & start_cmin", "hl exclude", "hl tobit lloq=.5",
]  # fmt: skip


def test_no_scenario_is_left_out(scenarios: dict[str, Any]) -> None:
    assert sorted(scenarios) == sorted(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(scenarios: dict[str, Any], name: str) -> None:
    case = scenarios[name]
    key = next((short for text, short in KEYS.items() if name.startswith(text)), "")
    compared = 0
    for interval, answer in case["results"].items():
        start, end = (float(x) for x in interval.split())
        result = run(case, start, end)
        assert result.sizes["profile"] == 1
        for theirs, value in answer["values"].items():
            if (key, interval, theirs) in DIFFERENT or ("tobit" in name and theirs in TOBIT):
                continue
            expected = math.nan if value is None else float(value)
            got = ours(case, result, theirs, start, end)
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12, err_msg=f"{name} {interval} {theirs}")
            if math.isnan(expected) and theirs in ALIASES:
                assert str(result["reason"].sel(parameter=ALIASES[theirs]).item()), theirs
            compared += 1
    assert compared >= 3


def ours(case: dict[str, Any], result: xr.Dataset, theirs: str, start: float, end: float) -> float:
    if theirs == "time_above":
        return float(result["time_above"].item())
    if theirs == "totdose":
        return float(result["dose"].item())
    way = theirs.rpartition("int.")[2].removeprefix("inf.")
    if "int." in theirs and way in ("last", "all", "pred"):
        result = run(case, start, end, partial=way)
    return float(result[ALIASES[theirs]].item())


def test_partial_areas_as_windows_of_one_profile(scenarios: dict[str, Any]) -> None:
    """The same partial areas in one profile: moments count from the dose, as PKNCA's do."""
    case = scenarios["partial AUCs with inter/extrapolation"]
    result = nca(study_of(case), "x", preset="pknca", windows=[(1.5, 7), (2.5, 24), (0, 5), (0, 24)])
    for k, interval in enumerate(("1.5 7", "2.5 24", "0 5", "0 24")):
        values = case["results"][interval]["values"]
        for tail, name in (("last", "aucint.last"), ("all", "aucint.all"), ("obs", "aucint.inf.obs")):
            got = result["auc_window"].sel(extrapolation=tail).isel(profile=0, window=k).item()
            np.testing.assert_allclose(got, values[name], rtol=1e-10)
        got = result["aumc_window"].sel(extrapolation="obs").isel(profile=0, window=k).item()
        np.testing.assert_allclose(got, values["aumcint.inf.obs"], rtol=1e-10)


def test_bolus_that_starts_with_the_imputed_zero(scenarios: dict[str, Any]) -> None:
    case = scenarios["iv bolus c0 methods"]
    result = run(case, 0.0, math.inf, c0="zero")
    values = case["results"]["0 Inf"]["values"]
    for theirs in ("auclast", "aucinf.obs", "aumcinf.obs"):
        np.testing.assert_allclose(result[ALIASES[theirs]].item(), values[theirs], rtol=1e-12)


def test_tobit_is_at_least_as_likely_as_pknca(scenarios: dict[str, Any]) -> None:
    """PKNCA's optimiser stops 5e-5 away; ours has the larger likelihood, at a point with no slope left."""
    from pkpd.nca.kernel import tobit

    case = scenarios["hl tobit lloq=.5"]
    values = case["results"]["0 Inf"]["values"]
    t, y = np.array([8.0, 12, 16, 24, 36]), np.log([3.2, 1.9, 1.2, 0.5, 0.5])
    below = np.array([False, False, False, True, True])
    line = tobit.fit(t, y, below)
    level = math.log(values["clast.pred"]) + values["lambda.z"] * 16
    theirs = tobit.minus_log_likelihood(
        tobit.Censored(values["lambda.z"], level, values["tobit_residual"]), t, y, below
    )
    mine = tobit.minus_log_likelihood(line, t, y, below)
    assert mine < theirs
    np.testing.assert_allclose(line.rate, values["lambda.z"], rtol=1e-4)
    result = run(case, 0.0, math.inf)
    np.testing.assert_allclose(result["lambda_z"].item(), line.rate, rtol=1e-9)
    np.testing.assert_allclose(result["half_life"].item(), values["half.life"], rtol=1e-4)
    np.testing.assert_allclose(result["lambda_z_span"].item(), values["span.ratio"], rtol=1e-4)


# ----------------------------------------------------------------------------------------------------------------
# Facts: one function of PKNCA each. A number is compared with what our public function gives for the same input.


def numbers(value: Any) -> np.ndarray:
    return np.array([np.nan if x is None else float(x) for x in np.atleast_1d(np.asarray(value, dtype=object))])


def _area(fact: dict[str, Any]) -> Any:
    given, options, name = fact["inputs"], fact["options"], fact["function"]
    begin, end = given.get("interval", [given.get("start", 0), given.get("end", math.inf)])
    kind = options.get("auc.type", "AUClast")
    tail = {"AUClast": "last", "AUCall": "all", "AUCinf": "obs"}[kind]
    tail = "obs" if ".inf" in name or name.endswith("inf.obs") else "all" if name.endswith(".all") else tail
    method = {"linear": "linear", "lin up/log down": "linear-up/log-down", "lin-log": "linear/log after Cmax"}
    found = area(
        numbers(given["time"]), numbers(given["conc"]), float(begin), float(end),
        tail=Extrapolation(
            tail, float(given.get("lambda.z") or math.nan), given.get("clast.pred", given.get("clast.obs"))
        ),
        rules="pknca", auc=method[options.get("method", "lin up/log down")],
    )  # fmt: skip
    return found.aumc if "aumc" in name else found.auc


def _c0(fact: dict[str, Any]) -> Any:
    given = fact["inputs"]
    ways = {"logslope": "log back-extrapolation", "c1": "first observed", "cmin": "smallest", "set0": "zero"}
    way = ways.get(fact["function"].rpartition(".")[2])
    rules = PRESETS["pknca"].changed(c0=way) if way else PRESETS["pknca"]
    dose = Dose(given.get("time.dose", 0.0), 1.0, "bolus")
    value, time = numbers(given["conc"]), numbers(given["time"])
    if way == "smallest":  # their method does not ask where the sample stands
        time = time + 1e-3
    return compute(Profiles.from_arrays(time, value, dose=dose), rules).of("c0")[0]


def _cleaned(fact: dict[str, Any]) -> Any:
    rule = fact["options"].get("conc.blq", "keep")
    parts = {"first": rule, "middle": rule, "last": rule} if isinstance(rule, str) else rule
    words = {"keep": "zero"}
    rules = PRESETS["pknca"].changed(
        **{f"blq_{ours}": words.get(parts[theirs], parts[theirs])
           for ours, theirs in (("before", "first"), ("between", "middle"), ("after", "last"))}
    )  # fmt: skip
    ready = apply_rules(Profiles.from_arrays(numbers(fact["inputs"]["time"]), numbers(fact["inputs"]["conc"])), rules)
    return {"conc": ready.values, "time": ready.times}


def _observed(name: str) -> Callable[[dict[str, Any]], Any]:
    def answer(fact: dict[str, Any]) -> Any:
        value = numbers(fact["inputs"]["conc"])
        time = numbers(fact["inputs"].get("time", range(len(value))))
        return compute(Profiles.from_arrays(time, value), PRESETS["pknca"]).of(name)[0]

    return answer


def _half_life(fact: dict[str, Any]) -> Any:
    options, given = fact["options"], fact["inputs"]
    rules = PRESETS["pknca"].changed(
        lambda_z_points=options["min.hl.points"], lambda_z_cmax=options["allow.tmax.in.half.life"],
        lambda_z_tolerance=options["adj.r.squared.factor"],
    )  # fmt: skip
    found = compute(Profiles.from_arrays(numbers(given["time"]), numbers(given["conc"])), rules)
    if fact.get("output_field"):
        return found.of(ALIASES[fact["output_field"]])[0]
    return {name: found.of(ALIASES[name])[0] for name in fact["pknca_value"]}


def _above(fact: dict[str, Any]) -> Any:
    given = fact["inputs"]
    method = {"linear": "linear", "lin up/log down": "linear-up/log-down"}[fact["options"]["method"]]
    profile = Profiles.from_arrays(numbers(given["time"]), numbers(given["conc"]))
    rules = PRESETS["pknca"].changed(auc=method)
    return compute(profile, rules, Asked(thresholds=(given["conc_above"],))).extra.time_above[0, 0]


def _collected(name: str) -> Callable[[dict[str, Any]], Any]:
    def answer(fact: dict[str, Any]) -> Any:
        given, options = fact["inputs"], fact["options"]
        amounts = "ae" in given
        count = len(numbers(given.get("ae", given.get("volume"))))
        length = numbers(options.get("duration.conc", np.ones(count)))
        begin = np.concatenate([[0.0], np.cumsum(length)[:-1]])
        table = pandas.DataFrame({"subject": 1, "analyte": "u", "time": begin, "until": begin + length})
        table["value"] = numbers(given["ae"]) if amounts else numbers(given.get("conc", np.ones(count)))
        if not amounts:
            table["volume"] = numbers(given["volume"])
        doses = pandas.DataFrame({"subject": [1], "time": [0.0], "amount": [given.get("dose", 1.0)], "route": ["oral"]})
        units = {"time": "h", "dose": "mg", "u": "mg" if amounts else "mg/L", "volume": "L"}
        return nca(read_study(table, doses, units=units), "u", preset="pknca")[name].item()

    return answer


def _predose(fact: dict[str, Any]) -> Any:
    """The value at the beginning; the other samples stay as they are."""
    given = fact["inputs"]
    time, value = numbers(given["time"]), numbers(given["conc"])
    start = given.get("start", 0)
    way = {"conc0": "zero", "predose": "predose", "cmin": "smallest"}[fact["function"].rpartition("_")[2]]
    every, whole = numbers(given.get("time.group", time)), numbers(given.get("conc.group", value))
    before = every < start
    rules = PRESETS["pknca"].changed(time_zero=way)
    inside = time >= start
    profile = Profiles.from_arrays(
        time[inside], value[inside], dose=Dose(start, 1.0, "oral"), tau=given.get("end", np.nan) - start,
    )  # fmt: skip
    if before.any():
        profile = profile.with_predose(every[before][-1] - start, whole[before][-1])
    ready = apply_rules(profile, rules)
    first = [] if ready.start.observed[0] or np.isnan(ready.start.value[0]) else [0]
    kept = time[~inside]
    values = np.concatenate([value[~inside], ready.start.value[first], ready.values])
    if way == "predose":
        kept, values = kept[:0], values[len(value[~inside]) :]
    return {"conc": values, "time": np.concatenate([kept, np.full(len(first), float(start)), ready.times + start])}


ANSWERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    **dict.fromkeys(
        ["pk.calc.auc", "pk.calc.auc.inf", "pk.calc.auc.inf.pred", "pk.calc.auc.last", "pk.calc.aumc",
         "pk.calc.aumc.inf", "pk.calc.aumc.inf.pred", "pk.calc.aucint", "pk.calc.aucint.all", "pk.calc.aucint.last",
         "pk.calc.aucint.inf.pred", "pk.calc.aumcint.last", "pk.calc.aumcint.inf.obs"], _area,
    ),
    **dict.fromkeys(["pk.calc.c0", "pk.calc.c0.method.logslope", "pk.calc.c0.method.cmin"], _c0),
    **dict.fromkeys(["clean.conc.na", "clean.conc.blq"], _cleaned),
    "pk.calc.cmax": _observed("cmax"), "pk.calc.clast.obs": _observed("clast"), "pk.calc.tlag": _observed("tlag"),
    "pk.calc.count_conc": _observed("n_samples"), "pk.calc.half.life": _half_life, "pk.calc.time_above": _above,
    "pk.calc.volpk": _collected("volume"), "pk.calc.fe": _collected("fraction_excreted"),
    "pk.calc.ermax": _collected("max_rate"),
    **dict.fromkeys([f"PKNCA_impute_method_start_{m}" for m in ("predose", "cmin")], _predose),
    "PKNCA_impute_method_start_conc0": _predose,
    "find.tau": lambda fact: find_tau(fact["inputs"]["x"], fact["options"].get("tau.choices")),
}  # fmt: skip
ELSEWHERE = {
    "geomean": "test_nca_summary.py", "geocv": "test_nca_summary.py", "business.mean": "test_nca_summary.py",
    "interpolate.conc": "test_superposition.py", "extrapolate.conc": "test_superposition.py",
    "interp.extrap.conc": "test_superposition.py", "interp.extrap.conc.dose": "test_superposition.py",
    "superposition": "test_superposition.py", "pk.calc.sparse_auc": "test_sparse_rules.py",
    "pk.calc.sparse_auclast": "test_sparse_rules.py", "pk.calc.sparse_aumclast": "test_sparse_rules.py",
}  # fmt: skip
INTERNAL = {
    "pk.calc.auciv": "a step between AUClast and aucivlast; the scenario compares aucivlast itself",
    "adj.r.squared": "a step of the half-life, which is compared whole", "pk.calc.cl": "a quotient",
    "pk.calc.mrt.iv": "a quotient", "pk.calc.vz": "a quotient", "pk.calc.swing": "a quotient",
    "pk.calc.thalf.eff": "a product", "pk.calc.clr": "a quotient",
    "PKNCA_impute_method_end_conc_drop": "samples are set aside with `excluded` in the data, never by a rule",
}  # fmt: skip
QUOTIENTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "adj.r.squared": lambda x: 1 - (1 - x["r.sq"]) * (x["n"] - 1) / (x["n"] - 2),
    "pk.calc.cl": lambda x: numbers(x["dose"]) / numbers(x["auc"]),
    "pk.calc.mrt.iv": lambda x: x["aumc"] / x["auc"] - x["duration.dose"] / 2,
    "pk.calc.vz": lambda x: x["cl"] / x["lambda.z"],
    "pk.calc.swing": lambda x: 100 * (x["cmax"] - x["cmin"]) / x["cmin"],
    "pk.calc.thalf.eff": lambda x: math.log(2) * numbers(x["mrt"]),
    "pk.calc.clr": lambda x: numbers(x["ae"]).sum() / numbers(x["auc"]),
}


def test_every_fact_is_compared_or_accounted_for(facts: list[dict[str, Any]]) -> None:
    functions = {fact["function"] for fact in facts}
    assert functions <= {*ANSWERS, *ELSEWHERE, *INTERNAL}
    for name in ELSEWHERE.values():
        assert (Path(__file__).parent / name).is_file(), name


def test_facts(facts: list[dict[str, Any]]) -> None:
    compared = 0
    for fact in facts:
        if fact["function"] not in ANSWERS:
            continue
        if fact["id"] == "imputation_426":
            continue  # there the zero replaces a sample at time zero; here a measured value is never overwritten
        expected = fact["pknca_value"]
        got = ANSWERS[fact["function"]](fact)
        for key in expected if isinstance(expected, dict) else [None]:
            one, other = (got[key], expected[key]) if key else (got, expected)
            np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-8, atol=1e-12, err_msg=fact["id"])
        compared += 1
    assert compared >= 35


def test_our_formulas_are_theirs(facts: list[dict[str, Any]]) -> None:
    """Quotients that have no function of their own here: the formula in our documentation gives PKNCA's number."""
    for fact in facts:
        if fact["function"] in QUOTIENTS:
            got = numbers(QUOTIENTS[fact["function"]](fact["inputs"]))
            np.testing.assert_allclose(got, numbers(fact["pknca_value"]), rtol=1e-12, err_msg=fact["id"])
