"""Which column of an ADNCA names the visit or period of a record, and whether its clock starts anew with it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pkpd.io.cdisc.tabular import text
from pkpd.io.cells import number
from pkpd.io.periods import periods_of
from pkpd.io.table import Table

_NAMES = ("APERIOD", "APERIODC", "AVISIT", "ATPTREF")


def visit_column(records: Table) -> str:
    """Return the first of APERIOD, APERIODC, AVISIT and ATPTREF that differs within a subject; else AVISIT, else ""."""
    for name in _NAMES:
        seen: dict[str, set[str]] = {}
        for i in range(len(records)) if name in records else ():
            if visit := text(records, name, i):
                seen.setdefault(text(records, "USUBJID", i), set()).add(visit)
        if any(len(visits) > 1 for visits in seen.values()):
            return name
    return next((name for name in ("AVISIT", "APERIOD", "APERIODC", "ATPTREF") if name in records), "")


def with_visits(records: Table, used: Sequence[int]) -> Table:
    """Return records with the column ``visit``, and ``period`` (1, 2 …) where the clock starts anew in each.

    Parameters
    ----------
    records : Table
        ADNCA under the names of CDISC, with the column ``start``.
    used : sequence of int
        Rows that hold samples of their own; a COPY of one under another visit says nothing of the clock.
    """
    column = visit_column(records)
    if not column:
        return records
    visits = list(records.columns[column])
    names = [text(records, column, i) for i in range(len(records))]
    owners = [text(records, "USUBJID", i) for i in range(len(records))]
    start = [number(cell) for cell in records.columns["start"]]
    times = np.array([np.nan if start[i] is None else start[i] for i in used], dtype=float)
    kinds = ["/".join(text(records, name, i) for name in ("PARAM", "PARAMCD", "PCSPEC")) for i in used]
    found = periods_of([owners[i] for i in used], [names[i] for i in used], times, kinds)
    more: dict[str, list[object]] = {"visit": visits}
    if any(period > 1 for period in found.values()):
        more["period"] = [found.get(pair, 1) for pair in zip(owners, names, strict=True)]
    return Table(records.name, {**records.columns, **more}, records.rows, records.headings, records.extras)
