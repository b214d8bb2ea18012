"""What single rows of a table of doses are: doses, resets or something else, and until when an infusion runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pkpd import units as unit_tools
from pkpd.arrays import Array, Flags
from pkpd.io.cells import is_missing, number
from pkpd.io.clock import Times, read_times
from pkpd.io.findings import Findings
from pkpd.io.table import Table

_NOT_GIVEN = {0.0: "an observation", 2.0: "another event"}
_CLOSE = 1e-6  # relative: a length and a rate that were rounded when they were written


def given_rows(table: Table, findings: Findings) -> Table:
    """Return the rows that give a dose or reset (EVID 1, 3, 4); others are counted and left out.

    EVID 3 becomes a reset without an amount, EVID 4 one with it. MDV says nothing of a dose.
    """
    if "evid" in table:
        table = _by_code(table, findings)
    columns = {key: cells for key, cells in table.columns.items() if key not in ("evid", "mdv")}
    return replace(table, columns=columns)


def _by_code(table: Table, findings: Findings) -> Table:
    codes = [0.0 if is_missing(cell) else number(cell) for cell in table.columns["evid"]]
    for i in (k for k, code in enumerate(codes) if code not in (0.0, 1.0, 2.0, 3.0, 4.0)):
        table.complain(findings, "evid", i, "0, 1, 2, 3 or 4")
    amount = "amount" if "amount" in table else "amount_per_kg"
    lost = Counter(_NOT_GIVEN[code] for code in codes if code in _NOT_GIVEN)
    for what, count in sorted(lost.items()):
        findings.altered(f"{table.name}: {count} rows are no dose but {what} (EVID) and were left out")
    resets = [code in (3.0, 4.0) for code in codes]
    if any(resets):
        columns = dict(table.columns)
        before = columns.get("reset", [None] * len(table))
        columns["reset"] = [True if reset else cell for reset, cell in zip(resets, before, strict=True)]
        if amount in columns:
            columns[amount] = [0.0 if code == 3.0 else cell for code, cell in zip(codes, columns[amount], strict=True)]
        table = replace(table, columns=columns)
    return table.take([i for i, code in enumerate(codes) if code not in _NOT_GIVEN])


def with_lengths(table: Table, times: Times, units: Mapping[str, str], own: str, findings: Findings) -> Table:
    """Return a table of doses whose ends of infusions (``until``) have become durations.

    Parameters
    ----------
    table : Table
        Doses.
    times : Times
        When they begin.
    units : mapping
        Units by name; a duration is in ``"duration"``, else in `own`, else in ``"time"``.
    own : str
        Unit that the heading of the durations carries, or "".
    findings : Findings
        Where problems go.
    """
    if "until" not in table:
        return table
    ended = [i for i, cell in enumerate(table.columns["until"]) if not is_missing(cell)]
    if not ended:
        return table
    stops = table.take(ended)
    columns = {key: cells for key, cells in stops.columns.items() if key not in ("datetime", "clock", "nominal_time")}
    stops = replace(stops, columns={**columns, "time": columns["until"]},
                    headings={**stops.headings, "time": stops.headings.get("until", "until")}, extras=())  # fmt: skip
    until = read_times(stops, units["time"], findings)
    if until.kind != times.kind and not (until.bad.all() or times.bad.all()):
        table.complain(findings, "until", ended[0], "a time of the same kind as that of the dose")
        return table
    per = {"number": 1.0, "clock": unit_tools.factor("h", units["time"])}.get(
        times.kind, unit_tools.factor("s", units["time"])
    )
    length = (until.values - times.values[ended]) * per
    ratio = unit_tools.factor(units.get("duration", own or units["time"]), units["time"])
    told, _ = table.numbers("duration", findings, "a time ≥ 0")
    cells = list(table.columns.get("duration", [None] * len(table)))
    for i, lasts in zip(ended, (length / ratio).tolist(), strict=True):
        if lasts < 0:
            table.complain(findings, "until", i, "an end that is not before the time of the dose")
        elif told[i] > 0 and not abs(told[i] - lasts) <= _CLOSE * lasts:
            table.complain(findings, "until", i, f"the end after the duration {told[i]:g} of the column "
                           f"'{table.headings.get('duration', 'duration')}'")  # fmt: skip
        elif lasts == lasts:
            cells[i] = lasts
    headings = {"duration": table.headings["until"], **table.headings}
    return replace(table, columns={**table.columns, "duration": cells}, headings=headings)


def contradictions(amount: Array, rate: Array, length: Array) -> Flags:
    """Return where a rate and a length contradict each other: amount ≠ rate · length, shape (rows,)."""
    with np.errstate(invalid="ignore"):
        agree = np.abs(rate * length - amount) <= _CLOSE * amount
    return np.asarray((rate > 0) & (length > 0) & ~agree)
