"""Coverage of intervals of sparse designs with more replicates."""

from __future__ import annotations

import pytest

from tests.nca.test_sparse_rules import check_coverage


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_t_intervals_cover(batches: int) -> None:
    check_coverage(batches, 2000)
