"""The trial as a virtual one: escalation, expansion and three courses of IL-21 with sorafenib, every link assumed."""

from __future__ import annotations

from dataclasses import replace

from pkpd import library, published
from pkpd.arguments import checked
from pkpd.il21.case import LLN, truth
from pkpd.il21.paper import DOSE_DAYS, LLOQ
from pkpd.il21.patients import LAB_DAYS, PK_HOURS, SCD25_DAYS
from pkpd.population import Omega, Population
from pkpd.trial import (
    DoseReduction,
    EscalatedDrug,
    ExposureToxicity,
    LaboratoryPlan,
    PartnerDrug,
    ThreePlusThree,
    TumourScans,
    VirtualPlan,
    with_antibodies,
)
from pkpd.trial.escalation.states import Design

DOSES = (10.0, 30.0, 40.0, 50.0)
"""Dose levels of phase 1, ug/kg (published)."""

_TUMOUR = {"SLD_0": 90.0, "KL_SLD": 1.1e-4, "KD_SLD": 6e-4, "lambda_SLD": 4e-4}
_KEPT = {"KL_kept": 0.0, "KD_kept": 3.3e-5, "lambda_kept": 3e-4, "kept_0": 1.0}
_PAPER, _JAIN = "Bhatia et al. 2014", "Jain et al. 2011, Table 3"
_SOURCES = {
    **dict.fromkeys(("design", "patients", "unevaluable", "weeks", "drug.days", "drug.lloq", "drug.antibodies",
                     "drug.unit", "scans.rules", "laboratory.criteria"), ("published", _PAPER)),
    **dict.fromkeys(("partner.CL", "partner.V", "partner.MTT", "partner.Fbile", "partner.kge", "partner.Tge",
                     "partner.omega_CL", "partner.omega_V", "partner.omega_MTT", "correlation_V_CL"),
                    ("published", _JAIN)),
    **dict.fromkeys(("partner.reduction",), ("published", "levels of the label")),
    **dict.fromkeys(("drug.CL", "drug.V1", "drug.Q", "drug.V2", "omega_scale", "drug.omega_CL", "drug.omega_V",
                     "drug.sample_hours"), ("calibrated", "to AUC0-t and half-life of the paper")),
    **dict.fromkeys(("SL", "omega_SL", "laboratory.limit"), ("calibrated", "to the grades of lymphopenia")),
    **dict.fromkeys(("KL_SLD", "omega_KL_SLD", "KD_SLD", "omega_KD_SLD", "lambda_SLD", "KD_kept", "omega_KD_kept",
                     "lambda_kept", "scans.new_lesions"),
                    ("calibrated", "to response, disease control and median PFS of the paper")),
    **dict.fromkeys(("drug.toxicity",), ("calibrated", "to dose-limiting toxicities 1 of 6, 0 of 3, 0 of 3, 2 of 4")),
    **dict.fromkeys(("partner.toxicity",), ("calibrated", "to 70 % of patients with sorafenib reduced")),
}  # fmt: skip


@checked
def trial_plan(design: Design | None = None, *, with_sorafenib: bool = True) -> VirtualPlan:
    """Return the plan of the published trial for `pkpd.trial.virtual_trials`, with everything that it assumes.

    The kinetics, sCD25 and lymphocytes are those of `truth`, sorafenib's those of `pkpd.library.sorafenib`. The tumour
    (Claret's model, killed by the activation signal and by sorafenib), rash, skin toxicity, antibodies' effect, new
    lesions and deaths are links that nobody published: assumed, or calibrated to the counts of the paper, which then
    are no evidence for them. ``assumptions`` of the result lists each.

    Parameters
    ----------
    design : ThreePlusThree, Boin, Crm or Blrm, optional
        The rule of escalation; by default the 3+3 of the paper with its doses in increasing order.
    with_sorafenib : bool
        Whether sorafenib is given, too.
    """
    drug = EscalatedDrug(
        _patients(),
        "ug/kg",
        DOSE_DAYS,
        ExposureToxicity("grade 3 rash", "AUC of one dose", 188.0, 0.13, 2.0, unit="h*ng/mL"),
        sample_days=(1, 5),
        sample_hours=tuple(hour for hour in PK_HOURS if hour > 0),
        lloq=LLOQ,
        antibodies=3 / 52,
    )
    return VirtualPlan(
        "IL-21 with sorafenib in metastatic renal cell carcinoma" if with_sorafenib else "IL-21 alone",
        ThreePlusThree(DOSES) if design is None else design,
        drug,
        TumourScans(new_lesions=0.085),
        LaboratoryPlan("ALC", "sCD25", "lymphocytes", LLN, LAB_DAYS, SCD25_DAYS),
        _sorafenib() if with_sorafenib else None,
        unevaluable=3 / 19,
        sources=_SOURCES,
    )


def _patients() -> Population:
    """The assumed truth with a tumour, and with antibodies that double the clearance."""
    known = truth()
    tumour = library.claret("SLD", by="A", exposure_unit="").in_units(time="h", amount="ng/kg", volume="mL/kg")
    people = replace(
        known,
        model=known.model + tumour,
        parameters=known.parameters + tumour.parameters.with_values(_TUMOUR),
        omega=known.omega + Omega.independent(SLD_0=0.5, KL_SLD=0.7, KD_SLD=0.8),
    )
    changed = with_antibodies(people)
    return replace(changed, parameters=changed.parameters.with_values({"ratio_ADA": 2.0}))


def _sorafenib() -> PartnerDrug:
    """Sorafenib as published, 400 mg twice daily, and what it leaves of a tumour."""
    known = published.sorafenib()
    model = known.model + library.claret("kept", by="C", unit="").in_units(time="h", amount="mg", volume="L")
    # Without its residual error: nobody measures sorafenib here.
    people = Population(model, model.parameters.with_values(_KEPT), known.omega + Omega.independent(KD_kept=0.5))
    return PartnerDrug(
        people,
        DoseReduction((("400 mg", 12), ("400 mg", 24), ("400 mg", 48))),
        ExposureToxicity("grade 2 skin toxicity", "AUC of a day at steady state", 200.0, 0.07, 1.0, unit="h*mg/L"),
        "dose/((1 - Fbile)*CL)",
    )


__all__ = ["DOSES", "trial_plan"]
