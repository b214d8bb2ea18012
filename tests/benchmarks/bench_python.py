"""CPU time of what Python does around the engine, each figure beside its goal.

Run ``python tests/benchmarks/bench_python.py`` on a quiet machine; ``--only start,lines`` runs parts. Another checkout
is measured by running the file there. The least of several is shown, since neighbours only make it slower.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import checkout
import numpy as np
import pandas
from measure import by_turns, load, process
from problems import DAYS, SPARSE, first_result, plain

import pkpd
from pkpd import Settings, define
from pkpd.dosing import Dose
from pkpd.engine import Compiled, compile_model
from pkpd.observed import observe

SUBJECTS, PROFILES = 1_000, 10_000
UNITS = {"time": "h", "DV": "mg/L", "dose": "mg"}
RECORDS = np.array([0.5, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24.0])


class Figure(NamedTuple):
    """One line of the table: what was done, seconds of CPU, and the goal."""

    work: str
    seconds: float
    goal: float = float("nan")


def least(work: Callable[[], Any], repeats: int = 5, calls: int = 1) -> float:
    """Return the least CPU seconds of a call, called so often in a row."""
    work()
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        for _ in range(calls):
            work()
        spent.append((time.process_time() - begin) / calls)
    return min(spent)


def start() -> list[Figure]:
    """Return a fresh process: the import, and a first result whose code is on the disk; byte code is kept."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}

        def fresh(code: str) -> float:
            process(code, kept)
            return min(process(code, kept)[0] for _ in range(5))

        nothing = fresh("pass")
        libraries = fresh("import numpy, pandas, xarray, numba")
        return [
            Figure("import pkpd", fresh("import pkpd"), 0.4),
            Figure("import pkpd and every public name", fresh("from pkpd import *")),
            Figure("a fresh process to its first result", fresh(first_result()), 1.2),
            Figure("  of which Python alone", nothing),
            Figure("  import numpy, pandas, xarray, numba", libraries),
        ]


def lines() -> list[Figure]:
    """Return time lines: with lags and bioavailabilities, with times of one's own, of one subject."""
    rng = np.random.default_rng(0)
    oral = tuple(Dose(24.0 * (day - 1), 100.0, "oral") for day in DAYS)
    given = tuple(Dose(24.0 * (day - 1), 100.0, "infusion", modelled="duration") for day in DAYS)
    own = [np.sort(rng.uniform(0, 500, 12)) for _ in range(SUBJECTS)]
    few = [(Dose(0.0, float(amount), "oral"),) for amount in rng.uniform(50, 100, 32)]
    share, late = {"bioavailability": {"G": "F"}}, {"lag": {"G": "L", "A": "L"}, "infusion_duration": {"A": "D"}}
    nothing, lost, lagged = _model(), _model(**share), _model(**share, **late)
    same, one = [SPARSE] * SUBJECTS, compile_model(nothing)
    return [
        _planned("1 000 subjects, own F, 10 doses", lost, [oral] * SUBJECTS, same, 0.02),
        _planned("1 000 subjects, own F and lag, 10 doses", lagged, [oral] * SUBJECTS, same, 0.02),
        _planned("  with 3 slopes", lagged, [oral] * SUBJECTS, same, 0.02, ("F", "L", "k")),
        _planned("1 000 subjects, own lag, modelled infusions", lagged, [given] * SUBJECTS, same, 0.02),
        _planned("1 000 subjects, own times", nothing, [oral] * SUBJECTS, own, 0.1),
        _planned("32 subjects, own times, one dose each", nothing, few, own[:32], 0.0015),
        Figure("one subject (code.schedule)", least(lambda: _plan(one, 1, [oral], same[:1]), 7, 200), 1.5e-4),
    ]


def _model(**dosing: Any) -> Any:
    return define(
        {"A": "ka*G - k*A", "G": "-ka*G"}, {"ka": 1.0, "k": 0.2, "F": 0.7, "L": 0.5, "D": 2.0}, outputs={"A": "A"},
        doses={"bolus": "A", "infusion": "A", "oral": "G"}, **dosing,
    )  # fmt: skip


