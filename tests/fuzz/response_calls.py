"""Good calls of the verbs of responses and survival, of their pictures, and of the CDISC readers before them."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pandas

import pkpd
from pkpd import plot, published, trial
from pkpd.io.cdisc import read_adrs, read_adtte, read_rs, read_tumours
from pkpd.model import define

Call = tuple[Callable[..., Any], dict[str, Any]]


@cache
def scans() -> pandas.DataFrame:
    """Four patients; the last has no scan after baseline."""
    rows = [(1, 1, 100.0), (1, 50, 60.0), (1, 99, 55.0), (1, 148, 80.0), (2, 1, 50.0), (2, 50, 49.0), (2, 99, 70.0),
            (3, 1, 30.0), (3, 50, 25.0), (4, 1, 20.0)]  # fmt: skip
    return pandas.DataFrame(rows, columns=["subject", "day", "sum"])


@cache
def times() -> pandas.DataFrame:
    """Twelve times of two arms."""
    return pandas.DataFrame({"duration": [3, 5, 7, 8, 9, 12, 4, 6, 6, 10, 13, 15], "event": [1, 1, 0, 1, 1, 0] * 2,
                             "arm": ["a"] * 6 + ["b"] * 6, "x": [1, 4, 2, 5, 3, 6, 2, 2, 1, 7, 5, 3],
                             "since": [None, 2, 3, None, 5, 6, 1, None, 2, None, 3, 4]})  # fmt: skip


def response_calls() -> dict[str, Call]:
    """What is called, and with which arguments it succeeds."""
    assessed = trial.assess_response(scans())
    best = trial.best_response(assessed)
    two = pandas.DataFrame({"subject": [1, 1, 2, 2], "reviewer": ["a", "b"] * 2, "response": ["PR", "SD", "PD", "PD"]})
    people = pandas.DataFrame({"subject": [1, 2, 3, 4], "death": [None, 120, None, None]})
    km, fit = trial.kaplan_meier(times(), by="arm"), trial.cox(times(), ["x"])
    adtte = pandas.DataFrame({"USUBJID": [1], "PARAMCD": ["PFS"], "AVAL": [5.0], "CNSR": [0]})
    adrs = pandas.DataFrame({"USUBJID": [1], "PARAMCD": ["OVRLRESP"], "AVALC": ["PR"], "ADY": [50]})
    rs = pandas.DataFrame({"USUBJID": [1], "RSTESTCD": ["OVRLRESP"], "RSSTRESC": ["PR"], "RSDY": [50]})
    tu = pandas.DataFrame({"USUBJID": [1], "TULNKID": ["T1"], "TUORRES": ["TARGET"]})
    tr = pandas.DataFrame({"USUBJID": [1], "TRLNKID": ["T1"], "TRTESTCD": ["LDIAM"], "TRORRES": [20], "TRDY": [1]})
    shrinking = define({"SLD": "-k*SLD"}, {"k": "0.001 1/h", "S0": "60 mm"}, outputs={"SLD": "SLD"}, initial={"SLD": "S0"},
                       units={"SLD": "mm"}, base={"time": "h", "amount": "mg", "volume": "L"})  # fmt: skip
    simulation = pkpd.simulate(shrinking, pkpd.Regimen((), "mg"), subjects=2, times=[0.0, 1008.0])
    plain = trial.DoseReduction((("400 mg", 12), ("400 mg", 24)))
    return {
        "dose_intensity": (trial.dose_intensity, {
            "doses": {"subject": [1, 1, 2], "day": [1, 2, 1], "dose": [400, 200, 400]}, "planned": pkpd.oral("400 mg", days=[1, 2]),
            "until": 2.0, "lasting": 3, "columns": None}),
        "DoseReduction": (trial.DoseReduction, {
            "levels": (("400 mg", 12.0), ("400 mg", 24.0)), "grade_2": "hold", "grade_3": "reduce", "grade_4": "stop",
            "tolerated": 1, "hold": 2, "resume": 1, "longest_hold": 3, "raise_after": 4, "route": "oral"}),
        "DoseReduction.step": (plain.step, {"level": [0, -1], "held": [1, 0], "grade": [3, 0]}),
        "DoseReduction.follow": (plain.follow, {"state": plain.start(2), "grade": [3, 0]}),
        "DoseReduction.explain": (plain.explain, {
            "grades": {"subject": [1, 1, 2], "visit": [1, 2, 1], "grade": [2, 0, 4]}, "columns": None}),
        "DoseReduction.for_adaptive": (plain.for_adaptive, {"toxicity": len, "every": "1 week"}),
        "published.sorafenib": (published.sorafenib, {
            "recirculation": "returned", "reading": "cv", "weights": [80.0, 60.0], "emptying": "smooth",
            "bile_into": "central"}),
        "scans_of": (trial.scans_of, {"source": simulation, "output": "SLD", "days": [1.0, 43.0], "smallest": 5.0,
                                      "digits": 1}),
        "RecistRules": (trial.RecistRules, {
            "version": "1.1", "confirmed": True, "confirmation_days": 28.0, "minimum_stable_days": 42.0,
            "after_complete": "PD", "stable_between": 0, "not_evaluable_between": 1}),
        "PfsRules": (trial.PfsRules, {"death": "event", "new_therapy": "censor", "missed": 2, "every": 49.0, "window": 7.0,
                                      "death_without_scan": 100.0}),
        "assess_response": (trial.assess_response, {"scans": scans(), "rules": "1.1", "columns": {}}),
        "best_response": (trial.best_response, {"assessments": assessed, "rules": "1.0", "subjects": [1, 2], "columns": None}),
        "impossible_sequences": (trial.impossible_sequences, {"assessments": assessed, "columns": None}),
        "response_rates": (trial.response_rates, {"best": best, "patients": 6, "level": 0.9, "columns": None}),
        "response_rates of counts": (trial.response_rates, {"best": {"PR": 3, "SD": 4}, "patients": None}),
        "reviewer_agreement": (trial.reviewer_agreement, {"best": two, "not_judged": ("NE",), "columns": None}),
        "agreement_bound": (trial.agreement_bound, {"first": {"PR": 1, "SD": 2}, "second": {"PR": 2, "SD": 1},
                                                    "not_judged": ()}),
        "response_duration": (trial.response_duration, {"assessments": assessed, "patients": people, "rules": "1.0",
                                                        "columns": None}),
        "progression_free_survival": (trial.progression_free_survival, {
            "assessments": assessed, "patients": people, "reviewer": None, "rules": trial.PfsRules(), "columns": None}),
        "kaplan_meier": (trial.kaplan_meier, {"times": times(), "by": "arm", "interval": "log", "level": 0.9,
                                              "unit": "days", "columns": None}),
        "KaplanMeier.at": (km.at, {"times": [1.0, 5.0]}),
        "KaplanMeier.quantile": (km.quantile, {"p": 0.25}),
        "KaplanMeier.restricted_mean": (km.restricted_mean, {"until": 8.0}),
        "log_rank": (trial.log_rank, {"times": times(), "by": "arm", "strata": None, "weights": "log-rank", "columns": None}),
        "cox": (trial.cox, {"times": times(), "covariates": ["x", "arm"], "ties": "Efron", "strata": None,
                            "reference": {"arm": "b"}, "level": 0.9, "columns": None}),
        "CoxFit.proportional_hazards": (fit.proportional_hazards, {"transform": "km"}),
        "landmark": (trial.landmark, {"times": times(), "at": 4.0, "columns": None}),
        "read_adrs": (read_adrs, {"table": adrs, "parameter": "OVRLRESP", "columns": None}),
        "read_rs": (read_rs, {"table": rs, "test": "OVRLRESP", "columns": None}),
        "read_adtte": (read_adtte, {"table": adtte, "parameter": "PFS", "columns": None}),
        "read_tumours": (read_tumours, {"tu": tu, "tr": tr, "date": "latest", "columns": None}),
        "waterfall": (plot.waterfall, {"assessments": assessed, "best": best, "reviewer": None, "ax": None}),
        "spider": (plot.spider, {"assessments": assessed, "best": best, "reviewer": None, "ax": None, "time_unit": "week"}),
        "swimmer": (plot.swimmer, {"assessments": assessed, "patients": people, "best": best, "reviewer": None, "ax": None,
                                   "time_unit": "week"}),
        "plot.kaplan_meier": (plot.kaplan_meier, {"km": km, "ax": None, "risk_times": [1.0], "bands": True, "label": "PFS"}),
    }  # fmt: skip
