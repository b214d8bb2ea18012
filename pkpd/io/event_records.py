"""What an event table says at every record: its kind, its compartment, and covariates that stay or change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.io.cells import is_missing, label, number
from pkpd.io.columns import fold, split_unit
from pkpd.io.event_table import EventTable
from pkpd.io.findings import Findings, shown
from pkpd.io.shape import SIDES, wide_columns
from pkpd.io.spoilt import report_spoilt
from pkpd.io.table import Table
from pkpd.records import DOSE, OBSERVATION, OTHER, QUESTION, RECORD_COLUMNS, RESET, RESET_DOSE

_KINDS = {1: DOSE, 2: OTHER, 3: RESET, 4: RESET_DOSE}


def record_columns(rows: EventTable, changing: Mapping[str, Array], occasion: Sequence[str]) -> dict[str, object]:
    """Return the columns of the records (`pkpd.records.RECORD_COLUMNS` and what changes)."""
    events = rows.events
    kinds = [_KINDS.get(int(code), OBSERVATION if measured else QUESTION)
             for code, measured in zip(events.items["EVID"].tolist(), rows.filled.tolist(), strict=True)]  # fmt: skip
    where = [("-" if sign < 0 else "") + events.compartment(k) for k, sign in enumerate(events.sign.tolist())]
    columns = (rows.owners, rows.time, rows.clock, rows.row, kinds, where, occasion)
    return {**dict(zip(RECORD_COLUMNS, columns, strict=True)), **changing}


def event_covariates(
    rows: EventTable, names: Sequence[str], findings: Findings
) -> tuple[dict[str, object], dict[str, Array]]:
    """Return covariates that stay the same (columns, one row per subject) and those that change (per record).

    Columns of analytes, called `names`, and of their limits are none. A numeric occasion is one, too, as OCC.
    """
    table = rows.table
    fixed: dict[str, object] = {"subject": [rows.owners[k] for k in rows.first]}
    moving: dict[str, Array] = {}
    wide = wide_columns(table, names)
    measured = {*wide.values(), *(k for k in table.extras for a in wide for c in SIDES if fold(k) == fold(a + c))}
    for key in (key for key in table.extras if key not in measured):
        name = split_unit(table.headings.get(key, key))[0]
        if name in RECORD_COLUMNS:
            findings.altered(f"{table.name}: the column '{name}' is not used: records have one of that name")
            continue
        cells = table.columns[key]
        if report_spoilt([(table, key)], findings):
            continue
        numbers = [number(cell) for cell in cells]
        texts = [k for k, value in enumerate(numbers) if value is None]
        if texts:
            labels = _constant_texts(rows, key, name, texts, findings)
            if labels is not None:
                fixed[name] = labels
            continue
        _sort_out(rows, name, np.array(numbers, dtype=float), fixed, moving, findings)
    if "occasion" in table:
        numbers = [number(cell) for cell in table.columns["occasion"]]
        if all(value is not None and np.isfinite(value) for value in numbers):
            heading = split_unit(table.headings["occasion"])[0]
            name = "OCC" if fold(heading) == "occ" else heading
            if name not in {*fixed, *moving, *RECORD_COLUMNS}:
                _sort_out(rows, name, np.array(numbers, dtype=float), fixed, moving, findings)
    return fixed, moving


def _sort_out(
    rows: EventTable, name: str, values: Array, fixed: dict[str, object], moving: dict[str, Array], findings: Findings
) -> None:
    """Put a column of numbers where it belongs; empty cells of one that changes take the value before."""
    known = ~np.isnan(values)
    if not known.any():
        findings.altered(f"{rows.table.name}: the column '{name}' is not used: it is empty")
        return
    low, high = np.fmin.reduceat(values, rows.first), np.fmax.reduceat(values, rows.first)
    if ((low == high) | np.isnan(low)).all():
        fixed[name] = low
        return
    if lost := int((~known).sum()):
        findings.altered(
            f"{rows.table.name}: {lost} empty cells of '{name}', which changes, took the value before them in their "
            "subject (the first one after them where there is none)"
        )
        values = _filled(values, known, rows)
    moving[name] = values


def _filled(values: Array, known: Flags, rows: EventTable) -> Array:
    """Values carried forward within a subject, the first one backward, shape (rows,)."""
    place = np.arange(len(values))
    lengths = np.diff([*rows.first.tolist(), len(values)])
    before = np.maximum.accumulate(np.where(known, place, -1))
    head = np.minimum.reduceat(np.where(known, place, len(values) - 1), rows.first)
    carried = np.where(before >= np.repeat(rows.first, lengths), before, np.repeat(head, lengths))
    filled: Array = values[carried]
    inside = carried < np.repeat(rows.first + lengths, lengths)
    return np.where(inside, filled, np.nan)


def _constant_texts(
    rows: EventTable, key: str, name: str, texts: Sequence[int], findings: Findings
) -> list[str | None] | None:
    """One text for every subject, None if a subject has several; a cell among numbers is named."""
    table: Table = rows.table
    cells = table.columns[key]
    counted = sum(not is_missing(cell) for cell in cells)
    stray = ""
    if 2 * len(texts) < counted:
        numbers = counted - len(texts)
        stray = f"{table.place(key, texts[0])}: {shown(cells[texts[0]])} is no number, as {numbers} cells are"
    labels = [None if is_missing(cell) else (label(cell) or shown(cell)) for cell in cells]
    constant: list[str | None] = []
    for begin, end in pairwise([*rows.first.tolist(), len(cells)]):
        seen = {text for text in labels[begin:end] if text is not None}
        if len(seen) > 1:
            why = stray or "it holds texts that change in a subject"
            findings.altered(f"{table.name}: the column '{name}' is not used: {why}")
            return None
        constant.append(next(iter(seen), None))
    if stray:
        findings.altered(f"{table.name}: the column '{name}' became texts: {stray}")
    return constant
