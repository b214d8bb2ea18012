"""From matched tables to the three tables of a study, step by step; problems gather on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas

from pkpd.arrays import Array
from pkpd.dosing import Regimen
from pkpd.errors import nearest
from pkpd.io import doses as dosing
from pkpd.io import observations as sampling
from pkpd.io import shape, subjects
from pkpd.io.blq import read_values
from pkpd.io.cells import label, number
from pkpd.io.clock import Times, align, read_times
from pkpd.io.collected import check_collections
from pkpd.io.columns import fold
from pkpd.io.declared import Limits, declared_limits, record_factors
from pkpd.io.event_doses import event_doses, occasions_at
from pkpd.io.event_table import (
    EventRules,
    covariates_of,
    is_event_table,
    read_events,
    record_frame,
    samples_of,
)
from pkpd.io.findings import Findings
from pkpd.io.table import Table
from pkpd.records import DOSE_COLUMNS, EVENT_COLUMNS, complete_doses
from pkpd.study import OBSERVATION_COLUMNS


@dataclass(frozen=True, eq=False)
class Frames:
    """The tables of a study, and how its records act (`pkpd.study.Study`)."""

    observations: pandas.DataFrame
    doses: pandas.DataFrame
    subjects: pandas.DataFrame
    records: pandas.DataFrame | None = None
    in_order: bool = False
    carried: str = "last"


@dataclass
class Job:
    """What is known while the tables are read; `units` grows by what records and plans carry.

    `own_time` is the unit of relative times in a table that has one of its own; `assumed` holds units that nobody gave.
    """

    units: dict[str, str]
    findings: Findings
    tables: dict[str, Table] = field(default_factory=dict)
    heading_units: dict[str, dict[str, str]] = field(default_factory=dict)
    plan: Regimen | None = None
    own_time: str = "h"
    events: EventRules = field(default_factory=EventRules)
    assumed: dict[str, str] = field(default_factory=dict)


def build(job: Job, limits: tuple[object, object], duplicates: str | None) -> Frames | None:
    """Return observations, doses and subjects; None when a problem was found, now or before.

    Parameters
    ----------
    job : Job
        Matched tables, units and findings.
    limits : pair
        Lower and upper limits of quantification as the user gave them.
    duplicates : str or None
        The rule for equal samples.
    """
    findings = job.findings
    names = shape.analyte_names(job.units, job.tables)
    table, dose_table = job.tables.get("observations"), job.tables.get("doses")
    if table is not None and len(table) and dose_table is None and job.plan is None and is_event_table(table):
        return _event_frames(job, table, names, limits)
    if table is not None and dose_table is None and job.plan is None:
        table, dose_table = shape.split_doses(table, names, findings)
        job.heading_units["doses"] = job.heading_units["observations"]
    if table is not None and not len(table):
        findings.problem("observations: no observations in the table; expected at least one")
        table = None
    records = times = None
    if table is not None:
        wide = shape.wide_columns(table, names)
        table = shape.lengthen(table, names, findings)
        records, times = _samples(job, (table, wide), names, limits)
    given, dose_times = _doses(job, dose_table)
    people = _people(job, [t for t in (table, dose_table) if t is not None])
    if job.plan is not None:
        given, job.units["dose"] = dosing.given_to_all(job.plan, list(people["subject"]), job.units, findings)
        if times is not None and times.kind in ("date", "zoned"):
            findings.problem("doses: a plan has no dates, the observations have; expected a table of doses with dates")
    if "dose" in job.units:
        listed = "subjects" in job.tables
        subjects.check_weights(people, list(given["subject"]), job.units["dose"], listed, findings)
    if table is None or records is None or times is None:
        return None
    owners = (list(records["subject"]), [] if dose_times is None else list(given["subject"]))
    sampled, dosed = align(times, dose_times, owners, job.units["time"], findings)
    records = records.assign(time=sampled)
    given = given if dose_times is None else given.assign(time=dosed)
    check_collections(records, table, times.kind, job.units, findings)
    records = sampling.resolve_duplicates(records, table, duplicates, findings)
    if findings.problems:
        return None
    dosing.note_repeats(given, findings)
    return _finish(records, given, people)


def _event_frames(job: Job, table: Table, names: list[str], limits: tuple[object, object]) -> Frames | None:
    """The tables of a study whose one table holds events in order."""
    findings, rules = job.findings, job.events
    rows = read_events(job, table, names, rules)
    if rows is None:
        return None
    samples = samples_of(rows, names, rules)
    wide = shape.wide_columns(samples if "value" in samples else table, names)
    long = shape.lengthen(replace(samples, extras=table.extras), names, findings)
    records, _ = _samples(job, (long, wide), names, limits)
    dosing = [k for k, code in enumerate(rows.events.items["EVID"]) if code in (1, 4)]
    factors, unit = dosing_factors(rows.table.take(dosing), job)
    given = event_doses(rows, dict(zip(dosing, factors.tolist(), strict=True)), rules, findings)
    if unit:
        job.units["dose"] = unit
    people, changing = covariates_of(rows, names, findings)
    if findings.problems or records is None:
        return None
    place = {row: k for k, row in enumerate(rows.table.rows)}
    where = [place[row] for row in records["row"]]
    records = records.assign(subject=[rows.owners[k] for k in where], time=rows.time[where])
    if "limit" in rows.table and "cens" in rows.table:
        records = records.assign(lower=_lower_ends(rows.table, where, findings))
    occasion = rows.table.labels("occasion", findings)
    everything = record_frame(rows, changing, occasion)
    check_collections(records, long, "number", job.units, findings)
    if "dose" in job.units:
        known = people.rename(columns={n: "weight" for n in people if n.casefold() in ("wt", "weight", "bw")})
        subjects.check_weights(known, list(given["subject"]), job.units["dose"], False, findings)
    frames = _finish(records, occasions_at(given, occasion), people, everything)
    return None if findings.problems else replace(frames, in_order=True, carried=rules.carried)


def _lower_ends(table: Table, where: Sequence[int], findings: Findings) -> Array:
    """Lower ends of values that are known to lie between LIMIT and DV; NaN for all others."""
    limit, _ = table.numbers("limit", findings, "a number below the value")
    ends = np.full(len(where), np.nan)
    for i, k in enumerate(where):
        if number(table.cell("cens", k)) == 1.0:
            value = number(table.cell("value", k))
            if not np.isnan(limit[k]) and value is not None and not limit[k] < value:
                table.complain(findings, "limit", k, f"a number below the value {value:g}")
            ends[i] = limit[k]
    return ends


def dosing_factors(table: Table, job: Job) -> tuple[Array, str]:
    """What the amounts of dose rows are multiplied with to be in one unit, and that unit."""
    if not len(table):
        return np.zeros(0), ""
    return dosing.amount_factors(table, job.heading_units["observations"], job.units, job.findings)


def _samples(
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
    readings = read_values(table, owners, factors, Limits(lower, upper), findings)
    return sampling.assemble(table, owners, readings, job.units, findings), times


def _doses(job: Job, table: Table | None) -> tuple[pandas.DataFrame, Times | None]:
    """Return the doses without their times, and the times; no doses is an empty table."""
    if table is None:
        return dosing.no_doses(), None
    subjects.check_identifiers(table, job.findings)
    times = read_times(table, job.units["time"], job.findings)
    given, unit = dosing.read_doses(table, job.heading_units["doses"], job.units, job.findings)
    if unit:
        job.units["dose"] = unit
    return given, times


def _people(job: Job, tables: list[Table]) -> pandas.DataFrame:
    """Return the subjects with their covariates, and check that every record has one."""
    findings = job.findings
    owners = [[label(cell) or "" for cell in table.columns.get("subject", ())] for table in tables]
    listed = job.tables.get("subjects")
    if listed is None:
        appearing = dict.fromkeys(name for found in owners for name in found if name)
        people = subjects.gather_covariates(tables, list(appearing), job.units, findings)
    else:
        people = subjects.read_subjects(listed, job.units, findings)
        for table, found in zip(tables, owners, strict=True):
            if "subject" in listed:
                subjects.unknown_subjects(table, found, list(people["subject"]), findings)
            if table.extras:
                findings.altered(f"{table.name}: columns not used: {', '.join(sorted(table.extras))}")
    if "weight" in people and "weight" not in job.units:
        job.units["weight"] = "kg"
        findings.fact("subjects: the weight has no unit; taken as kg")
    return people


def _finish(
    records: pandas.DataFrame, given: pandas.DataFrame, people: pandas.DataFrame, events: pandas.DataFrame | None = None
) -> Frames:
    """Give identifiers and occasions their type and sort; the order of the source rows leaves no trace."""
    tables = [records, given, people] + ([] if events is None else [events])
    ids = subjects.identifiers([list(t["subject"]) for t in tables])
    visits = subjects.identifiers([list(t["occasion"]) for t in tables if "occasion" in t])
    kind = "int64" if all(isinstance(x, int) for x in ids.values()) else object

    def typed(table: pandas.DataFrame) -> pandas.DataFrame:
        names = [ids[s] for s in table["subject"]]
        table = table.assign(subject=pandas.Series(names, dtype=kind, index=table.index))
        if "occasion" not in table:
            return table
        labels = [visits.get(v, pandas.NA) for v in table["occasion"]]
        return table.assign(occasion=pandas.Series(labels, dtype=object, index=table.index))

    order = typed(records).assign(after=records["mark"] == "post")
    keys = ["subject", "analyte", "time", "until", "after", "mark", "excluded", "value", "reason", "row"]
    order = order.sort_values(keys)
    by = ["subject", "time", "amount", "route", "duration", "row"] if events is None else ["subject", "row"]
    doses = complete_doses(typed(given)).sort_values(by, kind="stable")
    sampled = [*OBSERVATION_COLUMNS, *(["lower"] if "lower" in order else [])]
    return Frames(
        order[sampled].reset_index(drop=True),
        doses[[*DOSE_COLUMNS, *EVENT_COLUMNS]].reset_index(drop=True),
        typed(people).sort_values("subject").reset_index(drop=True),
        None if events is None else typed(events).sort_values(["subject", "row"]).reset_index(drop=True),
    )
