"""The trial layer: toxicity grades, exact proportions, dose escalation, designs.

A name is loaded when it is first asked for.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from pkpd.trial.proportions import clopper_pearson
from pkpd.trial.toxicity import GRADES, grade, worst_grade

if TYPE_CHECKING:
    from pkpd.trial.design.assurance import Assurance, assurance
    from pkpd.trial.design.sample_size import SingleStage, patients_to_see, probability_to_see, single_stage
    from pkpd.trial.design.two_stage import simon_two_stage, two_stage_characteristics
    from pkpd.trial.escalation.blrm import Blrm
    from pkpd.trial.escalation.boin import Boin, boin_boundaries
    from pkpd.trial.escalation.crm import Crm, crm_skeleton
    from pkpd.trial.escalation.decision import Decision, next_dose
    from pkpd.trial.escalation.exposure_link import ExposureToxicity, toxicity_from_exposure
    from pkpd.trial.escalation.operating import OperatingCharacteristics, operating_characteristics
    from pkpd.trial.escalation.replay import Replay, replay_escalation
    from pkpd.trial.escalation.three_plus_three import ThreePlusThree

# Where each name stands that is loaded later.
_LATER = {
    "Assurance": "pkpd.trial.design.assurance",
    "Blrm": "pkpd.trial.escalation.blrm",
    "Boin": "pkpd.trial.escalation.boin",
    "Crm": "pkpd.trial.escalation.crm",
    "Decision": "pkpd.trial.escalation.decision",
    "ExposureToxicity": "pkpd.trial.escalation.exposure_link",
    "OperatingCharacteristics": "pkpd.trial.escalation.operating",
    "Replay": "pkpd.trial.escalation.replay",
    "SingleStage": "pkpd.trial.design.sample_size",
    "ThreePlusThree": "pkpd.trial.escalation.three_plus_three",
    "assurance": "pkpd.trial.design.assurance",
    "boin_boundaries": "pkpd.trial.escalation.boin",
    "crm_skeleton": "pkpd.trial.escalation.crm",
    "next_dose": "pkpd.trial.escalation.decision",
    "operating_characteristics": "pkpd.trial.escalation.operating",
    "patients_to_see": "pkpd.trial.design.sample_size",
    "probability_to_see": "pkpd.trial.design.sample_size",
    "replay_escalation": "pkpd.trial.escalation.replay",
    "simon_two_stage": "pkpd.trial.design.two_stage",
    "single_stage": "pkpd.trial.design.sample_size",
    "toxicity_from_exposure": "pkpd.trial.escalation.exposure_link",
    "two_stage_characteristics": "pkpd.trial.design.two_stage",
}

__all__ = [
    "GRADES",
    "Assurance",
    "Blrm",
    "Boin",
    "Crm",
    "Decision",
    "ExposureToxicity",
    "OperatingCharacteristics",
    "Replay",
    "SingleStage",
    "ThreePlusThree",
    "assurance",
    "boin_boundaries",
    "clopper_pearson",
    "crm_skeleton",
    "grade",
    "next_dose",
    "operating_characteristics",
    "patients_to_see",
    "probability_to_see",
    "replay_escalation",
    "simon_two_stage",
    "single_stage",
    "toxicity_from_exposure",
    "two_stage_characteristics",
    "worst_grade",
]


def __getattr__(name: str) -> object:
    """Load a name when it is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'pkpd.trial' has no attribute {name!r}")
    found: object = getattr(import_module(_LATER[name]), name)
    setattr(sys.modules[__name__], name, found)  # from now on it is there at once
    return found


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
