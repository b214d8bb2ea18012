"""Good calls of the verbs of toxicity, and of the CDISC readers before them."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas

import pkpd
from pkpd import trial
from pkpd.io.cdisc import read_adae, read_adlb, read_ae, read_lb
from pkpd.model import define

Call = tuple[Callable[..., Any], dict[str, Any]]


def toxicity_calls() -> dict[str, Call]:
    """What is called, and with which arguments it succeeds."""
    values = pandas.DataFrame({"subject": [1, 1, 1, 2], "day": [1, 3, 8, 3], "test": "ALC", "unit": "10^9/L",
                               "value": [1.4, 0.4, 0.9, 0.1]})  # fmt: skip
    limits = {"test": ["ALC"], "lln": [1.0], "uln": [4.0]}
    graded = trial.grades(values, limits=limits)
    worst = trial.worst_grades(graded)
    events = trial.laboratory_events(graded).assign(related="yes", course="1")
    own = {"test": ["ALC"], "direction": ["low"], "grade": [1], "limit": [1.0], "unit": ["10^9/L"]}
    printed = {"term": ["a"], "N": [10], "any_n": [5], "any_pct": [50], "kind": ["clinical"]}
    shares = {"what": ["a"], "events": [5], "patients": [10], "percent": [50], "low": [22], "high": [78]}
    exempt = trial.Exemption(("rash",), ("transient",))
    made = define({"ALC": "-k*ALC"}, {"k": "0.02 1/h", "L0": "1.5 10^9/L"}, outputs={"ALC": "ALC"}, initial={"ALC": "L0"},
                  units={"ALC": "10^9/L"}, base={"time": "h", "amount": "mg", "volume": "L"})  # fmt: skip
    simulation = pkpd.simulate(made, pkpd.Regimen((), "mg"), subjects=2, times=[0.0, 48.0])
    lb = pandas.DataFrame({"USUBJID": [1], "LBTESTCD": ["LYM"], "LBSTRESN": [1.0], "LBSTRESU": ["10^9/L"], "LBDY": [1]})
    adlb = pandas.DataFrame({"USUBJID": [1], "PARAMCD": ["LYM"], "AVAL": [1.0], "AVALU": ["10^9/L"], "ADY": [1]})
    ae = pandas.DataFrame({"USUBJID": [1], "AEDECOD": ["Rash"], "AETOXGR": [3], "AEREL": ["Y"], "AESTDY": [1]})
    adae = pandas.DataFrame({"USUBJID": [1], "AEDECOD": ["Rash"], "ATOXGR": [3], "AREL": ["Y"], "ASTDY": [1]})
    return {
        "criteria": (trial.criteria, {"source": own, "name": "own", "columns": None}),
        "grades": (trial.grades, {"values": values, "criteria": "CTCAE v5.0", "limits": limits, "columns": None}),
        "worst_grades": (trial.worst_grades, {"graded": graded, "by": ["subject", "term"], "which": "treatment-emergent",
                                              "columns": None}),
        "shift_table": (trial.shift_table, {"graded": graded, "which": "post-baseline", "columns": None}),
        "incidence_table": (trial.incidence_table, {"worst": worst, "patients": 5, "at_least": 10.0, "grades": [3, 4],
                                                    "level": 0.9, "columns": None}),
        "check_incidence": (trial.check_incidence, {"printed": printed, "patients": 12, "at_least": {"clinical": 30.0},
                                                    "columns": None}),
        "check_percentages": (trial.check_percentages, {"printed": shares, "most": 40, "level": 0.9, "columns": None}),
        "laboratory_events": (trial.laboratory_events, {"graded": graded, "least": 3, "columns": None}),
        "dose_limiting": (trial.dose_limiting, {"events": events, "rules": trial.DltRules(), "columns": None}),
        "DltRules": (trial.DltRules, {"course": "1", "related": True, "clinical_grade": 3, "laboratory_grade": 4,
                                      "lasting_grade": 3, "lasting_days": 3.0, "exemptions": (exempt,)}),
        "Exemption": (trial.Exemption, {"terms": ("rash",), "when": ("transient",)}),
        "grade_times": (trial.grade_times, {"graded": graded, "least": 3, "dosing": [(1, 5), (15, 19)],
                                            "columns": None}),
        "labs_of": (trial.labs_of, {"source": simulation, "output": "ALC", "test": "lymphocytes", "lln": 1.0, "uln": 4.0,
                                    "days": [1.0, 3.0]}),
        "read_adlb": (read_adlb, {"table": adlb, "tests": ["LYM"], "columns": None}),
        "read_lb": (read_lb, {"table": lb, "tests": None, "columns": None}),
        "read_ae": (read_ae, {"table": ae, "laboratory": ["INVESTIGATIONS"], "columns": None}),
        "read_adae": (read_adae, {"table": adae, "laboratory": [], "columns": None}),
    }  # fmt: skip
