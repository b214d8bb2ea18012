"""Pages whose code fits or simulates for a while run as they stand, each alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.printed import SLOW, run


@pytest.mark.parametrize("page", SLOW)
def test_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(page, tmp_path)
