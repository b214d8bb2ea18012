"""The IL-21 case: regimen, model with its assumed truth, published numbers, synthetic study, virtual trial.

Recombinant interleukin-21 with sorafenib in metastatic renal cell carcinoma: Bhatia et al., J Immunother Cancer 2014,
2:2 (NCT00389285). No patient's data are public: **every patient made here is synthetic**. The truth is assumed; what
was tuned to the paper is marked *calibrated* in every comparison and is no evidence for the model.
"""

from pkpd.il21.case import LLN, model, regimen, truth
from pkpd.il21.comparison.table import PaperComparison, check_paper, compare_with_paper
from pkpd.il21.paper import COHORTS, DOSE_DAYS, LLOQ, PUBLISHED, published_table
from pkpd.il21.patients import (
    LAB_DAYS,
    PK_HOURS,
    SCD25_DAYS,
    SYNTHETIC,
    exposure_by_day,
    responses,
    synthetic_study,
    virtual_trial,
)
from pkpd.il21.phase_1_2 import trial_plan
from pkpd.il21.with_sorafenib import sorafenib_effect

__all__ = [
    "COHORTS",
    "DOSE_DAYS",
    "LAB_DAYS",
    "LLN",
    "LLOQ",
    "PK_HOURS",
    "PUBLISHED",
    "SCD25_DAYS",
    "SYNTHETIC",
    "PaperComparison",
    "check_paper",
    "compare_with_paper",
    "exposure_by_day",
    "model",
    "published_table",
    "regimen",
    "responses",
    "sorafenib_effect",
    "synthetic_study",
    "trial_plan",
    "truth",
    "virtual_trial",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
