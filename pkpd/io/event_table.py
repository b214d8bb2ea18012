"""Tables whose rows are events: doses, samples and resets in the order of the rows, told apart by EVID, MDV and AMT.

The codes of NONMEM (EVID, AMT, RATE, II, ADDL, SS, CMT, MDV, DVID) and CENS become the words of a `Study`: here the
rows are put in order and their codes checked; samples, doses and covariates of the rows have modules of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.io.cells import is_missing, label, number
from pkpd.io.clock import Times, on_one_axis, read_times
from pkpd.io.columns import fold, missing_column, split_unit
from pkpd.io.event_periods import EventRows, anew_by_label, anew_in_order, periods_by_reset, with_resets
from pkpd.io.findings import Findings
from pkpd.io.job import Job
from pkpd.io.nonmem_checks import Events, problems_of
from pkpd.io.shape import wide_columns
from pkpd.io.table import Table, positions

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
_MARKS_EVENTS = ("evid", "mdv", "cens")
_REPEATS = ("rate", "additional", "interval", "steady_state", "compartment")
_NONMEM = {"subject": "id", "time": "time", "amount": "amt", "value": "dv", "analyte": "dvid", "occasion": "occ"}
_ITEM = {
    "evid": "EVID", "mdv": "MDV", "amount": "AMT", "amount_per_kg": "AMT", "rate": "RATE", "additional": "ADDL",
    "interval": "II", "steady_state": "SS", "compartment": "CMT",
}  # fmt: skip
_MOST = 50  # problems that are written out


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
    row : array of int, shape (rows,)
        Number of every row, rising within a subject: that of the source, or counted where rows were put in order.
    time : array, shape (rows,)
        In the study's unit, on a clock that never falls within a subject.
    clock : array, shape (rows,)
        As the table gives it.
    filled : array of bool, shape (rows,)
        Whether the row holds an observation.
    period : array of int, shape (rows,)
        1, 2 … within a subject: one more at every reset.
    """

    table: Table
    owners: list[str]
    events: Events
    row: Integers
    time: Array
    clock: Array
    filled: Flags
    period: Integers

    @cached_property
    def first(self) -> Integers:
        """The first row of every subject, shape (subjects,)."""
        first: Integers = np.flatnonzero(self.events.starts)
        return first

    @cached_property
    def is_dose(self) -> Flags:
        """Which rows give a dose, shape (rows,)."""
        return np.isin(self.events.items["EVID"], (1, 4))


def is_event_table(table: Table) -> bool:
    """Say whether a table has columns that only an event table has, or the four of every NONMEM data set."""
    if says_what_rows_are(table):
        return True
    dosing = "amount" in table or "amount_per_kg" in table
    if dosing and any(column in table for column in _REPEATS):
        return True
    return dosing and {"id", "time", "amt", "dv"} <= _folded(table.headings.values())


def says_what_rows_are(table: Table) -> bool:
    """Say whether a table has a column EVID, MDV or CENS."""
    return any(column in table for column in _MARKS_EVENTS)


def _folded(headings: Iterable[str]) -> set[str]:
    return {fold(split_unit(heading)[0]) for heading in headings}


def nonmem_words(headings: Iterable[str], words: Mapping[str, str]) -> dict[str, str]:
    """Return the spellings of columns where NONMEM's name is the only one if a heading of an event table is called so.

    In such a table DOSE beside AMT, or CONC beside DV, is a column like any other.
    """
    known = _folded(headings)
    if not known & {*_MARKS_EVENTS, *EVENTS["evid"]} and not {"id", "time", "amt", "dv"} <= known:
        return dict(words)
    taken = {column for column, name in _NONMEM.items() if name in known}
    return {s: c for s, c in words.items() if c not in taken or s in (_NONMEM[c], c)}


def without_events(table: Table) -> Table:
    """Return a table that is no event table: columns that only look like one's are columns like any other."""
    return replace(table, extras=(*_not_into(table), *(column for column in EVENTS if column in table)))


def with_compartments(table: Table) -> Table:
    """Return an event table in which what the user called ``into`` is the compartment."""
    if "into" not in table or "compartment" in table:
        return table
    columns = {"compartment" if key == "into" else key: cells for key, cells in table.columns.items()}
    headings = {"compartment" if key == "into" else key: heading for key, heading in table.headings.items()}
    return replace(table, columns=columns, headings=headings, extras=_not_into(table))


def _not_into(table: Table) -> tuple[str, ...]:
    return tuple(key for key in table.extras if key != "into")


