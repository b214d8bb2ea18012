"""Tables whose rows are events: doses, samples and resets in the order of the rows, told apart by EVID, MDV and AMT.

The codes of NONMEM (EVID, AMT, RATE, II, ADDL, SS, CMT, MDV, DVID) and CENS become the words of a `Study` here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas

from pkpd.arrays import Array, Flags
from pkpd.io.cells import flag, is_missing, label, number
from pkpd.io.clock import Times, align, read_times
from pkpd.io.columns import fold, missing_column, split_unit
from pkpd.io.findings import Findings
from pkpd.io.nonmem_checks import Events, problems_of
from pkpd.io.shape import SIDES, wide_columns
from pkpd.io.table import Table, positions
from pkpd.records import DOSE, OBSERVATION, OTHER, QUESTION, RECORD_COLUMNS, RESET, RESET_DOSE

if TYPE_CHECKING:
    from pkpd.io.reading import Job

EVENTS = {
    "evid": ("eventid",),
    "mdv": (),
    "rate": ("infusionrate",),
    "additional": ("addl", "additionaldoses"),
    "interval": ("ii", "dosinginterval"),
    "steady_state": ("ss",),
    "compartment": ("cmt",),
    "cens": ("censored", "censoring"),
    "limit": (),
}
"""Columns of event tables, with their other names (lower case, without spaces)."""
_ITEM = {
    "evid": "EVID", "mdv": "MDV", "amount": "AMT", "amount_per_kg": "AMT", "rate": "RATE", "additional": "ADDL",
    "interval": "II", "steady_state": "SS", "compartment": "CMT",
}  # fmt: skip
_KINDS = {1: DOSE, 2: OTHER, 3: RESET, 4: RESET_DOSE}
_MOST = 50  # problems that are written out


@dataclass(frozen=True)
class EventRules:
    """How an event table is read.

    Attributes
    ----------
    strict : bool
        Whether rows must stand as NONMEM wants them (`read_nonmem`); otherwise they are put in order.
    carried : {"next", "last"}
        How covariates that change are carried between records.
    routes : str or mapping
        Route of the doses, or of those into a compartment, by its number or name.
    analytes : mapping
        What a value of DVID (or of CMT) measures.
    """

    strict: bool = False
    carried: str = "next"
    routes: str | Mapping[str, str] = field(default_factory=dict)
    analytes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EventTable:
    """An event table whose codes are numbers and whose rows are in order.

    Attributes
    ----------
    table : Table
        The rows.
    owners : list of str
        Subject of every row; a subject that comes again in a strict table is another one.
    events : Events
        NONMEM's data items.
    time : array, shape (rows,)
        In the study's unit, on a clock that never falls within a subject.
    clock : array, shape (rows,)
        As the table gives it.
    filled : array of bool, shape (rows,)
        Whether the row holds a measured value.
    """

    table: Table
    owners: list[str]
    events: Events
    time: Array
    clock: Array
    filled: Flags


def is_event_table(table: Table) -> bool:
    """Say whether a table has columns that only an event table has, or the four of every NONMEM data set."""
    dosing = "amount" in table or "amount_per_kg" in table
    if any(column in table for column in ("evid", "mdv", "cens")):
        return True
    if dosing and any(column in table for column in ("rate", "additional", "interval", "steady_state", "compartment")):
        return True
    known = {fold(heading) for heading in table.headings.values()}
    return dosing and {"id", "time", "amt", "dv"} <= known


def without_events(table: Table) -> Table:
    """Return a table that is no event table: columns that only look like one's are columns like any other."""
    return replace(table, extras=(*table.extras, *(column for column in EVENTS if column in table)))


