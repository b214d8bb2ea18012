"""Periods of an event table: by its resets, and by an occasion with which the time starts anew without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.io.cells import is_missing, label, number
from pkpd.io.clock import Times
from pkpd.io.findings import Findings
from pkpd.io.periods import DOSE, periods_of
from pkpd.io.table import Table, positions

_GIVEN = ("amount", "amount_per_kg", "rate", "additional", "interval", "steady_state")
_NOT_OF_A_RESET = (*_GIVEN, "duration", "value", "mdv", "cens", "limit", "compartment", "route")


@dataclass(frozen=True, eq=False)
class EventRows:
    """The rows of an event table while they are put in order: the table, subjects and times of its rows."""

    table: Table
    owners: list[str]
    times: Times

    def take(self, places: Sequence[int]) -> EventRows:
        """Return some rows in an order."""
        keep = list(places)
        times = Times(self.times.kind, self.times.values[keep], self.times.bad[keep])
        return EventRows(self.table.take(keep), [self.owners[k] for k in keep], times)


def anew_by_label(rows: EventRows) -> Integers:
    """Return the period of every row where an occasion says that the clock starts anew; 1 where it does not."""
    table = rows.table
    if "occasion" not in table or _has_resets(table):
        return np.ones(len(table), dtype=np.int64)
    labels = [label(cell) or "" for cell in table.columns["occasion"]]
    dosed = _gives_dose(table)
    kinds = [DOSE if given else label(table.cell("analyte", k)) or "value" for k, given in enumerate(dosed.tolist())]
    found = periods_of(rows.owners, labels, rows.times.values, kinds)
    pairs = zip(rows.owners, labels, strict=True)
    return np.array([found.get(pair, 1) for pair in pairs], dtype=np.int64)


def anew_in_order(rows: EventRows) -> Integers:
    """Return the period of every row of a table in order: time falls, and the occasion is another one."""
    table, time = rows.table, rows.times.values
    anew = np.zeros(len(table), dtype=bool)
    if "occasion" in table and len(table):
        labels = [label(cell) or "" for cell in table.columns["occasion"]]
        evid = table.columns.get("evid", [None] * len(table))
        for k in positions(time[1:] < time[:-1]):
            same = rows.owners[k + 1] == rows.owners[k]
            anew[k + 1] = same and labels[k + 1] not in ("", labels[k]) and number(evid[k + 1]) not in (3, 4)
    return 1 + np.asarray(np.cumsum(anew), dtype=np.int64)  # within a subject only differences count


def with_resets(rows: EventRows, period: Integers, strict: bool, findings: Findings) -> EventRows:
    """Return rows in which a reset begins every further period: EVID 4 in place of 1, or a row with EVID 3 before.

    Parameters
    ----------
    rows : EventRows
        Rows in order.
    period : array of int, shape (rows,)
        Period of each; what rises within a subject starts anew.
    strict : bool
        Whether NONMEM itself would refuse the rows as they are, which is warned about.
    findings : Findings
        Where notes go.
    """
    same = np.array([a == b for a, b in zip(rows.owners[1:], rows.owners[:-1], strict=True)], dtype=bool)
    first = np.flatnonzero(same & (period[1:] != period[:-1])) + 1
    if not first.size:
        return rows
    heading = rows.table.headings.get("occasion", "occasion")
    told = findings.altered if strict else findings.fact
    told(
        f"{rows.table.name}: the clock starts anew in {len(first)} periods of {len({rows.owners[k] for k in first})} "
        f"subjects (column '{heading}'); each begins with a reset of the system, as EVID 3 or 4 says it"
    )
    dosed = _gives_dose(rows.table)
    table = _with_codes(rows.table, dosed)
    evid = list(table.columns["evid"])
    for k in first.tolist():
        evid[k] = 4 if dosed[k] else evid[k]
    table = replace(table, columns={**table.columns, "evid": evid})
    alone = {k for k in first.tolist() if not dosed[k]}
    places = [k for k in range(len(table)) for k in ((k, k) if k in alone else (k,))]
    put_in = [n for n, k in enumerate(places) if k in alone and places[n + 1 : n + 2] == [k]]
    made = EventRows(table, rows.owners, rows.times).take(places)
    columns = {name: list(cells) for name, cells in made.table.columns.items()}
    for name, cells in columns.items():
        for n in put_in:
            cells[n] = 3 if name == "evid" else None if _is_empty_in_reset(name, made.table) else cells[n]
    return replace(made, table=replace(made.table, columns=columns))


def _is_empty_in_reset(name: str, table: Table) -> bool:
    return name in _NOT_OF_A_RESET or ("value" not in table and name in table.extras)


def _with_codes(table: Table, dosed: Flags) -> Table:
    """A table with a column EVID: 1 in rows that give a dose, where it has none of its own."""
    if "evid" in table:
        return table
    codes: list[object] = [int(given) for given in dosed.tolist()]
    return replace(table, columns={**table.columns, "evid": codes})


def _has_resets(table: Table) -> bool:
    return any(number(cell) in (3, 4) for cell in table.columns.get("evid", ()))


def _gives_dose(table: Table) -> Flags:
    """Which rows give a dose: EVID 1 or 4; without EVID those that say an amount, a rate or a repetition."""
    if "evid" in table:
        return np.array([number(cell) in (1, 4) or (number(cell) or 0) > 100 for cell in table.columns["evid"]],
                        dtype=bool)  # fmt: skip
    found = np.zeros(len(table), dtype=bool)
    for name in _GIVEN:
        if name in table:
            found |= np.array([not is_missing(cell) and number(cell) != 0 for cell in table.columns[name]], dtype=bool)
    return found


def periods_by_reset(starts: Flags, resets: Flags) -> Integers:
    """Return the period of every row: one more at every reset but one in the first row of its subject.

    Parameters
    ----------
    starts, resets : array of bool, shape (rows,)
        Whether a row is its subject's first, and whether it sets the system back.
    """
    count = np.cumsum(resets & ~starts)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
    return np.asarray(1 + count - count[first], dtype=np.int64)


def period_columns(
    period: Integers, clock: Array, time: Array, until: Array | None = None
) -> dict[str, Array | Integers]:
    """Return `pkpd.periods.PERIOD_COLUMNS`, and the end of collections on the clock that never falls as ``until``."""
    columns: dict[str, Array | Integers] = {"period": period, "clock": clock}
    if until is not None:
        columns |= {"clock_until": until, "until": until + (time - clock)}
    return columns
