"""The code printed in README and docs: every page is run by itself, from its first block to its last."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = tuple(sorted(str(p.relative_to(ROOT)) for p in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))))
SLOW = ("README.md", "docs/fitting.md", "docs/paper.md", "docs/population-fits.md", "docs/simulation.md",
        "docs/trial-antibodies.md", "docs/trial-design.md", "docs/trial-escalation.md",
        "docs/trial-exposure-response.md", "docs/trial-interaction.md", "docs/trial-sorafenib.md",
        "docs/trial-virtual.md")  # fmt: skip
"""Pages that fit or simulate for more than a second; the suite for long runs has them."""
ELSEWHERE = ("docs/how-to-add.md", "docs/fitting-script.md")
"""Tried by tests of their own: `tests/test_how_to_add.py` (in a copy of the package), `test_fitting_script.py`."""


def blocks(page: str) -> list[str]:
    """Return the Python blocks of a page, as printed."""
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), flags=re.S | re.M)


def run(page: str, directory: Path) -> dict[str, Any]:
    """Run a page in a directory that sees the notebooks, and return what it defines."""
    notebooks = directory / "notebooks"
    if not notebooks.exists():
        notebooks.symlink_to(ROOT / "notebooks")
    space: dict[str, Any] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, block in enumerate(blocks(page), 1):
            exec(compile(block, f"{page}, block {number}", "exec"), space)
    return space
