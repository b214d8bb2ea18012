"""The fuzzers with all odd values in all arguments, and some ten thousand damaged texts (tests/test_fuzz.py: a few)."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.campaign import everything
from tests.test_fuzz import nothing_undocumented


def test_everything(tmp_path: Path) -> None:
    for name, found in everything(tmp_path, 1, 5000, 2):
        print(name)
        nothing_undocumented(found, 100)
