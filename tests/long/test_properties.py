"""Every property that the suite tries on 15 examples holds on a hundred: the files that draw examples, run again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for file in (ROOT / "tests").rglob("test_*.py")
    if "long" not in file.parts and "from hypothesis import" in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("file", FILES)
def test_a_hundred_examples(file: str) -> None:
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=long", file]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
