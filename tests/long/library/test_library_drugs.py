"""Twenty transit compartments before the absorption: mean times add up."""

from __future__ import annotations

from tests.library.test_library_drugs import check_mean_times


def test_mean_times_add_up() -> None:
    check_mean_times(20)
