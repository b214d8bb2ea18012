"""Examples in docstrings run as they stand and print what is printed there."""

from __future__ import annotations

import doctest
import importlib
import warnings
from pathlib import Path

import pytest

import pkpd

ROOT = Path(pkpd.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.py")) if ">>>" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = doctest.testmod(importlib.import_module(name), extraglobs={"pkpd": pkpd})
    assert found.attempted > 0
    assert "+SKIP" not in path.read_text(encoding="utf-8")
    assert found.failed == 0


def test_there_are_examples() -> None:
    assert len(FILES) >= 7
