"""Five models of the library drawn by the day's date: how much faster than another checkout, beside the plain model.

Run ``python tests/benchmarks/bench_library.py OLD [runs] [date]`` on a quiet machine; OLD is a checkout. Every run is a
process of its own, old and new by turns (5 of each unless told); the seed is the day's date as a whole number, unless
another is given. A model that needs a concentration or an activation gets one. Subjects have log-normal values (30 %)
about `library.typical`, doses by the model's routes on ten days, 12 times in 49 days, the tolerance 1e-8. A ratio is
met if it is at least half of the plain model's.
"""

from __future__ import annotations

import datetime
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import checkout
import numpy as np

from pkpd import library

MODELS = 5
DRUG, SIGNAL = "library.two_compartment()", "library.activation()"

_WORK = r"""
import json, sys, time
sys.path.insert(0, {here!r})
import numpy as np
from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from problems import DOSES, plain

times = np.array([1, 24, 97, 120, 168, 240, 337, 433, 504, 672, 840, 1176], dtype=float)
days, how, found = (0, 1, 2, 3, 4, 14, 15, 16, 17, 18), Settings(rtol=1e-8, atol=1e-8, workers=1), {{}}

def doses_of(model):
    # By mouth where the model takes that, else into the blood; infusions where the model says how long they last.
    kinds = [dict(route="oral")] if "oral" in model.doses else []
    if model.infusion_duration:
        kinds.append(dict(route="infusion", modelled="duration", into=next(iter(model.infusion_duration))))
    return tuple(Dose(24.0 * day, 100.0, **kind) for day in days for kind in kinds or [dict(route="bolus")])

def clock(name, model, table, doses):
    code, n = compile_model(model), len(table)
    after = [np.ones(12, dtype=bool)] * n
    tables = [(t, code.schedule(t, [doses] * n, [times] * n, after)) for t in (table, 1.01 * table)]
    spent = []
    for k in range(11):  # other values every time, for a run with the same ones again may be remembered
        began = time.process_time()
        solved = code.run(*tables[k % 2], how, states=False)
        spent.append(time.process_time() - began)
    found[name] = min(spent[1:]), int((solved.status != 0).sum())

for name in {names!r}:
    model = library.typical(eval(name))
    values = np.array([model.parameters[p] for p in model.parameters.names])
    spread = np.exp(0.3 * np.random.default_rng(0).standard_normal((500, values.size)))
    clock(name, model, values * spread, doses_of(model))
problem = plain()
clock("the plain model", problem.model, problem.table[:500], DOSES)
print(json.dumps(found))
"""
Found = dict[str, tuple[float, int]]


def drawn(seed: int) -> list[str]:
    """Return expressions that make the models of a day, each behind what it needs."""
    calls = library.list()["name"].tolist()
    return [
        driven(f"library.{calls[k]}") for k in np.random.default_rng(seed).choice(len(calls), MODELS, replace=False)
    ]


def driven(call: str) -> str:
    """Put in front of a model what it needs of a drug and of its signal."""
    model, parts = eval(call, {"library": library}), [call]
    if "A" in model.needs:
        parts.insert(0, SIGNAL)
    if not model.doses:
        parts.insert(0, DRUG)
    return " + ".join(parts)


def measured(folder: Path, names: list[str]) -> Found:
    """Return CPU seconds and failed subjects of every model in a fresh process of a checkout."""
    code = _WORK.format(here=str(folder / "tests" / "benchmarks"), names=names)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
    )  # fmt: skip
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def main(old: str, runs: str = "5", date: str = "") -> None:
    """Print the ratios."""
    seed = int(date or f"{datetime.date.today():%Y%m%d}")
    folders, names = (Path(old).resolve(), checkout.ROOT), drawn(seed)
    print(f"seed {seed}; old {folders[0]}, new {folders[1]}", flush=True)
    for folder in folders:
        measured(folder, names)  # compiles, fills the caches
    spent: tuple[list[Found], list[Found]] = ([], [])
    for k in range(int(runs)):
        for which in (0, 1) if k % 2 == 0 else (1, 0):
            spent[which].append(measured(folders[which], names))
    print(f"{'500 subjects x 12 times, CPU-ms, median of ' + runs:<84}{'old':>9}{'new':>9}{'old/new':>9}{'met?':>6}")
    wanted = 0.0
    for name in ("the plain model", *names):
        before, after = (1e3 * statistics.median(run[name][0] for run in each) for each in spent)
        failed, ratio = [each[0][name][1] for each in spent], before / after
        said = "" if not wanted else "yes" if ratio >= wanted else "NO"
        wanted = wanted or ratio / 2
        note = f"  failed subjects: {failed[0]} old, {failed[1]} new" if any(failed) else ""
        print(f"{name:<84}{before:>9.2f}{after:>9.2f}{ratio:>9.1f}{said:>6}{note}")
    print(f"wanted: at least half of the plain model's, {wanted:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
