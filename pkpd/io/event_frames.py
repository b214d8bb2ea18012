"""The tables of a study whose one table holds events in order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas

from pkpd.arrays import Array
from pkpd.covariate_names import COVARIATE_NAMES
from pkpd.io import doses as dosing
from pkpd.io import shape, subjects
from pkpd.io.administrations import without_administrations
from pkpd.io.collected import check_collections
from pkpd.io.dose_kinds import DoseUnits, rate_ratio, time_ratio
from pkpd.io.dose_rows import contradictions
from pkpd.io.event_doses import DoseScale, event_doses
from pkpd.io.event_periods import period_columns
from pkpd.io.event_records import event_covariates, record_columns
from pkpd.io.event_samples import samples_of
from pkpd.io.event_table import EventTable, read_events
from pkpd.io.frames import Frames, study_frames
from pkpd.io.job import Job
from pkpd.io.meaningful import check_repeats, check_samples
from pkpd.io.sample_rows import read_samples
from pkpd.io.table import Table, positions
from pkpd.io.treatments import treatments


def event_frames(job: Job, table: Table, names: list[str], limits: tuple[object, object]) -> Frames | None:
    """Return the tables of a study; None when a problem was found, now or before.

    Parameters
    ----------
    job : Job
        Units, rules and findings.
    table : Table
        The events.
    names : list of str
        Analytes that the user named.
    limits : pair
        Lower and upper limits of quantification as the user gave them.
    """
    findings = job.findings
    rows = read_events(job, table, names)
    if rows is None:
        return None
    (table,), labelled = treatments([rows.table], findings)
    spelled = "CMT" if job.events.strict else "compartment"
    table = without_administrations(table, rows.is_dose, spelled, findings)
    check_repeats(table, rows.is_dose, findings)
    rows = replace(rows, table=check_samples(table, rows.filled, findings, refuse=not job.events.strict))
    samples = samples_of(rows, names, job.events.analytes, findings)
    wide = shape.wide_columns(samples if "value" in samples else table, names)
    long = shape.lengthen(replace(samples, extras=table.extras), names, findings)
    records, _ = read_samples(job, (long, wide), names, limits)
    occasion = rows.table.labels("occasion", findings)
    doses = event_doses(rows, _scale(rows, job), job.events, occasion, findings)
    people, changing = event_covariates(rows, names, findings)
    if "dose" in job.units:
        words = ("weight", *COVARIATE_NAMES["weight"])
        known = pandas.DataFrame({"weight" if name.casefold() in words else name: v for name, v in people.items()})
        given = [rows.owners[k] for k in positions(rows.is_dose)]
        subjects.check_weights(known, given, job.units["dose"], False, findings)
    if findings.problems or records is None:
        return None
    place = {row: k for k, row in enumerate(rows.table.rows)}  # the last of those with one number: not a reset put in
    where = np.array([place[row] for row in records["row"]], dtype=np.int64)
    records = records.assign(subject=[rows.owners[k] for k in where], time=rows.time[where])
    check_collections(records, long, "number", job.units, findings)
    if labelled is not None:
        records = records.assign(treatment=[labelled[k] for k in where])
    if (rows.period > 1).any():
        until = records["until"].to_numpy(float)
        records = records.assign(**period_columns(rows.period[where], rows.clock[where], rows.time[where], until))
        of_row = {number: k for k, number in enumerate(zip(rows.owners, rows.row.tolist(), strict=True))}
        pairs = zip(doses["subject"], np.asarray(doses["row"]).tolist(), strict=True)
        dosed = np.array([of_row[pair] for pair in pairs], dtype=np.int64)
        doses = {**doses, **period_columns(rows.period[dosed], rows.clock[dosed], rows.time[dosed])}
    every = record_columns(rows, changing, occasion)
    return study_frames(records.assign(row=rows.row[where]), doses, people, every, job.events.carried)


def _scale(rows: EventTable, job: Job) -> DoseScale:
    """What the numbers of dose rows are multiplied with; the unit of the doses becomes one of the job's."""
    dosed = positions(rows.is_dose)
    headings = job.heading_units["observations"]
    count = len(rows.table)
    amount, rate, length = np.ones(count), np.ones(count), np.zeros(count)
    interval = time_ratio("interval", headings.get("interval", ""), job.units["time"], job.findings)
    if dosed:
        table = rows.table.take(dosed)
        if "dose_unit" in table:
            table = replace(table, columns={**table.columns, "unit": table.columns["dose_unit"]})
        amount[dosed], unit = dosing.amount_factors(table, headings, job.units, job.findings)
        if unit:
            job.units["dose"] = unit
        rate[dosed] = rate_ratio(amount[dosed], DoseUnits(unit, job.units["time"], headings), job.findings)
        given, _ = table.numbers("duration", job.findings, "a time ≥ 0")
        length[dosed] = dosing.durations(np.maximum(given, 0.0), job.units, headings, job.findings)
        length[dosed] = _until_the_end(table, rows.clock[dosed], length[dosed], job)
        _check_lengths(rows, dosed, length[dosed] / (amount / rate)[dosed], job)
    return DoseScale(amount, rate, length, interval)


def _until_the_end(table: Table, start: Array, length: Array, job: Job) -> Array:
    """Lengths of infusions, from their ends where those are given."""
    until, bad = table.numbers("until", job.findings, "the end of the infusion, a number")
    ended = ~np.isnan(until) & ~bad
    for i in positions(ended & (until < start)):
        table.complain(job.findings, "until", i, "an end that is not before the time of the dose")
    for i in positions(ended & (length > 0) & ~np.isclose(until - start, length, rtol=1e-6, atol=0.0)):
        table.complain(job.findings, "until", i, f"the end after the duration {length[i]:g}")
    return np.where(ended & (until >= start), until - start, length)


def _check_lengths(rows: EventTable, dosed: list[int], length: Array, job: Job) -> None:
    """Report rows whose amount is not their rate times their length; `length` is scaled as amounts over rates are."""
    amount, rate = (rows.events.items[name][dosed] for name in ("AMT", "RATE"))
    for i in positions(contradictions(amount, rate, length)):
        found = f"{amount[i]:g} / {rate[i]:g} = {amount[i] / rate[i]:g}"
        rows.table.complain(job.findings, "duration", dosed[i], f"none beside a rate, or amount / rate ({found})")
