"""The same bits on another processor; nothing compiled counts references."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pkpd.engine
from pkpd.engine.compiled import _compile
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine import llvm
from pkpd.engine.machine.kernel_cache import kernel_digest
from tests.engine.same_bits import digest, loop_digest

ROOT = Path(__file__).parents[2]


def told(folder: Path, *what: str, **variables: str) -> str:
    """Return the digest that a process of its own prints, with other code than ours."""
    kept = {"PKPD_CACHE": str(folder / "code"), "NUMBA_CACHE_DIR": str(folder / "numba"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.engine.same_bits", *what]
    done = subprocess.run(
        command, env={**os.environ, **kept, **variables}, capture_output=True, text=True, check=True, cwd=ROOT
    )  # fmt: skip
    return done.stdout.split()[-1]


def test_a_processor_without_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    """What LLVM is told of the processor changes no bit: what is joined is written. In full in tests/long."""
    ours, here = digest(), llvm.machine()
    llvm._target.cache_clear()
    _compile.cache_clear()
    try:
        with monkeypatch.context() as other:
            other.setattr(llvm, "_processor", lambda: ("haswell", ""))
            assert llvm.machine() != here
            assert digest() == ours
    finally:
        llvm._target.cache_clear()
        _compile.cache_clear()


def test_a_loop_on_a_processor_without_avx512(tmp_path: Path) -> None:
    """What numba is told of it changes no bit either: one loop of products and sums. All of them in tests/long."""
    assert told(tmp_path, "loop", NUMBA_CPU_NAME="haswell") == loop_digest()


def test_no_loop_is_compiled_twice() -> None:
    """A literal number, or an array that happens to be contiguous, would be a type of its own: see `bare_jit`."""
    digest()
    twice = {}
    root = Path(str(pkpd.__file__)).parents[1]
    for file in (*root.glob("pkpd/engine/solve/*.py"), *root.glob("pkpd/fit/**/*kernels.py")):
        module = importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))
        for name, function in vars(module).items():
            if getattr(function, "__module__", "") != module.__name__ or not hasattr(function, "overloads"):
                continue
            kept = function._cache._cache_file._load_index() if hasattr(function._cache, "_cache_file") else {}
            here = function.targetctx.codegen().magic_tuple()  # another machine may share the folder
            types = {str(types) for types, machine, _ in kept if machine == here}
            if len(types) > 1:
                twice[name] = sorted(types)
    assert twice == {}


def test_no_compiled_loop_counts_references() -> None:
    """Each count is two atomic operations for every slice that is handed on; kept code names what it calls."""
    digest()
    bare = {
        file.stem
        for room in ("machine", "solve")
        for file in (Path(str(pkpd.engine.__file__)).parent / room).rglob("*.py")
        if "@bare_jit" in (text := file.read_text(encoding="utf-8")) or "@inner_jit" in text
    }
    made = Path(str(pkpd.engine.__file__)).parent.rglob(f"*-{kernel_digest()[:16]}*.nbc")  # of this text
    kept = [file for file in made if file.name.split(".")[0] in bare]
    assert kept or not gate.AVAILABLE
    assert {"adaptive", "modes", "finish", "limits"} <= {file.name.split(".")[0] for file in kept}
    counting = [file.name for file in kept if b"NRT_incref" in file.read_bytes()]
    assert not counting
