"""The DM domain: subjects and their covariates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from pkpd.io.cdisc.iso import Moment, moment
from pkpd.io.cdisc.tabular import declared_by_partner, opened, required, text
from pkpd.io.columns import COVARIATES, fold, vocabulary
from pkpd.io.job import Job
from pkpd.io.subjects import gather_covariates, spelled
from pkpd.io.table import Table

_COLUMNS = {"USUBJID": ("subjid",), "RFSTDTC": ()}
_NO_COVARIATES = re.compile(
    r"STUDYID|DOMAIN|SUBJID|.*DTC|DMDY|DTHFL|INVID|INVNAM|ARMNRS|ACTARMUD|DMSEQ|.*SEQ", re.IGNORECASE
)


def demographics(dm: object, columns: object, job: Job) -> tuple[Table | None, dict[str, Fraction]]:
    """Return the table of subjects with its covariates, and the reference dates (RFSTDTC) by subject.

    Identifiers, dates and columns that hold units are no covariates.
    """
    table = None if dm is None else opened("DM", dm, _COLUMNS, columns, job.findings)
    if table is None or not required(table, {"USUBJID": "the identifier of every subject"}, job.findings):
        return None, {}
    started = {}
    for i in range(len(table)):
        start = moment(table.cell("RFSTDTC", i))
        if isinstance(start, Moment):  # often only a date, which is no reason to refuse the subject
            started[text(table, "USUBJID", i)] = start.seconds
    keys = [key for key in table.extras if not _NO_COVARIATES.fullmatch(key)]
    partners = declared_by_partner(table, keys, job.units, job.findings)
    kept = {key: table.columns[key] for key in keys if key not in partners}
    headings = {"subject": table.headings["USUBJID"], **{key: table.headings[key] for key in kept}}
    return Table("DM", {"subject": table.columns["USUBJID"], **kept}, table.rows, headings, tuple(kept)), started


def carried(source: Table, target: Table, job: Job, more: Iterable[str] = ()) -> Table:
    """Return the target with the covariates that its source carries: weight, height, age, sex and those named."""
    known = {*vocabulary(COVARIATES), *map(fold, more)}
    keys = [key for key in source.extras if fold(key) in known]
    declared_by_partner(source, keys, job.units, job.findings)
    columns = {**target.columns, **{key: source.columns[key] for key in keys}}
    headings = {**target.headings, **{key: source.headings[key] for key in keys}}
    return replace(target, columns=columns, headings=headings, extras=tuple(keys))


def complete(job: Job) -> None:
    """Give the table of subjects the covariates that it lacks and that samples or doses carry."""
    people = job.tables.get("subjects")
    if people is None:
        return
    have = {spelled(key, job.units) for key in people.extras}
    carriers = []
    for name in ("observations", "doses"):
        if name in job.tables:
            table = job.tables[name]
            keys = tuple(key for key in table.extras if spelled(key, job.units) not in have)
            carriers.append(replace(table, extras=keys))
            job.tables[name] = replace(table, extras=())
    if not any(table.extras for table in carriers):
        return
    owners = [text(people, "subject", i) for i in range(len(people))]
    gathered, _ = gather_covariates(carriers, owners, job.units, job.findings)
    more = {str(key): gathered[key].tolist() for key in gathered.columns if key != "subject"}
    job.tables["subjects"] = replace(people, columns={**people.columns, **more}, extras=(*people.extras, *more))
