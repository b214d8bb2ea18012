"""Covariates of plain tables that change in time: a value holds from its record on until the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.io.cells import label, number
from pkpd.io.findings import Findings
from pkpd.io.subjects import columns_of
from pkpd.io.table import Table
from pkpd.records import COVARIATE, RECORD_COLUMNS


def changing_records(
    sources: Sequence[tuple[Table, Array]], names: Sequence[str], units: Mapping[str, str], findings: Findings
) -> dict[str, Any] | None:
    """Return records at which covariates are given that change (`pkpd.records.RECORD_COLUMNS` and these), or None.

    Parameters
    ----------
    sources : sequence of (Table, array)
        Tables, with the times of their rows in the study's unit, shape (rows,).
    names : sequence of str
        Covariates that change.
    units : mapping
        Units by name, which spell covariates.
    findings : Findings
        Where notes go. A covariate with two values of one subject at one time is not used.
    """
    owners = [label(cell) or "" for table, _ in sources for cell in table.columns["subject"]]
    known = {owner: k for k, owner in enumerate(dict.fromkeys(owners))}
    who = np.array([known[owner] for owner in owners], dtype=np.int64)
    time = np.concatenate([moments for _, moments in sources])
    row = np.concatenate([np.array(table.rows, dtype=np.int64) for table, _ in sources])
    order = np.lexsort((row, time, who))
    who, time, row = who[order], time[order], row[order]
    new = np.ones(len(who), dtype=bool)
    new[1:] = (who[1:] != who[:-1]) | (time[1:] != time[:-1])
    first = np.flatnonzero(new)
    kept: dict[str, Array] = {}
    for name in names:
        values = np.concatenate([_numbers(table, columns_of(table, name, units)) for table, _ in sources])[order]
        low, high = np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)
        if (low < high).any():
            table = sources[0][0]
            findings.altered(
                f"{table.name}: the column '{name}' is not used: it varies, with two values at one time in "
                f"{_subjects(who[first], low < high)} subjects"
            )
            continue
        given = ~np.isnan(low)
        findings.fact(
            f"the covariate '{name}' changes in {_changes(who[first], low, given)} subjects; each of its "
            f"{int(given.sum())} values holds until the next one"
        )
        kept[name] = low
    if not kept:
        return None
    told = np.any([~np.isnan(values) for values in kept.values()], axis=0)
    place = first[told]
    texts = list(known)
    columns = ([texts[k] for k in who[place]], time[place], time[place], row[place],
               [COVARIATE] * len(place), [""] * len(place), [""] * len(place))  # fmt: skip
    return {**dict(zip(RECORD_COLUMNS, columns, strict=True)), **{name: v[told] for name, v in kept.items()}}


def _numbers(table: Table, headings: Sequence[str]) -> Array:
    """The values of a covariate, NaN where none is given, shape (rows,)."""
    values = np.full(len(table), np.nan)
    for heading in headings:
        column = np.array([number(cell) for cell in table.columns[heading]], dtype=float)
        values = np.where(np.isnan(values), column, values)
    return values


def _subjects(who: Integers, which: Flags) -> int:
    return len(np.unique(who[which]))


def _changes(who: Integers, values: Array, given: Flags) -> int:
    """In how many subjects a covariate has several values."""
    who, values = who[given], values[given]
    moved = (who[1:] == who[:-1]) & (values[1:] != values[:-1])
    return len(np.unique(who[1:][moved]))
