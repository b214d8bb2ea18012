"""Must be shown: 20 random starts reach the same optimum, at least 18 of them."""

from __future__ import annotations

from tests.fit.starts import check_pharmacodynamics, check_pharmacokinetics


def test_pharmacokinetics_from_twenty_starts() -> None:
    check_pharmacokinetics(20)


def test_pharmacodynamics_from_twenty_starts() -> None:
    check_pharmacodynamics(20)
