"""Units that nobody had to declare: of headings, of a column of time units, of dates; times in one unit throughout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pkpd import units as unit_tools
from pkpd.decimals import product
from pkpd.io.cells import is_missing, number
from pkpd.io.clock import is_of_the_calendar
from pkpd.io.columns import RESERVED, fold
from pkpd.io.day_clock import AFTER_DOSE, put_on_days
from pkpd.io.declared import with_headings
from pkpd.io.findings import Findings
from pkpd.io.headings import is_of
from pkpd.io.job import Job
from pkpd.io.roles import time_unit, wide_analytes
from pkpd.io.table import Table

_TIMES = ("time", "nominal_time", "until", "clock", AFTER_DOSE)


def complete_units(job: Job, analytes: Sequence[str]) -> None:
    """Add to a job the units that its tables carry, and bring times in several units into one.

    What `units=` says comes first. Without any word on the unit of time, dates and clock times are read in hours;
    numbers are a problem.

    Parameters
    ----------
    job : Job
        With its tables matched.
    analytes : sequence of str
        Names in `units=` that may be analytes.
    """
    findings = job.findings
    if "time" not in job.units:
        _one_time_unit(job)
    for name in job.tables:
        job.units = with_headings(job.units, job.heading_units[name], findings)
    if "time" not in job.units and not any(text.startswith("units: 'time'") for text in findings.problems):
        if all(_only_days(table) for name, table in job.tables.items() if name != "subjects"):
            job.units["time"] = "day"
            findings.fact("the only times are days; the study's unit of time is day, and day 1 begins at 0")
        elif any(map(is_of_the_calendar, job.tables.values())):
            findings.fact("the times are dates or clock times; the study's unit of time is h")
        else:
            findings.problem(
                "units: no unit of 'time'; expected one such as {'time': 'h'}, or a heading such as 'time_h' or "
                "'time (h)'"
            )
    job.units.setdefault("time", "h")  # so that the rest can be checked as well
    put_on_days(job)
    if "observations" in job.tables:
        table = job.tables["observations"]
        found = wide_analytes(table, job.heading_units["observations"], analytes, findings)
        job.units |= {name: unit for name, unit in found.items() if name not in RESERVED}


def _only_days(table: Table) -> bool:
    days = "day" in table and not any(column in table for column in (*_TIMES, "datetime"))
    return days and all(number(cell) is not None for cell in table.columns["day"])


def _one_time_unit(job: Job) -> None:
    """Take the unit of time from the tables, the observations first; times in other units are converted."""
    findings, unit = job.findings, ""
    for name in job.tables:
        job.tables[name], told = time_unit(job.tables[name], findings)
        carried = job.heading_units[name]
        if told:
            carried |= {column: told for column in _TIMES if column in job.tables[name] and column not in carried}
    for name in job.tables:
        for column in _TIMES:
            own = job.heading_units[name].get(column, "")
            if own and is_of(own, "time"):
                unit = unit or own
                if unit_tools.factor(own, unit) != 1.0:
                    job.tables[name] = _converted(job.tables[name], column, (own, unit), findings)
                job.heading_units[name][column] = unit


def _converted(table: Table, column: str, between: tuple[str, str], findings: Findings) -> Table:
    """Return a table whose times of one column are in the study's unit."""
    own, unit = between
    ratio = unit_tools.factor(own, unit)
    cells = list(table.columns[column])
    count = 0
    for i, cell in enumerate(cells):
        value = number(cell)
        if value is not None and not is_missing(cell):
            cells[i], count = float(product(value, ratio)), count + 1
    heading = table.headings.get(column, column)
    findings.altered(f"{table.name}: {count} times of '{heading}' converted from {own} to {unit}")
    return replace(table, columns={**table.columns, column: cells})


def may_be_analytes(units: Sequence[str], covariates: Sequence[str]) -> list[str]:
    """Return the names in `units=` that are neither reserved nor known covariates."""
    return [name for name in units if name not in RESERVED and fold(name) not in covariates]
