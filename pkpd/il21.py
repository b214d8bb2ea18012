"""The IL-21 case: regimen, model with its assumed truth, published numbers, synthetic study, virtual trial.

Recombinant interleukin-21 with sorafenib in metastatic renal cell carcinoma: Bhatia et al., J Immunother Cancer 2014,
2:2 (NCT00389285). No patient's data are public: **every patient made here is synthetic**. The truth is assumed; what
was tuned to the paper is marked *calibrated* in every comparison and is no evidence for the model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import library
from pkpd.arguments import checked
from pkpd.dosing import Regimen, bolus
from pkpd.errors import InputError, nearest
from pkpd.io import read_study
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, residual_error
from pkpd.simulate import simulate
from pkpd.study import Study
from pkpd.trial import criteria, worst_grade

if TYPE_CHECKING:
    import pandas
    import xarray


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
    "exposure_by_day",
    "model",
    "published_table",
    "regimen",
    "responses",
    "synthetic_study",
    "truth",
    "virtual_trial",
]

LLOQ = 0.112
"""Lower limit of quantification of serum IL-21, ng/mL (published)."""
LLN = 1.0
"""Lower limit of normal of lymphocytes, 10^9/L (assumed; calibrated to the grades)."""
DOSE_DAYS = (1, 2, 3, 4, 5, 15, 16, 17, 18, 19)
"""Dosing days of a course (published)."""
PK_HOURS = (0.0, 5 / 60, 1.0, 2.0, 4.0, 8.0)
"""Serum sampling on days 1 and 5: pre-dose, 5 min, 1, 2, 4, 8 h (assumed: it returns the published half-life)."""
LAB_DAYS = (1, 2, 3, 4, 5, 8, 15, 16, 17, 18, 19, 22, 29)
"""Days of pre-dose blood counts (assumed)."""
SCD25_DAYS = (1, 3, 5, 8, 15, 19, 22)
"""Days of pre-dose sCD25 samples (assumed)."""
COHORTS = (("phase 1", 10, 8), ("phase 1", 30, 4), ("phase 1", 40, 3), ("phase 1", 50, 4), ("phase 2", 30, 33))
"""Phase, dose in ug/kg and patients (published)."""
SYNTHETIC = "SYNTHETIC patients, drawn from an assumed truth; nobody was measured"

PUBLISHED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "single dose": MappingProxyType({"auc": 188.0, "auc_cv": 34.0, "half_life": 1.82, "half_life_cv": 23.0}),
        "repeated dose": MappingProxyType({"auc": 226.0, "auc_cv": 37.0, "half_life": 1.95, "half_life_cv": 13.0}),
        "lymphopenia": MappingProxyType({"patients": 33, "any": 32, "grade 3": 16, "grade 4": 7}),
        "response": MappingProxyType({"patients": 33, "PR": 7, "SD": 20, "disease control": 27}),
    }
)
"""Numbers of the paper: exposure at 30 ug/kg (h·ng/mL, h, CV %), worst lymphopenia and response in phase 2 (counts)."""
_TABLES = {"baseline": "table1_baseline.csv", "toxicity": "table2_toxicity.csv", "response": "table3_response.csv"}


@checked
def published_table(name: str) -> pandas.DataFrame:
    """Return Table 1 (``"baseline"``), 2 (``"toxicity"``) or 3 (``"response"``) of the paper, as printed there."""
    import pandas

    if name not in _TABLES:
        raise InputError(f"unknown table {name!r}; {nearest(name, _TABLES)}")
    with (resources.files("pkpd.data") / "il21" / _TABLES[name]).open(encoding="utf-8") as stream:
        return pandas.read_csv(stream)


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


@checked
def synthetic_study(seed: int = 21) -> Study:
    """Return a synthetic study of the published size: 19 patients of phase 1 (10–50 ug/kg) and 33 of phase 2.

    Parameters
    ----------
    seed : int
        Seed of the patients.

    Returns
    -------
    Study
        Analytes IL21 (ng/mL, LLOQ applied), sCD25 (ng/mL), ALC (10^9/L); doses in ug/kg; weight and phase.
    """
    import pandas

    samples, doses, people = [], [], []
    seeds = np.random.SeedSequence(seed).generate_state(len(COHORTS))
    for (phase, dose, patients), cohort_seed in zip(COHORTS, seeds, strict=True):
        names = [f"{phase[-1]}-{dose}-{k:02d}" for k in range(1, patients + 1)]
        weights = np.random.default_rng([int(cohort_seed), 1]).lognormal(math.log(85), 0.18, patients)
        samples.append(_samples(names, dose, int(cohort_seed)))
        plan = pandas.DataFrame({"time": regimen().times, "amount": float(dose), "route": "bolus"})
        doses.append(plan.merge(pandas.DataFrame({"subject": names}), how="cross"))
        about = {"subject": names, "weight": weights.round(1), "phase": phase, "dose_level": float(dose)}
        people.append(pandas.DataFrame(about))
    return read_study(
        pandas.concat(samples, ignore_index=True),
        pandas.concat(doses, ignore_index=True),
        pandas.concat(people, ignore_index=True),
        units={
            "time": "h",
            "IL21": "ng/mL",
            "sCD25": "ng/mL",
            "ALC": "10^9/L",
            "dose": "ug/kg",
            "weight": "kg",
            "dose_level": "ug/kg",
        },
        lloq={"IL21": LLOQ},
        attrs={"synthetic": True, "source": f"pkpd.il21.synthetic_study(seed={seed}): {SYNTHETIC}", "seed": seed},
    )


def _samples(names: Sequence[str], dose: float, seed: int) -> pandas.DataFrame:
    """Simulate one cohort and keep each analyte's own visits; IL-21 below the limit is reported as text."""
    import pandas

    visits = {
        "IL21": np.concatenate([np.array(PK_HOURS), 96.0 + np.array(PK_HOURS)]),
        "sCD25": 24.0 * (np.array(SCD25_DAYS) - 1),
        "ALC": 24.0 * (np.array(LAB_DAYS) - 1),
    }
    times = np.unique(np.concatenate(list(visits.values())))
    simulated = simulate(truth(), regimen(f"{dose} ug/kg"), subjects=len(names), seed=seed, times=times)
    tables = []
    for analyte, when in visits.items():
        output = "C" if analyte == "IL21" else analyte
        values = simulated[f"{output}_measured"].values[0][:, np.searchsorted(times, when)]
        text = [f"{v:.4g}" if analyte != "IL21" or v >= LLOQ else f"<{LLOQ}" for v in values.ravel()]
        grid = pandas.MultiIndex.from_product([names, when], names=["subject", "time"]).to_frame(index=False)
        tables.append(
            grid.assign(
                nominal_time=grid["time"], analyte=analyte, value=text, occasion=(grid["time"] // 24 + 1).astype(int)
            )
        )
    return pandas.concat(tables, ignore_index=True)


@checked
def virtual_trial(
    subjects: int = 5000,
    *,
    seed: int = 2014,
    dose: str = "30 ug/kg",
    days: Sequence[int] = LAB_DAYS,
    measurement_error: bool = True,
) -> dict[str, float]:
    """Return the shares (%) of virtual patients by worst grade of lymphopenia in one course.

    Parameters
    ----------
    subjects, seed : int
        How many patients, and their seed.
    dose : str
        Dose level.
    days : sequence of int
        Days of pre-dose blood counts; the first is the baseline, the worst grade is that of the others.
    measurement_error : bool
        Grade the measured counts, as a trial does, or the exact ones.

    Returns
    -------
    dict
        ``"any"``, ``"grade 3"``, ``"grade 4"`` and ``"low at baseline"``, each in %.
    """
    times = 24.0 * (np.array(days, dtype=float) - 1)
    what = "ALC_measured" if measurement_error else "ALC"
    counts = simulate(truth(), regimen(dose), subjects=subjects, seed=seed, times=times, keep=what)[what].values[0]
    worst = worst_grade("lymphocytes", counts[:, 1:], limit=LLN)
    shares = {"any": worst >= 1, "grade 3": worst == 3, "grade 4": worst == 4, "low at baseline": counts[:, 0] < LLN}
    return {name: 100 * float(mask.mean()) for name, mask in shares.items()}


def exposure_by_day(study: Study, dose: float = 30.0, **options: Any) -> dict[str, pandas.DataFrame]:
    """Return NCA summaries of IL-21 at one dose level: ``"single dose"`` (day 1) and ``"repeated dose"`` (day 5)."""
    from pkpd.nca import nca, summarise

    people = study.subjects
    part = study.select(subjects=people["subject"][people["dose_level"] == dose])
    result = nca(part, "IL21", **options)
    times = result["dose_time"].values
    return {
        name: summarise(result.isel(profile=np.flatnonzero(times == when)))
        for name, when in (("single dose", 0.0), ("repeated dose", 96.0))
    }


def responses(study: Study) -> dict[str, xarray.Dataset]:
    """Return what a trial reports of lymphocytes and sCD25 without a model, one row per patient.

    Parameters
    ----------
    study : Study
        With the analytes ALC and sCD25, such as a synthetic one.

    Returns
    -------
    dict
        ``"ALC"``, with times and areas below the lower limit of normal and below the limits of grades 2, 3 and 4, and
        ``"sCD25"``, with those above twice and five times the baseline; values at every visit. See
        `pkpd.nca.nca_response`.
    """
    from pkpd.nca import nca_response

    table = criteria("CTCAE v3.0").table
    edges = table.query("test == 'lymphocytes' and basis == 'absolute'")["limit_si"].tolist()
    asked: dict[str, tuple[Sequence[float | str], Sequence[int]]] = {
        "ALC": ([LLN, *edges], LAB_DAYS),
        "sCD25": (["200 %", "500 %"], SCD25_DAYS),
    }
    return {
        analyte: nca_response(study, analyte, limits=limits, visits=[24.0 * (day - 1) for day in days])
        for analyte, (limits, days) in asked.items()
    }


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
