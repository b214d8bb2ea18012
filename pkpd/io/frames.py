"""The tables of a study as they leave the readers: typed identifiers and occasions, sorted, columns in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas

from pkpd.arrays import Integers
from pkpd.io.subjects import identifiers
from pkpd.periods import PERIOD_COLUMNS
from pkpd.records import DOSE_COLUMNS, EVENT_COLUMNS
from pkpd.study import OBSERVATION_COLUMNS

Columns = Mapping[str, Any]
_SAMPLE_ORDER = ("subject", "analyte", "time", "until", "after", "mark", "excluded", "value", "reason", "row")
_DOSE_ORDER = ("subject", "time", "amount", "route", "duration", "rate", "modelled", "into", "additional", "interval")
_ACT_IN_TURN = ("steady_state", "action", "reset", "switch")


@dataclass(frozen=True, eq=False)
class Frames:
    """The tables of a study, and how its records act (`pkpd.study.Study`)."""

    observations: pandas.DataFrame
    doses: pandas.DataFrame
    subjects: pandas.DataFrame
    records: pandas.DataFrame | None = None
    in_order: bool = False
    carried: str = "last"


def study_frames(
    samples: Columns, doses: Columns, people: Columns, records: Columns | None = None, carried: str | None = None
) -> Frames:
    """Give identifiers and occasions their type and sort; the order of the source rows leaves no trace.

    Parameters
    ----------
    samples, doses, people, records : mapping or DataFrame
        Columns of the tables; subjects and occasions are texts.
    carried : {"last", "next"}, optional
        Of an event table: how its covariates are carried. Its records act in their order, and so do its doses.
    """
    tables = [table for table in (samples, doses, people, records) if table is not None]
    ids = identifiers([_list(table["subject"]) for table in tables])
    visits = identifiers([_list(table["occasion"]) for table in tables if "occasion" in table])
    plain = all(isinstance(name, int) for name in ids.values())
    ranks = {text: k for k, text in enumerate(sorted(ids, key=lambda text: (str(type(ids[text])), ids[text])))}

    def framed(table: Columns, names: Sequence[str], order: Integers) -> pandas.DataFrame:
        columns: dict[str, Any] = {}
        for name in names:
            cells = table[name]
            if name == "subject":
                cells = np.array([ids[text] for text in _list(cells)], dtype=np.int64 if plain else object)
            elif name == "occasion":
                cells = _objects([visits.get(text, pandas.NA) for text in _list(cells)])
            elif isinstance(cells, list):
                cells = _objects(cells) if not cells or isinstance(cells[0], str) or None in cells else np.array(cells)
            columns[str(name)] = np.asarray(cells)[order]
        return pandas.DataFrame(columns)

    def order(table: Columns, keys: Sequence[str]) -> Integers:
        given = {"subject": np.array([ranks[text] for text in _list(table["subject"])], dtype=np.int64)}
        return _order([given[key] if key in given else table[key] for key in keys])

    samples = {**_columns(samples), "after": [mark == "post" for mark in _list(samples["mark"])]}
    in_turn = carried is not None
    usual = {name: np.full(len(doses["subject"]), value, dtype=type(value) if not isinstance(value, str) else object)
             for name, value in EVENT_COLUMNS.items()}  # fmt: skip
    doses = {**usual, **_columns(doses)}
    # What resets, replaces or is at steady state acts in its turn; all else adds up whatever comes first.
    acts = any((np.asarray(doses[name]) != EVENT_COLUMNS[name]).any() for name in _ACT_IN_TURN)
    turn = ("subject", "row") if in_turn else ("subject", "time", "row") if acts else (*_DOSE_ORDER, "row")
    sampled = [*OBSERVATION_COLUMNS, *(name for name in ("lower", "treatment", *PERIOD_COLUMNS) if name in samples)]
    dosed = [*DOSE_COLUMNS, *EVENT_COLUMNS, *(name for name in PERIOD_COLUMNS if name in doses)]
    return Frames(
        framed(samples, sampled, order(samples, _SAMPLE_ORDER)),
        framed(doses, dosed, order(doses, turn)),
        framed(people, list(people), order(people, ["subject"])),
        None
        if records is None
        else framed(records, list(records), order(records, ["subject", "row"] if in_turn else ["subject", "time"])),
        in_turn,
        carried or "last",
    )


def _columns(table: Columns) -> dict[str, Any]:
    return {str(name): table[name] for name in table}


def _list(cells: Any) -> list[Any]:
    return cells.tolist() if isinstance(cells, pandas.Series | np.ndarray) else list(cells)


def _objects(cells: Sequence[Any]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


def _order(keys: Sequence[Any]) -> Integers:
    """The order that sorts by the first key, then by the second …; equal rows keep theirs, NaN comes last."""
    arrays = []
    for key in keys:
        array = np.asarray(key)
        if array.dtype.kind in "OU":
            texts = array.tolist()
            ranks = {text: rank for rank, text in enumerate(sorted(set(texts)))}
            if len(ranks) == 1:
                continue
            array = np.array([ranks[text] for text in texts], dtype=np.int64)
        if len(array) and ((array == array[0]) | (np.isnan(array) & np.isnan(array[0]))).all():
            continue
        arrays.append(array)
    order: Integers = np.lexsort(arrays[::-1]) if arrays else np.arange(len(keys[0]))
    return order
