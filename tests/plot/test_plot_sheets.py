"""The page of all pictures, the folder of sheets, and the script that draws them name the same pictures."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pkpd import plot

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "figures.md").read_text(encoding="utf-8")
SHEETS = {path.stem for path in (DOCS / "figures").iterdir()}


def _drawn() -> set[str]:
    """Names in `PICTURES` of the script, which takes minutes to run."""
    for node in ast.parse((DOCS / "figures.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "PICTURES":
            assert isinstance(node.value, ast.Dict)
            return {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
    raise AssertionError("docs/figures.py has no PICTURES")


def test_page_folder_and_script_agree() -> None:
    assert set(re.findall(r"!\[(\w+)\]\(figures/\1\.png\)", PAGE)) == SHEETS
    assert _drawn() | {"contact", "contact_before"} == SHEETS


def test_every_function_has_a_sheet_with_a_line_that_says_what_to_see() -> None:
    functions = {n for n in plot.__all__ if n[0].islower()} - {"overlay", "page", "panel_letters"}
    assert functions <= SHEETS
    parts = re.split(r"^## .+\n", PAGE, flags=re.MULTILINE)[1:]
    assert len(parts) == len(_drawn())
    for part in parts:
        words, _, picture = part.strip().partition("\n\n")
        assert len(words) > 20 and words.endswith("."), part  # noqa: PT018
        assert picture.startswith("![")


def test_the_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in (DOCS / "figures").iterdir()) < 6e6
