"""CPU time of the engine beside SciPy's odeint, casadi's CVODES and libroadrunner in the same run.

Run ``python tests/benchmarks/bench_engine.py`` on a quiet machine (``pip install "pkpd-toolkit[benchmark]"`` brings the
yardsticks; one that is not there is skipped and said so). Seconds depend on the machine: every goal is scaled by what
odeint takes here for 1 000 subjects × 12 times, against 4.9 s where the goals were set, and so are the recorded times
of mrgsolve and rxode2. ``--only many,single`` runs parts.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from math import isfinite
from typing import Any

import checkout
import numpy as np

SET_AT = 4.9  # seconds of odeint for 1 000 × 12 on the machine on which the goals were set
PARTS = ("many", "single", "gradients", "binding", "edits", "fresh", "memory", "threads", "accuracy")


def table(rows: list[Any]) -> str:
    """Return the rows as text; goals in seconds and recorded times are multiplied with the machine's factor."""
    head = (f"{'work':<66}{'measured':>11}{'goal here':>11}{'met?':>6}{'odeint/this':>13}{'casadi/this':>13}"
            f"{'roadrunner/this':>17}{'mrgsolve/this':>15}{'rxode2/this':>13}{'factor':>8}")  # fmt: skip
    lines = [head]
    for row in rows:
        timed = row.unit in ("s", "ms")
        goal, times = row.goal * (row.factor if timed else 1.0), {"ms": 1e3}.get(row.unit, 1.0)
        met = row.seconds >= goal if row.at_least else row.seconds <= goal
        said = ("yes" if met else "NO") if isfinite(goal) else ""
        others = (row.odeint, row.casadi, row.roadrunner, row.mrgsolve * row.factor, row.rxode2 * row.factor)
        ratios = [f"{value / row.seconds:.1f} x" if isfinite(value) else "" for value in others]
        wanted = f"{times * goal:.4g}" if isfinite(goal) else ""
        cells = "".join(f"{r:>{w}}" for r, w in zip(ratios, (13, 13, 17, 15, 13), strict=True))
        factor = f"{row.factor:.2f}" if timed else ""
        shown = f"{times * row.seconds:.4g} {row.unit}"
        lines.append(f"{row.work:<66}{shown:>11}{wanted:>11}{said:>6}{cells}{factor:>8}".rstrip())
    return "\n".join(lines)


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
    with tempfile.TemporaryDirectory() as cache:
        os.environ["PKPD_CACHE"] = cache  # edits of the model fill it
        run(asked)


def run(asked: list[str]) -> None:
    """Measure and print; odeint is timed before and after every part, since neighbours on the machine change."""
    import accuracy
    import memory
    import rows
    import scaling
    import slopes
    from measure import load

    print(f"pkpd of {checkout.ROOT}; {os.cpu_count()} cores, load {load()}", flush=True)
    before, found, told, taken = calibration(), [], [], []
    for part in asked:
        if part == "accuracy":
            continue
        made = getattr({"memory": memory, "threads": scaling, "gradients": slopes}.get(part, rows), part)()
        new, words = made if isinstance(made, tuple) else (made, [])
        after = calibration()
        factor = min(before[0], after[0]) / SET_AT  # neighbours only ever make it slower, and so goals easier
        found += [replace(row, factor=factor) for row in new]
        told += words
        taken += [before, after]
        before = after
        print(f"  {part} measured: odeint {after[0]:.2f} s for 1 000 x 12, load {load()}", flush=True)
    if found:
        floats, array = np.median(taken, axis=0)
        print(f"scipy odeint, 1 000 x 12: median {floats:.2f} CPU-s ({floats / SET_AT:.2f} x {SET_AT}); goals and "
              f"recorded times are scaled by the factor in the last column, from the faster odeint before or after.\n"
              f"With the parameters left in a NumPy array odeint takes {array:.2f}: goals would be "
              f"{array / floats:.2f} times as easy.")  # fmt: skip
        print(table(found))
        print("\n".join(told))
    if "accuracy" in asked:
        print(accuracy.report())


if __name__ == "__main__":
    main()