def read_events(job: Job, table: Table, names: Sequence[str], rules: EventRules) -> EventTable | None:
    """Return the rows in order, with their codes checked; None when a problem makes more reading useless."""
    findings, before = job.findings, len(job.findings.problems)
    if "subject" not in table:
        missing_column(table, "subject", "the identifier of every record's subject", findings)
        return None
    owners = [label(cell) or "" for cell in table.columns["subject"]]
    times = read_times(table, job.units["time"], findings)
    if not rules.strict:
        table, owners, times = _put_in_order(table, owners, times, findings)
    measured = ["value"] if "value" in table else list(wide_columns(table, names).values())
    filled = np.array([any(not is_missing(table.cell(c, i)) for c in measured) for i in range(len(table))], dtype=bool)
    events = _items(table, owners, filled, findings)
    dosing = np.isin(events.items["EVID"], (1, 4))
    aligned, _ = align(
        times, Times(times.kind, times.values[dosing], times.bad[dosing]),
        (owners, [owner for owner, given in zip(owners, dosing, strict=True) if given]), job.units["time"], findings,
    )  # fmt: skip
    events.add("TIME", aligned.tolist())
    found = [*events.texts, *([] if events.texts else problems_of(events))]
    findings.problems += found[:_MOST] + ([f"and {len(found) - _MOST} more"] if len(found) > _MOST else [])
    if len(findings.problems) > before:
        return None
    time = np.concatenate([one_clock(aligned[run], events.resets[run]) for run in _runs(events.starts)])
    named, holds = _again(owners, events.starts, findings), _asked(events, table, filled, findings)
    return EventTable(table, named, events, time, aligned, holds)


def _put_in_order(table: Table, owners: list[str], times: Times, findings: Findings) -> tuple[Table, list[str], Times]:
    """Bring the rows of a subject together, and into the order of time where no reset starts it anew."""
    place = {owner: k for k, owner in enumerate(dict.fromkeys(owners))}
    who = np.array([place[owner] for owner in owners])
    resets = any(number(cell) in (3, 4) for cell in table.columns.get("evid", ()))
    clock = np.zeros(len(who)) if resets else np.nan_to_num(times.values)
    order = np.lexsort((np.arange(len(who)), clock, who))
    if (order == np.arange(len(who))).all():
        return table, owners, times
    findings.altered(f"{table.name}: the rows were put in order of subject and time; those of one time keep theirs")
    keep = order.tolist()
    ordered = Times(times.kind, times.values[order], times.bad[order])
    return table.take(keep), [owners[k] for k in keep], ordered


def _items(table: Table, owners: Sequence[str], filled: Flags, findings: Findings) -> Events:
    """NONMEM's data items but the time, as numbers."""
    events = Events(len(table), rows=table.rows, names=owners)
    codes = {owner: float(k) if owner else np.nan for k, owner in enumerate(dict.fromkeys(owners))}
    events.add("ID", [codes[owner] for owner in owners])
    for column, item in _ITEM.items():
        if column in table:
            events.shown[item] = table.headings.get(column, item)
            events.add(item, [nonmem_cell(cell) for cell in table.columns[column]])
    if "EVID" in events.items:
        _coded_compartments(events, findings)
    elif "AMT" in events.items:
        _without_evid(events, table, filled)
    events.complete()
    return events


