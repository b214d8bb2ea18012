"""How much faster two threads are than one, by the clock, and what the machine itself gives two processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from measure import load, process, wait_for_idle
from problems import HOURLY, SPARSE, plain
from rows import Row

from pkpd import Settings

IDLE, PATIENCE = 1.9, 20.0  # cores that must be free before a try, and seconds to wait for them
ALONE, ENOUGH = 0.97, 3  # part of a core that one thread must have had; tries that must count
_ALONE = """
import time
from problems import plain, SPARSE
from pkpd import Settings
problem, how = plain(everything=True), Settings(rtol=1e-8, atol=1e-8, workers=1)
code, plan = problem.code(), problem.plan(10_000, SPARSE)
run = lambda: code.run(problem.table, plan, how, states=False)
run()
time.sleep(max(0.0, {start} - time.time()))
begin, began = time.perf_counter(), time.process_time()
run(), run(), run()
clock = time.perf_counter() - begin
print(clock, (time.process_time() - began) / clock)
"""


def threads(tries: int = 9) -> tuple[list[Row], list[str]]:
    """Return the rows of two threads. Each try waits for idle cores, and counts only if it had them."""
    problem, rows, told = plain(everything=True), [], [f"threads: load before {load()}"]
    code = problem.code()
    for words, times, m in (("12", SPARSE, 10_000), ("1 177", HOURLY, 2000)):
        plan, table = problem.plan(m, times), problem.table[:m]
        clock, cpu = np.zeros((2, tries)), np.zeros((2, tries))
        free = []
        for k in range(tries):
            free.append(wait_for_idle(IDLE, PATIENCE))
            for j in (0, 1):
                how = Settings(rtol=1e-8, atol=1e-8, workers=j + 1)
                begin, began = time.process_time(), time.perf_counter()
                code.run(table, plan, how, states=False)
                clock[j, k], cpu[j, k] = time.perf_counter() - began, time.process_time() - begin
        in_use, name = cpu / clock, f"two threads, {m:,} x {words}".replace(",", " ")
        quiet = (np.array(free) >= IDLE) & (in_use[0] >= ALONE)  # else it is the neighbours that are measured
        if quiet.sum() >= ENOUGH:
            best = float(clock[0, quiet].min() / clock[1, quiet].min())
            middle = float(np.median(clock[0, quiet] / clock[1, quiet]))
            rows.append(Row(name, best, 1.8, at_least=True, unit="x"))
            verdict = f"best one / best two {best:.2f}, median of pairs {middle:.2f}"
        else:
            verdict = "NOT MEASURABLE, the cores were not idle"
        told += [
            f"{name}: {verdict} ({quiet.sum()} of {tries} tries count); idle cores before each try "
            + " ".join(f"{x:.1f}" for x in free),
            "  clock of one / of two, by try: " + " ".join(f"{x:.2f}" for x in clock[0] / clock[1]),
            "  cores that one thread had:     " + " ".join(f"{x:.2f}" for x in in_use[0]),
            "  cores that two threads had:    " + " ".join(f"{x:.2f}" for x in in_use[1]),
            f"  CPU of two / of one (1: threads cost nothing): {np.median(cpu[1]) / np.median(cpu[0]):.3f}",
        ]
    told += [_processes(), f"threads: load after {load()}"]
    return rows, told


def _processes(tries: int = 3) -> str:
    """Return the same of two processes, each with the whole work: more than that nothing can gain here."""

    def at(start: float) -> tuple[float, float]:
        clock, cores = process(_ALONE.format(start=start))[2].split()
        return float(clock), float(cores)

    found = []
    for _ in range(tries):
        wait_for_idle(IDLE, PATIENCE)
        one = at(0)
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(at, [time.time() + 12] * 2))
        cores = ", ".join(f"{b[1]:.2f}" for b in (one, *both))
        found.append(f"{2 * one[0] / max(b[0] for b in both):.2f} (cores alone, first, second: {cores})")
    return "control, two processes that share nothing: " + "; ".join(found)
