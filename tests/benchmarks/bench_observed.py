"""CPU time of turning a study of 10 000 subjects × 12 samples into arrays (asked: at most 0.5 s), plain and as events.

Run ``python tests/benchmarks/bench_observed.py`` from the project's root on a quiet machine. Reading is timed apart.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import checkout  # noqa: F401
import numpy as np
import pandas

import pkpd
from pkpd.io import read_nonmem
from pkpd.observed import observe

SUBJECTS, TIMES = 10_000, np.array([0.5, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24.0])
UNITS = {"time": "h", "DV": "mg/L", "dose": "mg"}


def clocked(name: str, work: Callable[[], Any], times: int = 3) -> Any:
    """Print the least CPU time of some calls and return what the last one returned."""
    spent, made = [], None
    for _ in range(times):
        began = time.process_time()
        made = work()
        spent.append(time.process_time() - began)
    print(f"{name:<50}{min(spent):8.2f} CPU-s")
    return made


def main() -> None:
    """Print the times."""
    warnings.simplefilter("ignore")
    who, when = np.repeat(np.arange(SUBJECTS), len(TIMES)), np.tile(TIMES, SUBJECTS)
    values = 1 + np.random.default_rng(0).random(len(who))
    samples = pandas.DataFrame({"subject": who, "time": when, "DV": values})
    doses = pandas.DataFrame({"subject": np.arange(SUBJECTS), "time": 0.0, "amount": 100.0, "route": "bolus"})
    plain = clocked("read_study, plain", lambda: pkpd.read_study(samples, doses, units=UNITS), 1)
    events = pandas.concat(
        [
            pandas.DataFrame({"ID": who, "TIME": when, "DV": values, "EVID": 0, "AMT": 0.0, "CMT": 2}),
            pandas.DataFrame({"ID": np.arange(SUBJECTS), "TIME": 0.0, "AMT": 100.0, "EVID": 1, "CMT": 1}),
        ]
    ).sort_values(["ID", "TIME"])
    table = events.assign(OCC=1 + (events["TIME"] > 6))
    ordered = clocked("read_nonmem, with occasions", lambda: read_nonmem(table, units=UNITS), 1)
    model = pkpd.library.one_compartment(absorption=True)
    clocked("observe, plain", lambda: observe(pkpd.library.one_compartment(), plain))
    clocked("observe, events", lambda: observe(model, ordered))
    with_occasions = replace(model, covariates=("occasion_1", "occasion_2"))
    clocked("observe, events with occasions", lambda: observe(with_occasions, ordered))


if __name__ == "__main__":
    main()
