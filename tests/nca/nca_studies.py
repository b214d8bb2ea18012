"""Studies made by hand, so that the tests of NCA need no reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas

from pkpd.records import DOSE_COLUMNS
from pkpd.study import OBSERVATION_COLUMNS, Study


def make_study(
    samples: Iterable[Mapping[str, Any]],
    doses: Iterable[Mapping[str, Any]],
    *,
    units: Mapping[str, str],
    subjects: pandas.DataFrame | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Study:
    """Return a study; a sample needs subject, time and value, a dose subject, time and amount."""
    blank = {
        "analyte": "C", "blq": False, "lloq": float("nan"), "alq": False, "uloq": float("nan"),
        "nominal_time": float("nan"), "occasion": None, "mark": "", "excluded": False, "reason": "",
    }  # fmt: skip
    rows = [{**blank, **sample, "row": i + 1} for i, sample in enumerate(samples)]
    given = [{"route": "bolus", "duration": 0.0, "occasion": None, **d, "row": i + 1} for i, d in enumerate(doses)]
    table = pandas.DataFrame(rows, columns=list(OBSERVATION_COLUMNS))
    table = table.astype({"time": float, "value": float, "blq": bool, "excluded": bool})
    table = table.sort_values(["subject", "analyte", "time"], kind="stable").reset_index(drop=True)
    dosing = pandas.DataFrame(given, columns=list(DOSE_COLUMNS))
    dosing = dosing.astype({"time": float, "amount": float, "duration": float})
    dosing = dosing.sort_values(["subject", "time"], kind="stable").reset_index(drop=True)
    if subjects is None:
        known = [*table["subject"], *dosing["subject"]]
        subjects = pandas.DataFrame({"subject": sorted(set(known))})
    return Study(table, dosing, subjects, units, attrs=attrs or {})
