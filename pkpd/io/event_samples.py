"""The samples of an event table: DV, DVID, CMT, CENS and LIMIT as a table of observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.io.cells import flag, is_missing, label, number
from pkpd.io.columns import value_name
from pkpd.io.event_table import EVENTS, EventTable
from pkpd.io.findings import Findings
from pkpd.io.meaningful import check_one_kind, check_varying_kind, everywhere
from pkpd.io.shape import wide_columns
from pkpd.io.table import Table, positions

_DOSING = ("amount", "amount_per_kg", "route", "duration", "mark", "dose_unit")


def samples_of(rows: EventTable, names: Sequence[str], analytes: Mapping[str, str], findings: Findings) -> Table:
    """Return the rows that hold a value as a table of observations, with marks, analytes and censoring as texts.

    Parameters
    ----------
    rows : EventTable
        The rows.
    names : sequence of str
        Analytes that the user named.
    analytes : mapping
        What a value of DVID (or of CMT) measures.
    findings : Findings
        Where problems and notes go.
    """
    keep = positions(rows.filled)
    samples = censored_as_text(rows.table.take(keep), names, findings)
    columns = {name: cells for name, cells in samples.columns.items() if name not in (*_DOSING, *EVENTS)}
    marks = _marks(rows)
    columns["mark"] = [marks[k] for k in keep]
    if "value" in columns:
        where = [rows.events.compartment(k) for k in keep]
        if "analyte" in columns:
            columns["analyte"] = _named(columns["analyte"], names, analytes, findings)
        elif "" not in where and len(set(where)) > 1:
            columns["analyte"] = [analytes.get(name, name) for name in where]
        elif not names:
            heading = value_name(rows.table)
            columns["analyte"] = [analytes.get(name, heading) for name in where]
    elif "analyte" not in columns:
        where = [rows.events.compartment(k) for k in keep]
        wide = wide_columns(samples, names)
        check_one_kind(samples, wide, where, rows.table.headings.get("compartment", "CMT"), findings)
    return replace(samples, columns=columns, extras=())


def _named(
    cells: Sequence[object], names: Sequence[str], analytes: Mapping[str, str], findings: Findings
) -> list[object]:
    """What each sample measures; a number that all share is the one analyte that the user named."""
    texts = [label(cell) or "" for cell in cells]
    codes = set(texts)
    if len(names) == 1 and len(codes) == 1 and not codes & {*analytes, *names} and texts[0].isdigit():
        findings.fact(f"all samples have the code {texts[0]} and are taken as {names[0]}, the analyte that has a unit")
        return [names[0]] * len(texts)
    return [analytes.get(text, cell) for text, cell in zip(texts, cells, strict=True)]


def observed_only(table: Table, names: Sequence[str], findings: Findings) -> Table:
    """Return the samples of a table with EVID, MDV or CENS whose doses are given apart."""
    keep = [i for i in range(len(table)) if not any(_is_set(table.cell(column, i)) for column in ("evid", "mdv"))]
    if len(keep) < len(table):
        findings.altered(
            f"{table.name}: {len(table) - len(keep)} records that are no observation (EVID, MDV) were left out; "
            "doses are those given apart"
        )
    samples = censored_as_text(table.take(keep), names, findings)
    if "compartment" in samples and "analyte" not in samples:
        check_varying_kind(samples, "compartment", everywhere(samples), findings)
    columns = {name: cells for name, cells in samples.columns.items() if name not in EVENTS}
    return replace(samples, columns=columns)


def _is_set(cell: object) -> bool:
    return not is_missing(cell) and number(cell) != 0


def censored_as_text(table: Table, names: Sequence[str], findings: Findings) -> Table:
    """Return a table of samples whose values say by their text what CENS, or BLQ at the limit, says of them."""
    columns = dict(table.columns)
    wide = wide_columns(table, names)
    key = "value" if "value" in table else next(iter(wide.values()), "")
    if "cens" in table:
        if "value" not in table and len(wide) != 1:
            whose = f"which of {', '.join(wide)} it is for" if wide else "what it is for: no column of values was found"
            findings.problem(
                f"{table.name}: the column '{table.headings['cens']}' does not say {whose}; "
                "expected one column of values with the analyte in another, or texts such as '<0.1'"
            )
            return table
        codes = [number(cell) for cell in table.columns["cens"]]
        for i, code in enumerate(codes):
            if code is None or (code == code and code not in (-1.0, 0.0, 1.0)):
                table.complain(findings, "cens", i, "0, 1 (below the value) or -1 (above it)")
        columns[key] = [_as_text(code, cell) for code, cell in zip(codes, table.columns[key], strict=True)]
        if "limit" in table:
            columns["lower"] = _lower_ends(table, (key, codes), findings).tolist()
    elif "blq" in table and "lloq" in table and (key == "value" or len(wide) == 1):  # DV holds the limit, as with CENS
        at_limit = (number(v) == number(limit) for v, limit in zip(columns[key], columns["lloq"], strict=True))
        below = [bool(flag(cell)) and at for cell, at in zip(columns["blq"], at_limit, strict=True)]
        columns[key] = [_as_text(float(b), cell) for b, cell in zip(below, columns[key], strict=True)]
    return replace(table, columns=columns)


def _as_text(code: float | None, value: object) -> object:
    """Write a value with CENS 1 as below it, one with CENS -1 as above it."""
    if code not in (1.0, -1.0):
        return value
    limit = number(value)
    if limit is None or not limit > 0:
        return "BLQ" if code == 1.0 else "ALQ"
    return f"{'<' if code == 1.0 else '>'}{limit!r}"


def _lower_ends(table: Table, censored: tuple[str, Sequence[float | None]], findings: Findings) -> Array:
    """Lower ends of values that are known to lie between LIMIT and DV; NaN for all others."""
    key, codes = censored
    limit, _ = table.numbers("limit", findings, "a number below the value")
    ends = np.full(len(table), np.nan)
    for i, code in enumerate(codes):
        if code == 1.0:
            value = number(table.cell(key, i))
            if not np.isnan(limit[i]) and value is not None and not limit[i] < value:
                table.complain(findings, "limit", i, f"a number below the value {value:g}")
                continue
            ends[i] = limit[i]
    return ends


def _marks(rows: EventTable) -> list[str]:
    """ "post" where a dose of the same time stands in an earlier row, "pre" where one follows."""
    new = rows.events.starts.copy()
    new[1:] |= rows.time[1:] != rows.time[:-1]  # times never fall, so that equal ones stand together
    begin = np.flatnonzero(new)
    group = np.cumsum(new) - 1
    count = np.cumsum(rows.is_dose)
    before: Integers = count - (count[begin] - rows.is_dose[begin])[group]
    total = np.add.reduceat(rows.is_dose.astype(np.int64), begin)[group]
    marks: list[str] = np.where(before > 0, "post", np.where(total > 0, "pre", "")).tolist()
    return marks