def read_events(job: Job, table: Table, names: Sequence[str]) -> EventTable | None:
    """Return the rows in order, with their codes checked; None when a problem makes more reading useless."""
    findings, before, strict = job.findings, len(job.findings.problems), job.events.strict
    if "subject" not in table:
        missing_column(table, "subject", "the identifier of every record's subject", findings)
        return None
    if "amount" in table and "amount_per_kg" in table:
        findings.problem(f"{table.name}: columns 'amount' and 'amount_per_kg' at once; expected one of them")
        return None
    if "limit" in table and "cens" not in table:
        table = replace(table, extras=(*table.extras, "limit"))  # a column like any other
    owners = [label(cell) or "" for cell in table.columns["subject"]]
    times = read_times(table, job.units["time"], findings)
    uncoded = "evid" not in table
    rows = EventRows(table, owners, times)
    rows, period = (rows, anew_in_order(rows)) if strict else _put_in_order(rows, findings)
    rows = with_resets(rows, period, strict, findings)
    table, owners, times = rows.table, rows.owners, rows.times
    measured = ["value"] if "value" in table else list(wide_columns(table, names).values())
    columns = [table.columns[column] for column in measured]
    filled = np.array([any(not is_missing(cell) for cell in cells) for cells in zip(*columns, strict=True)], dtype=bool)
    filled = filled if measured else np.zeros(len(table), dtype=bool)
    told = np.array([any(map(_says_something, cells)) for cells in zip(*columns, strict=True)], dtype=bool)
    events = _items(table, owners, (told if measured else filled, strict, uncoded), findings)
    dosing = positions(np.isin(events.items["EVID"], (1, 4)))
    clock, _ = on_one_axis(
        times, Times(times.kind, times.values[dosing], times.bad[dosing]),
        (owners, [owners[k] for k in dosing]), job.units["time"], findings,
    )  # fmt: skip
    events.add("TIME", clock.tolist())
    problems = [*events.texts, *([] if events.texts else problems_of(events))]
    findings.problems += problems[:_MOST] + ([f"and {len(problems) - _MOST} more"] if len(problems) > _MOST else [])
    if len(findings.problems) > before:
        return None
    time = one_clock(clock, events.starts, events.resets)
    filled = _observed(events, table, (columns, filled), findings)
    return EventTable(
        table, _again(owners, events.starts, findings), events, _numbered(table, events.starts), time, clock, filled,
        periods_by_reset(events.starts, events.resets),
    )  # fmt: skip


def _put_in_order(rows: EventRows, findings: Findings) -> tuple[EventRows, Integers]:
    """Bring the rows of a subject together, and into the order of time where no reset starts it anew; their periods."""
    place = {owner: k for k, owner in enumerate(dict.fromkeys(rows.owners))}
    who = np.array([place[owner] for owner in rows.owners])
    period = anew_by_label(rows)
    resets = any(number(cell) in (3, 4) for cell in rows.table.columns.get("evid", ()))
    clock = np.zeros(len(who)) if resets else np.nan_to_num(rows.times.values)
    order = np.lexsort((np.arange(len(who)), clock, period, who))
    if (order == np.arange(len(who))).all():
        return rows, period
    findings.altered(
        f"{rows.table.name}: the rows were put in order of subject and time; those of one time keep theirs"
    )
    return rows.take(order.tolist()), period[order]


def _numbered(table: Table, starts: Flags) -> Integers:
    """Numbers of the rows that rise within a subject, since records of one subject act in their order."""
    row = np.array(table.rows, dtype=np.int64)
    falls = (np.diff(row) <= 0) & ~starts[1:]  # a reset that was put in has the row of what it stands before
    return np.arange(1, len(row) + 1) if falls.any() else row


def _items(table: Table, owners: Sequence[str], told: tuple[Flags, bool, bool], findings: Findings) -> Events:
    """NONMEM's data items but the time; `told`: which rows hold values other than 0, how strict, no EVID of its own."""
    said, strict, uncoded = told
    events = Events(len(table), rows=table.rows, names=owners)
    codes = {owner: float(k) if owner else None for k, owner in enumerate(dict.fromkeys(owners))}
    events.shown["ID"] = table.headings.get("subject", "ID")
    events.add("ID", [codes[owner] for owner in owners])
    for column, item in _ITEM.items():
        if column in table:
            events.shown[item] = table.headings.get(column, item)
            events.add(item, [nonmem_cell(cell) for cell in table.columns[column]])
    _no_flag_at_all(events, "table.drop(columns=...)" if strict else "columns={...: 'drop'}")
    if "EVID" in events.items and not uncoded:
        _coded_compartments(events, findings)
    elif "AMT" in events.items:
        _without_evid(events, table, said)
    events.complete()
    events.placebo = not strict
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


