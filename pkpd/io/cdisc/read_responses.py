"""Responses of tumours from ADaM ADRS and SDTM RS, as the plain table of the trial layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest
from pkpd.io.cdisc.assessed_days import study_days
from pkpd.io.cdisc.tabular import opened, required, text
from pkpd.io.findings import Findings, shown
from pkpd.io.subjects import identifiers
from pkpd.io.table import Table

if TYPE_CHECKING:
    import pandas

_ADRS = {
    "USUBJID": ("subjid",), "PARAMCD": (), "PARAM": (), "AVALC": (), "ADY": (), "ADT": (), "TRTSDT": (), "AVISIT": (),
    "RSEVAL": ("eval", "aeval"), "TRTA": ("trt01a", "trtp", "trt01p", "arm"), "ANL01FL": (),
}  # fmt: skip
_RS = {
    "USUBJID": ("subjid",), "RSTESTCD": (), "RSSTRESC": (), "RSORRES": (), "RSDY": (), "RSDTC": (), "RFSTDTC": (),
    "RSEVAL": (), "VISIT": (), "RSSTAT": (),
}  # fmt: skip
_WORDS = {
    "CR": "CR", "PR": "PR", "SD": "SD", "PD": "PD", "NE": "NE", "NON-CR/NON-PD": "non-CR/non-PD", "NN": "non-CR/non-PD",
    "COMPLETE RESPONSE": "CR", "PARTIAL RESPONSE": "PR", "STABLE DISEASE": "SD", "PROGRESSIVE DISEASE": "PD",
    "NOT EVALUABLE": "NE", "INEVALUABLE": "NE", "MISSING": "NE", "ND": "NE", "NOT DONE": "NE", "NA": "NE",
}  # fmt: skip


@checked
def read_adrs(
    table: Any, *, parameter: str | None = "OVRLRESP", columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read the responses of an ADaM table ADRS, for `pkpd.trial.best_response` and its kin.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, PARAMCD, AVALC, and ADY (or ADT with TRTSDT); a CSV file or a SAS transport file. RSEVAL says who read.
    parameter : str or None
        PARAMCD of the responses by visit; None: all parameters, named in a column.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "AVALC"}``.

    Returns
    -------
    DataFrame
        ``subject, parameter, day, response, reviewer, visit, arm``. Responses in the words CR, PR, SD, non-CR/non-PD,
        PD, NE; missing and not done are NE; other values as they stand.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    findings = Findings()
    records = opened("ADRS", table, _ADRS, columns, findings)
    needed = {"USUBJID": "the identifier of every subject", "PARAMCD": "the code of every parameter",
              "AVALC": "the response"}  # fmt: skip
    if records is not None and required(records, needed, findings) and parameter is not None:
        records = _with(records, "PARAMCD", parameter, findings)
    rows: list[dict[str, Any]] = []
    if records is not None and not findings.problems:
        days = study_days(records, "ADY", "ADT", "TRTSDT", findings)
        rows = [
            {"subject": _subject(records, i, findings), "parameter": text(records, "PARAMCD", i), "day": float(days[i]),
             "response": _response(text(records, "AVALC", i)), "reviewer": text(records, "RSEVAL", i),
             "visit": text(records, "AVISIT", i), "arm": text(records, "TRTA", i)}
            for i in range(len(records))
        ]  # fmt: skip
    return _table(rows, findings, "ADRS")


@checked
def read_rs(table: Any, *, test: str | None = "OVRLRESP", columns: Mapping[str, str] | None = None) -> pandas.DataFrame:
    """Read the responses of the SDTM domain RS.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, RSTESTCD, RSSTRESC (or RSORRES), and RSDY (or RSDTC with RFSTDTC, merged from DM).
    test : str or None
        RSTESTCD; ``"TRGRESP"`` and ``"NTRGRESP"`` are those of target and non-target lesions; None: all.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "RSSTRESC"}``.

    Returns
    -------
    DataFrame
        ``subject, parameter, day, response, reviewer, visit, arm``; see `read_adrs`. A record that was not done is NE.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    findings = Findings()
    records = opened("RS", table, _RS, columns, findings)
    needed = {"USUBJID": "the identifier of every subject", "RSTESTCD": "the code of every test"}
    if records is not None and required(records, needed, findings) and test is not None:
        records = _with(records, "RSTESTCD", test, findings)
    rows: list[dict[str, Any]] = []
    if records is not None and not findings.problems:
        days = study_days(records, "RSDY", "RSDTC", "RFSTDTC", findings)
        for i in range(len(records)):
            said = text(records, "RSSTRESC", i) or text(records, "RSORRES", i)
            lost = text(records, "RSSTAT", i).upper() == "NOT DONE"
            if not said and not lost:
                records.complain(findings, "RSSTRESC", i, "a response, or RSSTAT 'NOT DONE'")
            rows.append({
                "subject": _subject(records, i, findings), "parameter": text(records, "RSTESTCD", i),
                "day": float(days[i]), "response": "NE" if lost else _response(said),
                "reviewer": text(records, "RSEVAL", i), "visit": text(records, "VISIT", i), "arm": "",
            })  # fmt: skip
    return _table(rows, findings, "RS")


def _with(records: Table, column: str, code: str, findings: Findings) -> Table:
    """The records of one code, or the problem that there is none."""
    codes = [text(records, column, i) for i in range(len(records))]
    keep = [i for i, one in enumerate(codes) if one.upper() == code.upper()]
    if not keep:
        findings.problem(
            f"{records.name}: no record with {column} {shown(code)}; {nearest(code, dict.fromkeys(codes))}"
        )
    return records.take(keep)


def _subject(records: Table, i: int, findings: Findings) -> str:
    subject = text(records, "USUBJID", i)
    if not subject:
        records.complain(findings, "USUBJID", i, "an identifier, a number or a text")
    return subject


def _response(said: str) -> str:
    """A response in our words."""
    return _WORDS.get(said.upper(), said) if said else "NE"


def _table(rows: list[dict[str, Any]], findings: Findings, what: str) -> pandas.DataFrame:
    import pandas

    if findings.problems:
        raise InputError(findings.problems, f"{what} cannot be read")
    names = ("subject", "parameter", "day", "response", "reviewer", "visit", "arm")
    ids = identifiers([[row["subject"] for row in rows]])
    return pandas.DataFrame([{**row, "subject": ids[row["subject"]]} for row in rows], columns=list(names))
