"""The trial layer: toxicity grades, dose escalation, designs, response of tumours, survival.

What is computed stands in the rooms of this folder; a name is loaded when it is first asked for. A new public name
stands in two places here: in `_HOMES`, and for type checkers.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkpd.trial.design.assurance import Assurance, assurance
    from pkpd.trial.design.sample_size import SingleStage, patients_to_see, probability_to_see, single_stage
    from pkpd.trial.design.two_stage import simon_two_stage, two_stage_characteristics
    from pkpd.trial.dose_intensity import dose_intensity
    from pkpd.trial.escalation.blrm import Blrm
    from pkpd.trial.escalation.boin import Boin, boin_boundaries
    from pkpd.trial.escalation.crm import Crm, crm_skeleton
    from pkpd.trial.escalation.decision import Decision, next_dose
    from pkpd.trial.escalation.exposure_link import ExposureToxicity, toxicity_from_exposure
    from pkpd.trial.escalation.operating import OperatingCharacteristics, operating_characteristics
    from pkpd.trial.escalation.replay import Replay, replay_escalation
    from pkpd.trial.escalation.three_plus_three import ThreePlusThree
    from pkpd.trial.proportions import clopper_pearson
    from pkpd.trial.recist.agreement import Agreement, agreement_bound, reviewer_agreement
    from pkpd.trial.recist.assess import assess_response
    from pkpd.trial.recist.best_response import best_response
    from pkpd.trial.recist.rates import response_rates
    from pkpd.trial.recist.response_duration import response_duration
    from pkpd.trial.recist.rules import RecistRules
    from pkpd.trial.recist.sequences import impossible_sequences
    from pkpd.trial.recist.simulated import scans_of
    from pkpd.trial.survival.cox import CoxFit, cox
    from pkpd.trial.survival.kaplan_meier import KaplanMeier, kaplan_meier
    from pkpd.trial.survival.landmark import landmark
    from pkpd.trial.survival.log_rank import log_rank
    from pkpd.trial.survival.progression import PfsRules, progression_free_survival
    from pkpd.trial.toxicity import GRADES, grade, worst_grade

# Where each name stands.
_HOMES = {
    "pkpd.trial.design.assurance": ("Assurance", "assurance"),
    "pkpd.trial.design.sample_size": ("SingleStage", "patients_to_see", "probability_to_see", "single_stage"),
    "pkpd.trial.design.two_stage": ("simon_two_stage", "two_stage_characteristics"),
    "pkpd.trial.dose_intensity": ("dose_intensity",),
    "pkpd.trial.escalation.blrm": ("Blrm",),
    "pkpd.trial.escalation.boin": ("Boin", "boin_boundaries"),
    "pkpd.trial.escalation.crm": ("Crm", "crm_skeleton"),
    "pkpd.trial.escalation.decision": ("Decision", "next_dose"),
    "pkpd.trial.escalation.exposure_link": ("ExposureToxicity", "toxicity_from_exposure"),
    "pkpd.trial.escalation.operating": ("OperatingCharacteristics", "operating_characteristics"),
    "pkpd.trial.escalation.replay": ("Replay", "replay_escalation"),
    "pkpd.trial.escalation.three_plus_three": ("ThreePlusThree",),
    "pkpd.trial.proportions": ("clopper_pearson",),
    "pkpd.trial.recist.agreement": ("Agreement", "agreement_bound", "reviewer_agreement"),
    "pkpd.trial.recist.assess": ("assess_response",),
    "pkpd.trial.recist.best_response": ("best_response",),
    "pkpd.trial.recist.rates": ("response_rates",),
    "pkpd.trial.recist.response_duration": ("response_duration",),
    "pkpd.trial.recist.rules": ("RecistRules",),
    "pkpd.trial.recist.sequences": ("impossible_sequences",),
    "pkpd.trial.recist.simulated": ("scans_of",),
    "pkpd.trial.survival.cox": ("CoxFit", "cox"),
    "pkpd.trial.survival.kaplan_meier": ("KaplanMeier", "kaplan_meier"),
    "pkpd.trial.survival.landmark": ("landmark",),
    "pkpd.trial.survival.log_rank": ("log_rank",),
    "pkpd.trial.survival.progression": ("PfsRules", "progression_free_survival"),
    "pkpd.trial.toxicity": ("GRADES", "grade", "worst_grade"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "GRADES",
    "Agreement",
    "Assurance",
    "Blrm",
    "Boin",
    "CoxFit",
    "Crm",
    "Decision",
    "ExposureToxicity",
    "KaplanMeier",
    "OperatingCharacteristics",
    "PfsRules",
    "RecistRules",
    "Replay",
    "SingleStage",
    "ThreePlusThree",
    "agreement_bound",
    "assess_response",
    "assurance",
    "best_response",
    "boin_boundaries",
    "clopper_pearson",
    "cox",
    "crm_skeleton",
    "dose_intensity",
    "grade",
    "impossible_sequences",
    "kaplan_meier",
    "landmark",
    "log_rank",
    "next_dose",
    "operating_characteristics",
    "patients_to_see",
    "probability_to_see",
    "progression_free_survival",
    "replay_escalation",
    "response_duration",
    "response_rates",
    "reviewer_agreement",
    "scans_of",
    "simon_two_stage",
    "single_stage",
    "toxicity_from_exposure",
    "two_stage_characteristics",
    "worst_grade",
]


def __getattr__(name: str) -> object:
    """Load what a room offers, when it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'pkpd.trial' has no attribute {name!r}")
    found: object = getattr(import_module(_HOME[name]), name)
    setattr(sys.modules[__name__], name, found)  # from now on it is there at once
    return found


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
