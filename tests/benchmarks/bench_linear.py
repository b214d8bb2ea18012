"""CPU time of linear models with slopes: 10 000 subjects × 8 times, the Schedule made before, one processor.

Run ``python tests/benchmarks/bench_linear.py`` on a quiet machine; ``--old /path/to/checkout`` puts another checkout's
times beside. The goals are those of one quiet core with AVX-512.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SUBJECTS, BEST_OF = 10_000, 9
VALUES = {"ka": 1.0, "CL": 3.0, "V": 30.0, "V1": 30.0, "Q": 2.0, "V2": 50.0}
TIMES = {
    "0.25 … 24 h": [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0],
    "no interval twice": [0.21, 0.53, 1.07, 2.11, 4.17, 7.9, 12.3, 24.1],
    "hourly": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
}
GOALS = {(1, True): 0.5, (2, True): 1.0}
SLOPES = {1: 3, 2: 5}


def microseconds(compartments: int, slopes: bool, times: list[float]) -> float:
    """Return the CPU time of a subject: the best of several runs."""
    from pkpd import library
    from pkpd.dosing import Dose
    from pkpd.engine import Settings, compile_model

    model = getattr(library, {1: "one_compartment", 2: "two_compartment"}[compartments])(absorption=True)
    names = model.parameters.names
    code = compile_model(model, names if slopes else ())
    rng = np.random.default_rng(1)
    table = np.array([VALUES[n] for n in names]) * np.exp(0.4 * rng.standard_normal((SUBJECTS, len(names))))
    clock, late, doses = np.array(times), np.zeros(len(times), dtype=bool), (Dose(0, 100.0, "oral"),)
    plan = code.schedule(table, [doses] * SUBJECTS, [clock] * SUBJECTS, [late] * SUBJECTS)
    best = np.inf
    for _ in range(BEST_OF):
        begin = time.process_time()
        code.run(table, plan, Settings(workers=1))
        best = min(best, time.process_time() - begin)
    return 1e6 * float(best) / SUBJECTS


def measured() -> dict[str, float]:
    """Return all cases by name."""
    return {
        f"{compartments} {slopes} {kind}": microseconds(compartments, slopes, times)
        for kind, times in TIMES.items() for compartments in (1, 2) for slopes in (False, True)
    }  # fmt: skip


def elsewhere(root: str) -> dict[str, Any]:
    """Return the same of another checkout."""
    place = {**os.environ, "PYTHONPATH": root}
    made = subprocess.run(
        [sys.executable, __file__, "--json"], env=place, cwd=root, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(made.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", help="another checkout to measure")
    parser.add_argument("--json", action="store_true", help="whatever pkpd is on the path, as JSON")
    asked = parser.parse_args()
    if asked.json:
        print(json.dumps(measured()))
        return
    here = elsewhere(str(Path(__file__).resolve().parents[2]))
    there = elsewhere(asked.old) if asked.old else {}
    print(f"{'compartments, oral':<20}{'slopes':<9}{'times':<20}{'µs a subject':>13}{'goal':>8}{'met?':>6}{'old':>9}")
    for key, value in here.items():
        compartments, slopes, kind = key.split(" ", 2)
        goal = GOALS.get((int(compartments), slopes == "True")) if kind == next(iter(TIMES)) else None
        said = "" if goal is None else ("yes" if value <= goal else "NO")
        old = f"{there[key]:.2f}" if there else ""
        wanted = "" if goal is None else f"{goal:.1f}"
        count = SLOPES[int(compartments)] if slopes == "True" else 0
        print(f"{compartments:<20}{count:<9}{kind:<20}{value:>13.3f}{wanted:>8}{said:>6}{old:>9}")


if __name__ == "__main__":
    main()
