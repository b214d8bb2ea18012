"""One good call of every public verb and class of dose escalation and of designs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pkpd
from pkpd import plot, trial

DOSES = (10.0, 20.0, 30.0)


class _Fitted:
    """Whatever knows a population."""

    def population(self) -> Any:
        model = pkpd.library.one_compartment().with_values(CL=1.0, V=10.0)
        return pkpd.Population(model, model.parameters)

    def draws(self, n: int, rng: Any) -> tuple[Any, ...]:
        return (self.population(),) * n

    def individual_values(self) -> None:
        return None


def escalation() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Verb and arguments by name."""
    pkpd.simulate(_Fitted().population(), pkpd.bolus("100 mg", at=[0]), times=[1.0])  # compiles what is not yet there
    common = {"doses": DOSES, "size": 3, "most": 9, "start": 10.0}
    three = trial.ThreePlusThree(DOSES)
    cohorts = {"dose": [10, 10, 20], "patients": [3, 3, 3], "dlt": [1, 0, 0]}
    link = {"event": "rash", "exposure": "auc", "reference": 1.0, "probability": 0.1, "slope": 1.0, "unit": "h*ng/mL",
            "source": "assumed"}  # fmt: skip
    return {
        "ThreePlusThree": (trial.ThreePlusThree, {"doses": DOSES, "mtd_patients": 6, "start": 10.0}),
        "Boin": (trial.Boin, {**common, "target": 0.3, "low": 0.2, "high": 0.4, "close": 0.95, "extra_safe": True,
                              "offset": 0.05, "bounded": False, "enough": 6}),
        "Crm": (trial.Crm, {**common, "skeleton": (0.1, 0.2, 0.3), "target": 0.3, "variance": 1.34, "one_step": True,
                            "coherent": True, "stop_above": 0.9}),
        "Blrm": (trial.Blrm, {**common, "reference": 20.0, "prior_mean": (-1.0, 0.0), "prior_sd": (2.0, 1.0),
                              "prior_correlation": 0.0, "target": (0.16, 0.33), "overdose": 0.25, "one_step": True,
                              "largest_rise": 2.0, "enough": 6, "sure": 0.5}),
        "boin_boundaries": (trial.boin_boundaries, {"target": 0.3, "most": 9, "low": 0.1, "high": 0.5, "close": 0.95}),
        "crm_skeleton": (trial.crm_skeleton, {"levels": 3, "target": 0.3, "at": 2, "half_width": 0.05}),
        "next_dose": (trial.next_dose, {"design": three, "cohorts": cohorts}),
        "replay_escalation": (trial.replay_escalation, {"design": three, "cohorts": cohorts, "declared": 10.0}),
        "operating_characteristics": (trial.operating_characteristics, {
            "design": three, "toxicity": [0.1, 0.2, 0.3], "method": "simulation", "trials": 100, "seed": 1,
            "unevaluable": 0.1}),
        "ExposureToxicity": (trial.ExposureToxicity, link),
        "toxicity_from_exposure": (trial.toxicity_from_exposure, {
            "link": trial.ExposureToxicity(**link), "exposures": {"dose": [1, 2], "auc": [1.0, 2.0]}, "scale": 1.0}),
        "dose_escalation": (plot.dose_escalation, {"cohorts": cohorts, "unit": "mg", "declared": 10.0, "ax": None}),
        "probability_to_see": (trial.probability_to_see, {"rate": [0.1, 0.2], "patients": 10, "at_least": 1}),
        "patients_to_see": (trial.patients_to_see, {"rate": 0.1, "probability": 0.95, "at_least": 1}),
        "single_stage": (trial.single_stage, {"p0": 0.1, "p1": 0.4, "alpha": 0.05, "power": 0.8, "most": 50}),
        "simon_two_stage": (trial.simon_two_stage, {"p0": 0.1, "p1": 0.4, "alpha": 0.05, "power": 0.8, "most": 50}),
        "two_stage_characteristics": (trial.two_stage_characteristics, {
            "r1": 1, "n1": 10, "r": 5, "n": 29, "rates": [0.1, 0.3]}),
        "assurance": (trial.assurance, {
            "source": _Fitted(), "regimen": pkpd.bolus("100 mg", at=[0]), "success": lambda one: True, "subjects": 2,
            "replicates": 2, "seed": 1, "times": [1.0], "keep": None, "level": 0.95, "executor": None}),
    }  # fmt: skip


__all__ = ["escalation"]
