"""One good call of every public verb, method and class; a fuzzer spoils its arguments one by one."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import pandas

import pkpd
from pkpd import library, nca, plot, trial, units
from pkpd.engine import Settings
from pkpd.fit import Options
from pkpd.io import (
    adnca_table,
    pp_table,
    read_adnca,
    read_nonmem,
    read_pp,
    read_sdtm,
    read_study,
    sdtm_tables,
    write_nonmem,
)
from pkpd.model import define
from pkpd.population import Constraint, InverseWishart, NormalPrior, Omega, Population, block, residual_error
from tests.fuzz.escalation_calls import escalation
from tests.fuzz.exposure_calls import exposure_calls
from tests.fuzz.odd import ODD
from tests.fuzz.response_calls import response_calls
from tests.fuzz.toxicity_calls import toxicity_calls
from tests.fuzz.virtual_calls import virtual

matplotlib.use("Agg")
Call = tuple[Callable[..., Any], dict[str, Any]]
"""What is called, and with which arguments it succeeds; those named ``*0`` and so on are handed on by position."""
_TIMES = [0.0, 1.0, 2.0, 4.0, 8.0, 24.0]


@cache
def frames() -> tuple[pandas.DataFrame, pandas.DataFrame, pandas.DataFrame]:
    """Observations, doses and subjects of a small study."""
    rows = [
        {"subject": s, "time": t, "C": 10.0 * np.exp(-0.2 * t) * s, "E": 5.0 + t}
        for s in (1, 2, 3) for t in _TIMES
    ]  # fmt: skip
    doses = pandas.DataFrame({"subject": [1, 2, 3], "time": 0.0, "amount": [100.0, 200.0, 300.0], "route": "bolus"})
    return pandas.DataFrame(rows), doses, pandas.DataFrame({"subject": [1, 2, 3], "weight": [60.0, 70.0, 80.0]})


UNITS = {"time": "h", "dose": "mg", "C": "mg/L", "E": "ng/mL", "weight": "kg"}


@cache
def study() -> pkpd.Study:
    """The study of these tables."""
    return read_study(*frames(), units=UNITS)


@cache
def events() -> pandas.DataFrame:
    """The same as a NONMEM data set."""
    return write_nonmem(study().select(analytes=["C"]))


@cache
def result() -> Any:
    """Its analysis."""
    return pkpd.nca(study(), "C")


@cache
def model() -> pkpd.Model:
    """A model of it."""
    return define({"A": "-CL/V*A"}, {"CL": "2 L/h", "V": "10 L"}, outputs={"C": "A/V"}, doses={"bolus": "A"},
                  units={"C": "mg/L"}, base={"time": "h", "amount": "mg", "volume": "L"})  # fmt: skip


@cache
def people() -> Population:
    """Who differ."""
    return Population(model(), model().parameters, Omega.independent(CL=0.3))


def _dosing() -> dict[str, Call]:
    plan = pkpd.bolus("100 mg", days=[1, 2])
    return {
        "Dose": (pkpd.Dose, {"time": 0.0, "amount": 1.0, "route": "infusion", "duration": 1.0, "rate": 0.0,
                             "modelled": "", "into": "", "additional": 1, "interval": 24.0, "steady_state": "",
                             "action": "add", "reset": False}),
        "Regimen": (pkpd.Regimen, {"doses": (pkpd.Dose(0.0, 1.0),), "unit": "mg", "time_unit": "h", "occasions": (1.0,)}),
        "bolus": (pkpd.bolus, {"amount": "1 mg", "days": [1, 2]}),
        "bolus at": (pkpd.bolus, {"amount": "1 mg", "at": [0, 24]}),
        "infusion": (pkpd.infusion, {"amount": "1 mg", "duration": "1 h", "days": [1]}),
        "oral": (pkpd.oral, {"amount": "1 mg", "at": "3 h"}),
        "in_units": (plan.in_units, {"unit": "ug", "time_unit": "day"}),
        "scaled": (plan.scaled, {"ratio": 2.0}),
        "delayed": (plan.delayed, {"by": "7 weeks"}),
        "repeated": (plan.repeated, {"courses": 2, "every": "7 weeks", "occasions": True}),
    }  # fmt: skip


def _units() -> dict[str, Call]:
    return {
        "factor": (units.factor, {"source": "mg", "target": "ug"}),
        "quantity": (units.quantity, {"text": "30 ug/kg"}),
        "show": (units.show, {"unit": "mg/L"}),
        "is_kind": (units.is_kind, {"unit": "mg", "kind": "amount"}),
        "require": (units.require, {"unit": "mg", "*1": "amount", "what": "the dose"}),
        "per_kg": (units.per_kg, {"unit": "mg/kg"}),
        "by_weight": (units.by_weight, {"source": "mg/kg", "target": "mg"}),
        "coherent": (units.coherent, {"dose_unit": "mg", "concentration_unit": "ng/mL"}),
        "resolve": (units.resolve, {"expression": "volume/time", "base": {"time": "h", "volume": "L"}}),
        "is_open": (units.is_open, {"unit": "volume/time"}),
        "convert_units": (units.convert_units, {"result": result(), "units": {"time": "day", "volume": "mL"}}),
    }


def _values() -> dict[str, Call]:
    p = model().parameters
    return {
        "Settings": (Settings, {"rtol": 1e-8, "atol": 1e-9, "method": "stiff", "max_steps": 10, "workers": 1}),
        "Options": (Options, {"observed": {"C": "C"}, "baseline": "observed", "robust": True, "settings": Settings()}),
        "Parameter": (pkpd.Parameter, {"name": "CL", "value": 1.0, "unit": "L/h", "lower": 0.0, "upper": 2.0,
                                       "fixed": False, "meaning": "clearance"}),
        "Parameters": (pkpd.Parameters, {"items": p.items}),
        "with_values": (p.with_values, {"*0": {"CL": 3.0}, "V": "12 L"}),
        "change": (p.change, {"names": ["CL"], "value": 2.0, "fixed": True, "lower": 0.1}),
        "fix": (p.fix, {"*0": "CL"}),
        "bound": (p.bound, {"name": "CL", "lower": 0.1, "upper": 10.0}),
        "subset": (p.subset, {"names": ["CL"]}),
        "get": (p.get, {"name": "CL"}),
        "from_vector": (p.from_vector, {"vector": [0.1, 0.2]}),
        "Points": (nca.Points, {"subject": 1, "use": (1.0, 2.0), "leave_out": (3.0,), "between": (0.0, 8.0),
                                "interval": 1, "begins": 0.0}),
        "Rules": (nca.Rules, {"name": "mine", "auc": "linear", "partial": "line", "lambda_z_points": 3,
                              "lambda_z_max_points": 5, "lambda_z_not_before": 1.0, "lambda_z_tolerance": 1e-4,
                              "lambda_z_cmax": True, "accept_span": 2.0, "blq_before": "zero", "blq_after": 0.5,
                              "blq_run": 2, "c0": ("observed",), "time_zero": "none", "zero_is_blq": True}),
        "SparseRules": (_sparse_rules(), {
            "name": "mine", "blq": "zero", "tail": 3, "level": 0.9, "methods": ("t",), "replicates": 100}),
        "NcaSettings": (nca.NcaSettings, {
            "analyte": "C", "rules": nca.Rules(), "dose_unit": "mg", "intervals": ((1, 0.0, 24.0),), "by_dose": True,
            "tau": 24.0, "steady_state": False, "windows": ((0.0, 8.0),), "above": (1.0,), "points": (),
            "plasma": "C"}),
        "settings.changed": (nca.NcaSettings("C", nca.Rules()).changed, {"tau": 24.0, "auc": "linear", "points": ()}),
        "Rules.changed": (nca.Rules().changed, {"auc": "linear", "lambda_z_points": 4}),
        "MeanRule": (plot.MeanRule, {"statistic": "mean", "blq": "zero"}),
        "BandStyle": (plot.BandStyle, {"levels": (0.5,), "color": "red", "label": "x"}),
    }  # fmt: skip


def _sparse_rules() -> Any:
    from pkpd.nca.sparse.rules import SparseRules

    return SparseRules


def _models() -> dict[str, Call]:
    one = library.one_compartment()
    found: dict[str, Call] = {
        "define": (define, {"equations": {"A": "-k*A"}, "parameters": {"k": 0.1}, "name": "mine", "needs": ["C"],
                            "outputs": {"y": "A"}, "initial": {"A": "1"}, "doses": {"bolus": "A"},
                            "units": {"y": "mg"}, "conserved": (), "covariates": ("w",), "reference": "me",
                            "lag": {"A": "k"}, "bioavailability": {"A": "1"}, "infusion_rate": {"A": "k"},
                            "base": {"time": "h", "amount": "mg", "volume": "L"}}),
        "Model.in_units": (one.in_units, {"time": "h", "amount": "mg", "volume": "L"}),
        "Model.with_values": (model().with_values, {"CL": 3.0, "V": "3 L"}),
        "Model.renamed": (model().renamed, {"CL": "cl"}),
        "Model.expression": (model().expression, {"name": "C"}),
        "independent": (Omega.independent, {"CL": 0.3}),
        "block": (block, {"*0": "CL", "*1": "V", "omega": [[0.09, 0.01], [0.01, 0.04]], "zeros": [], "level": "subject"}),
        "Omega.fix": (Omega.independent(CL=0.3).fix, {"*0": "CL"}),
        "Omega.same": (Omega.independent(CL=0.3).same, {"*0": "V"}),
        "Constraint": (Constraint, {"text": "CL < V"}),
        "NormalPrior": (NormalPrior, {"centre": {"CL": 2.0}, "covariance": {"CL": 0.1}}),
        "InverseWishart": (InverseWishart, {"names": ("CL",), "scale": np.eye(1), "degrees": 4.0, "level": "subject"}),
        "Population": (Population, {
            "model": model(), "parameters": model().parameters, "omega": Omega.independent(CL=0.3), "errors": (),
            "table": None, "covariates": pandas.DataFrame({"w": [1.0, 2.0]}), "relations": {"CL": "CL*(w/70)"},
            "exponents": {}, "scales": {"CL": "log"}, "limits": {"CL": (0.1, 10.0)}, "constraints": ("CL < V",),
            "priors": ()}),
        "residual_error": (residual_error, {"output": "C", "kind": "additive"}),
        "library.list": (library.list, {"words": "tolerance"}),
    }  # fmt: skip
    for name, arguments in {
        "one_compartment": {"absorption": True, "lag": True, "bioavailability": True},
        "michaelis_menten": {"compartments": 2, "absorption": True, "linear": True},
        "transit_absorption": {"compartments": 1, "transits": 3, "elimination": "linear"},
        "turnover": {"name": "R", "by": "C", "unit": "ng/mL"}, "transit_delay": {"name": "D", "by": "C", "steps": 2},
        "indirect_response": {"kind": "inhibition of production", "name": "R", "by": "C"}, "tmdd": {"compartments": 1},
        "enterohepatic": {"emptying": "periodic"}, "myelosuppression": {"effect": "linear", "by": "C"},
        "sorafenib": {"recirculation": "eliminated", "emptying": "exact", "bile_into": "central"},
    }.items():  # fmt: skip
        found[f"library.{name}"] = (getattr(library, name), dict(arguments))
    return found


def _readers() -> dict[str, Call]:
    observations, doses, subjects = frames()
    tables = sdtm_tables(study().select(analytes=["C"]), study_id="S")
    adnca = adnca_table(study().select(analytes=["C"]), study_id="S")
    pp = pp_table(result(), study_id="S")
    more: dict[str, Any] = {"duplicates": "mean", "attrs": {"source": "x"}}
    return {
        "read_study": (read_study, {"observations": observations, "doses": doses, "subjects": subjects, "units": UNITS,
                                    "lloq": {"C": 0.01}, "uloq": {"C": "1 g/L"}, "columns": None,
                                    **more}),
        "read_nonmem": (read_nonmem, {"table": events(), "units": {"time": "h", "dose": "mg", "DV": "mg/L"},
                                      "covariates": "next", "routes": "oral", "analytes": {"1": "C"},
                                      "lloq": {"DV": 0.1}, "attrs": {}}),
        "read_adnca": (read_adnca, {"table": adnca, "doses": None, "units": None, "analytes": ["C"], "covariates": (),
                                    "columns": None, **more}),
        "read_sdtm": (read_sdtm, {"pc": tables["PC"], "ex": tables["EX"], "dm": tables.get("DM"), "units": None,
                                  "analytes": ["C"], "treatment": None, "columns": None, **more}),
        "read_pp": (read_pp, {"table": pp, "layout": "long", "names": {}, "columns": {}}),
        "adnca_table": (adnca_table, {"study": study(), "study_id": "S", "specimens": {"C": "PLASMA"}, "routes": {}}),
        "sdtm_tables": (sdtm_tables, {"study": study(), "study_id": "S", "reference": "2000-01-01T00:00",
                                      "treatment": "DRUG", "specimens": {}, "routes": {}}),
        "pp_table": (pp_table, {"result": result(), "study_id": "S", "specimen": "", "parameters": ["cmax"],
                                "reference": None, "epoch": "", "analysed": ""}),
        "write_nonmem": (write_nonmem, {"study": study().select(analytes=["C"]), "compartments": {"C": 1}}),
        "select": (study().select, {"subjects": [1], "analytes": ["C"]}),
        "used": (study().used, {"analyte": "C"}),
        "doses_in": (study().doses_in, {"unit": "mg", "time_unit": "h"}),
        "given_doses": (study().given_doses, {"unit": "ug"}),
        "covariate": (study().covariate, {"name": "weight"}),
        "combine": (pkpd.combine, {"*0": study().select(subjects=[1]), "*1": study().select(subjects=[2])}),
        "theophylline": (pkpd.data.theophylline, {"dose": "320 mg"}),
    }  # fmt: skip


def _nca() -> dict[str, Call]:
    t, c = np.array(_TIMES), 10 * np.exp(-0.2 * np.array(_TIMES))
    pooled = pkpd.nca.nca_sparse(study(), "C")
    return {
        "nca": (pkpd.nca, {"study": study(), "analyte": "C", "preset": "phoenix", "rules": None, "dose_unit": "ug",
                           "intervals": [(0, 24)], "tau": 24.0, "steady_state": False, "windows": [(0, 8)],
                           "above": [1.0], "points": [nca.Points(1, use=(1.0, 2.0, 4.0))], "parameters": ["cmax"],
                           "auc": "linear"}),
        "rerun": (nca.rerun, {"study": study(), "settings": result(), "tau": 24.0, "windows": [(0, 8)], "above": [1.0],
                              "intervals": [(0, 24)], "points": (), "analyte": "C"}),
        "choose_points": (nca.choose_points, {"study": study(), "result": result(), "profile": 0, "use": [1, 2, 4],
                                              "leave_out": (), "between": None}),
        "why": (pkpd.why, {"result": result(), "parameter": "auc_inf_obs", "profile": 0}),
        "summarise": (nca.summarise, {"result": result(), "by": "route", "level": 0.9, "minimum": 1,
                                      "most_missing": 0.5}),
        "wide_table": (nca.wide_table, {"result": result(), "parameters": ["cmax"], "units": True}),
        "lambda_z_line": (nca.lambda_z_line, {"result": result(), "profile": 0}),
        "relative": (nca.relative, {"test": result(), "reference": result(), "parameters": ["cmax"], "paired": True,
                                    "level": 0.9, "normalise": True}),
        "relative_by": (nca.relative_by, {"result": result(), "by": "subject", "test": 1, "reference": 2,
                                          "paired": False}),
        "accumulation": (nca.accumulation, {"result": result(), "parameters": ["cmax"], "first": 1, "last": 1,
                                            "level": 0.9, "normalise": False}),
        "criterion": (nca.criterion, {"beta": 1.0, "low": 0.9, "high": 1.1, "dose_ratio": 4.0, "limits": (0.8, 1.25)}),
        "power_model": (nca.power_model, {"dose": [1, 2, 4, 8.0], "value": [1, 2.1, 3.9, 8.0], "level": 0.9,
                                          "limits": (0.8, 1.25), "parameter": "x"}),
        "dose_proportionality": (nca.dose_proportionality, {"result": result(), "parameters": ["cmax"], "level": 0.9,
                                                            "limits": (0.8, 1.25)}),
        "superpose_study": (nca.superpose_study, {"result": result(), "regimen": pkpd.bolus("100 mg", at=[0, 24]),
                                                  "at": [0.0, 30.0], "clast": "observed"}),
        "superpose": (nca.superpose, {"times": t, "values": c, "regimen_times": [0, 24], "at": [25, 30],
                                      "amounts": [1, 2], "before": True, "lambda_z": 0.2}),
        "steady_state": (nca.steady_state, {"times": t, "values": c, "tau": 24.0, "at": [1, 2], "n": 5, "amount": 2.0,
                                            "lambda_z": 0.2}),
        "time_to_steady_state": (nca.time_to_steady_state, {"times": t, "values": c, "tau": 24.0, "fraction": 0.9,
                                                            "of": "trough", "lambda_z": 0.2}),
        "stable_trough": (nca.stable_trough, {"times": [24, 48, 72], "troughs": [1, 1.5, 1.6], "change": 0.1}),
        "trough_approach": (nca.trough_approach, {"times": [24, 48, 72, 96], "troughs": [1, 1.5, 1.7, 1.8],
                                                  "fraction": 0.9}),
        "area": (nca.area, {"times": t, "values": c, "begin": 0.0, "end": 30.0, "tail": "inf",
                            "dose": pkpd.Dose(0.0, 1.0), "rules": "phoenix", "auc": "linear"}),
        "interpolate": (nca.interpolate, {"times": t, "values": c, "at": [3, 30.0], "method": "linear", "tail": "inf",
                                          "before": 0.0}),
        "interpolate_dosed": (nca.interpolate_dosed, {"times": t, "values": c, "at": [3, 30.0], "dose_times": [0.0],
                                                      "bolus": True, "method": "linear", "lambda_z": 0.2}),
        "parameter_name": (nca.parameter_name, {"name": "cmax"}),
        "find_tau": (nca.find_tau, {"times": [0, 24, 48], "choices": [24.0]}),
        "profiles_of": (nca.profiles_of, {"study": study(), "analyte": "C", "dose_unit": "mg", "tau": 24.0,
                                          "steady_state": True}),
        "nca_sparse": (nca.nca_sparse, {"study": study(), "analyte": "C", "by": None, "preset": "default",
                                        "rules": None, "dose_unit": "mg", "tail": 3}),
        "sparse": (nca.sparse, {"*0": [1, 1, 2, 2, 3, 3], "*1": [0.0, 1, 0, 1, 0, 1], "*2": [1.0, 2, 3, 4, 5, 6]}),
        "sparse_ratio": (nca.sparse_ratio, {"first": pooled, "second": pooled, "parameter": "auc_last", "level": 0.9,
                                            "methods": ("z",)}),
        "sparse_difference": (nca.sparse_difference, {"first": pooled, "second": pooled, "parameter": "auc_last",
                                                      "level": 0.9, "methods": ("z",)}),
        "clopper_pearson": (trial.clopper_pearson, {"events": 1, "patients": 10, "level": 0.95}),
        "grade": (trial.grade, {"test": "creatinine", "values": [1.0, 2.0], "limit": 1.0}),
        "worst_grade": (trial.worst_grade, {"test": "creatinine", "values": [[1.0, 2.0]], "limit": 1.0, "axis": -1}),
    }  # fmt: skip


def _simulations() -> dict[str, Call]:
    plan = pkpd.bolus("100 mg")
    return {
        "simulate": (pkpd.simulate, {"source": people(), "design": plan, "subjects": 2, "replicates": 1, "seed": 1,
                                     "times": [0.0, 1.0, 2.0], "at_dose": "after", "settings": Settings(),
                                     "keep": ["C"], "executor": None, "memory": "1 GB", "progress": False}),
        "simulate a study": (pkpd.simulate, {"source": people(), "design": study().select(analytes=["C"]),
                                             "replicates": 2, "seed": 1, "keep": None}),
        "simulate_adaptive": (pkpd.simulate_adaptive, {
            "source": model(), "rule": lambda now: None, "decisions": [0.0, 24.0], "start": plan, "each": False,
            "subjects": 2, "replicates": 1, "seed": 1, "times": [0.0, 1.0], "at_dose": "before",
            "settings": Settings()}),
        "locate": (pkpd.locate, {"source": model(), "regimen": plan, "output": "C", "thresholds": [1.0],
                                 "between": (0.0, 24.0), "individuals": None, "subjects": 1, "seed": 0, "step": 1.0,
                                 "settings": Settings()}),
        "predict": (pkpd.predict, {"model": model(), "study": study().select(analytes=["C"]), "compartments": {1: "A"},
                                   "settings": Settings(), "linear": "closed form"}),
        "open_simulation": (pkpd.open_simulation, {"path": "/nowhere"}),
        "simulated_study": (pkpd.simulated_study, {"result": _simulated(), "study": study().select(analytes=["C"]),
                                                   "replicate": 0}),
        "individual_model": (people().individual_model, {"occasions": 2}),
    }  # fmt: skip


def _simulated() -> Any:
    return pkpd.simulate(model(), study().select(analytes=["C"]))


def _fits() -> dict[str, Call]:
    part, start = study().select(analytes=["C"]), model().parameters
    return {
        "initial_estimates": (pkpd.initial_estimates, {"*0": model(), "*1": result(), "*2": part, "observed": None}),
        "fit_pooled": (pkpd.fit_pooled, {"model": model(), "study": part, "start": start,
                                         "error": {"C": "proportional"}, "given": None, "options": Options()}),
        "fit_individuals": (pkpd.fit_individuals, {"model": model(), "study": part.select(subjects=[1]),
                                                   "start": start, "error": {"C": "additive"}, "options": None,
                                                   "executor": None, "progress": False}),
        "design_bias": (pkpd.design_bias, {"source": model(), "dose": pkpd.bolus("100 mg"), "times": [1.0, 2, 4, 8],
                                           "subjects": 3, "seed": 0, "lloq": 0.01, "rules": None}),
    }  # fmt: skip


def _pictures() -> dict[str, Call]:
    forecast = pkpd.simulate(people(), pkpd.bolus("100 mg"), subjects=3, times=[0.0, 1.0])
    return {
        "profiles": (plot.profiles, {"study": study(), "analyte": "C", "ax": None, "log": True, "by": "weight",
                                     "origin": "study", "time_unit": "day"}),
        "mean_profiles": (plot.mean_profiles, {"study": study(), "analyte": "C", "by": None, "statistic": "mean",
                                               "ax": None, "log": False, "time_unit": "h"}),
        "bands": (plot.bands, {"forecast": forecast, "name": "C", "ax": None, "log": False, "reference": {"x": 1.0},
                               "time_unit": "h", "look": None}),
        "lambda_z": (plot.lambda_z, {"result": result(), "profile": 0, "ax": None, "log": True, "time_unit": "h"}),
        "parameter_boxes": (plot.parameter_boxes, {"result": result(), "parameter": "cmax", "by": "subject",
                                                   "groups": [1], "ax": None, "log": False}),
        "proportionality": (plot.proportionality, {"result": result(), "parameter": "cmax", "level": 0.9,
                                                   "limits": (0.8, 1.25), "ax": None}),
        "timeline": (plot.timeline, {"study": study(), "ax": None, "time_unit": "h"}),
        "page": (plot.page, {"rows": 1, "columns": 2, "size": (3.0, 2.0)}),
    }  # fmt: skip


GROUPS: dict[str, Callable[[], dict[str, Call]]] = {
    "dosing": _dosing, "units": _units, "values": _values, "models": _models, "readers": _readers, "nca": _nca,
    "simulations": _simulations, "fits": _fits, "pictures": _pictures, "escalation": escalation, "virtual": virtual,
    "responses": response_calls, "toxicity": toxicity_calls, "exposures": exposure_calls,
}  # fmt: skip


def made(call: Call, changes: dict[str, Any]) -> Any:
    """Make a call with some arguments changed."""
    verb, arguments = call
    given = {**arguments, **changes}
    positions = [given.pop(name) for name in sorted(n for n in given if n.startswith("*"))]
    first = [given.pop(n) for n in list(given)[: 1 if "*1" in arguments and "*0" not in arguments else 0]]
    return verb(*first, *positions, **given)


def spoilt(group: str, every: int = 1, begin: int = 0) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield every (or every so-manyth) pair of an argument and an odd value, in every call of a group."""
    number = begin
    for name, call in GROUPS[group]().items():
        yield f"{name} as it is", lambda call=call: made(call, {})  # type: ignore[misc]
        for argument in call[1]:
            for words, value in ODD.items():
                number += 1
                if number % every == 0:
                    changed = {argument: value()}
                    yield f"{name}({argument}={words})", lambda call=call, changed=changed: made(call, changed)  # type: ignore[misc]
