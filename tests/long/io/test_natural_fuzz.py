"""Three hundred variants of ten layouts: none is read wrongly without a word, and nearly all at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.io.natural_tables import LAYOUTS, written
from tests.io.test_natural_fuzz import outcome


def test_three_hundred_variants(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    count = Counter(
        outcome(written(layout, 1000 * k + seed, tmp_path)) for k, layout in enumerate(LAYOUTS) for seed in range(30)
    )
    assert set(count) <= {"right", "told"}
    assert count["right"] >= 297
