"""Read the SDTM domain PP back: numbers, units and reasons of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.io.cdisc.spelling import from_cdisc
from pkpd.io.cdisc.tabular import opened, required, text
from pkpd.io.cells import is_missing, number
from pkpd.io.findings import Findings
from pkpd.io.subjects import identifiers
from pkpd.io.table import Table

if TYPE_CHECKING:
    import pandas

_COLUMNS = {
    "USUBJID": ("subjid",), "PPGRPID": (), "PPTESTCD": (), "PPTEST": (), "PPCAT": (), "PPORRES": (), "PPORRESU": (),
    "PPSTRESC": (), "PPSTRESN": (), "PPSTRESU": (), "PPSTAT": (), "PPREASND": (), "PPSPEC": (), "VISIT": (),
    "PPTPTREF": (), "PPRFTDTC": ("pprfdtc",), "PPSTINT": (), "PPENINT": (),
}  # fmt: skip
_NEEDED = {"USUBJID": "the identifier of every subject", "PPTESTCD": "the code of every parameter"}
_LABELS = {"group": "PPGRPID", "analyte": "PPCAT", "specimen": "PPSPEC", "visit": "VISIT", "reference": "PPRFTDTC"}
_SOURCES = (("PPSTRESN", "PPSTRESU"), ("PPSTRESC", "PPSTRESU"), ("PPORRES", "PPORRESU"))


@checked
def read_pp(
    table: Any,
    *,
    layout: str = "long",
    names: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Read pharmacokinetic parameters from the SDTM domain PP.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, PPTESTCD and a result (PPSTRESN, PPSTRESC or PPORRES); a CSV file or a SAS transport file.
    layout : {"long", "wide"}
        One row per parameter, or one row per subject and profile with a column for each parameter.
    names : mapping, optional
        Names of parameters by code, by default those that `pp_table` left in ``attrs["parameters"]``, else the code.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "PPSTRESN"}``.

    Returns
    -------
    DataFrame
        Long: ``subject, group, analyte, specimen, visit, reference, code, parameter, start, end, value, unit, reason``;
        the value of a parameter that was not done is NaN and its reason stands beside it. Wide: the same labels and
        one column of numbers per parameter, with the units in ``attrs["units"]``.

    Raises
    ------
    InputError
        If a column is missing, a result is no number, or (wide) a parameter stands twice in one profile.
    """
    findings = Findings()
    if layout not in ("long", "wide"):
        findings.problem(f"layout is {layout!r}; expected 'long' or 'wide'")
    left = getattr(table, "attrs", {})
    given = names if names is not None else (left.get("parameters", {}) if isinstance(left, Mapping) else {})
    if not isinstance(given, Mapping):
        findings.problem(f"names: {given!r}; expected a mapping from code to name")
        given = {}
    records = opened("PP", table, _COLUMNS, columns, findings)
    rows: list[dict[str, Any]] = []
    if records is not None and required(records, _NEEDED, findings):
        rows = [_row(records, i, given, findings) for i in range(len(records))]
        if layout == "wide":
            _once(records, rows, findings)
    if findings.problems:
        raise InputError(findings.problems, "the parameters cannot be read")
    return _wide(rows) if layout == "wide" else _long(rows)


def _row(records: Table, i: int, names: Mapping[str, str], findings: Findings) -> dict[str, Any]:
    subject, code = text(records, "USUBJID", i), text(records, "PPTESTCD", i)
    if not subject:
        records.complain(findings, "USUBJID", i, "an identifier, a number or a text")
    if not code:
        records.complain(findings, "PPTESTCD", i, "the code of a parameter")
    done = text(records, "PPSTAT", i).upper() != "NOT DONE"
    value, unit = _result(records, i, done, findings)
    start, end = text(records, "PPSTINT", i), text(records, "PPENINT", i)
    return {
        "subject": subject, **{ours: text(records, theirs, i) for ours, theirs in _LABELS.items()}, "code": code,
        "parameter": str(names.get(code, code)), "start": start, "end": end, "value": value, "unit": unit,
        "reason": "" if done else text(records, "PPREASND", i),
    }  # fmt: skip


def _result(records: Table, i: int, done: bool, findings: Findings) -> tuple[float, str]:
    filled = [(v, u) for v, u in _SOURCES if not is_missing(records.cell(v, i))]
    unit = next((text(records, u, i) for _, u in (*filled, *_SOURCES) if text(records, u, i)), "")
    if not done:
        return math.nan, from_cdisc(unit)
    if not filled:
        records.complain(findings, "PPSTRESN", i, "a number, or PPSTAT 'NOT DONE'")
        return math.nan, unit
    value = number(records.cell(filled[0][0], i))
    if value is None or math.isinf(value):
        records.complain(findings, filled[0][0], i, "a number")
        value = None
    return (math.nan if value is None else value), from_cdisc(unit)


def _once(records: Table, rows: list[dict[str, Any]], findings: Findings) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for i, row in enumerate(rows):
        key = (row["subject"], *(row[label] for label in _LABELS), _column(row))
        if key in seen:
            findings.problem(f"{records.place('PPTESTCD', i)}: {row['code']} stands already in row "
                             f"{records.rows[seen[key]]} of the same profile; expected it once")  # fmt: skip
        seen.setdefault(key, i)


def _column(row: Mapping[str, Any]) -> str:
    return f"{row['parameter']} {row['start']} to {row['end']}" if row["start"] or row["end"] else str(row["parameter"])


def _long(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    import pandas  # half a second: paid only where tables are put together

    ids = identifiers([[row["subject"] for row in rows]])
    return pandas.DataFrame([{**row, "subject": ids[row["subject"]]} for row in rows])


def _wide(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    import pandas  # half a second: paid only where tables are put together

    ids = identifiers([[row["subject"] for row in rows]])
    profiles: dict[tuple[str, ...], dict[str, Any]] = {}
    units: dict[str, str] = {}
    for row in rows:
        labels = {label: row[label] for label in _LABELS}
        key = (row["subject"], *labels.values())
        profiles.setdefault(key, {"subject": ids[row["subject"]], **labels})[_column(row)] = row["value"]
        units.setdefault(_column(row), row["unit"])
    table = pandas.DataFrame(list(profiles.values()))
    table.attrs["units"] = units
    return table
