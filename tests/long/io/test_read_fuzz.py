"""Every malformed table raises the documented error and no other: more odd cells."""

from __future__ import annotations

from tests.io.test_read_fuzz import check_odd_cells


def test_odd_cells_in_each_column() -> None:
    check_odd_cells(2)
