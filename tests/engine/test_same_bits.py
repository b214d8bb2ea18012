"""The same bits on another processor; nothing compiled counts references."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pkpd.engine
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.kernel_cache import kernel_digest
from tests.engine.same_bits import digest

ROOT = Path(__file__).parents[2]


def told(folder: Path, **variables: str) -> str:
    """Return the digest that a process of its own prints, with other code than ours."""
    kept = {"PKPD_CACHE": str(folder / "code"), "NUMBA_CACHE_DIR": str(folder / "numba"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.engine.same_bits"]
    done = subprocess.run(
        command, env={**os.environ, **kept, **variables}, capture_output=True, text=True, check=True, cwd=ROOT
    )  # fmt: skip
    return done.stdout.split()[-1]


def test_a_processor_without_avx512(tmp_path: Path) -> None:
    """What LLVM and numba are told of the processor changes no bit: what is joined is written."""
    assert told(tmp_path, NUMBA_CPU_NAME="haswell") == digest()


def test_no_compiled_loop_counts_references() -> None:
    """Each count is two atomic operations for every slice that is handed on; kept code names what it calls."""
    digest()
    bare = {
        file.stem
        for room in ("machine", "solve")
        for file in (Path(str(pkpd.engine.__file__)).parent / room).rglob("*.py")
        if "@bare_jit" in file.read_text(encoding="utf-8")
    }
    made = Path(str(pkpd.engine.__file__)).parent.rglob(f"*-{kernel_digest()[:16]}*.nbc")  # of this text
    kept = [file for file in made if file.name.split(".")[0] in bare]
    assert kept or not gate.AVAILABLE
    assert {"adaptive", "modes", "finish", "limits"} <= {file.name.split(".")[0] for file in kept}
    counting = [file.name for file in kept if b"NRT_incref" in file.read_bytes()]
    assert not counting
