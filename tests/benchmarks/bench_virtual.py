"""1 000 virtual IL-21 trials of 52 patients, three courses, whole models, two processes: wall and CPU time.

Run ``python tests/benchmarks/bench_virtual.py [trials] [workers]`` (project's root, quiet machine). Asked:
under 300 s on two cores. What is compiled is compiled before the clock starts.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pkpd
from pkpd import trial


def main(trials: int, workers: int) -> None:
    plan = pkpd.il21.trial_plan()
    trial.virtual_trials(replace(plan, patients=3), 1, progress=False)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall, cpu = time.perf_counter(), time.process_time()
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        tree = trial.virtual_trials(plan, trials, seed=1, executor=executor, progress=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    patients = int((tree["patients"]["cohort"] >= 0).sum())
    print(
        f"{trials} trials, {patients} patients, {tree.nbytes / 1e6:.0f} MB, {workers} workers of {os.cpu_count()} cores"
    )
    print(f"wall {wall:.0f} s, CPU {cpu:.0f} s: {1000 * cpu / patients:.2f} ms a patient")
    print(trial.summarise_virtual(tree).to_string(float_format="{:.2f}".format, index=False))
    print(trial.summarise_virtual(tree, dose=30.0).to_string(float_format="{:.2f}".format, index=False))


if __name__ == "__main__":
    main(*(int(text) for text in [*sys.argv[1:], *("1000", "2")[len(sys.argv) - 1 :]]))