def _plan(code: Compiled, subjects: int, doses: Any, times: Any) -> None:
    table = np.exp(np.random.default_rng(1).normal(0, 0.3, (subjects, len(code.inputs))))
    code.schedule(table, doses, times, [np.zeros(len(clock), dtype=bool) for clock in times])


def _planned(work: str, model: Any, doses: Any, times: Any, goal: float, slopes: tuple[str, ...] = ()) -> Figure:
    code = compile_model(model, slopes)
    return Figure(f"schedule: {work}", least(lambda: _plan(code, len(doses), doses, times)), goal)


def single() -> list[Figure]:
    """Return the public call for one subject, the engine's share of it, and a small study as arrays."""
    problem, settings = plain(), Settings(rtol=1e-8, atol=1e-8, workers=1)
    regimen, code, plan = pkpd.bolus("2100 ug", days=DAYS), problem.code(), problem.plan(1, SPARSE)
    two = problem.table[:1], problem.table[1:2]
    study, model = pkpd.data.theophylline(), pkpd.library.one_compartment(absorption=True)

    def simulate() -> None:
        pkpd.simulate(problem.model, regimen, times=SPARSE, at_dose="after", settings=settings)

    return [
        Figure("pkpd.simulate, one subject", least(simulate, 7, 50), 7e-4),
        Figure("  of which Compiled.run", least(by_turns(lambda t: code.run(t, plan, settings), two), 7, 200)),
        Figure("observe, theophylline (12 subjects)", least(lambda: observe(model, study), 7, 20)),
    ]


def studies() -> list[Figure]:
    """Return reading a study, and NCA of one that has not been analysed before."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(1)
    doses = pandas.DataFrame({"subject": np.arange(PROFILES), "time": 0.0, "amount": 100.0, "route": "bolus"})
    who, when = np.repeat(np.arange(PROFILES), len(RECORDS)), np.tile(RECORDS, PROFILES)
    planned = pandas.DataFrame({"subject": who, "time": when, "DV": _values(when, rng)})
    sizes = rng.integers(8, 15, PROFILES)
    own = np.repeat(np.arange(PROFILES), sizes)
    times = rng.uniform(0.05, 24, len(own))
    times = times[np.lexsort((times, own))]
    ragged = pandas.DataFrame({"subject": own, "time": times, "DV": _values(times, rng)})
    found = [Figure("read_study, 10 000 x 12", least(lambda: pkpd.read_study(planned, doses, units=UNITS), 3), 0.5)]
    for name, table in (("12 planned times", planned), ("8 to 14 times of their own", ragged)):
        anew = iter([pkpd.read_study(table, doses, units=UNITS) for _ in range(4)])
        found.append(Figure(f"nca(study), 10 000 profiles, {name}", least(lambda s=anew: pkpd.nca(next(s)), 3), 0.35))
    return found


def _values(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    exact = 100 * np.exp(-1.5 * times) + 10 * np.exp(-0.2 * times)
    return np.asarray(exact * np.exp(0.15 * rng.standard_normal(times.size)))


PARTS: dict[str, Callable[[], list[Figure]]] = {"start": start, "lines": lines, "single": single, "studies": studies}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, with commas: {', '.join(PARTS)}")
    asked = parser.parse_args().only.split(",")
    print(f"pkpd of {checkout.ROOT}; load {load()}")
    print(f"{'work':<58}{'CPU ms':>10}{'goal':>10}{'met?':>6}")
    for part in asked:
        for work, seconds, goal in PARTS[part]():
            wanted, met = (f"{1e3 * goal:.4g}", "yes" if seconds <= goal else "NO") if goal == goal else ("", "")
            print(f"{work:<58}{1e3 * seconds:>10.4g}{wanted:>10}{met:>6}", flush=True)


if __name__ == "__main__":
    main()
