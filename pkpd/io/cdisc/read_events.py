"""Adverse events from ADaM ADAE and SDTM AE, as the plain table of the trial layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError, few, warn
from pkpd.io.cdisc.assessed_days import study_days
from pkpd.io.cdisc.tabular import opened, required, text
from pkpd.io.findings import Findings
from pkpd.io.subjects import identifiers
from pkpd.io.table import Table

if TYPE_CHECKING:
    import pandas

_COMMON = {
    "USUBJID": ("subjid",), "AEDECOD": (), "AETERM": (), "AEBODSYS": ("aesoc",),
    "AETOXGR": ("atoxgr", "aetoxgrn", "atoxgrn"),
    "AESER": (), "AEACN": (),
}  # fmt: skip
_AE = {
    **_COMMON, "AEREL": (), "AESTDY": (), "AESTDTC": (), "AEENDY": (), "AEENDTC": (), "RFSTDTC": (), "AEOCCUR": (),
}  # fmt: skip
_ADAE = {
    **_COMMON, "AEREL": ("arel",), "ASTDY": ("aestdy",), "ASTDT": ("astdtm", "aestdtc"), "AENDY": ("aeendy",),
    "AENDT": ("aendtm", "aeendtc"), "TRTSDT": ("rfstdtc",), "TRTEMFL": (), "ACYCLE": ("aperiod",),
    "TRTA": ("trt01a", "trtp", "trt01p", "arm"),
}  # fmt: skip
_RELATED = {
    **dict.fromkeys(("Y", "YES", "RELATED", "POSSIBLE", "POSSIBLY RELATED", "PROBABLE", "PROBABLY RELATED", "DEFINITE",
                     "DEFINITELY RELATED"), "yes"),
    **dict.fromkeys(("N", "NO", "NONE", "NOT RELATED", "UNRELATED", "UNLIKELY", "UNLIKELY RELATED"), "no"),
}  # fmt: skip


@checked
def read_ae(
    table: Any, *, laboratory: Sequence[str] = ("INVESTIGATIONS",), columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read the SDTM domain AE, for `pkpd.trial.worst_grades`, `incidence_table` and `dose_limiting`.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, AEDECOD (or AETERM), AETOXGR, AEREL, AEBODSYS, and AESTDY, AEENDY (or AESTDTC, AEENDTC with RFSTDTC,
        merged from DM); a CSV file or a SAS transport file.
    laboratory : sequence of str
        System organ classes (AEBODSYS) whose events are ``laboratory``; all others are ``clinical``.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "AETOXGR"}``.

    Returns
    -------
    DataFrame
        ``subject, term, kind, grade, start, end, related`` (yes, no or nothing), ``soc, serious, action``, and from
        ADAE ``emergent, course, arm``. Possible and probable are related, unlikely is not.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting events without a grade, dates that are not whole, and relations in other words: these are empty.
        Counting records that say that the event did not occur (AEOCCUR N), which are left out.
    """
    findings = Findings()
    records = opened("AE", table, _AE, columns, findings)
    if records is not None:
        away = [text(records, "AEOCCUR", i).upper() == "N" for i in range(len(records))]
        if any(away):
            warn(f"AE: {sum(away)} records say that the event did not occur; left out")
            records = records.take([i for i, gone in enumerate(away) if not gone])
    return _read(records, "AE", (("AESTDY", "AESTDTC"), ("AEENDY", "AEENDTC"), "RFSTDTC"), laboratory, findings)


