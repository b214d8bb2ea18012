"""Synthetic patients: a study of the published size, a virtual trial of lymphopenia, what they show without a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.il21.case import LLN, regimen, truth
from pkpd.il21.paper import COHORTS, LLOQ
from pkpd.io import read_study
from pkpd.population import Population
from pkpd.simulate import simulate
from pkpd.study import Study
from pkpd.trial import criteria, worst_grade

if TYPE_CHECKING:
    import pandas
    import xarray

PK_HOURS = (0.0, 5 / 60, 1.0, 2.0, 4.0, 8.0)
"""Serum sampling on days 1 and 5: pre-dose, 5 min, 1, 2, 4, 8 h (assumed: it returns the published half-life)."""
LAB_DAYS = (1, 2, 3, 4, 5, 8, 15, 16, 17, 18, 19, 22, 29)
"""Days of pre-dose blood counts (assumed)."""
SCD25_DAYS = (1, 3, 5, 8, 15, 19, 22)
"""Days of pre-dose sCD25 samples (assumed)."""
SYNTHETIC = "SYNTHETIC patients, drawn from an assumed truth; nobody was measured"


@checked
def synthetic_study(seed: int = 21, *, changed: Mapping[str, float] | None = None) -> Study:
    """Return a synthetic study of the published size: 19 patients of phase 1 (10–50 ug/kg) and 33 of phase 2.

    Parameters
    ----------
    seed : int
        Seed of the patients.
    changed : mapping, optional
        Typical values that differ from those of `truth`: ``{"CL": 0.75 * 167}`` is a clearance a quarter lower.

    Returns
    -------
    Study
        Analytes IL21 (ng/mL, LLOQ applied), sCD25 (ng/mL), ALC (10^9/L); doses in ug/kg; weight and phase.
    """
    import pandas

    population, other = truth(), ", ".join(f"{name}={value:g}" for name, value in (changed or {}).items())
    if changed:
        population = replace(population, parameters=population.parameters.with_values(changed))
    samples, doses, people = [], [], []
    seeds = np.random.SeedSequence(seed).generate_state(len(COHORTS))
    for (phase, dose, patients), cohort_seed in zip(COHORTS, seeds, strict=True):
        names = [f"{phase[-1]}-{dose}-{k:02d}" for k in range(1, patients + 1)]
        weights = np.random.default_rng([int(cohort_seed), 1]).lognormal(math.log(85), 0.18, patients)
        samples.append(_samples(population, names, dose, int(cohort_seed)))
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
        attrs={
            "synthetic": True,
            "source": f"pkpd.il21.synthetic_study(seed={seed}{other and ', ' + other}): {SYNTHETIC}",
            "seed": seed,
        },
    )


def _samples(population: Population, names: Sequence[str], dose: float, seed: int) -> pandas.DataFrame:
    """Simulate one cohort and keep each analyte's own visits; IL-21 below the limit is reported as text."""
    import pandas

    visits = {
        "IL21": np.concatenate([np.array(PK_HOURS), 96.0 + np.array(PK_HOURS)]),
        "sCD25": 24.0 * (np.array(SCD25_DAYS) - 1),
        "ALC": 24.0 * (np.array(LAB_DAYS) - 1),
    }
    times = np.unique(np.concatenate(list(visits.values())))
    simulated = simulate(population, regimen(f"{dose} ug/kg"), subjects=len(names), seed=seed, times=times)
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
