"""Coverage of the interval of a difference of sparse designs with more replicates."""

from __future__ import annotations

from tests.nca.test_sparse_compare import check_difference


def test_the_interval_of_a_difference_covers() -> None:
    check_difference(2000)
