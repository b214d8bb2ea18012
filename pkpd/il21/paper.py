"""What the paper prints: dosing days, cohorts, limit of the assay, aggregate numbers, Tables 1–3."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest

if TYPE_CHECKING:
    import pandas

LLOQ = 0.112
"""Lower limit of quantification of serum IL-21, ng/mL (published)."""
DOSE_DAYS = (1, 2, 3, 4, 5, 15, 16, 17, 18, 19)
"""Dosing days of a course (published)."""
COHORTS = (("phase 1", 10, 8), ("phase 1", 30, 4), ("phase 1", 40, 3), ("phase 1", 50, 4), ("phase 2", 30, 33))
"""Phase, dose in ug/kg and patients (published)."""

PUBLISHED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "single dose": MappingProxyType({"auc": 188.0, "auc_cv": 34.0, "half_life": 1.82, "half_life_cv": 23.0}),
        "repeated dose": MappingProxyType({"auc": 226.0, "auc_cv": 37.0, "half_life": 1.95, "half_life_cv": 13.0}),
        "lymphopenia": MappingProxyType({"patients": 33, "any": 32, "grade 3": 16, "grade 4": 7}),
        "response": MappingProxyType({"patients": 33, "PR": 7, "SD": 20, "disease control": 27}),
    }
)
"""Numbers of the paper: exposure at 30 ug/kg (h·ng/mL, h, CV %), worst lymphopenia and response in phase 2 (counts)."""
_TABLES = {
    "baseline": "table1_baseline.csv",
    "toxicity": "table2_toxicity.csv",
    "response": "table3_response.csv",
    "responders": "table4_responders.csv",
    "cohorts": "cohorts.csv",
    "text": "text.csv",
}


@checked
def published_table(name: str) -> pandas.DataFrame:
    """Return what the paper prints, as it prints it.

    Parameters
    ----------
    name : {"baseline", "toxicity", "response", "responders", "cohorts", "text"}
        Tables 1 to 3; responders by prior agent (of Table 4, as far as they are known to us); the cohorts of phase 1 in
        their order, of which who could be evaluated is *inferred*; numbers and claims of the text, with their place.

    Raises
    ------
    InputError
        If there is no such table.
    """
    import pandas

    if name not in _TABLES:
        raise InputError(f"unknown table {name!r}; {nearest(name, _TABLES)}")
    with (resources.files("pkpd.data") / "il21" / _TABLES[name]).open(encoding="utf-8") as stream:
        return pandas.read_csv(stream)
