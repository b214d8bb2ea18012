"""Criteria of toxicity as tables: where each grade of each laboratory term begins, in both units, and under what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest, shown
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

VERSIONS = ("CTCAE v3.0", "CTCAE v4.03", "CTCAE v5.0", "CTCAE v6.0")
BASES = ("absolute", "LLN", "ULN", "baseline")
COLUMNS = (
    Column("test", "text", "laboratory test", also=("paramcd", "lbtestcd")),
    Column("term", "text", "name of the toxicity", required=False, filled=False),
    Column("direction", "text", "which values are toxic", choices=("low", "high")),
    Column("grade", "whole", "grade that begins here", low=1, high=5),
    Column("basis", "text", "what the limit is measured against", required=False, choices=BASES),
    Column("limit_si", "number", "limit in SI units, or multiple of the basis", required=False, filled=False, low=0),
    Column("unit_si", "text", "unit", required=False, filled=False),
    Column("limit_conventional", "number", "limit in conventional units, or multiple of the basis", required=False,
           filled=False, low=0, also=("limit",)),
    Column("unit_conventional", "text", "unit", required=False, filled=False, also=("unit",)),
    Column("includes_limit", "flag", "whether a value on the limit has this grade", required=False),
    Column("baseline", "text", "of which patients it holds", required=False, filled=False,
           choices=("normal", "abnormal")),
    Column("needs", "text", "what must be there besides the value", required=False, filled=False),
    Column("checked", "flag", "compared with a published source", required=False),
    Column("source", "text", "where the limit is printed", required=False, filled=False),
)  # fmt: skip


class Limit(NamedTuple):
    """Where one grade begins; the pairs are SI and conventional."""

    grade: int
    basis: str
    limits: tuple[float, float]
    units: tuple[str, str]
    inclusive: bool
    baseline: str
    needs: str


@dataclass(frozen=True, eq=False)
class Criteria:
    """A table of criteria, such as `criteria` returns it.

    Attributes
    ----------
    name : str
        "CTCAE v3.0".
    table : DataFrame
        One row per test and grade: ``test, term, direction, grade, basis, limit_si, unit_si, limit_conventional,
        unit_conventional, includes_limit, baseline, needs, checked, source``.
    """

    name: str
    table: pandas.DataFrame

    @property
    def tests(self) -> list[str]:
        """Names of the tests."""
        return list(dict.fromkeys(self.table["test"]))

    def terms(self, test: str) -> dict[tuple[str, str], list[Limit]]:
        """Return the limits of each term of a test, by (term, direction), mildest grade first."""
        found: dict[tuple[str, str], list[Limit]] = {}
        for row in self.table[self.table["test"] == test].sort_values("grade", kind="stable").itertuples(index=False):
            found.setdefault((row.term, row.direction), []).append(
                Limit(int(row.grade), row.basis, (float(row.limit_si), float(row.limit_conventional)),
                      (row.unit_si, row.unit_conventional), bool(row.includes_limit), row.baseline, row.needs)
            )  # fmt: skip
        return found

    def __repr__(self) -> str:
        unsure = int((~self.table["checked"]).sum())
        return f"{self.name}: {len(self.tests)} tests, {len(self.table)} limits, {unsure} not checked"


@checked
def criteria(source: Any = "CTCAE v3.0", *, name: str = "", columns: Mapping[str, str] | None = None) -> Criteria:
    """Return criteria of toxicity: of a version of CTCAE, or a table of one's own.

    Parameters
    ----------
    source : str, DataFrame, path, or mapping
        ``"CTCAE v3.0"`` (also ``"v3"``, ``"3.0"``), ``"CTCAE v4.03"``, ``"CTCAE v5.0"``, ``"CTCAE v6.0"`` (neutrophils
        and platelets only), or a table with one row per test and grade: ``test, direction`` (low, high),
        ``grade``, and ``limit, unit`` (or ``limit_si, unit_si``). ``basis`` says of what the limit is a multiple: LLN,
        ULN, baseline;
        ``includes_limit`` whether a value on the limit has the grade; ``needs`` names a column of the values, such as
        ``symptoms``, that must say yes.
    name : str
        What a table of one's own is called.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    Criteria

    Raises
    ------
    InputError
        If there is no such version; listing all that cannot be used in a table.

    References
    ----------
    National Cancer Institute. Common Terminology Criteria for Adverse Events v3.0 (2006), v4.03 (2010), v5.0 (2017).
    The limits are numbers in a table; which of them were compared with a published source says ``checked``.
    """
    if isinstance(source, Criteria):
        return source
    if isinstance(source, str) and not source.lower().endswith((".csv", ".xpt", ".xlsx", ".parquet")):
        known = {one.casefold().replace(" ", ""): one for one in VERSIONS}
        known |= {name.split(".")[0]: one for name, one in known.items()}  # "v5"
        spelled = source.casefold().replace(" ", "")
        spelled = spelled if spelled.startswith("ctcae") else f"ctcae{spelled}"
        spelled = spelled if spelled.startswith("ctcaev") else spelled.replace("ctcae", "ctcaev", 1)
        if spelled not in known:
            raise InputError(f"unknown criteria {shown(source)}; {nearest(source, VERSIONS)}", "criteria")
        return _version(known[spelled])
    return _made(source, name or "own criteria", columns)


@cache
def _version(name: str) -> Criteria:
    file = f"ctcae_{name.removeprefix('CTCAE v').replace('.', '_')}.csv"
    with resources.as_file(resources.files("pkpd.trial.toxicity") / "tables" / file) as path:
        return _made(path, name, None)


def _made(source: Any, name: str, columns: Mapping[str, str] | None) -> Criteria:
    """A table of criteria, checked."""
    table = read_table(source, COLUMNS, name, named=columns)
    for column in COLUMNS:
        if column.name not in table:
            table[column.name] = {"number": np.nan, "flag": False}.get(column.kind, "")
    table.loc[table["basis"] == "", "basis"] = "absolute"
    default = table["test"] + " " + table["direction"]
    table["term"] = table["term"].where(table["term"] != "", default)
    problems = []
    for row in table.itertuples(index=False):
        pairs = ((row.limit_si, row.unit_si), (row.limit_conventional, row.unit_conventional))
        if all(np.isnan(limit) for limit, _ in pairs):
            problems.append(f"row {row.row}, {row.test}: no limit")
        elif row.basis == "absolute" and any(not np.isnan(limit) and not unit for limit, unit in pairs):
            problems.append(f"row {row.row}, {row.test}: a limit without a unit")
    plain = table[(table["needs"] == "") & (table["baseline"] == "")]
    for (test, direction, basis), part in plain.groupby(["test", "direction", "basis"], sort=False):
        for heading in ("limit_si", "limit_conventional"):
            steps = part.sort_values("grade", kind="stable")[heading].to_numpy(float)
            wrong = np.diff(steps) > 0 if direction == "low" else np.diff(steps) < 0
            if wrong.any():
                problems.append(f"{test} {direction}, {basis}: a worse grade begins at a milder {heading}")
    if problems:
        raise InputError(problems, name)
    return Criteria(name, table[[column.name for column in COLUMNS]])
