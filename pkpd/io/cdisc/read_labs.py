"""Laboratory values from ADaM ADLB and SDTM LB, as the plain table of the trial layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest, shown, warn
from pkpd.io.cdisc.assessed_days import study_days
from pkpd.io.cdisc.tabular import opened, required, text
from pkpd.io.findings import Findings
from pkpd.io.subjects import identifiers
from pkpd.io.table import Table

if TYPE_CHECKING:
    import pandas

_ADLB = {
    "USUBJID": ("subjid",), "PARAMCD": (), "PARAM": (), "AVAL": (), "AVALU": (), "ANRLO": (), "ANRHI": (), "ADY": (),
    "ADT": (), "TRTSDT": (), "ABLFL": (), "DTYPE": (), "AVISIT": (), "SEX": (), "LBNAM": (), "ACYCLE": ("aperiod",),
    "TRTA": ("trt01a", "trtp", "trt01p", "arm"),
}  # fmt: skip
_LB = {
    "USUBJID": ("subjid",), "LBTESTCD": (), "LBTEST": (), "LBSTRESN": (), "LBSTRESC": (), "LBSTRESU": (),
    "LBSTNRLO": (), "LBSTNRHI": (), "LBDY": (), "LBDTC": (), "RFSTDTC": (), "LBBLFL": ("lblobxfl",), "LBSTAT": (),
    "VISIT": (), "LBNAM": (), "SEX": (),
}  # fmt: skip
_NAMES = ("subject", "day", "test", "value", "unit", "lln", "uln", "baseline", "visit", "laboratory", "sex", "course",
          "arm")  # fmt: skip


@checked
def read_adlb(
    table: Any, *, tests: Sequence[str] | None = None, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read an ADaM table ADLB, for `pkpd.trial.grades`.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, PARAMCD, AVAL, AVALU (or the brackets of PARAM), ANRLO, ANRHI, ABLFL, and ADY (or ADT with TRTSDT); a
        CSV file or a SAS transport file.
    tests : sequence of str, optional
        PARAMCDs; by default all.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "AVAL"}``.

    Returns
    -------
    DataFrame
        ``subject, day, test`` (PARAMCD), ``value, unit, lln, uln, baseline, visit, laboratory, sex, course`` (ACYCLE,
        APERIOD), ``arm``.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting derived records (DTYPE), which are left out: they are no measurements.
    """
    findings = Findings()
    records = opened("ADLB", table, _ADLB, columns, findings)
    needed = {"USUBJID": "the identifier of every subject", "PARAMCD": "the code of every test", "AVAL": "the value"}
    if records is not None and required(records, needed, findings):
        derived = [bool(text(records, "DTYPE", i)) for i in range(len(records))]
        records = _chosen(records, "PARAMCD", tests, [not one for one in derived], findings)
        if any(derived):
            warn(f"ADLB: {sum(derived)} derived records (DTYPE) are left out; they are no measurements")
    return _read(records, "ADLB", ("PARAMCD", "AVAL", "AVALU", "ANRLO", "ANRHI", "ABLFL", "AVISIT"),
                 ("ADY", "ADT", "TRTSDT"), findings)  # fmt: skip


@checked
def read_lb(
    table: Any, *, tests: Sequence[str] | None = None, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read the SDTM domain LB, for `pkpd.trial.grades`.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, LBTESTCD, LBSTRESN, LBSTRESU, LBSTNRLO, LBSTNRHI, LBBLFL (or LBLOBXFL), and LBDY (or LBDTC with
        RFSTDTC, merged from DM).
    tests : sequence of str, optional
        LBTESTCDs; by default all.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "LBSTRESN"}``.

    Returns
    -------
    DataFrame
        See `read_adlb`; ``test`` is LBTESTCD.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting records that were not done, and results that are no number (LBSTRESC ``<0.1``): both have no value.
    """
    findings = Findings()
    records = opened("LB", table, _LB, columns, findings)
    needed = {"USUBJID": "the identifier of every subject", "LBTESTCD": "the code of every test",
              "LBSTRESN": "the value"}  # fmt: skip
    if records is not None and required(records, needed, findings):
        records = _chosen(records, "LBTESTCD", tests, [True] * len(records), findings)
        lost = sum(text(records, "LBSTAT", i).upper() == "NOT DONE" for i in range(len(records)))
        words = sum(
            bool(text(records, "LBSTRESC", i)) and not text(records, "LBSTRESN", i) for i in range(len(records))
        )
        if lost:
            warn(f"LB: {lost} records were not done; they have no value")
        if words:
            warn(f"LB: {words} results are texts without a number (LBSTRESC); they have no value")
    return _read(records, "LB", ("LBTESTCD", "LBSTRESN", "LBSTRESU", "LBSTNRLO", "LBSTNRHI", "LBBLFL", "VISIT"),
                 ("LBDY", "LBDTC", "RFSTDTC"), findings)  # fmt: skip


def _chosen(
    records: Table, column: str, tests: Sequence[str] | None, keep: Sequence[bool], findings: Findings
) -> Table:
    """The records of some tests; a test without a record is a problem."""
    codes = [text(records, column, i).upper() for i in range(len(records))]
    for test in tests or ():
        if test.upper() not in codes:
            known = dict.fromkeys(codes)
            findings.problem(f"{records.name}: no record with {column} {shown(test)}; {nearest(test, known)}")
    wanted = {*codes} if tests is None else {test.upper() for test in tests}
    return records.take([i for i, code in enumerate(codes) if keep[i] and code in wanted])


def _read(
    records: Table | None, what: str, names: tuple[str, ...], dates: tuple[str, str, str], findings: Findings
) -> pandas.DataFrame:
    """The plain table."""
    import pandas

    rows: list[dict[str, Any]] = []
    if records is not None and not findings.problems:
        code, value, unit, lln, uln, flag, visit = names
        days = study_days(records, *dates, findings)
        values, bad = records.numbers(value, findings, "a number ≥ 0")
        low, _ = records.numbers(lln, findings, "the lower limit of normal")
        high, _ = records.numbers(uln, findings, "the upper limit of normal")
        marked = records.flags(flag, findings)
        for i in range(len(records)):
            for column, words in (("USUBJID", "an identifier, a number or a text"), (code, "the code of a test")):
                if not text(records, column, i):
                    records.complain(findings, column, i, words)
            if not bad[i] and values[i] < 0:
                records.complain(findings, value, i, "a number ≥ 0")
            inside = re.findall(r"\(([^()]*)\)", text(records, "PARAM", i))
            rows.append({
                "subject": text(records, "USUBJID", i), "day": float(days[i]), "test": text(records, code, i),
                "value": float(values[i]), "unit": text(records, unit, i) or (inside[-1] if inside else ""),
                "lln": float(low[i]), "uln": float(high[i]), "baseline": bool(marked[i]),
                "visit": text(records, visit, i), "laboratory": text(records, "LBNAM", i),
                "sex": text(records, "SEX", i), "course": text(records, "ACYCLE", i), "arm": text(records, "TRTA", i),
            })  # fmt: skip
    if findings.problems:
        raise InputError(findings.problems, f"{what} cannot be read")
    ids = identifiers([[row["subject"] for row in rows]])
    made = pandas.DataFrame([{**row, "subject": ids[row["subject"]]} for row in rows], columns=list(_NAMES))
    if len(made) and not made["baseline"].any():
        made = made.drop(columns="baseline")  # nobody marked one: `grades` takes the last value up to day 1
    made["uln"] = made["uln"].where(made["uln"] != 0, np.nan)
    return made