def _coded_compartments(events: Events, findings: Findings) -> None:
    """Codes such as 101 or 201 (RxODE's) are doses into compartment 1 or 2."""
    evid = events.items["EVID"]
    coded = (evid > 100) & (evid < 10_000) & (np.fmod(np.where(np.isfinite(evid), evid, 0.0), 100) == 1)
    if coded.any():
        events.items["CMT"] = np.where(coded, evid // 100, events.items.get("CMT", np.zeros(len(evid))))
        events.missing.setdefault("CMT", np.zeros(len(evid), dtype=bool))
        events.items["EVID"] = np.where(coded, 1.0, evid)
        findings.fact(f"{int(coded.sum())} records with EVID such as {evid[coded][0]:g} are doses into a compartment")


def _without_evid(events: Events, table: Table, filled: Flags) -> None:
    """Without EVID a row with an amount is a dose; one that also holds a value (other than 0) could be either."""
    given = events.items["AMT"] != 0
    silent = events.items["MDV"] != 0 if "MDV" in events.items else np.zeros(len(events), dtype=bool)
    for k in positions(given & filled & ~silent):
        cell = table.cell("value", k)
        if "value" not in table or number(cell) != 0:
            events.texts.append(
                f"{table.place('amount', k)}: the row has an amount and a value; expected a row for each, or MDV 1"
            )


def _asked(events: Events, table: Table, filled: Flags, findings: Findings) -> Flags:
    """Which rows hold an observation; what stands in the value column elsewhere is counted."""
    silent = events.items["MDV"] != 0 if "MDV" in events.items else np.zeros(len(events), dtype=bool)
    asks = events.items["EVID"] == 0
    said = np.array([not is_missing(c) and number(c) != 0 for c in table.columns.get("value", [None] * len(table))])
    if lost := int((said & ~asks).sum()):
        findings.altered(f"{table.name}: {lost} values on records that are no observation (EVID) were left out")
    if lost := int((filled & asks & silent).sum()):
        findings.fact(f"{table.name}: {lost} records with MDV 1 hold no observation")
    if lost := int((~filled & asks & ~silent).sum()):
        findings.fact(f"{table.name}: {lost} records without a dose and without a value are only times")
    holds: Flags = asks & filled & ~silent
    return holds


def _again(owners: list[str], starts: Flags, findings: Findings) -> list[str]:
    """Give a subject that comes again a name of its own."""
    seen: Counter[str] = Counter()
    named: list[str] = []
    for owner, start in zip(owners, starts.tolist(), strict=True):
        seen[owner] += start
        named.append(owner if seen[owner] == 1 else f"{owner} ({seen[owner]})")
    if twice := sorted(owner for owner, count in seen.items() if count > 1):
        findings.altered(f"subjects that come again after others are others: {', '.join(twice[:5])} became '… (2)'")
    return named


def _runs(starts: Flags) -> list[slice]:
    edges = [*np.flatnonzero(starts).tolist(), len(starts)]
    return [slice(a, b) for a, b in pairwise(edges)]


def one_clock(time: Array, resets: Flags) -> Array:
    """Times that never fall: where a reset starts the clock anew, it runs on a little after the record before."""
    falls = np.flatnonzero(resets[1:] & (time[1:] < time[:-1])) + 1
    if not falls.size:
        return time
    running = time.copy()
    for k in falls:
        running[k:] += running[k - 1] + max(1.0, abs(running[k - 1]) * 1e-9) - running[k]
    return running


def nonmem_cell(cell: object) -> float | str | None:
    """A number, None for an empty cell or a dot, or the text."""
    if isinstance(cell, (int, float)):
        return None if cell != cell else float(cell)
    text = "" if cell is None else str(cell).strip()
    if text in ("", ".", "NA", "nan", "NaN", "<NA>", "None"):
        return None
    try:
        value = float(text)
    except ValueError:
        return text
    return None if value != value else value


def samples_of(rows: EventTable, names: Sequence[str], rules: EventRules) -> Table:
    """Return the rows that hold a value as a table of observations, with marks, analytes and censoring as texts."""
    table, keep = rows.table, positions(rows.filled)
    dropped = {"amount", "amount_per_kg", "route", "duration", "mark", *EVENTS}
    part = table.take(keep)
    columns = {name: cells for name, cells in part.columns.items() if name not in dropped}
    marks = _marks(rows)
    columns["mark"] = [marks[k] for k in keep]
    if "value" in columns and "analyte" not in columns:
        seen = [rows.events.compartment(k) for k in keep]
        if "" not in seen and len(set(seen)) > 1:
            columns["analyte"] = list(seen)
        elif not names:
            columns["analyte"] = [table.headings.get("value", "DV")] * len(keep)
    if "analyte" in columns:
        columns["analyte"] = [rules.analytes.get(label(cell) or "", cell) for cell in columns["analyte"]]
    if "cens" in table and "value" in columns:
        columns["value"] = [_censored(table.cell("cens", k), table.cell("value", k)) for k in keep]
    elif "blq" in table and "lloq" in table and "value" in columns:  # DV holds the limit, as with CENS
        at_limit = [number(part.cell("value", i)) == number(part.cell("lloq", i)) for i in range(len(part))]
        flags = [1 if flag(part.cell("blq", i)) and at_limit[i] else 0 for i in range(len(part))]
        columns["value"] = [_censored(f, cell) for f, cell in zip(flags, columns["value"], strict=True)]
    return replace(part, columns=columns, extras=())


def _censored(code: object, value: object) -> object:
    """Write a value with CENS 1 as below it, one with CENS -1 as above it."""
    side, limit = number(code), number(value)
    if side not in (1.0, -1.0):
        return value
    if limit is None or not limit > 0:
        return "BLQ" if side == 1.0 else "ALQ"
    return f"{'<' if side == 1.0 else '>'}{limit!r}"


def _marks(rows: EventTable) -> list[str]:
    """ "post" where a dose of the same time stands in an earlier row, "pre" where one follows."""
    given = np.isin(rows.events.items["EVID"], (1, 4))
    who = np.cumsum(rows.events.starts)
    frame = pandas.DataFrame({"who": who, "time": rows.time, "given": given})
    groups = frame.groupby(["who", "time"], sort=False)["given"]
    before, total = groups.cumsum().to_numpy(), groups.transform("sum").to_numpy()
    return [str(mark) for mark in np.where(before > 0, "post", np.where(total > 0, "pre", ""))]


def record_frame(rows: EventTable, changing: pandas.DataFrame, occasion: Sequence[str]) -> pandas.DataFrame:
    """Return the table of records (`pkpd.records.RECORD_COLUMNS` and what changes)."""
    events = rows.events
    kinds = [_KINDS.get(int(code), OBSERVATION if measured else QUESTION)
             for code, measured in zip(events.items["EVID"], rows.filled, strict=True)]  # fmt: skip
    where = [("-" if events.sign[k] < 0 else "") + events.compartment(k) for k in range(len(events))]
    columns = (rows.owners, rows.time, rows.clock, np.array(rows.table.rows, dtype=np.int64), kinds, where, occasion)
    return pandas.DataFrame(dict(zip(RECORD_COLUMNS, columns, strict=True))).join(changing)


def covariates_of(
    rows: EventTable, names: Sequence[str], findings: Findings
) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Return covariates that stay the same (one row per subject) and those that change (one row per record).

    Columns of analytes, called `names`, and of their limits are none.
    """
    table = rows.table
    subjects = list(dict.fromkeys(rows.owners))
    fixed: dict[str, object] = {"subject": subjects}
    moving: dict[str, Array] = {}
    codes = pandas.Index(subjects).get_indexer(pandas.Index(rows.owners))
    wide = wide_columns(table, names)
    measured = {*wide.values(), *(k for k in table.extras for a in wide for c in SIDES if fold(k) == fold(a + c))}
    for key in (key for key in table.extras if key not in measured):
        name = split_unit(table.headings.get(key, key))[0]
        cells = table.columns[key]
        numbers = [number(cell) for cell in cells]
        values = np.array([np.nan if value is None else value for value in numbers], dtype=float)
        texts = any(value is None for value in numbers)
        if np.isinf(values).any():
            k = positions(np.isinf(values))[0]
            findings.problem(f"{table.place(key, k)}: expected a finite number or a text")
            continue
        column = pandas.Series([None if is_missing(c) else label(c) for c in cells] if texts else values)
        groups = column.groupby(codes)
        if not column.notna().any():
            findings.altered(f"{table.name}: the column '{name}' is not used: it is empty")
        elif (groups.nunique() <= 1).all():
            fixed[name] = groups.first().reindex(range(len(subjects))).to_numpy()
        elif texts:
            findings.altered(f"{table.name}: the column '{name}' is not used: it holds texts that change in a subject")
        elif lost := int(column.isna().sum()):
            findings.altered(f"{table.name}: the column '{name}' is not used: it changes and {lost} cells are empty")
        else:
            moving[name] = values
    return pandas.DataFrame(fixed), pandas.DataFrame(moving, index=range(len(table)))
