"""The table of scans: what it holds, which row is the baseline, and what the sums are measured against."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.errors import few, warn
from pkpd.trial.sources import is_dataset, is_study
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

SUBJECT = Column("subject", "text", "patient", also=("usubjid", "id", "patient"))
DAY = Column("day", "number", "study day; the first dose is on day 1", also=("studyday", "ady", "ardy"))
REVIEWER = Column("reviewer", "text", "who read the scan", required=False, filled=False, also=("eval", "evaluator"))
_NON_TARGET = {
    "CR": "CR", "non-CR/non-PD": "non-CR/non-PD", "PD": "PD", "NE": "NE", "SD": "non-CR/non-PD", "IR": "non-CR/non-PD",
    "IR/SD": "non-CR/non-PD", "present": "non-CR/non-PD", "NON-CR/NON-PD": "non-CR/non-PD",
}  # fmt: skip
COLUMNS = (
    SUBJECT,
    DAY,
    Column("sum", "number", "sum of the diameters of all target lesions, mm; empty: not measured", filled=False, low=0,
           also=("sumdiam", "sumofdiameters", "sld")),
    Column("non_target", "text", "non-target lesions together", required=False, filled=False,
           also=("nontarget", "ntrgresp"), choices=tuple(_NON_TARGET)),
    Column("new", "flag", "a new lesion", required=False, also=("newlesion", "newlind")),
    Column("gone", "flag", "every target lesion gone, nodes below 10 mm (RECIST 1.1)", required=False),
    Column("baseline", "flag", "the scan before treatment", required=False, also=("ablfl", "trblfl")),
    REVIEWER,
)  # fmt: skip


def read_scans(scans: Any, version: str, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return scans in the order of their days, with ``base`` (baseline sum), ``base_day`` and ``nadir`` (before each).

    Without a column ``baseline`` the last scan up to day 1 is the baseline. ``non_target`` is "" for a patient without
    such lesions, and NE for a patient with some of whom the cell is empty. Rows before the baseline are set aside.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = _prepared(
        read_table(
            scans, COLUMNS, "scans", named=named, unique=("subject", "reviewer", "day"),
            checks=(one_reviewer, lambda table: _problems(_prepared(table))),
        )
    )  # fmt: skip
    size = table["sum"].to_numpy(float)
    known = table["base_day"].notna().to_numpy()
    before = known & (table["day"] < table["base_day"]).to_numpy()
    left = table["gone"].to_numpy(bool) & (size > 0) & ~before
    if version == "1.0" and left.any():
        warn(f"{int(left.sum())} scans are marked as gone with a sum above 0; in RECIST 1.0 the sum decides")
        table.loc[left, "gone"] = False
    if before.any():
        warn(f"{int(before.sum())} of {len(table)} scans are older than the baseline scan of their patient; left out")
    table = table[~before].reset_index(drop=True)
    keys = [table["subject"], table["reviewer"]]  # of what is left
    lowest = table["sum"].where(table["base_day"].notna()).groupby(keys, sort=False).cummin()
    lowest = lowest.groupby(keys, sort=False).ffill()
    table["nadir"] = lowest.groupby(keys, sort=False).shift()
    return table


def _prepared(table: pandas.DataFrame) -> pandas.DataFrame:
    """The scans in order, with every column, their baseline row and what is measured against it."""
    table = table.copy()
    if "reviewer" not in table:
        table["reviewer"] = ""
    for name, empty in (("non_target", ""), ("new", False), ("gone", False)):
        if name not in table:
            table[name] = empty
    table["non_target"] = [_NON_TARGET.get(text, "") for text in table["non_target"]]
    table = table.sort_values(["subject", "reviewer", "day"], kind="stable", ignore_index=True)
    keys = [table["subject"], table["reviewer"]]
    has = (table["non_target"] != "").groupby(keys, sort=False).transform("any").to_numpy(bool)
    table.loc[has & (table["non_target"] == "").to_numpy(), "non_target"] = "NE"
    _mark_baselines(table)
    first = table["is_baseline"].to_numpy(bool)
    keys = [table["subject"], table["reviewer"]]
    table["base"] = table["sum"].where(first).groupby([table["subject"], table["reviewer"]]).transform("max")
    table["base_day"] = table["day"].where(first).groupby([table["subject"], table["reviewer"]]).transform("max")
    return table


def _mark_baselines(table: pandas.DataFrame) -> None:
    """Mark the baseline row of every patient: the one that is flagged, else the last up to day 1."""
    flagged = table["baseline"].to_numpy(bool) if "baseline" in table else np.zeros(len(table), dtype=bool)
    if flagged.any():
        table["is_baseline"] = flagged
        return
    early = table["day"].where(table["day"] <= 1)
    latest = early.groupby([table["subject"], table["reviewer"]]).transform("max")
    table["is_baseline"] = (table["day"] == latest).to_numpy(bool)


def _problems(table: pandas.DataFrame) -> list[str]:
    """Who has two baselines, and what grows from nothing."""
    first = table["is_baseline"].to_numpy(bool)
    number = table[first].groupby(["subject", "reviewer"], sort=False).size()
    problems = [f"subject {subject}: {count} scans are marked as baseline; expected one"
                for (subject, _), count in number.items() if count > 1 and subject != ""]  # fmt: skip
    later = (table["day"] >= table["base_day"]).to_numpy(bool) & ~first
    grown = later & (table["sum"] > 0).to_numpy(bool) & (table["base"] == 0).to_numpy(bool)
    return problems + [
        f"row {row}, subject {subject}: sum is {value:g} mm, and was 0 at baseline; what was not there is a new lesion"
        for row, subject, value in table.loc[grown, ["row", "subject", "sum"]].itertuples(index=False)
    ]


def provenance(source: Any) -> dict[str, Any]:
    """Return what a table says of where it came from ("synthetic"), for the tables that are made of it."""
    found = getattr(source, "attrs", {})
    if is_dataset(source) or is_study(source):  # of which a table keeps only whether anybody was measured, and where
        return {key: found[key] for key in ("synthetic", "source") if found.get(key)}
    return {key: found[key] for key in found if key != "rules"} if isinstance(found, Mapping) else {}


def one_reviewer(table: pandas.DataFrame) -> list[str]:
    """Return the problem that some rows have a reviewer and others have none."""
    if "reviewer" not in table:
        return []
    empty = table["reviewer"] == ""
    if empty.all() or not empty.any():
        return []
    rows = few([str(row) for row in table.loc[empty, "row"]])
    return [f"{int(empty.sum())} rows have no reviewer, others have (row {rows})"]


def blocks(table: pandas.DataFrame, *names: str) -> list[tuple[int, int]]:
    """Return where each patient's rows begin and end, in a table that is sorted by these columns."""
    if not len(table):
        return []
    new = np.zeros(len(table), dtype=bool)
    for name in names:
        cells = table[name].to_numpy(dtype=object)
        new[1:] |= cells[1:] != cells[:-1]
    edges = [0, *np.flatnonzero(new).tolist(), len(table)]
    return list(pairwise(edges))


def without_baseline(table: pandas.DataFrame) -> None:
    """Warn of patients whose response cannot be known."""
    lacking = list(dict.fromkeys(table.loc[table["base_day"].isna(), "subject"]))
    if lacking:
        warn(
            f"{len(lacking)} patients have no baseline scan ({few(lacking)}): not evaluable unless a new lesion is seen"
        )
