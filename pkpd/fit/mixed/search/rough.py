"""Rough start values of a drug's disposition where NCA has none: from doses, peaks and areas of sparse samples."""

from __future__ import annotations

import numpy as np

from pkpd.model.drug import measures_drug
from pkpd.observed import MEASURED, Observed


def rough_values(data: Observed) -> dict[str, float]:
    """Return values for the names CL, V, V1, V2, Q, ka and lag-free relatives that the model has, in its units.

    The volume is the first dose over the highest concentration, clearance all that was given over the area between
    samples, absorption three over the time of the peak; medians over subjects.

    Parameters
    ----------
    data : Observed
        Samples and doses.
    """
    drug = [o for o in data.analytes if measures_drug(data.model, o)]
    if not drug:
        return {}
    mine = data.of(drug[0]) & (data.kind == MEASURED) & (data.upper > 0)
    volumes, clearances, peaks = [], [], []
    for k, given in enumerate(data.doses):
        rows = mine & (data.subject == k)
        amounts = [dose.amount for dose in given if dose.amount > 0]
        if not rows.any() or not amounts:
            continue
        time, value = data.time[rows], data.upper[rows]
        first = min(dose.time for dose in given if dose.amount > 0)
        volumes.append(amounts[0] / value.max())
        peaks.append(max(float(time[value.argmax()] - first), 1e-9))
        span = max(float(time.max() - first), 1e-9)
        area = float(np.trapezoid(value, time)) if len(time) > 1 else 0.0
        clearances.append(sum(amounts) / max(area, float(np.median(value)) * span))
    if not volumes:
        return {}
    volume, clearance = float(np.median(volumes)), float(np.median(clearances))
    return {
        "CL": clearance, "V": volume, "V1": volume, "V2": volume, "V3": volume, "Q": clearance, "Q2": clearance,
        "Q3": clearance, "ka": 3.0 / float(np.median(peaks)), "k": clearance / volume, "ke": clearance / volume,
    }  # fmt: skip
