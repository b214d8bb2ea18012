"""Numbers that count from the start of their day, or from the dose before, beside a column of day numbers.

``day 8, time_h 1.05`` is 169.05 h where the clock starts anew on every day of a dose. That is taken without a word of
the user only where every day of samples is one of a dose of the same subject: then both readings agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pkpd import units as unit_tools
from pkpd.decimals import difference, total
from pkpd.io.cells import is_missing, label, number
from pkpd.io.findings import Findings, say
from pkpd.io.job import Job
from pkpd.io.table import Table

AFTER_DOSE = "time_after_dose"
_FORGIVEN = (-0.5, 1.5)  # days around the start of the day it is said to lie on


def put_on_days(job: Job) -> None:
    """Replace times that count from the start of their day, or from a dose, by times since the start of day 1."""
    per_day = unit_tools.factor("day", job.units["time"])
    given = job.tables.get("doses", job.tables.get("observations"))
    for name in ("doses", "observations"):
        table = job.tables.get(name)
        if table is None or "day" not in table:
            continue
        own = "clock" if name == "observations" or AFTER_DOSE not in table else AFTER_DOSE
        if "time" not in table and own in table and _all_numbers(table, own):
            job.tables[name] = _moved(table, own, per_day)
        elif "time" in table and _all_numbers(table, "time") and len(off := _off(table, per_day)) > 1:
            if len(off) < len(_late(table)):
                continue  # most count from day 1: the reader says which do not
            if given is None or (name == "observations" and not _every_day_is_dosed(table, given)):
                _ask(table, off, job.findings)
            else:
                job.findings.altered(
                    f"{name}: the column '{table.headings.get('time', 'time')}' starts anew on every day of the column "
                    f"'{table.headings.get('day', 'day')}', so that its {len(table)} times were put on their days"
                )
            job.tables[name] = _moved(table, "time", per_day)
    table, doses = job.tables.get("observations"), job.tables.get("doses")
    if table is not None and AFTER_DOSE in table and "time" not in table:
        job.tables["observations"] = _after_doses(table, table if doses is None else doses, per_day, job.findings)


def _all_numbers(table: Table, column: str) -> bool:
    return all(number(cell) is not None for cell in table.columns[column])


def _off(table: Table, per_day: float, column: str = "time") -> list[int]:
    """Rows whose time, counted from the start of day 1, does not lie on their day."""
    low, high = _FORGIVEN
    pairs = zip(map(number, table.columns[column]), map(number, table.columns["day"]), strict=True)
    return [i for i, (t, d) in enumerate(pairs)
            if t is not None and d is not None and (t < 0 or t >= 0) and (d < 0 or d >= 0)
            and not low <= t / per_day - (d - 1) <= high]  # fmt: skip


def _late(table: Table) -> list[int]:
    """Rows from day 3 on, where a time since day 1 and one since the start of the day cannot be mistaken."""
    return [i for i, cell in enumerate(table.columns["day"]) if (number(cell) or 0.0) >= 3]


def _days(table: Table, rows: Sequence[int]) -> set[tuple[str, float | None]]:
    owners, days = table.columns.get("subject", [None] * len(table)), table.columns["day"]
    return {(label(owners[i]) or "", number(days[i])) for i in rows}


def _dose_rows(table: Table) -> list[int]:
    amounts = [c for c in ("amount", "amount_per_kg") if c in table]
    return [i for i in range(len(table)) if any(not is_missing(table.cell(c, i)) for c in amounts)]


def _every_day_is_dosed(table: Table, doses: Table) -> bool:
    if "day" not in doses:
        return False
    return _days(table, range(len(table))) <= _days(doses, _dose_rows(doses))


def _ask(table: Table, off: Sequence[int], findings: Findings) -> None:
    time, day = (table.headings.get(c, c) for c in ("time", "day"))
    findings.problem(
        f"{table.name}: {len(off)} times in the column '{time}' do not lie on the day in the column '{day}' (the first "
        f"is row {table.rows[off[0]]}); expected {say(time, 'clock')} if they count from the start of their day, "
        f"{say(time, AFTER_DOSE)} if from the dose before, {say(day, 'drop')} if from the first dose"
    )


def _moved(table: Table, column: str, per_day: float) -> Table:
    """Return a table whose times count from the start of day 1, without the days."""
    days, cells = map(number, table.columns["day"]), map(number, table.columns[column])
    times: list[object] = [
        None if t is None or d is None or t != t or d != d else float(total(t, d - 1, per_day))
        for t, d in zip(cells, days, strict=True)
    ]
    return _with_times(table, column, times, per_day)


def _with_times(table: Table, column: str, times: list[object], per_day: float) -> Table:
    """Return a table with these times and without days; planned times that do not lie on their days move along."""
    rest = {name: cells for name, cells in table.columns.items() if name not in (column, "day")}
    planned = "nominal_time" in table and "day" in table and _all_numbers(table, "nominal_time")
    if planned and _off(table, per_day, "nominal_time"):
        rest["nominal_time"] = _along(table, times, column)
    headings = {**table.headings, "time": table.headings.get(column, column)}
    extras = tuple(name for name in table.extras if name not in (column, "day"))
    return replace(table, columns={**rest, "time": times}, headings=headings, extras=extras)


def _along(table: Table, times: Sequence[object], column: str) -> list[object]:
    """The planned times moved by as much as the times."""
    moved: list[object] = []
    for i, new in enumerate(map(number, times)):
        planned, old = number(table.cell("nominal_time", i)), number(table.cell(column, i))
        if planned is None or old is None or new is None or planned != planned or new != new:
            moved.append(table.cell("nominal_time", i))
        else:
            moved.append(float(total(planned, 1.0, float(difference(new, old)))))
    return moved


def _after_doses(table: Table, doses: Table, per_day: float, findings: Findings) -> Table:
    """Return a table whose times after the dose before became times on the doses' clock.

    Of the doses whose time and the time after them lie on the row's day the last one is meant; without days there must
    be one dose.
    """
    given: dict[str, list[float]] = defaultdict(list)
    owners = [label(cell) or "" for cell in doses.columns.get("subject", ())]
    for i in _dose_rows(doses):
        time = number(doses.cell("time", i))
        if time is None or time != time:
            day = number(doses.cell("day", i))
            time = None if day is None else (day - 1) * per_day
        if time is not None:
            given[owners[i]].append(time)
    times: list[object] = []
    low, high = _FORGIVEN
    for i, owner in enumerate(label(cell) or "" for cell in table.columns.get("subject", ())):
        after, day = number(table.cell(AFTER_DOSE, i)), number(table.cell("day", i))
        if after is None or after != after or (table is doses and i in _dose_rows(doses)):
            times.append(table.cell(AFTER_DOSE, i))
            continue
        known = sorted(given[owner])
        fits = [t for t in known if day == day and day is not None and low <= (t + after) / per_day - (day - 1) <= high]
        if not (fits or len(known) == 1):
            table.complain(findings, AFTER_DOSE, i, "a day on which a dose before and this time meet")
        times.append(float(total(after, 1.0, (fits or known or [0.0])[-1])))
    return _with_times(table, AFTER_DOSE, times, per_day)
