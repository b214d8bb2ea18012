"""Compiled code belongs to the text that it was made of, wherever it is kept: no stamp of time and size can say so."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pkpd
from pkpd.engine.machine import disk, jit, kernel_cache

PACKAGE = Path(str(pkpd.__file__)).parent
_LOOP = """
from pkpd.engine.machine.jit import bare_jit
from pkpd.engine.machine.steps.frame import KEPT

@bare_jit
def number():
    return KEPT
"""
_ASK = "from {} import number as n; print(n(), sum(n.stats.cache_hits.values()))"
pytestmark = pytest.mark.skipif(not jit.AVAILABLE, reason="numba is absent")


def ask(folder: Path, module: str = "pkpd.engine.solve.small", **environment: str) -> list[float]:
    """Return what a copied package computes in a new process, and how often it found code on the disk."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "PKPD_LANES")}
    said = subprocess.run([sys.executable, "-c", _ASK.format(module)], cwd=folder,
                          env=kept | {"PYTHONPATH": str(folder)} | environment,
                          capture_output=True, text=True, check=True)  # fmt: skip
    return [float(word) for word in said.stdout.split()]


@pytest.mark.parametrize("where", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_a_number_from_another_file_of_equal_size_and_time(tmp_path: Path, where: str) -> None:
    """The machine code of one file holds a number of another: an edit of that one alone must be seen."""
    shutil.copytree(PACKAGE, tmp_path / "pkpd", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pkpd/engine/solve/small.py").write_text(_LOOP)
    if where == "XDG_CACHE_HOME":  # nobody can write beside the file: numba takes the user's folder
        (tmp_path / "pkpd/engine/solve/__pycache__").write_text("")
    place = {where: str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    assert ask(tmp_path, **place) == [1.0, 0.0]
    file = tmp_path / "pkpd/engine/machine/steps/frame.py"
    before = file.stat()
    text = file.read_text().replace("KEPT, OFFSPRING = 1.0, 2.0", "KEPT, OFFSPRING = 1.5, 2.0")
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_size == before.st_size
    assert ask(tmp_path, **place) == [1.5, 0.0]
    if where == "NUMBA_CACHE_DIR":
        assert ask(tmp_path, **place) == [1.5, 1.0]  # and what was made of this text is found again


def test_an_edit_of_a_loop_outside_the_engine_is_seen(tmp_path: Path) -> None:
    """A fit's loops stand in files that are no part of the engine's digest: each is kept by its own text too."""
    shutil.copytree(PACKAGE, tmp_path / "pkpd", ignore=shutil.ignore_patterns("__pycache__"))
    file = tmp_path / "pkpd/small.py"
    place = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    for number in (1.0, 1.5):
        file.write_text(_LOOP.replace("\n\n@", f"\n\nOWN = {number}\n\n@").replace("return KEPT", "return OWN"))
        os.utime(file, (0, 0))
        assert ask(tmp_path, "pkpd.small", **place) == [number, 0.0]


def test_loops_outside_the_engine_are_whole_in_their_file() -> None:
    files = [f for f in PACKAGE.rglob("*.py") if "@jit\n" in f.read_text() and f not in kernel_cache.kernel_sources()]
    assert {"saem_kernels.py", "kernels.py", "copy_kernels.py"} <= {f.name for f in files}
    for file in files:
        taken = {str(n.module) for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom)}
        assert {m for m in taken if m.startswith("pkpd")} <= {"pkpd.arrays", "pkpd.engine.machine.jit"}, file


def constants_of(files: list[Path]) -> set[str]:
    """Return the modules of the package from which files take numbers (names in capitals)."""
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            capitals = isinstance(node, ast.ImportFrom) and any(a.name.isupper() for a in node.names)
            if capitals and str(node.module).startswith("pkpd.engine"):
                found.add(str(node.module))
    return found


@pytest.mark.parametrize("files", [kernel_cache.kernel_sources, disk.sources])
def test_every_file_with_a_number_that_is_compiled_is_read(files: object) -> None:
    read = files()  # type: ignore[operator]
    compiled = read if files is disk.sources else [file for file in read if "jit\n" in file.read_text()]
    assert len(compiled) > 5
    for module in constants_of(compiled):
        path = PACKAGE.parent / (module.replace(".", "/") + ".py")
        assert not path.exists() or path in read, f"{module} gives numbers to compiled code and is not in its digest"


def test_old_code_of_other_texts_goes_and_young_stays(tmp_path: Path) -> None:
    names = "f-1.py312-aaaa.nbi", "f-1.py312-aaaa.1.nbc", "f-1.py312-bbbb.1.nbc", "g-1.py312-aaaa.1.nbc"
    for name in names:
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "f-1.py312-cccc.1.nbc").write_text("")
    kernel_cache._drop_old(tmp_path, "f-1.py312", "bbbb")
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {"f-1.py312-bbbb.1.nbc", "f-1.py312-cccc.1.nbc", "g-1.py312-aaaa.1.nbc"}
