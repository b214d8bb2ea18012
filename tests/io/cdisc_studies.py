"""Small studies of every shape, for round trips through other people's tables."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import pandas
from hypothesis import strategies as st

from pkpd.errors import DataWarning
from pkpd.io import read_study
from pkpd.study import Study

TEXTS = st.text("abcXYZ 0189-", min_size=1, max_size=6).map(str.strip).filter(bool).filter(lambda s: s != "-")
LABELS = TEXTS.map(lambda s: f"v{s}")


def quiet(reader: Any, *tables: Any, **options: Any) -> Any:
    """Call a reader or writer without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return reader(*tables, **options)


@st.composite
def studies(draw: st.DrawFn) -> Study:
    """A study of one to three subjects whose first dose is at time 0, or that has no doses."""
    decimals = st.integers(0, 30000).map(lambda k: k / 100)
    time = st.one_of(decimals, st.floats(1e-6, 300))  # thirty decimals of a second hold no time of 1e-100 h
    names = draw(st.lists(st.one_of(st.integers(1, 99), LABELS), min_size=1, max_size=3, unique_by=str))
    collected = draw(st.booleans())
    analytes = draw(st.sampled_from([["IL21"], ["IL21", "a long name"], ["IL21 (SERUM)", "IL21 (URINE)"], ["X", "x'"]]))
    units = {"time": draw(st.sampled_from(["h", "day", "min"])), "dose": draw(st.sampled_from(["mg", "ug/kg"]))}
    units |= dict.fromkeys(analytes, draw(st.sampled_from(["ng/mL", "nmol/L"])))
    rows: list[dict[str, Any]] = []
    for name in names:
        for k, analyte in enumerate(analytes):
            times = sorted(draw(st.lists(time, min_size=2, max_size=5, unique=True)))
            if collected and k == len(analytes) - 1:
                units["volume"] = "mL"
                rows += [sample(draw, name, analyte, a) | {"until": b, "volume": draw(st.floats(0, 3000))}
                         for a, b in itertools.pairwise(times)]  # fmt: skip
            else:
                rows += [sample(draw, name, analyte, a) for a in times]
    dosed = draw(st.booleans())
    doses = pandas.DataFrame([row for name in names for row in given(draw, name, time)]) if dosed else None
    people = pandas.DataFrame({"subject": names, "weight": [60.5 + k for k in range(len(names))],
                               "cohort": [draw(LABELS) for _ in names]})  # fmt: skip
    if not dosed:
        del units["dose"]
    return quiet(read_study, pandas.DataFrame(rows), doses, people, units={**units, "weight": "kg"})


def sample(draw: st.DrawFn, name: Any, analyte: str, time: float) -> dict[str, Any]:
    value = draw(st.one_of(st.floats(0, 1e6), st.sampled_from(["BLQ", "<0.1", ">500", 0.05])))
    excluded = draw(st.booleans()) and draw(st.booleans())
    return {
        "subject": name, "analyte": analyte, "time": time, "value": value,
        "lloq": 0.1 if draw(st.booleans()) else None, "nominal_time": draw(st.sampled_from([None, 0, 1, 2.5, 1 / 3])),
        "occasion": draw(st.sampled_from([None, "day 1", 2])), "mark": draw(st.sampled_from(["", "pre", "post"])),
        "excluded": int(excluded), "reason": "clot" if excluded else "",
    }  # fmt: skip


def given(draw: st.DrawFn, name: Any, time: st.SearchStrategy[float]) -> list[dict[str, Any]]:
    rows = []
    for at in [0.0, *draw(st.lists(time, max_size=2))]:
        route = draw(st.sampled_from(["bolus", "infusion", "oral"]))
        lasting = draw(st.floats(0.01, 5)) if route == "infusion" else None
        rows.append({"subject": name, "time": at, "amount": draw(st.floats(0, 1e4)), "route": route,
                     "duration": lasting, "occasion": draw(st.sampled_from([None, "day 1"]))})  # fmt: skip
    return rows
