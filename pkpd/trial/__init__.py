"""The trial layer: toxicity, escalation, designs, responses, survival, exposure and response, interaction, antibodies.

What is computed stands in the rooms of this folder; a name is loaded when it is first asked for. A new public name
stands in two places here: in `_HOMES`, and for type checkers.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pkpd.trial.antibodies.assumed import Immunogenicity, immunogenic_population
    from pkpd.trial.antibodies.changed import with_antibodies
    from pkpd.trial.antibodies.exposures import AntibodyEffect, antibody_effect
    from pkpd.trial.antibodies.noticed import detectable_antibody_ratio
    from pkpd.trial.antibodies.patients import AntibodyStatus, antibody_status
    from pkpd.trial.antibodies.simulated import antibody_samples
    from pkpd.trial.design.assurance import Assurance, assurance
    from pkpd.trial.design.information import PopulationInformation, population_information
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
    from pkpd.trial.exposure_response.descriptive import exposure_quantiles
    from pkpd.trial.exposure_response.detectable import detectable_effect
    from pkpd.trial.exposure_response.emax import EmaxFit, emax_response
    from pkpd.trial.exposure_response.logistic import LogisticFit, logistic
    from pkpd.trial.exposure_response.models import ExposureModels, exposure_models
    from pkpd.trial.exposure_response.ordinal import OrdinalFit, ordinal
    from pkpd.trial.intensity.relative import dose_intensity
    from pkpd.trial.interaction.attainment import SteadyStateAttainment, steady_state_attainment
    from pkpd.trial.interaction.bioequivalence import Bioequivalence, bioequivalence
    from pkpd.trial.interaction.comparison import TreatmentComparison, compare_treatments
    from pkpd.trial.interaction.excluded import ratio_by_patients
    from pkpd.trial.interaction.half_lives import steady_state_from_half_life
    from pkpd.trial.patients import patients_of
    from pkpd.trial.percentages import check_percentages
    from pkpd.trial.proportions import clopper_pearson
    from pkpd.trial.recist.agreement import Agreement, agreement_bound, reviewer_agreement
    from pkpd.trial.recist.assess import assess_response
    from pkpd.trial.recist.best_response import best_response
    from pkpd.trial.recist.rates import response_rates
    from pkpd.trial.recist.response_duration import response_duration
    from pkpd.trial.recist.rules import RecistRules
    from pkpd.trial.recist.sequences import impossible_sequences
    from pkpd.trial.recist.simulated import scans_of
    from pkpd.trial.reduction.rule import DoseReduction
    from pkpd.trial.reduction.steps import DoseState
    from pkpd.trial.survival.cox import CoxFit, cox
    from pkpd.trial.survival.kaplan_meier import KaplanMeier, kaplan_meier
    from pkpd.trial.survival.landmark import landmark
    from pkpd.trial.survival.log_rank import log_rank
    from pkpd.trial.survival.progression import PfsRules, progression_free_survival
    from pkpd.trial.toxicity.criteria import Criteria, criteria
    from pkpd.trial.toxicity.dlt import dose_limiting, laboratory_events
    from pkpd.trial.toxicity.dlt_rules import DltRules, Exemption
    from pkpd.trial.toxicity.grade_times import grade_times
    from pkpd.trial.toxicity.grades import grades
    from pkpd.trial.toxicity.incidence import IncidenceTable, incidence_table
    from pkpd.trial.toxicity.labs_of import labs_of
    from pkpd.trial.toxicity.published import check_incidence
    from pkpd.trial.toxicity.quick import grade, worst_grade
    from pkpd.trial.toxicity.worst import shift_table, worst_grades
    from pkpd.trial.virtual.plan import EscalatedDrug, LaboratoryPlan, PartnerDrug, TumourScans, VirtualPlan
    from pkpd.trial.virtual.summary import summarise_virtual, virtual_tables
    from pkpd.trial.virtual.verb import virtual_trials

# Where each name stands.
_HOMES = {
    "pkpd.trial.antibodies.assumed": ("Immunogenicity", "immunogenic_population"),
    "pkpd.trial.antibodies.changed": ("with_antibodies",),
    "pkpd.trial.antibodies.exposures": ("AntibodyEffect", "antibody_effect"),
    "pkpd.trial.antibodies.noticed": ("detectable_antibody_ratio",),
    "pkpd.trial.antibodies.patients": ("AntibodyStatus", "antibody_status"),
    "pkpd.trial.antibodies.simulated": ("antibody_samples",),
    "pkpd.trial.design.assurance": ("Assurance", "assurance"),
    "pkpd.trial.design.information": ("PopulationInformation", "population_information"),
    "pkpd.trial.design.sample_size": ("SingleStage", "patients_to_see", "probability_to_see", "single_stage"),
    "pkpd.trial.design.two_stage": ("simon_two_stage", "two_stage_characteristics"),
    "pkpd.trial.intensity.relative": ("dose_intensity",),
    "pkpd.trial.escalation.blrm": ("Blrm",),
    "pkpd.trial.escalation.boin": ("Boin", "boin_boundaries"),
    "pkpd.trial.escalation.crm": ("Crm", "crm_skeleton"),
    "pkpd.trial.escalation.decision": ("Decision", "next_dose"),
    "pkpd.trial.escalation.exposure_link": ("ExposureToxicity", "toxicity_from_exposure"),
    "pkpd.trial.escalation.operating": ("OperatingCharacteristics", "operating_characteristics"),
    "pkpd.trial.escalation.replay": ("Replay", "replay_escalation"),
    "pkpd.trial.escalation.three_plus_three": ("ThreePlusThree",),
    "pkpd.trial.exposure_response.descriptive": ("exposure_quantiles",),
    "pkpd.trial.exposure_response.detectable": ("detectable_effect",),
    "pkpd.trial.exposure_response.emax": ("EmaxFit", "emax_response"),
    "pkpd.trial.exposure_response.logistic": ("LogisticFit", "logistic"),
    "pkpd.trial.exposure_response.models": ("ExposureModels", "exposure_models"),
    "pkpd.trial.exposure_response.ordinal": ("OrdinalFit", "ordinal"),
    "pkpd.trial.interaction.attainment": ("SteadyStateAttainment", "steady_state_attainment"),
    "pkpd.trial.interaction.bioequivalence": ("Bioequivalence", "bioequivalence"),
    "pkpd.trial.interaction.comparison": ("TreatmentComparison", "compare_treatments"),
    "pkpd.trial.interaction.excluded": ("ratio_by_patients",),
    "pkpd.trial.interaction.half_lives": ("steady_state_from_half_life",),
    "pkpd.trial.percentages": ("check_percentages",),
    "pkpd.trial.patients": ("patients_of",),
    "pkpd.trial.proportions": ("clopper_pearson",),
    "pkpd.trial.recist.agreement": ("Agreement", "agreement_bound", "reviewer_agreement"),
    "pkpd.trial.recist.assess": ("assess_response",),
    "pkpd.trial.recist.best_response": ("best_response",),
    "pkpd.trial.recist.rates": ("response_rates",),
    "pkpd.trial.recist.response_duration": ("response_duration",),
    "pkpd.trial.recist.rules": ("RecistRules",),
    "pkpd.trial.recist.sequences": ("impossible_sequences",),
    "pkpd.trial.recist.simulated": ("scans_of",),
    "pkpd.trial.reduction.rule": ("DoseReduction",),
    "pkpd.trial.reduction.steps": ("DoseState",),
    "pkpd.trial.survival.cox": ("CoxFit", "cox"),
    "pkpd.trial.survival.kaplan_meier": ("KaplanMeier", "kaplan_meier"),
    "pkpd.trial.survival.landmark": ("landmark",),
    "pkpd.trial.survival.log_rank": ("log_rank",),
    "pkpd.trial.survival.progression": ("PfsRules", "progression_free_survival"),
    "pkpd.trial.toxicity.criteria": ("Criteria", "criteria"),
    "pkpd.trial.toxicity.dlt": ("dose_limiting", "laboratory_events"),
    "pkpd.trial.toxicity.dlt_rules": ("DltRules", "Exemption"),
    "pkpd.trial.toxicity.grade_times": ("grade_times",),
    "pkpd.trial.toxicity.grades": ("grades",),
    "pkpd.trial.toxicity.incidence": ("IncidenceTable", "incidence_table"),
    "pkpd.trial.toxicity.labs_of": ("labs_of",),
    "pkpd.trial.toxicity.published": ("check_incidence",),
    "pkpd.trial.toxicity.quick": ("grade", "worst_grade"),
    "pkpd.trial.toxicity.worst": ("shift_table", "worst_grades"),
    "pkpd.trial.virtual.plan": (
        "EscalatedDrug",
        "LaboratoryPlan",
        "PartnerDrug",
        "TumourScans",
        "VirtualPlan",
    ),
    "pkpd.trial.virtual.summary": ("summarise_virtual", "virtual_tables"),
    "pkpd.trial.virtual.verb": ("virtual_trials",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Agreement",
    "AntibodyEffect",
    "AntibodyStatus",
    "Assurance",
    "Bioequivalence",
    "Blrm",
    "Boin",
    "CoxFit",
    "Criteria",
    "Crm",
    "Decision",
    "DltRules",
    "DoseReduction",
    "DoseState",
    "EmaxFit",
    "EscalatedDrug",
    "Exemption",
    "ExposureModels",
    "ExposureToxicity",
    "Immunogenicity",
    "IncidenceTable",
    "KaplanMeier",
    "LaboratoryPlan",
    "LogisticFit",
    "OperatingCharacteristics",
    "OrdinalFit",
    "PartnerDrug",
    "PfsRules",
    "PopulationInformation",
    "RecistRules",
    "Replay",
    "SingleStage",
    "SteadyStateAttainment",
    "ThreePlusThree",
    "TreatmentComparison",
    "TumourScans",
    "VirtualPlan",
    "agreement_bound",
    "antibody_effect",
    "antibody_samples",
    "antibody_status",
    "assess_response",
    "assurance",
    "best_response",
    "bioequivalence",
    "boin_boundaries",
    "check_incidence",
    "check_percentages",
    "clopper_pearson",
    "compare_treatments",
    "cox",
    "criteria",
    "crm_skeleton",
    "detectable_antibody_ratio",
    "detectable_effect",
    "dose_intensity",
    "dose_limiting",
    "emax_response",
    "exposure_models",
    "exposure_quantiles",
    "grade",
    "grade_times",
    "grades",
    "immunogenic_population",
    "impossible_sequences",
    "incidence_table",
    "kaplan_meier",
    "laboratory_events",
    "labs_of",
    "landmark",
    "log_rank",
    "logistic",
    "next_dose",
    "operating_characteristics",
    "ordinal",
    "patients_of",
    "patients_to_see",
    "population_information",
    "probability_to_see",
    "progression_free_survival",
    "ratio_by_patients",
    "replay_escalation",
    "response_duration",
    "response_rates",
    "reviewer_agreement",
    "scans_of",
    "shift_table",
    "simon_two_stage",
    "single_stage",
    "steady_state_attainment",
    "steady_state_from_half_life",
    "summarise_virtual",
    "toxicity_from_exposure",
    "two_stage_characteristics",
    "virtual_tables",
    "virtual_trials",
    "with_antibodies",
    "worst_grade",
    "worst_grades",
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
