"""What a trial sees of its patients: concentrations and their NCA, counts and their grades, markers."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.dosing import Dose
from pkpd.nca import Marked, Profiles, Rules, compute
from pkpd.nca.kernel.parameters import NAMES
from pkpd.trial.toxicity.quick import worst_grade
from pkpd.trial.virtual.plan import LaboratoryPlan

EXPOSURES = ("cmax", "auc_last", "half_life")
"""Parameters of the NCA of every sampled day."""


def exposures(values: Array, hours: Array, lloq: float, amount: Array, route: str) -> Array:
    """Return `EXPOSURES` of samples after a dose, shape (patients, parameters); NaN where there are none.

    By the default rules of `pkpd.nca`; every sampled day counts as a first dose, so what is left of the day before is
    part of it.

    Parameters
    ----------
    values : array, shape (patients, samples)
        Measured concentrations; below `lloq` they are BLQ.
    hours : array, shape (samples,)
        After the dose.
    amount : array, shape (patients,)
        Of the dose, in the amount unit of the concentration (per kg as it may be); 0: none was given.
    route : str
        Of the dose.
    """
    place = [NAMES.index(name) for name in EXPOSURES]
    found = np.full((len(values), len(place)), np.nan)
    given = (amount > 0) & np.isfinite(values).all(axis=1)
    if given.any():
        doses = [Dose(0.0, float(one), route) for one in amount[given]]
        marked = Marked(np.maximum(values[given], 0.0), blq=values[given] < lloq)
        profiles = Profiles.from_arrays(hours, marked, dose=doses, lloq=lloq or np.nan)
        found[given] = compute(profiles, Rules()).values[:, place]
    return found


def worst_grades_of(counts: Array, plan: LaboratoryPlan, courses: int) -> Array:
    """Return the worst grade of every course, shape (patients, courses), the baseline left out.

    Parameters
    ----------
    counts : array, shape (patients, courses × days)
        Measured counts in order of time.
    """
    grid = np.array(counts, dtype=float).reshape(len(counts), courses, len(plan.count_days))
    grid[:, 0, 0] = np.nan
    return worst_grade(plan.test, grid, limit=plan.limit, criteria=plan.criteria)


def peak_ratio(markers: Array, started: Flags) -> Array:
    """Return the largest value of a marker over that of the baseline, shape (patients,).

    Parameters
    ----------
    markers : array, shape (patients, courses, days)
        Measured values; the first of the first course is the baseline.
    started : array of bool, shape (patients, courses)
        Which courses a patient had.
    """
    later = np.where(started[:, :, None], markers, -np.inf).reshape(len(markers), -1)[:, 1:]
    peak: Array = later.max(axis=1) / markers[:, 0, 0]
    return peak


__all__ = ["EXPOSURES", "exposures", "peak_ratio", "worst_grades_of"]
