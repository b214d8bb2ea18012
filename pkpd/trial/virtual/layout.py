"""The results of a block of virtual trials as datasets over trial and patient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.trial.virtual.enrolment import NOBODY, Enrolment
from pkpd.trial.virtual.plan import VirtualPlan

if TYPE_CHECKING:
    import xarray

TRIALS = 20
"""Trials of a block. It is part of what a seed means: another number, other patients."""


def laid_out(
    plan: VirtualPlan, block: int, found: Enrolment, patients: dict[str, Any], courses: dict[str, Any],
    scans: dict[str, Any], baseline: Array, days: Array,
) -> dict[str, xarray.Dataset]:  # fmt: skip
    """The tables of a block as datasets over trial and patient."""
    import xarray

    shape = (TRIALS, plan.patients)
    trial = 1 + block * TRIALS + np.arange(TRIALS)
    coords = {"trial": trial, "patient": np.arange(1, plan.patients + 1)}
    dims = ("trial", "patient")
    enrolled = found.level != NOBODY
    doses = np.array([*plan.design.doses, np.nan])  # the last one is that of NOBODY and STOP
    own = {name: (dims, np.asarray(values).reshape(shape)) for name, values in patients.items()}
    own["dose"] = (dims, doses[found.level])
    own["baseline_sum"] = (dims, np.where(enrolled, np.round(baseline.reshape(shape), 1), np.nan))
    steps = found.steps
    return {
        "cohorts": xarray.Dataset(
            {
                "treated": (("trial", "level"), found.treated), "toxic": (("trial", "level"), found.toxic),
                "chosen": ("trial", found.chosen), "complete": ("trial", found.complete),
                "steps": (("trial", "step", "what"), _padded(steps, plan.patients)),
            },
            {"trial": trial, "level": np.arange(len(plan.design.doses)),
             "what": ["level", "evaluable", "toxic", "next"], "step": np.arange(1, plan.patients + 1)},
        ),
        "patients": xarray.Dataset(own, coords),
        "courses": xarray.Dataset(
            {name: ((*dims, "course"), values.reshape(*shape, -1)) for name, values in courses.items()},
            {**coords, "course": np.arange(1, plan.courses + 1)},
        ),
        "scans": xarray.Dataset(
            {name: ((*dims, "day"), values.reshape(*shape, -1)) for name, values in scans.items()},
            {**coords, "day": days},
        ),
    }  # fmt: skip


def _padded(steps: Integers, most: int) -> Integers:
    """Steps of all blocks have one length; −2 where there was none."""
    full = np.full((steps.shape[0], most, steps.shape[2]), -2)
    full[:, : steps.shape[1]] = steps
    return full


__all__ = ["TRIALS", "laid_out"]
