"""How a table is written (order of rows and columns, index, types, units) changes no result of any verb."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas
import pytest

from pkpd import trial
from tests.fuzz.tables import kinds, same


def _plain(result: Any) -> pandas.DataFrame:
    """A result in an order of its own, for what has no order."""
    table = result.counts if hasattr(result, "counts") else result.table() if hasattr(result, "table") else result
    table = table() if callable(table) else table
    table = pandas.DataFrame(table).reset_index()
    table = table.drop(columns=[name for name in ("row", "index") if name in table])
    table = table[sorted(table, key=str)]
    if not len(table):
        return table
    order = table.map(lambda cell: f"{cell:.9g}" if isinstance(cell, float) else str(cell)).agg("|".join, axis=1)
    return table.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


# A criteria object has a table that is an attribute.
VERBS = [name for name in kinds() if name != "criteria"]


@pytest.mark.filterwarnings("ignore::pkpd.DataWarning", "ignore::pkpd.FitWarning")
@pytest.mark.parametrize("name", VERBS)
def test_no_verb_sees_how_its_table_is_written(name: str) -> None:
    kind = kinds()[name]
    known = _plain(kind.verb(kind.table))
    assert len(known) or name in ("impossible_sequences", "response_duration", "check_incidence")
    for seed in range(3):
        found = _plain(kind.verb(same(kind.table, random.Random(seed), kind.ordered)))
        pandas.testing.assert_frame_equal(found, known, rtol=1e-6, check_dtype=False, check_column_type=False)


def test_grades_in_either_unit() -> None:
    """Laboratory values with their limits in another unit: where the printed limits agree, so do the grades."""
    rng = np.random.default_rng(4)
    si = pandas.DataFrame({"subject": range(60), "day": 8, "test": "lymphocytes", "unit": "10^9/L",
                           "value": np.linspace(0.05, 1.3, 60).round(2), "lln": 1.0, "uln": 4.0})  # fmt: skip
    other = si.assign(unit="/mm3", **{name: (si[name] * 1000).round(6) for name in ("value", "lln", "uln")})
    one, two = trial.grades(si), trial.grades(other)
    assert one["grade"].tolist() == two["grade"].tolist()
    assert one["grade"].nunique() == 5
    ast = si.assign(test="AST", unit="U/L", value=rng.integers(10, 900, 60) / 1.0, lln=8.0, uln=40.0)
    katal = ast.assign(unit="ukat/L", **{name: ast[name] / 60 for name in ("value", "lln", "uln")})
    assert trial.grades(ast)["grade"].tolist() == trial.grades(katal)["grade"].tolist()
