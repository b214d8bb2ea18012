"""Must be shown: from 20 wrong starts at least 19 end at the optimum and say converged; none says so elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fit.mixed.wrong_starts import OPTIMA, check_both_sides, check_ends


@pytest.mark.parametrize("seed", [12, 3])
@pytest.mark.parametrize("name", OPTIMA)
def test_twenty_starts(reference: Path, name: str, seed: int) -> None:
    check_ends(reference, name, count=20, misses=1, seed=seed)


def test_both_sides_of_flip_flop_from_twenty_starts(reference: Path) -> None:
    check_both_sides(reference, count=20)
