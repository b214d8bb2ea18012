"""Code in the documentation runs as it stands, each page alone (the slow pages: `tests/long/test_printed.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.printed import ELSEWHERE, PAGES, SLOW, blocks, run

QUICK = [page for page in PAGES if blocks(page) and page not in (*SLOW, *ELSEWHERE)]


@pytest.mark.parametrize("page", QUICK)
def test_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(page, tmp_path)


def test_every_page_with_code_is_known() -> None:
    assert {*SLOW, *ELSEWHERE} <= set(PAGES)
    assert len(QUICK) >= 6
    for page in SLOW:  # it is at least Python
        for number, block in enumerate(blocks(page), 1):
            compile(block, f"{page}, block {number}", "exec")
