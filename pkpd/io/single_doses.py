"""A table in which every sample carries the dose of its subject: one dose at time 0 each, where that is all it can be.

R's ``Theoph``, sheets of Phoenix and most tables made for NCA look so: ``Subject, Dose, Time, conc``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from pkpd import units as unit_tools
from pkpd.io.cells import is_missing, label, number
from pkpd.io.event_table import EVENTS, without_events
from pkpd.io.findings import say
from pkpd.io.headings import fold, is_of
from pkpd.io.job import Job
from pkpd.io.shape import drawn_before, parts, wide_columns
from pkpd.io.table import Table

SINGLE = "single_dose"
"""What the user says of a column that holds the one dose of every row's subject, given at time 0."""
_AMOUNTS = (SINGLE, "amount", "amount_per_kg")
_CLOCKS = ("nominal_time", "datetime", "clock", "time_after_dose", "day", "until")
_OTHER_DOSES = ("mdv", "rate", "additional", "interval", "steady_state")


def single_doses(job: Job, table: Table, names: Sequence[str]) -> tuple[Table, Table] | None:
    """Return samples, and one dose at time 0 for every subject (and period), where each row repeats its amount.

    It is taken so, and said, if amounts stand in all rows and do not change within a subject and period, times are
    numbers, no day or visit tells rows of one clock apart, and of somebody's three or more samples two lie within a
    day: visits with a dose each look alike. ``columns={"Dose": "single_dose"}`` says it; then only the
    amounts must not change.

    Parameters
    ----------
    job : Job
        Units and findings.
    table : Table
        Observations.
    names : sequence of str
        Analytes that `units=` names.
    """
    column = next((name for name in _AMOUNTS if name in table), "")
    measured = ["value"] if "value" in table else list(wide_columns(table, names).values())
    told = column == SINGLE
    if not column or not measured or "subject" not in table:
        return None
    if not told and not _looks_so(table, column, measured):
        return None
    groups = _groups(table)
    amounts = [number(cell) for cell in table.columns[column]]
    first = {group: i for i, group in reversed([*enumerate(groups)])}
    changing = [i for i, group in enumerate(groups) if amounts[i] != amounts[first[group]]]
    if told and changing:
        table.complain(job.findings, SINGLE, changing[0], "the amount of the subject's other rows: its one dose")
    if changing or (not told and not _one_clock(job, table, groups)):
        return None
    doses = _doses(table, column, measured, sorted(first.values()))
    empty = {i for i in range(len(table))
             if number(table.cell("time", i)) == 0 and all(is_missing(table.cell(c, i)) for c in measured)}  # fmt: skip
    samples, _ = parts(without_events(_without(table, (SINGLE, "mdv"))), measured)
    headings = job.heading_units["observations"]
    if told and SINGLE in headings:
        headings["amount"] = headings[SINGLE]
    heading = table.headings.get(column, column)
    line = f"{table.name}: '{heading}' is the same in all rows of a subject or period: {len(doses)} doses at time 0"
    job.findings.altered(line + ("" if told else f"; {say(heading, SINGLE)} says so, 'covariate' that it is no dose"))
    return samples.take([i for i in range(len(table)) if i not in empty]), doses


def note_unread_doses(job: Job, table: Table) -> None:
    """Warn of a column that may hold doses, where no dose is read at all: it is a covariate.

    Parameters
    ----------
    job : Job
        Units and findings.
    table : Table
        Observations.
    """
    carried = job.heading_units["observations"]
    for key in table.open:
        if not fold(key).startswith(("dos", "amt", "amount")) and not is_of(carried.get(key, ""), "amount"):
            continue
        if not any((number(cell) or 0.0) > 0 for cell in table.columns[key] if not is_missing(cell)):
            continue
        heading = table.headings.get(key, key)
        job.findings.altered(
            f"{table.name}: no doses are read; the column '{heading}' is a covariate ({say(heading, SINGLE)} if it is "
            "the dose at time 0 of its subject)"
        )


def _looks_so(table: Table, column: str, measured: Sequence[str]) -> bool:
    """Whether every row has an amount, most have a value or stand at time 0, and nothing else speaks of doses."""
    if "mark" in table or "evid" in table or "cens" in table or drawn_before(table, measured):
        return False
    if any(not is_missing(cell) and number(cell) != 0 for c in _OTHER_DOSES for cell in table.columns.get(c, ())):
        return False
    if len({label(cell) for cell in table.columns.get("compartment", ())}) > 1:
        return False
    times = [number(cell) for cell in table.columns.get("time", ())]
    if len(times) < 2 or any(time is None or time != time for time in times):
        return False
    if any(is_missing(cell) or _negative(cell) for cell in table.columns[column]):
        return False
    empty = sum(times[i] != 0 and all(is_missing(table.cell(c, i)) for c in measured) for i in range(len(times)))
    return 2 * empty < len(times)


def _negative(cell: object) -> bool:
    value = number(cell)
    return value is None or value < 0


def _groups(table: Table) -> list[tuple[str, str]]:
    """The subject of every row, and its period where the clock of a subject starts anew in each."""
    owners = [label(cell) or "" for cell in table.columns["subject"]]
    visits = [label(cell) or "" for cell in table.columns.get("occasion", [None] * len(table))]
    spans: dict[str, dict[str, tuple[float, float]]] = {}
    for owner, visit, cell in zip(owners, visits, table.columns.get("time", [0.0] * len(table)), strict=True):
        time = number(cell) or 0.0
        low, high = spans.setdefault(owner, {}).get(visit, (time, time))
        spans[owner][visit] = (min(low, time), max(high, time))
    return [(owner, visit if _overlap(spans[owner]) else "") for owner, visit in zip(owners, visits, strict=True)]


def _overlap(spans: dict[str, tuple[float, float]]) -> bool:
    inside = sorted(spans.values())
    return any(after[0] < before[1] for before, after in pairwise(inside))


def _one_clock(job: Job, table: Table, groups: Sequence[tuple[str, str]]) -> bool:
    """Whether rows of a group are told apart by nothing but a time; of three or more, some lie within a day."""
    for name in ("day", "occasion"):
        seen: dict[tuple[str, str], set[str]] = {}
        for group, cell in zip(groups, table.columns.get(name, ()), strict=False):
            seen.setdefault(group, set()).add(label(cell) or "")
        if any(len(texts) > 1 for texts in seen.values()):
            return False
    day = unit_tools.factor("day", job.units["time"])
    times: dict[tuple[str, str], set[float]] = {}
    for group, cell in zip(groups, table.columns["time"], strict=True):
        times.setdefault(group, set()).add(number(cell) or 0.0)
    return any(len(own) > 2 and (np.diff(sorted(own)) < day).any() for own in times.values())


def _doses(table: Table, column: str, measured: Sequence[str], rows: Sequence[int]) -> Table:
    """One row a dose, at time 0."""
    _, doses = parts(_without(table, (*_CLOCKS, *EVENTS, *table.extras)), measured)
    doses = doses.take(rows)
    columns = {"amount" if key == SINGLE else key: cells for key, cells in doses.columns.items()}
    headings = {**table.headings, "amount": table.headings.get(column, column)}
    return replace(doses, columns={**columns, "time": [0.0] * len(rows)}, headings=headings)


def _without(table: Table, names: Sequence[str]) -> Table:
    columns = {key: cells for key, cells in table.columns.items() if key not in names}
    return replace(table, columns=columns, extras=tuple(key for key in table.extras if key in columns))
