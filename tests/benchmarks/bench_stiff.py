"""CPU time of the stiff method beside SciPy's odeint (LSODA) in the same run.

Run ``python tests/benchmarks/bench_stiff.py`` (from the project's root, on a quiet machine). The first model is that of
figures/simulation whose drug also binds its target (kon 100, koff 0.1, kint 1, ksyn 1, kdeg 0.1); 10 boluses, 12 times,
49 days. Then a target-mediated model of the library in nM, and the physiological model of the tests (22 states). An
error is the largest |error|/(|x| + 1e-3) of all states of 20 subjects. Seconds depend on the machine; the ratio to
odeint in the same run is what counts.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from measure import cpu
from problems import parameters

from pkpd import Settings, library
from pkpd.dosing import Dose
from pkpd.engine import Compiled, Solution, compile_model, schedule
from pkpd.model import Model
from tests.engine.stiff_problems import CLASSICS, DOSES, NAMES, TARGET, TIMES, Lsoda, target_mediated
from tests.engine.test_big_models import physiological

COUNT, EXACT = 200, 20
NANOMOLAR = {"CL": 0.01, "V1": 3.0, "Q": 0.02, "V2": 2.5, "kon": 0.7, "koff": 0.1, "kint": 0.04, "kdeg": 0.1, "R0": 5.0}


class Work(NamedTuple):
    """A model with values for every subject, doses, times."""

    model: Model
    values: np.ndarray
    doses: tuple[Dose, ...]
    times: np.ndarray

    def solve(self, settings: Settings, sens: tuple[str, ...] = (), count: int = COUNT) -> tuple[float, Solution]:
        """Return CPU seconds of a subject and the solution."""
        code: Compiled = compile_model(self.model, sens)
        late = np.ones(self.times.size, dtype=bool)
        plan = schedule([self.doses] * count, [self.times] * count, [late] * count, code.entries, len(code.states))
        found = code.run(self.values[:count], plan, settings)  # compile, or read the cache
        assert not found.status.any()
        return cpu(lambda: code.run(self.values[:count], plan, settings)) / count, found


def works() -> dict[str, Work]:
    """Return what is measured."""
    rng = np.random.default_rng(1)
    target = np.column_stack([parameters()[:COUNT], np.broadcast_to(TARGET, (COUNT, len(TARGET)))])
    molar = library.tmdd(2)
    typical = np.array([NANOMOLAR[name] for name in molar.parameters.names])
    spread = np.exp(0.3 * rng.standard_normal((COUNT, typical.size)))
    weekly = tuple(Dose(168.0 * week, 500.0) for week in range(7))
    body = np.array([60.0, 1.5, 1.0]) * np.exp(0.3 * rng.standard_normal((COUNT, 3)))
    given = (Dose(0, 100.0), Dose(4, 60.0, "oral"), Dose(7, 60.0, "infusion", 3.0))
    day = np.array([0.25, 0.5, 1, 2, 4, 6, 8, 10, 12, 16, 20, 24])
    return {
        "kon 100": Work(target_mediated(), target, DOSES, TIMES),
        "kon 100, hourly": Work(target_mediated(), target, DOSES, np.arange(1177.0)),
        "nM": Work(molar, typical * spread, weekly, TIMES),
        "physiological": Work(physiological(True), body, given, day),
    }


class Reached(NamedTuple):
    """The loosest tolerance at which a wanted error is reached: CPU seconds of a subject there, and the error."""

    rtol: float
    seconds: float
    error: float
    method: str


def reached(one: Work, wanted: float, reference: np.ndarray) -> Reached:
    """Return what a wanted error costs at the defaults but for rtol, which is lowered until the error is reached."""
    for rtol in (1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7, 3e-8, 1e-8, 3e-9, 1e-9, 1e-10):
        how = Settings(rtol=rtol, workers=1)
        seconds, found = one.solve(how)
        error = _off(_states(found, COUNT)[:EXACT], reference)
        if error <= wanted:
            return Reached(rtol, seconds, error, compile_model(one.model).method(how))
    raise ArithmeticError(f"an error of {wanted:g} was not reached")


def references() -> dict[str, np.ndarray]:
    """Return the states of the first subjects: by LSODA at 1e-13 for the first model, at rtol 1e-12 for the others."""
    tight = Settings(rtol=1e-12, atol=1e-14, method="stiff", max_steps=1_000_000, workers=1)
    lsoda, work = Lsoda(), works()
    first = {"kon 100": np.array([lsoda(row, 1e-13) for row in work["kon 100"].values[:EXACT]])}
    others = {k: _states(w.solve(tight, count=EXACT)[1], EXACT) for k, w in work.items() if k not in first}
    return first | others


def main() -> None:
    work, known = works(), references()
    values, lsoda = work["kon 100"].values, Lsoda()
    begin = time.process_time()
    for row in values[:EXACT]:
        lsoda(row, 1e-8)
    yardstick = (time.process_time() - begin) / EXACT
    exact = known["kon 100"]
    loose = np.array([lsoda(row, 1e-8) for row in values[:EXACT]])
    off = _off(loose, exact)
    print(f"kon 100, scipy odeint at 1e-8 with the Jacobian: {1e3 * yardstick:.2f} ms a subject, error {off:.1e}")
    print(f"{'one subject':<22}{'method':<11}{'rtol':>7}{'atol':>7}{'CPU-ms':>9}{'odeint / this':>15}{'error':>9}")
    for name, one in work.items():
        reference = known[name]
        for method in ("stiff", "automatic"):
            for rtol in (1e-5, 1e-6, 1e-7, 1e-8, 1e-10):
                for atol in (None, rtol):
                    seconds, found = one.solve(Settings(rtol=rtol, atol=atol, method=method, workers=1))
                    ratio = f"{yardstick / seconds:.0f} x" if name == "kon 100" else ""
                    written = "part" if atol is None else f"{atol:.0e}"
                    error = _off(_states(found, COUNT)[:EXACT], reference)
                    line = (
                        f"{name:<22}{method:<11}{rtol:>7.0e}{written:>7}{1e3 * seconds:>9.3f}{ratio:>15}{error:>9.1e}"
                    )
                    print(line, flush=True)
    seconds, _ = work["kon 100"].solve(Settings(method="stiff", workers=1), tuple(NAMES), 24)
    print(f"kon 100 with 18 exact slopes: {1e3 * seconds:.2f} ms a subject")
    for name, problem in CLASSICS.items():
        code = compile_model(problem.model())
        plan = schedule([()], [np.array([problem.end])], [np.array([False])], code.entries, len(code.states))
        how = Settings(rtol=1e-8, atol=1e-8 * problem.size, method="stiff")
        row = np.array([[problem.parameter[1]]])
        off = np.abs(code.run(row, plan, how).outputs[0] - problem.answer) / (np.abs(problem.answer) + problem.size)
        spent = cpu(lambda c=code, p=plan, h=how, v=row: [c.run(v, p, h) for _ in range(20)]) / 20
        print(f"{name + ', rtol = 1e-8':<34}{1e3 * spent:>9.2f} ms, error {np.max(off):.1e}")


def _states(found: Solution, count: int) -> np.ndarray:
    return found.states.reshape(count, -1, found.states.shape[1])


def _off(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(found - exact) / (np.abs(exact) + 1e-3)))


if __name__ == "__main__":
    main()