def _no_flag_at_all(events: Events, how: str) -> None:
    """A column SS that mostly says the same, and nothing that SS can say, is somebody's own: one problem."""
    if "SS" not in events.items or len(events) < 2:
        return
    steady = events.items["SS"]
    odd = steady[~np.isin(steady, (0, 1, 2, 3))]
    if odd.size and 2 * (same := int((odd == odd[0]).sum())) > len(steady):
        events.texts.append(
            f"column {events.shown['SS']}: {odd[0]:g} in {same} of {len(steady)} rows; expected 0, 1, 2 or 3 where a "
            f"dose is at steady state (if it means something else, leave the column out: {how})"
        )


def _without_evid(events: Events, table: Table, said: Flags) -> None:
    """Without EVID a row with an amount is a dose; one that also holds a value (other than 0) could be either."""
    given = events.items["AMT"] != 0
    silent = events.items["MDV"] != 0 if "MDV" in events.items else np.zeros(len(events), dtype=bool)
    column = "amount" if "amount" in table else "amount_per_kg"
    events.texts += [
        f"{table.place(column, k)}: the row has an amount and a value; expected a row for each, or MDV 1"
        for k in positions(given & said & ~silent)
    ]


def _observed(
    events: Events, table: Table, measured: tuple[Sequence[Sequence[object]], Flags], findings: Findings
) -> Flags:
    """Which rows hold an observation; what stands in the columns of values elsewhere is counted."""
    columns, filled = measured
    silent = events.items["MDV"] != 0 if "MDV" in events.items else np.zeros(len(events), dtype=bool)
    asks = events.items["EVID"] == 0
    elsewhere = [k for k in positions(filled & ~asks) if any(_says_something(cells[k]) for cells in columns)]
    if elsewhere:
        findings.altered(f"{table.name}: {len(elsewhere)} values on records that are no observation were left out")
    for k in positions(np.array([bool(flagged) for flagged in _flagged(table)], dtype=bool) & ~asks):
        findings.problem(f"{table.place('excluded', k)}: a dose cannot be set aside; expected its row to be left out")
    if lost := int((filled & asks & silent).sum()):
        findings.fact(f"{table.name}: {lost} records with MDV 1 hold no observation")
    if lost := int((~filled & asks & ~silent).sum()):
        findings.fact(f"{table.name}: {lost} records without a dose and without a value are only times")
    return np.asarray(asks & filled & ~silent)


def _says_something(cell: object) -> bool:
    return not is_missing(cell) and number(cell) != 0


def _flagged(table: Table) -> Sequence[bool]:
    cells = table.columns.get("excluded")
    return [False] * len(table) if cells is None else [_says_something(cell) for cell in cells]


def _again(owners: list[str], starts: Flags, findings: Findings) -> list[str]:
    """Give a subject that comes again a name of its own."""
    heads = [owners[k] for k in positions(starts)]
    if len(set(heads)) == len(heads):
        return owners
    seen: Counter[str] = Counter()
    named: list[str] = []
    for owner, start in zip(owners, starts.tolist(), strict=True):
        seen[owner] += start
        named.append(owner if seen[owner] == 1 else f"{owner} ({seen[owner]})")
    twice = sorted(owner for owner, count in seen.items() if count > 1)
    findings.altered(f"subjects that come again after others are others: {', '.join(twice[:5])} became '… (2)'")
    return named


def one_clock(time: Array, starts: Flags, resets: Flags) -> Array:
    """Return times that never fall: where a reset starts the clock anew, it runs on a little after the record before.

    Parameters
    ----------
    time : array, shape (rows,)
        As the table gives it.
    starts, resets : array of bool, shape (rows,)
        Whether a row is its subject's first, and whether it may start the clock anew.
    """
    falls = np.flatnonzero(resets[1:] & ~starts[1:] & (time[1:] < time[:-1])) + 1
    if not falls.size:
        return time
    running = time.copy()
    edges = [*np.flatnonzero(starts).tolist(), len(starts)]
    for begin, end in pairwise(edges):
        for k in falls[np.searchsorted(falls, begin) : np.searchsorted(falls, end)].tolist():
            running[k:end] += running[k - 1] + max(1.0, abs(running[k - 1]) * 1e-9) - running[k]
    return running


def nonmem_cell(cell: object) -> float | str | None:
    """A number, None for an empty cell or a dot, or the text; yes and no are 1 and 0 (MDV)."""
    if type(cell) is float:
        return None if cell != cell else cell
    if isinstance(cell, (bool, np.bool_)):
        return float(cell)
    value = number(cell)  # the one grammar of numbers: what Python reads beyond it (1_0, full-width digits) is a text
    if value is None:
        return str(cell).strip()
    return None if value != value else value
