"""Whether a checkout is slower than another one: the same work in fresh processes, one after the other, medians.

Run ``python tests/benchmarks/compare_checkouts.py OLD NEW [runs]`` on a quiet machine: OLD and NEW are checkouts, each
with its own ``.venv``. Every run is a process of its own, old and new by turns (7 of each unless told); what is printed
is the median CPU time of each and their ratio. Everything that compiles is done once before the clock starts.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

_WORK = r"""
import json, time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas
import pkpd
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model

found = {}
def clock(name, work, times=3):
    work()
    best = []
    for _ in range(times):
        began = time.process_time()
        work()
        best.append(time.process_time() - began)
    found[name] = min(best)

rng = np.random.default_rng(0)
model = pkpd.il21.model()
truth = pkpd.il21.truth().parameters
names = model.parameters.names
course = tuple(Dose(24.0 * (d - 1), 30_000.0) for d in (1, 2, 3, 4, 5, 15, 16, 17, 18, 19))
times = np.array([1.0, 24, 97, 120, 168, 240, 337, 433, 504, 672, 840, 1176])
table = np.array([truth[n] for n in names]) * np.exp(0.2 * rng.standard_normal((1000, len(names))))
after = np.ones(12, dtype=bool)
fine = Settings(rtol=1e-8, atol=1e-8)
plain, slopes = compile_model(model), compile_model(model, ("CL", "V1", "Q", "V2", "EC50"))
plan = plain.schedule(table, [course] * 1000, [times] * 1000, [after] * 1000)
slope_plan = slopes.schedule(table[:200], [course] * 200, [times] * 200, [after] * 200)
clock("run, 1 000 subjects x 12", lambda: plain.run(table, plan, fine))
clock("run, 200 subjects, 5 slopes", lambda: slopes.run(table[:200], slope_plan, fine))
clock("schedule, 1 000 subjects", lambda: plain.schedule(table, [course] * 1000, [times] * 1000, [after] * 1000))
people = pkpd.il21.truth()
plan_of_doses = pkpd.bolus("30 ug/kg", days=[*range(1, 6), *range(15, 20)])
clock("simulate, 1 000 subjects", lambda: pkpd.simulate(people, plan_of_doses, subjects=1000, seed=1, times=times))
study = pkpd.data.theophylline()
oral = pkpd.library.one_compartment(absorption=True)
exposure = pkpd.nca(study, study.analytes[0])
start = pkpd.initial_estimates(oral, exposure)
error = {"C": "additive"}
clock("fit_pooled, theophylline", lambda: pkpd.fit_pooled(oral, study, start, error=error))
clock("fit_individuals, theophylline", lambda: pkpd.fit_individuals(oral, study, start, error=error, progress=False))
sampled = np.array([0.5, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24.0])
value = 10 * np.exp(-0.1 * sampled) * np.exp(0.1 * rng.standard_normal((2000, 12)))
subject, clock_time = np.repeat(np.arange(2000), 12), np.tile(sampled, 2000)
samples = pandas.DataFrame({"subject": subject, "time": clock_time, "C": value.ravel()})
doses = pandas.DataFrame({"subject": np.arange(2000), "time": 0.0, "amount": 100.0, "route": "bolus"})
units = {"time": "h", "C": "mg/L", "dose": "mg"}
clock("read_study, 2 000 subjects x 12", lambda: pkpd.read_study(samples, doses, units=units), 1)
many = pkpd.read_study(samples, doses, units=units)
clock("nca, 2 000 profiles", lambda: pkpd.nca(many, "C"))
clock("simulate a study, 2 000 subjects x 12", lambda: pkpd.simulate(
    pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=1.0, V=10.0), many))
print(json.dumps(found))
"""


def measured(checkout: Path) -> dict[str, float]:
    """CPU-seconds of every piece of work in a fresh process of a checkout."""
    python = checkout / ".venv/bin/python"
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run([python, "-c", _WORK], capture_output=True, text=True, check=True, env=env, cwd=checkout)
    times: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return times


def main(old: str, new: str, runs: str = "7") -> None:
    """Print the medians of both checkouts side by side."""
    checkouts = [Path(old).resolve(), Path(new).resolve()]
    for checkout in checkouts:
        measured(checkout)  # compiles, fills the caches
    times: list[list[dict[str, float]]] = [[], []]
    for k in range(int(runs)):
        for which in (0, 1) if k % 2 == 0 else (1, 0):
            times[which].append(measured(checkouts[which]))
    print(f"{'CPU-ms, median of ' + runs:<42}{'old':>9}{'new':>9}{'new/old':>9}")
    for name in times[0][0]:
        medians = [1e3 * statistics.median(run[name] for run in each) for each in times]
        print(f"{name:<42}{medians[0]:>9.1f}{medians[1]:>9.1f}{medians[1] / medians[0]:>9.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
