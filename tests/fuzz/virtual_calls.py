"""One good call of every public verb and class of virtual trials and of population designs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pkpd
from pkpd import trial


def virtual() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Verb and arguments by name."""
    plan = replace(pkpd.il21.trial_plan(), patients=3, courses=1)
    alone = replace(pkpd.il21.trial_plan(with_sorafenib=False), patients=3, courses=1)
    tree = trial.virtual_trials(alone, 2, seed=1, progress=False)
    pk = pkpd.il21.truth()

    def own(part: Any) -> dict[str, Any]:
        return {one.name: getattr(part, one.name) for one in fields(part)}

    return {
        "EscalatedDrug": (trial.EscalatedDrug, own(plan.drug)),
        "PartnerDrug": (trial.PartnerDrug, own(plan.partner)),
        "TumourScans": (trial.TumourScans, own(plan.scans)),
        "LaboratoryPlan": (trial.LaboratoryPlan, own(plan.laboratory)),
        "VirtualPlan": (trial.VirtualPlan, own(plan)),
        "virtual_trials": (trial.virtual_trials, {
            "plan": alone, "trials": 1, "seed": 1, "executor": None, "settings": None, "progress": False}),
        "summarise_virtual": (trial.summarise_virtual, {"tree": tree, "level": 0.9, "dose": 10.0}),
        "virtual_tables": (trial.virtual_tables, {"tree": tree, "trial": 2}),
        "trial_plan": (pkpd.il21.trial_plan, {"design": None, "with_sorafenib": False}),
        "population_information": (trial.population_information, {
            "population": pk, "regimen": pkpd.bolus("30 ug/kg"), "times": {"C": [1.0, 4.0]}, "subjects": 3,
            "full": True, "settings": None}),
    }  # fmt: skip
