"""From matched tables to the three tables of a study, step by step; problems gather on the way."""

from __future__ import annotations

import pandas

from pkpd import units as unit_tools
from pkpd.io import doses as dosing
from pkpd.io import observations as sampling
from pkpd.io import shape, subjects
from pkpd.io.administrations import with_amounts, without_administrations
from pkpd.io.cells import label, of_each
from pkpd.io.changing import changing_records
from pkpd.io.clock import Times, on_one_axis, read_times
from pkpd.io.collected import check_collections
from pkpd.io.columns import fold
from pkpd.io.dose_rows import given_rows, with_lengths
from pkpd.io.empty_results import with_rules, without_negative
from pkpd.io.event_frames import event_frames
from pkpd.io.event_samples import observed_only
from pkpd.io.event_table import is_event_table, says_what_rows_are
from pkpd.io.frames import Frames, study_frames
from pkpd.io.ignored import without_ignored
from pkpd.io.job import Job
from pkpd.io.meaningful import check_about_doses, check_doses, check_samples, everywhere
from pkpd.io.periods import separate
from pkpd.io.sample_rows import read_samples
from pkpd.io.single_doses import note_unread_doses, single_doses
from pkpd.io.table import Table
from pkpd.io.treatments import treatments


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
    apart = dose_table is not None or job.plan is not None
    if table is not None and not job.events.strict:
        table = without_ignored(table, job.units, findings)
        shape.check_one_value(table, names, job.units, findings)
    single = None if table is None or apart or job.events.strict else single_doses(job, table, names)
    if (
        table is not None
        and len(table)
        and not apart
        and single is None
        and (job.events.strict or is_event_table(table))
    ):
        return event_frames(job, table, names, limits)
    if table is not None and apart and says_what_rows_are(table):
        table = observed_only(table, names, findings)
    if table is not None:
        table = without_administrations(table, with_amounts(table), "into", findings)
    if table is not None and not apart:
        table, dose_table = single or shape.split_doses(table, names, findings)
        job.heading_units["doses"] = job.heading_units["observations"]
        if dose_table is None:
            note_unread_doses(job, table)
    if table is not None:
        why = "doses are those given apart" if apart else "no column holds their amounts, so that it is not read"
        check_about_doses(table, why, findings)
        table = check_samples(table, everywhere(table), findings)
    if dose_table is not None:
        dose_table = without_administrations(dose_table, with_amounts(dose_table), "into", findings)
        dose_table = given_rows(check_doses(without_ignored(dose_table, (), findings, flags=True), findings), findings)
    if table is not None and not len(table):
        findings.problem("observations: no observations in the table; expected at least one")
        table = None
    records = times = None
    if table is not None:
        wide = shape.wide_columns(table, names)
        table = with_rules(shape.lengthen(table, names, findings, bool(job.results.missing)), job.results, findings)
        table = without_negative(table, _concentrations(table, job), job.results, findings)
        records, times = read_samples(job, (table, wide), names, limits)
    given, dose_times = _doses(job, dose_table)
    labelled = None
    if table is not None:
        (table, *others), labelled = treatments([t for t in (table, dose_table) if t is not None], findings)
        dose_table = others[0] if others else None
    people, moving = _people(job, [t for t in (table, dose_table) if t is not None])
    if job.plan is not None:
        given, job.units["dose"] = dosing.given_to_all(job.plan, list(people["subject"]), job.units, findings)
        if times is not None and times.kind in ("date", "zoned"):
            findings.problem("doses: a plan has no dates, the observations have; expected a table of doses with dates")
    if "dose" in job.units:
        listed = "subjects" in job.tables
        subjects.check_weights(people, list(given["subject"]), job.units["dose"], listed, findings)
    if table is None or records is None or times is None:
        return None
    owners = (records["subject"].tolist(), [] if dose_times is None else given["subject"].tolist())
    sampled, dosed = on_one_axis(times, dose_times, owners, job.units["time"], findings)
    given = given if dose_times is None else given.assign(time=dosed)
    periods = separate(records.assign(time=sampled), given, job.plan is not None, findings)
    records = periods.samples if labelled is None else periods.samples.assign(treatment=labelled)
    check_collections(records, table, times.kind, job.units, findings)
    sources = [(table, records["time"].to_numpy(float))]
    if dose_table is not None:
        sources.append((dose_table, periods.doses["time"].to_numpy(float)))
    changing = changing_records(sources, moving, job.units, findings) if moving else None
    records = sampling.resolve_duplicates(records, table, duplicates, findings)
    if findings.problems:
        return None
    dosing.note_repeats(periods.doses, findings)
    return study_frames(records, periods.all_doses(), people, periods.from_the_start(changing))


def _concentrations(table: Table, job: Job) -> list[bool]:
    """Which records have a unit of a concentration, by their column, their analyte or the heading of the values."""
    known = {fold(name): unit for name, unit in job.units.items()}
    heading = job.heading_units["observations"].get("value", "")
    alone = [unit for name, unit in job.units.items() if sampling.is_concentration(unit)]
    units = [
        label(table.cell("unit", i)) or known.get(fold(label(table.cell("analyte", i)) or ""), "") or heading
        for i in range(len(table))
    ]
    return [sampling.is_concentration(unit) if unit else bool(alone) for unit in units]


def _doses(job: Job, table: Table | None) -> tuple[pandas.DataFrame, Times | None]:
    """Return the doses without their times, and the times; no doses is an empty table."""
    if table is None:
        return dosing.no_doses(), None
    subjects.check_identifiers(table, job.findings)
    times = read_times(table, job.units["time"], job.findings)
    table = with_lengths(table, times, job.units, job.heading_units["doses"].get("duration", ""), job.findings)
    given, unit = dosing.read_doses(table, job.heading_units["doses"], job.units, job.findings)
    if unit:
        job.units["dose"] = unit
    return given, times


def _people(job: Job, tables: list[Table]) -> tuple[pandas.DataFrame, tuple[str, ...]]:
    """Return the subjects with their covariates, and the names of those that change in time."""
    findings = job.findings
    owners = [[text or "" for text in of_each(label, table.columns.get("subject", ()))] for table in tables]
    listed = job.tables.get("subjects")
    moving: tuple[str, ...] = ()
    if listed is None:
        appearing = dict.fromkeys(name for texts in owners for name in texts if name)
        unit = job.units.get("dose", job.plan.unit if job.plan is not None else "")
        constant = (("weight",) if unit and unit_tools.per_kg(unit) else ()) if job.may_change else None
        people, moving = subjects.gather_covariates(tables, list(appearing), job.units, findings, constant)
    else:
        people = subjects.read_subjects(listed, job.units, findings)
        for table, texts in zip(tables, owners, strict=True):
            if "subject" in listed:
                subjects.unknown_subjects(table, texts, list(people["subject"]), findings)
            if table.extras:
                findings.altered(f"{table.name}: columns not used: {', '.join(sorted(table.extras))}")
    if ("weight" in people or "weight" in moving) and "weight" not in job.units:
        job.units["weight"] = "kg"
        findings.fact("subjects: the weight has no unit; taken as kg")
    return people, moving
