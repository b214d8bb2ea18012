"""The plan of treatment, the model, and the assumed truth that synthetic patients are drawn from."""

from __future__ import annotations

import math

from pkpd import library
from pkpd.arguments import checked
from pkpd.dosing import Regimen, bolus
from pkpd.il21.paper import DOSE_DAYS
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, residual_error

LLN = 1.0
"""Lower limit of normal of lymphocytes, 10^9/L (assumed; calibrated to the grades)."""


@checked
def regimen(dose: str = "30 ug/kg", *, courses: int = 1, weeks: float = 7) -> Regimen:
    """Return the plan of the trial: a bolus daily on days 1–5 and 15–19 of each course.

    Parameters
    ----------
    dose : str
        Amount per kg of body weight.
    courses : int
        Number of courses.
    weeks : float
        Length of a course (7 in the paper, 6 in the registry).
    """
    plan = bolus(dose, days=DOSE_DAYS)
    return plan if courses == 1 else plan.repeated(courses, f"{weeks:g} weeks")


def model() -> Model:
    """Return the model: two compartments, the activation signal, sCD25 shedding and loss of lymphocytes from blood."""
    parts = (
        library.two_compartment()
        + library.activation("A", by="C")
        + library.turnover("sCD25", by="A", unit="ng/mL").renamed(kout_sCD25="kR", sCD25_0="R0", S_sCD25="SR")
        + library.stimulated_loss("ALC", by="A", unit="10^9/L").renamed(kout_ALC="kout", ALC_0="L0", S_ALC="SL")
    )
    return parts.in_units(time="h", amount="ng/kg", volume="mL/kg")


_TYPICAL = {
    "CL": 167.0, "V1": 64.6, "Q": 112.9, "V2": 171.2,
    "EC50": 1.0, "kA": math.log(2) / 12, "kR": math.log(2) / 8, "R0": 2.5, "SR": 20.0,
    "kout": 0.05, "L0": 1.5, "SL": 9.0,
}  # fmt: skip
_ERRORS = (residual_error("C", "combined"), residual_error("sCD25", "log"), residual_error("ALC", "log"))
_NOISE = (
    Parameter("prop_C", 0.12),
    Parameter("add_C", 0.02, "ng/mL"),
    Parameter("sd_sCD25", 0.15),
    Parameter("sd_ALC", 0.15),
)


def truth() -> Population:
    """Return the assumed truth: typical values, variability between patients, residual errors.

    Clearance and volumes share a scale (they vary together more than the half-life does); lymphocytes at baseline are
    screened to be at least the lower limit of normal.
    """
    own = model()
    values = own.parameters.with_values(_TYPICAL) + Parameters(_NOISE)
    omega = Omega.independent(scale=0.29, CL=0.135, V=0.135, EC50=0.3, kR=0.2, R0=0.5, SR=0.4, L0=0.35, SL=0.9)
    shared = {"CL": "eta_scale + eta_CL", "V1": "eta_scale + eta_V", "Q": "eta_scale", "V2": "eta_scale + eta_V"}
    return Population(own, values, omega, _ERRORS, exponents=shared, limits={"L0": (LLN, math.inf)})
