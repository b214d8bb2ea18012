"""CPU time of the engine beside SciPy's odeint, casadi's CVODES and libroadrunner in the same run.

Run ``python tests/benchmarks/bench_engine.py`` on a quiet machine (``pip install "pkpd-toolkit[benchmark]"`` brings the
yardsticks; one that is not there is skipped and said so). The goals are seconds of one quiet core with AVX-512, on
which odeint takes 8.1 s for 1 000 subjects × 12 times. Another machine has other seconds; there the ratio to odeint in
the same run counts, which stands beside the ratio that the goal means. ``--only many,single`` runs parts.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
from dataclasses import replace
from importlib import import_module
from math import isfinite
from typing import Any

import checkout
import numpy as np

SET_AT = 8.1  # seconds of odeint for 1 000 × 12 on the machine on which the goals were set
PARTS = {  # what measures a part
    "many": "rows", "hourly": "rows", "single": "rows", "gradients": "slopes", "warfarin": "slopes",
    "linear": "slopes", "binding": "stiffness", "edits": "edits", "fresh": "edits", "memory": "memory",
    "threads": "scaling", "accuracy": "accuracy",
}  # fmt: skip
TIMES = {"ms": 1e3, "µs": 1e6}
COLUMNS = {
    "work": 66, "measured": 11, "goal": 9, "met?": 6, "odeint 1 000 x 12/this": 24, "goal means": 12, " met?": 6,
    "odeint/this": 13, "casadi/this": 13, "roadrunner/this": 17,
}  # fmt: skip


def head() -> str:
    """Return the names of the columns."""
    return "".join(f"{name:<{w}}" if name == "work" else f"{name:>{w}}" for name, w in COLUMNS.items())


def table(rows: list[Any]) -> str:
    """Return the rows as text: seconds beside the goal's, ratios beside the goal's, then other solvers' same work."""
    lines = []
    for row in rows:
        times, timed, asked = TIMES.get(row.unit, 1.0), row.unit in ("s", *TIMES), isfinite(row.goal)
        met = row.seconds >= row.goal if row.at_least else row.seconds <= row.goal
        ratio, meant = row.beside / row.seconds, SET_AT / row.goal
        peers = [row.odeint / row.seconds, row.casadi / row.seconds, row.roadrunner / row.seconds]
        cells = [
            f"{times * row.seconds:.4g} {row.unit}", f"{times * row.goal:.4g}" if asked else "", _said(met, asked),
            f"{ratio:.4g} x" if timed and isfinite(ratio) else "", f"{meant:.4g} x" if timed and asked else "",
            _said(ratio >= meant, timed and asked and isfinite(ratio)),
            *(f"{value:.1f} x" if isfinite(value) else "" for value in peers),
        ]  # fmt: skip
        widths = list(COLUMNS.values())[1:]
        line = f"{row.work:<{COLUMNS['work']}}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))
        lines.append(f"{line.rstrip()}   {row.note}".rstrip())
    return "\n".join(lines)


def _said(met: bool, asked: bool) -> str:
    return ("yes" if met else "NO") if asked else ""


def calibration(subjects: int = 25) -> tuple[float, float]:
    """Return seconds of odeint for 1 000 × 12: parameters as floats, and left in a NumPy array (slower)."""
    from problems import SPARSE, plain
    from yardsticks import Odeint, Unlisted, made, per_subject

    problem = plain()
    kinds = (Odeint, Unlisted)
    first, second = (1000 * per_subject(made(k, problem, SPARSE, 1e-8, 1e-8), subjects) for k in kinds)
    return first, second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, with commas: {', '.join(PARTS)}")
    asked = parser.parse_args().only.split(",")
    if unknown := [part for part in asked if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["PKPD_CACHE"] = cache  # edits of the model fill it
        run(asked)


def run(asked: list[str]) -> None:
    """Measure and print; odeint is timed before and after every part, since neighbours on the machine change."""
    from measure import load

    print(f"pkpd of {checkout.ROOT}; {os.cpu_count()} cores, load {load()}", flush=True)
    if importlib.util.find_spec("numbalsoda") is None:
        print("SKIPPED numbalsoda: not installed (it has to be built, with Fortran and CMake)")
    else:
        print("SKIPPED numbalsoda: installed, but this benchmark has no yardstick for it yet")
    print(f"A ratio is of odeint at 1 000 x 12, whatever the work, the faster one before or after the part; {SET_AT} s "
          "where the goals were set.\nThe last three columns are the same work by other solvers.")  # fmt: skip
    print(head(), flush=True)
    before, told, taken = calibration(), [], []
    for part in asked:
        if part == "accuracy":
            continue
        made = getattr(import_module(PARTS[part]), part)()
        rows, words = made if isinstance(made, tuple) else (made, [])
        after = calibration()
        beside = min(before[0], after[0])  # neighbours only ever make it slower, and so ratios larger
        print(table([replace(row, beside=beside) for row in rows]), flush=True)
        told += [*words, f"{part}: odeint {after[0]:.2f} s after it, load {load()}"]
        taken += [before, after]
        before = after
    if taken:
        floats, array = np.median(taken, axis=0)
        print(
            f"scipy odeint, 1 000 x 12: median {floats:.2f} CPU-s; "
            f"with the parameters left in a NumPy array {array:.2f}"
        )
        print("\n".join(told))
    if "accuracy" in asked:
        print(import_module("accuracy").report())


if __name__ == "__main__":
    main()
