"""Runs code where nothing of the package has been imported, and imports other libraries once for all of it.

One interpreter (the nursery) imports NumPy, numba, pandas and the others; each piece of code then runs in a copy of it
(`os.fork`). Where there is no `fork`, or where the code asks what an import loads, it is an interpreter of its own.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NURSERY = """
import contextlib, io, os, sys, traceback
import numpy, scipy.optimize, scipy.integrate, scipy.stats, pandas, xarray, numba, llvmlite.binding, sympy, h5netcdf
assert not any(name.split(".")[0] == "pkpd" for name in sys.modules)
while line := sys.stdin.readline():
    code = eval(line)
    child = os.fork()
    if child == 0:
        failed, printed = "", io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, {"__name__": "__main__"})
        except BaseException:
            failed = traceback.format_exc()
        print(repr((failed, printed.getvalue())), flush=True)
        os._exit(0)
    ended = os.waitpid(child, 0)[1]
    if ended:
        print(repr((f"ended by signal {ended}", "")), flush=True)
"""


@functools.cache
def _nursery() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    atexit.register(process.communicate)
    return process


def in_a_new_interpreter(code: str) -> str:
    """Run code where nothing at all has been imported; return what it printed."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def without_the_package(code: str) -> str:
    """Run code where nothing of the package has been imported, other libraries perhaps; return what it printed."""
    if not hasattr(os, "fork"):
        return in_a_new_interpreter(code)
    nursery = _nursery()
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{code!r}\n")
    nursery.stdin.flush()
    failed, printed = eval(nursery.stdout.readline())
    assert not failed, failed
    return str(printed)
