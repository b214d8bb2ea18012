"""Times to events from ADaM ADTTE, as the plain table of the trial layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, few, nearest
from pkpd.io.cdisc.tabular import opened, required, text
from pkpd.io.findings import Findings, shown
from pkpd.io.subjects import identifiers

if TYPE_CHECKING:
    import pandas

_COLUMNS = {
    "USUBJID": ("subjid",), "PARAMCD": (), "PARAM": (), "AVAL": (), "AVALU": (), "CNSR": (), "EVNTDESC": (),
    "CNSDTDSC": (), "TRTA": ("trt01a", "trtp", "trt01p", "arm"),
}  # fmt: skip
_NEEDED = {
    "USUBJID": "the identifier of every subject",
    "AVAL": "the time",
    "CNSR": "0 for the event, more for censored",
}
_UNITS = {"DAYS": "days", "DAY": "days", "WEEKS": "weeks", "MONTHS": "months", "MONTH": "months", "YEARS": "years"}


@checked
def read_adtte(
    table: Any, *, parameter: str | None = None, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read an ADaM table ADTTE, for `pkpd.trial.kaplan_meier`, `log_rank` and `cox`.

    CNSR is 0 where the event happened; any other number says how a time was censored.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, AVAL, CNSR; PARAMCD where there are several times. A CSV file or a SAS transport file.
    parameter : str, optional
        PARAMCD, such as ``"PFS"``; needed where the table has several.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "AVAL"}``.

    Returns
    -------
    DataFrame
        ``subject, parameter, duration, unit`` (from AVALU, or the brackets of PARAM), ``event`` (True where CNSR is 0),
        ``reason`` (EVNTDESC or CNSDTDSC), ``arm``.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    findings = Findings()
    records = opened("ADTTE", table, _COLUMNS, columns, findings)
    rows: list[dict[str, Any]] = []
    if records is not None and required(records, _NEEDED, findings):
        codes = [text(records, "PARAMCD", i) for i in range(len(records))]
        known = [code for code in dict.fromkeys(codes) if code]
        if parameter is not None and "PARAMCD" in records:
            keep = [i for i, code in enumerate(codes) if code.upper() == parameter.upper()]
            if not keep:
                findings.problem(f"ADTTE: no record with PARAMCD {shown(parameter)}; {nearest(parameter, known)}")
            records = records.take(keep)
        elif len(known) > 1:
            findings.problem(f"ADTTE: {len(known)} parameters ({few(known)}); say which: parameter={known[0]!r}")
        times, bad = records.numbers("AVAL", findings, "a time ≥ 0")
        codes_of, wrong = records.numbers("CNSR", findings, "0 for the event, or a whole number > 0")
        for i in range(len(records)):
            subject = text(records, "USUBJID", i)
            if not subject:
                records.complain(findings, "USUBJID", i, "an identifier, a number or a text")
            if not bad[i] and not times[i] >= 0:
                records.complain(findings, "AVAL", i, "a time ≥ 0")
            if not wrong[i] and not (codes_of[i] >= 0 and codes_of[i] == np.rint(codes_of[i])):
                records.complain(findings, "CNSR", i, "0 for the event, or a whole number > 0")
            name = text(records, "PARAM", i)
            inside = re.findall(r"\(([^()]*)\)", name)
            unit = text(records, "AVALU", i) or (inside[-1] if inside else "")
            event = bool(codes_of[i] == 0)
            rows.append({
                "subject": subject, "parameter": text(records, "PARAMCD", i), "duration": float(times[i]),
                "unit": _UNITS.get(unit.upper(), unit), "event": event,
                "reason": text(records, "EVNTDESC", i) or text(records, "CNSDTDSC", i), "arm": text(records, "TRTA", i),
            })  # fmt: skip
    if findings.problems:
        raise InputError(findings.problems, "ADTTE cannot be read")
    ids = identifiers([[row["subject"] for row in rows]])
    return pandas.DataFrame([{**row, "subject": ids[row["subject"]]} for row in rows])
