"""What the synthetic trial reports of sCD25 and lymphocytes without a model, dose level by dose level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Array

if TYPE_CHECKING:
    import pandas
    import xarray

_STUDY_DAY = "study day"
# Analyte, parameter, limit, words, what the number is divided by (a study day begins with 1), digits.
_ROWS: tuple[tuple[str, str, str, str, float | str, int], ...] = (
    ("ALC", "baseline", "", "ALC at baseline, 10^9/L", 1.0, 2),
    ("ALC", "r_min", "", "ALC nadir, 10^9/L", 1.0, 2),
    ("ALC", "percent_change_min", "", "ALC nadir, % change", 1.0, 0),
    ("ALC", "t_min", "", "ALC nadir, study day", _STUDY_DAY, 0),
    ("ALC", "time_below_t", "1", "ALC below LLN, days", 24.0, 1),
    ("ALC", "time_below_t", "0.5", "ALC < 0.5 (grade 3), days", 24.0, 1),
    ("ALC", "auc_below_b", "", "ALC area below R0, d·10^9/L", 24.0, 1),
    ("ALC", "time_to_recovery", "", "ALC nadir to baseline, days", 24.0, 1),
    ("sCD25", "baseline", "", "sCD25 at baseline, ng/mL", 1.0, 2),
    ("sCD25", "r_max", "", "sCD25 peak, ng/mL", 1.0, 1),
    ("sCD25", "fold_max", "", "sCD25 peak, times baseline", 1.0, 1),
    ("sCD25", "t_max", "", "sCD25 peak, study day", _STUDY_DAY, 0),
    ("sCD25", "time_above_t", "200 %", "sCD25 > 2x baseline, days", 24.0, 1),
    ("sCD25", "auc_above_b", "", "sCD25 area above R0, d·ng/mL", 24.0, 0),
)


def responses(found: Mapping[str, xarray.Dataset]) -> pandas.DataFrame:
    """Return median and range of what was found, one column per dose level.

    Where patients have no such number (not recovered by the last sample), the next row says how many have one.

    Parameters
    ----------
    found : mapping
        What `pkpd.il21.responses` returned.
    """
    import pandas

    own = found["ALC"]["dose_level"].to_numpy()
    levels = np.unique(own)
    rows: list[tuple[str, ...]] = []
    for analyte, name, limit, words, ratio, digits in _ROWS:
        result = found[analyte]
        values = (result[name].sel(limit=limit) if limit else result[name]).to_numpy()
        values = values / 24.0 + 1.0 if isinstance(ratio, str) else values / ratio
        groups = [values[result["dose_level"].to_numpy() == level] for level in levels]
        rows.append((words, *(_cell(group, digits) for group in groups)))
        if np.isnan(values).any():
            rows.append(("  in so many of them", *(f"{np.isfinite(x).sum()} of {len(x)}" for x in groups)))
    columns = [f"{level:g} ug/kg, n = {int((own == level).sum())}" for level in levels]
    return pandas.DataFrame(rows, columns=["median (range)", *columns]).set_index("median (range)")


def _cell(values: Array, digits: int) -> str:
    """Median and range of those that have a number."""
    known = values[np.isfinite(values)]
    if not len(known):
        return "–"
    middle, low, high = (f"{x:.{digits}f}" for x in (np.median(known), known.min(), known.max()))
    between = " to " if low.startswith("-") else "–"
    return f"{middle} ({low}{between}{high})".replace("-", "−")
