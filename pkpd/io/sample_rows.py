"""The samples of a table as records: analytes with their units, values with their limits, and the times as given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas

from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import UnitError, nearest
from pkpd.io import shape, subjects
from pkpd.io.blq import Readings, read_values
from pkpd.io.cells import number
from pkpd.io.clock import Times, read_times
from pkpd.io.columns import fold, value_name
from pkpd.io.declared import Limits, declared_limits, factor_between, record_factors
from pkpd.io.job import Job
from pkpd.io.observations import assemble, is_concentration
from pkpd.io.table import Table, positions


def read_samples(
    job: Job, source: tuple[Table, Mapping[str, str]], names: list[str], limits: tuple[object, object]
) -> tuple[pandas.DataFrame | None, Times]:
    """Return the observations without their times (None when there are no values), and the times."""
    findings = job.findings
    table, wide = source
    subjects.check_identifiers(table, findings)
    times = read_times(table, job.units["time"], findings)
    has_values = shape.check_shape(table, names, findings)
    if not has_values and "analyte" not in table:
        return None, times
    names = names or _by_heading(table, "value" in job.heading_units["observations"])
    owners = shape.analytes_of(table, names, findings)
    carried = job.heading_units["observations"]
    default = {a: carried[key] for a, key in wide.items() if key in carried}
    if "value" in carried:
        default = dict.fromkeys(owners, carried["value"])
    factors, added = record_factors(table, owners, job.units, default, findings)
    job.units |= added
    present = list(dict.fromkeys(a for a in owners if a))
    for name in present:
        if name not in job.units and job.events.strict:
            job.units[name] = job.assumed[name] = "mg/L" if len(present) == 1 else "1"
        elif name not in job.units:
            findings.problem(
                f"{table.place('analyte', owners.index(name))}: {name!r} has no unit ({owners.count(name)} records); "
                f"expected units={{{name!r}: 'ng/mL'}}; {nearest(name, names)}"
            )
    for name in (n for n in names if present and n not in present):
        known = [*present, *(key for t in job.tables.values() for key in t.extras if fold(key) != fold(name))]
        findings.problem(f"units: {name!r} is no analyte or covariate of the tables; {nearest(name, known)}")
    if not has_values:
        return None, times
    lower, upper = (
        declared_limits(which, given, job.units, [*present, *names], findings)
        for which, given in zip(("lloq", "uloq"), limits, strict=True)
    )
    table = _limits_in_units(table, owners, factors, job)
    readings = read_values(table, owners, factors, Limits(lower, upper), findings)
    # An assumed unit forbids nothing.
    given = {name: unit for name, unit in job.units.items() if name not in job.assumed}
    if job.results.negative == "keep" or job.events.strict:
        given = _negative_too(table, owners, readings, given, job)
    return assemble(table, owners, readings, given, findings), times


def _negative_too(
    table: Table, owners: list[str], readings: Readings, given: dict[str, str], job: Job
) -> dict[str, str]:
    """The units without those of analytes whose negative values are kept, which are counted."""
    below = [owners[i] for i in positions(readings.value < 0)]
    for name in sorted({name for name in below if is_concentration(given.get(name, ""))}):
        job.findings.altered(
            f"{table.name}: {below.count(name)} values of {name} are negative and kept as they are, though "
            f"{given[name]} is a concentration"
        )
    return {name: unit for name, unit in given.items() if name not in below}


def _limits_in_units(table: Table, owners: list[str], factors: Array, job: Job) -> Table:
    """Return the table with limits in the unit of the values beside them, where a heading gives them one of their own.

    ``LLOQ (pg/mL)`` beside ``conc (ng/mL)`` is a thousandth of what it looks like.
    """
    for column in (c for c in ("lloq", "uloq") if c in table and c in job.heading_units["observations"]):
        own = job.heading_units["observations"][column]
        cells, count = list(table.columns[column]), 0
        for i, cell in enumerate(cells):
            value, unit = number(cell), job.units.get(owners[i], own)
            if value is None or value != value:
                continue
            try:
                ratio = factor_between(own, unit) / float(factors[i])
            except UnitError as error:
                job.findings.problem(f"{table.place(column, i)}: {'; '.join(error.problems)}")
                break
            if ratio != 1.0:
                cells[i], count = float(product(value, ratio)), count + 1
        if count:
            heading = table.headings.get(column, column)
            job.findings.altered(f"{table.name}: {count} limits of '{heading}' converted from {own}")
        table = replace(table, columns={**table.columns, column: cells})
    return table


def _by_heading(table: Table, has_unit: bool) -> list[str]:
    """The name of what was measured where only the heading of the values tells: ``conc (ng/mL)`` is called conc."""
    if "analyte" in table or "value" not in table or not (has_unit or "unit" in table):
        return []
    return [value_name(table)]
