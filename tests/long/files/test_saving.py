"""The same value gives the same bytes: twice, after loading, and in another process with another seed of hashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pkpd.fit import PopulationFit
from pkpd.saving import load, save
from tests.files import kept
from tests.files.values import VALUES

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys, warnings
warnings.simplefilter("ignore")
from pkpd.saving import save
from tests.files.values import VALUES
for k, name in enumerate(VALUES):
    if name not in ("fits", "fit", "population fit"):  # they say how many seconds they took
        save(VALUES[name](), f"{sys.argv[1]}/{k}.nc")
"""


@pytest.mark.parametrize("name", [n for n in VALUES if n != "arrays"])  # levels come back in another order
def test_what_was_loaded_is_written_as_it_was(name: str, tmp_path: Path) -> None:
    first = VALUES[name]()
    path = save(first, tmp_path / "once.nc")
    again = load(path)
    assert kept.differences(first._kept() if isinstance(first, PopulationFit) else first, again) == []
    assert save(again, tmp_path / "twice.nc").read_bytes() == path.read_bytes()


def test_two_processes_write_the_same(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / seed)], env=env, cwd=ROOT, check=True)
    first = {one.name: one.read_bytes() for one in (tmp_path / "1").iterdir()}
    other = {one.name: one.read_bytes() for one in (tmp_path / "2").iterdir()}
    assert len(first) > 35
    assert [name for name in first if first[name] != other[name]] == []
