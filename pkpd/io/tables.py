"""Read plain tables of observations, doses and subjects into a checked `Study`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from pkpd.dosing import Regimen
from pkpd.io import columns as names
from pkpd.io import roles
from pkpd.io.cell_units import without_cell_units
from pkpd.io.declared import declared_units
from pkpd.io.empty_results import result_rules
from pkpd.io.event_table import (
    EVENTS,
    is_event_table,
    nonmem_words,
    says_what_rows_are,
    with_compartments,
    without_events,
)
from pkpd.io.files import with_sheets
from pkpd.io.findings import Findings, shown
from pkpd.io.job import Job
from pkpd.io.natural_units import complete_units, may_be_analytes
from pkpd.io.observations import RULES
from pkpd.io.reading import build
from pkpd.io.single_doses import SINGLE
from pkpd.io.table import Columns, load
from pkpd.io.wide_times import with_rows_of_times
from pkpd.study import Study


def read_study(
    observations: Any,
    doses: Any = None,
    subjects: Any = None,
    *,
    units: Mapping[str, str] | None = None,
    lloq: Mapping[str, float | str] | None = None,
    uloq: Mapping[str, float | str] | None = None,
    columns: Mapping[str, str] | None = None,
    duplicates: str | None = None,
    missing: str | None = None,
    negative: str | None = None,
    texts: Mapping[str, str] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Study:
    """Read tables of observations, doses and subjects into a study, or say everything that is wrong with them.

    Each table is a pandas or polars DataFrame or the path of a file: text with any delimiter, with or without lines
    above the header, a row of units and notes below; ``.xpt``, ``.sas7bdat``, Parquet, a workbook or one of its sheets
    (``trial.xlsx::PK``). Headings are matched without regard to case, spaces and underscores, and may carry a unit
    (``amount [ug/kg]``, ``time_h``); rows may stand in any order.

    Parameters
    ----------
    observations : DataFrame or path
        Long (``subject, time, analyte, value``) or wide (one column per analyte named in `units`). Optional columns:
        ``nominal_time, day, clock, occasion, mark`` ("pre" or "post" dose), ``blq, alq`` (flags), ``lloq, uloq``
        (of the record), ``unit``, ``excluded`` with ``reason``. A value may be a text such as ``BLQ``, ``<0.112``
        or ``>500``. Without `doses`, rows with an ``amount`` are doses; a NONMEM table (``EVID``, ``MDV`` or ``CENS``,
        ``AMT`` with ``RATE, ADDL, II, SS, CMT``, or headings ``ID, TIME, AMT, DV``) is read as `read_nonmem` does.
        Other columns are covariates if there is no table of subjects: those that are constant within each subject,
        and numbers that vary, which then change in time.
    doses : DataFrame, path or Regimen, optional
        ``subject, time, amount`` (or ``amount_per_kg``), ``route, duration`` (or ``until``, the end of an infusion),
        and of ``rate, additional, interval, steady_state, into, modelled, action, reset, evid`` what is used, as
        `Study.doses` gives them back; a `Regimen` is given to every subject as it is.
    subjects : DataFrame or path, optional
        ``subject`` and covariates, one row each; without it the subjects are those that appear.
    units : mapping, optional
        Units by name: ``"time"``, ``"dose"``, every analyte, and covariates; ``"duration"`` if not that of time.
        What headings and unit columns say needs none.
    lloq, uloq : mapping, optional
        Limits of quantification by analyte, numbers in its unit or texts such as ``"112 pg/mL"``.
    columns : mapping, optional
        Meanings of headings that are not understood, or that several columns could have, ``{"their heading":
        "our name"}``; ``"drop"`` leaves one out, ``"covariate"`` says that a column is one whatever its name.
    duplicates : {"mean", "first", "last"}, optional
        What to do with several samples of one subject, analyte and time; without a rule they are a problem.
    missing : {"drop", "exclude"}, optional
        What to do with records that have no result: leave them out, or keep them set aside with the reason "no result".
        Without a rule they are a problem.
    negative : {"keep", "exclude"}, optional
        What to do with negative concentrations; without a rule they are a problem.
    texts : mapping, optional
        What a result means that is no number, ``{"ND": "BLQ", "-99": "missing"}``: "BLQ", "ALQ" or "missing".
    attrs : mapping, optional
        Provenance: ``source``, ``synthetic`` and the like.

    Returns
    -------
    Study
        Sorted by subject, analyte and time; `Study.notes` tells what was done to the records.

    Raises
    ------
    InputError
        If anything is wrong; `problems` lists all of it with table, row (counted from 1 below the header), subject,
        column, value and what was expected.

    Warns
    -----
    DataWarning
        For everything that was altered or set aside, with its count.

    Notes
    -----
    Times are numbers in the study's unit, or clock times with a ``day`` (day 1 at 00:00 is time 0), or dates with a
    time of day, counted from the subject's first dose (without a dose, from the first sample). Only a ``day``
    means the start of that day, in a table in which nothing else sounds like a time.

    No column that changes what a row means is passed over: each is read, refused with what to write, or counted in a
    warning (``docs/data.md``). A number is written in ASCII digits.
    """
    findings = Findings()
    sources = with_sheets({"observations": observations, "doses": doses, "subjects": subjects}, findings)
    job = _open(sources, units, columns, findings)
    job.results = result_rules(missing, negative, texts, findings)
    return to_study(job, (lloq, uloq), duplicates, attrs)


def to_study(
    job: Job, limits: tuple[object, object], duplicates: object, attrs: object, where: str = "the study cannot be read"
) -> Study:
    """Return the study of a job whose tables are matched, or raise every problem; the common end of all readers.

    Parameters
    ----------
    job : Job
        Matched tables, units and findings.
    limits : pair
        Lower and upper limits of quantification as the user gave them.
    duplicates : str or None
        The rule for equal samples.
    attrs : mapping or None
        Provenance.
    where : str
        What is said before the problems.
    """
    findings = job.findings
    if duplicates is not None and (not isinstance(duplicates, str) or duplicates not in RULES):
        findings.problem(f"duplicates: {shown(duplicates)}; expected one of {', '.join(RULES)}")
        duplicates = None
    if attrs is not None and not isinstance(attrs, Mapping):
        findings.problem(f"attrs: {shown(attrs)}; expected a mapping")
        attrs = None
    frames = build(job, limits, duplicates)
    if job.assumed:
        told = ", ".join(f"{name} in {unit}" for name, unit in job.assumed.items())
        findings.altered(f"no units were given for these, so they are taken to be: {told}; say units=")
        attrs = {**(attrs or {}), "assumed_units": tuple(job.assumed)}
    if findings.assumed_routes:
        attrs = {**(attrs or {}), "assumed_routes": tuple(sorted(findings.assumed_routes))}
    notes = findings.settle(where)
    assert frames is not None  # otherwise there was a problem, and `settle` raised it
    known = {name: unit for name, unit in job.units.items() if name != "duration"}
    return Study(
        frames.observations, frames.doses, frames.subjects, units=known, notes=notes, attrs=dict(attrs or {}),
        _records=frames.records, in_order=frames.in_order, carried=frames.carried,
    )  # fmt: skip


def _open(sources: Mapping[str, Any], units: object, columns: Any, findings: Findings) -> Job:
    """Load every table and match its headings."""
    job = Job(declared_units({} if units is None else units, findings), findings, may_change=True)
    loaded: dict[str, Columns] = {}
    for name, source in sources.items():
        if isinstance(source, Regimen) and name == "doses":
            job.plan = source
        elif source is not None or name == "observations":
            found = load(name, fspath(source) if isinstance(source, PathLike) else source, findings)
            if found is not None:
                loaded[name] = found
    apart = sources["doses"] is not None
    words = _words(job, combined=not apart)
    if "observations" in loaded:
        words["observations"] = nonmem_words(loaded["observations"][0], words["observations"])
    loaded = {name: without_cell_units(name, content, words[name], findings) for name, content in loaded.items()}
    source_rows: list[int] = []
    if "observations" in loaded:
        melted = with_rows_of_times(loaded["observations"], words["observations"], findings)
        if melted is not None:
            loaded["observations"], source_rows = melted
    every = {spelling: name for group in words.values() for spelling, name in group.items()}
    every |= {names.fold(name): name for name in job.units}
    headings = [heading for found_headings, _ in loaded.values() for heading in found_headings]
    renamed = names.check_renamed(columns, headings, every, findings)
    analytes = may_be_analytes([*job.units], [*names.vocabulary(names.COVARIATES)])
    for name, content in loaded.items():
        guessed = roles.guess(name, content, words[name], renamed, analytes, findings)
        table, carried = names.match(name, content, words[name], {**guessed.meaning, **renamed}, findings)
        job.heading_units[name] = {**guessed.units, **carried}
        if name == "observations":
            if source_rows:
                table = replace(table, rows=[source_rows[row - 1] for row in table.rows])
            is_events = says_what_rows_are if apart else is_event_table
            table = with_compartments(table) if is_events(table) else without_events(table)
        job.tables[name] = table
    complete_units(job, analytes)
    known = {heading.upper() for heading in loaded["observations"][0]} if "observations" in loaded else set()
    for verb, own in (("read_adnca", {"PARAMCD", "AVAL"}), ("read_sdtm", {"PCTESTCD"})):
        if findings.problems and own <= known:
            findings.problems.insert(0, f"observations: this looks like a table for pkpd.io.{verb}")
    return job


def _words(job: Job, combined: bool) -> dict[str, dict[str, str]]:
    """Return by table which spellings mean which column."""
    words = {
        "observations": names.vocabulary(names.OBSERVATIONS, names.CLOCK),
        "doses": names.vocabulary(names.KINDS_OF_DOSES, names.DOSES, names.CLOCK),
        "subjects": names.vocabulary({"subject": names.CLOCK["subject"], "row": ()}, names.COVARIATES),
    }
    if combined:
        amounts = {spelling: name for spelling, name in names.vocabulary(names.DOSES).items() if name != "unit"}
        words["observations"] |= amounts
        words["observations"] |= names.vocabulary({SINGLE: ()})
        words["observations"] |= names.vocabulary({"dose_unit": names.DOSE_UNITS})
    words["observations"] |= names.vocabulary(EVENTS)
    # A heading that `units` names as an analyte is not a synonym of something else.
    named = {names.fold(name) for name in job.units if name not in names.RESERVED}
    for table in ("observations", "doses"):
        words[table] = {k: name for k, name in words[table].items() if k not in named or k == names.fold(name)}
    return words
