"""Whatever a CDISC table holds, reading it succeeds or raises InputError: more tables, more odd cells."""

from __future__ import annotations

import pytest

from tests.io.test_cdisc_fuzz import check_odd_cells, check_spoiled_tables


@pytest.mark.parametrize("seed", range(4))
def test_spoiled_tables(seed: int) -> None:
    check_spoiled_tables(seed, 60)


def test_odd_cells_in_each_column() -> None:
    check_odd_cells(3)
