"""CPU time, memory and fresh processes, measured the same way everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from checkout import ROOT


def cpu(work: Callable[[], Any], repeats: int = 3) -> float:
    """Return the median CPU seconds of a call, all threads of this process together."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return float(np.median(spent))


def by_turns(work: Callable[[Any], Any], given: Sequence[Any]) -> Callable[[], Any]:
    """Return a call that takes what is given by turns: a run with the values of the last one may be remembered."""
    turns = cycle(given)
    return lambda: work(next(turns))


def small(work: Callable[[], Any], calls: int = 200, repeats: int = 5) -> float:
    """Return the median CPU seconds of a short call, repeated often enough for the clock."""
    return cpu(lambda: [work() for _ in range(calls)], repeats) / calls


def wall(work: Callable[[], Any]) -> float:
    """Return the seconds on the clock of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def process(code: str, environment: Mapping[str, str] | None = None) -> tuple[float, float, str]:
    """Run Python code in a process of its own; return CPU seconds, seconds on the clock, what it printed."""
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, **(environment or {})},
    )  # fmt: skip
    assert child.stdout is not None
    printed = child.stdout.read()
    _, state, used = os.wait4(child.pid, 0)
    passed = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(state)
    if child.returncode:
        raise RuntimeError(f"a process of the benchmark ended with {child.returncode}")
    return used.ru_utime + used.ru_stime, passed, printed


def peak() -> float:
    """Return the largest resident size of this process in MiB.

    On Linux from VmHWM: what getrusage says includes the parent's size at the moment of the fork.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def idle(seconds: float = 0.5) -> float:
    """Return how many cores did nothing for so long; NaN where nobody tells."""
    try:
        first = _ticks()
        time.sleep(seconds)
        second = _ticks()
    except (OSError, ValueError):
        return float("nan")
    whole = sum(second) - sum(first)
    return (second[3] - first[3]) / whole * (os.cpu_count() or 1)


def _ticks() -> list[int]:
    return [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def wait_for_idle(cores: float, longest: float) -> float:
    """Wait until so many cores are idle, at most `longest` seconds; return how many are."""
    end = time.monotonic() + longest
    while (free := idle()) < cores and time.monotonic() < end:
        pass
    return free


def load() -> str:
    """Return the load of the machine as text."""
    return " ".join(f"{x:.2f}" for x in os.getloadavg())