@checked
def read_adae(
    table: Any, *, laboratory: Sequence[str] = ("INVESTIGATIONS",), columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read an ADaM table ADAE; see `read_ae`.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, AEDECOD (or AETERM), AETOXGR or ATOXGR, AREL or AEREL, AEBODSYS, ASTDY, AENDY (or ASTDT, AENDT with
        TRTSDT), TRTEMFL, ACYCLE or APERIOD.
    laboratory, columns
        See `read_ae`.

    Returns
    -------
    DataFrame
        See `read_ae`.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    findings = Findings()
    records = opened("ADAE", table, _ADAE, columns, findings)
    return _read(records, "ADAE", (("ASTDY", "ASTDT"), ("AENDY", "AENDT"), "TRTSDT"), laboratory, findings)


def _read(
    records: Table | None, what: str, dates: tuple[tuple[str, str], tuple[str, str], str], laboratory: Sequence[str],
    findings: Findings,
) -> pandas.DataFrame:  # fmt: skip
    """The plain table."""
    import pandas

    rows: list[dict[str, Any]] = []
    if records is not None and required(records, {"USUBJID": "the identifier of every subject"}, findings):
        if "AEDECOD" not in records and "AETERM" not in records:
            findings.problem(f"{what}: no column 'AEDECOD' or 'AETERM' (the name of every event)")
        start, end = (_days(records, day, date, dates[2], findings) for day, date in dates[:2])
        classes = {name.casefold() for name in laboratory}
        strange: list[str] = []
        for i in range(len(records)):
            subject = text(records, "USUBJID", i)
            term = text(records, "AEDECOD", i) or text(records, "AETERM", i)
            if not subject:
                records.complain(findings, "USUBJID", i, "an identifier, a number or a text")
            if not term and ("AEDECOD" in records or "AETERM" in records):
                records.complain(findings, "AEDECOD" if "AEDECOD" in records else "AETERM", i, "the name of the event")
            soc, relation = text(records, "AEBODSYS", i), text(records, "AEREL", i).upper()
            if relation and relation not in _RELATED:
                strange.append(relation)
            row = {
                "subject": subject, "term": term, "kind": "laboratory" if soc.casefold() in classes else "clinical",
                "grade": _grade(records, i, findings), "start": float(start[i]), "end": float(end[i]),
                "related": _RELATED.get(relation, ""), "soc": soc, "serious": text(records, "AESER", i),
                "action": text(records, "AEACN", i),
            }  # fmt: skip
            if what == "ADAE":
                row.update(emergent=text(records, "TRTEMFL", i).upper() == "Y", course=text(records, "ACYCLE", i),
                           arm=text(records, "TRTA", i))  # fmt: skip
            rows.append(row)
        if strange and not findings.problems:
            warn(f"{what}: {len(strange)} relations to treatment are not known words ({few(strange)}); left empty")
    if findings.problems:
        raise InputError(findings.problems, f"{what} cannot be read")
    names = ["subject", "term", "kind", "grade", "start", "end", "related", "soc", "serious", "action"]
    names += ["emergent", "course", "arm"] if what == "ADAE" else []
    lost = sum(np.isnan(row["grade"]) for row in rows)
    if lost:
        warn(f"{what}: {lost} events have no grade")
    ids = identifiers([[row["subject"] for row in rows]])
    return pandas.DataFrame([{**row, "subject": ids[row["subject"]]} for row in rows], columns=names)


def _grade(records: Table, i: int, findings: Findings) -> float:
    """A grade from 1 to 5: "3", "GRADE 3" or a number."""
    said = text(records, "AETOXGR", i)
    if not said:
        return np.nan
    found = re.fullmatch(r"(?:GRADE\s*)?([1-5])(?:\.0*)?", said, flags=re.I)
    if found is None:
        records.complain(findings, "AETOXGR", i, "a grade from 1 to 5")
        return np.nan
    return float(found[1])


def _days(records: Table, day: str, date: str, first: str, findings: Findings) -> Array:
    """Study days; a date that is not whole has none, and is counted."""
    partial = Findings()
    days = study_days(records, day, date, first, partial)
    bad = [one for one in partial.problems if f"'{records.headings.get(day, day)}'" in one]
    for one in bad:
        findings.problem(one)
    if len(partial.problems) > len(bad):
        warn(f"{records.name}: {len(partial.problems) - len(bad)} dates in {date} are not whole; left empty")
    return days
