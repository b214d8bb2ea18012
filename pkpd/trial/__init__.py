"""The trial layer: toxicity grades, exact proportions, response of tumours, survival.

What is computed stands in the rooms of this folder; it is loaded when it is first asked for.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from pkpd.trial.proportions import clopper_pearson
from pkpd.trial.toxicity import GRADES, grade, worst_grade

if TYPE_CHECKING:
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

# Where each name stands.
_LATER = {
    "Agreement": "pkpd.trial.recist.agreement",
    "CoxFit": "pkpd.trial.survival.cox",
    "KaplanMeier": "pkpd.trial.survival.kaplan_meier",
    "PfsRules": "pkpd.trial.survival.progression",
    "RecistRules": "pkpd.trial.recist.rules",
    "agreement_bound": "pkpd.trial.recist.agreement",
    "assess_response": "pkpd.trial.recist.assess",
    "best_response": "pkpd.trial.recist.best_response",
    "cox": "pkpd.trial.survival.cox",
    "impossible_sequences": "pkpd.trial.recist.sequences",
    "kaplan_meier": "pkpd.trial.survival.kaplan_meier",
    "landmark": "pkpd.trial.survival.landmark",
    "log_rank": "pkpd.trial.survival.log_rank",
    "progression_free_survival": "pkpd.trial.survival.progression",
    "response_duration": "pkpd.trial.recist.response_duration",
    "response_rates": "pkpd.trial.recist.rates",
    "reviewer_agreement": "pkpd.trial.recist.agreement",
    "scans_of": "pkpd.trial.recist.simulated",
}

__all__ = [
    "GRADES",
    "Agreement",
    "CoxFit",
    "KaplanMeier",
    "PfsRules",
    "RecistRules",
    "agreement_bound",
    "assess_response",
    "best_response",
    "clopper_pearson",
    "cox",
    "grade",
    "impossible_sequences",
    "kaplan_meier",
    "landmark",
    "log_rank",
    "progression_free_survival",
    "response_duration",
    "response_rates",
    "reviewer_agreement",
    "scans_of",
    "worst_grade",
]


def __getattr__(name: str) -> object:
    """Load what a room offers, when it is asked for."""
    if name not in _LATER:
        raise AttributeError(f"module 'pkpd.trial' has no attribute {name!r}")
    found: object = getattr(import_module(_LATER[name]), name)
    setattr(sys.modules[__name__], name, found)  # from now on it is there at once
    return found


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
