"""CPU time of the stiff method on a target-mediated model beside SciPy's odeint (LSODA) in the same run.

Run ``python tests/benchmarks/bench_stiff.py`` (from the project's root, on a quiet machine). The model is that of
figures/simulation whose drug also binds its target (kon 100, koff 0.1, kint 1, ksyn 1, kdeg 0.1); 10 boluses, 12 times,
49 days, rtol = atol = 1e-8. Seconds depend on the machine; the ratio to odeint in the same run is what counts.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from measure import cpu
from problems import parameters

from pkpd import Settings
from pkpd.engine import compile_model, schedule
from tests.engine.stiff_problems import CLASSICS, DOSES, NAMES, TARGET, TIMES, Lsoda, target_mediated

COUNT = 200


def main() -> None:
    drug = parameters()[:COUNT]
    values = np.column_stack([drug, np.broadcast_to(TARGET, (COUNT, len(TARGET)))])
    lsoda = Lsoda()
    begin = time.process_time()
    for row in values[:20]:
        lsoda(row, 1e-8)
    yardstick = (time.process_time() - begin) / 20
    exact = np.array([lsoda(row, 1e-13) for row in values[:20]])
    loose = np.array([lsoda(row, 1e-8) for row in values[:20]])
    rows = [("scipy odeint, analytic Jacobian (20 timed)", yardstick, _distance(loose, exact))]

    def timed(name: str, settings: Settings, sens: tuple[str, ...] = (), count: int = COUNT) -> None:
        code = compile_model(target_mediated(), sens)
        late = np.ones(TIMES.size, dtype=bool)
        plan = schedule([DOSES] * count, [TIMES] * count, [late] * count, code.entries, len(code.states))
        found = code.run(values[:count], plan, settings)  # compile, or read the cache
        assert not found.status.any()
        states = found.states.reshape(count, TIMES.size, -1)
        spent = cpu(lambda: code.run(values[:count], plan, settings)) / count
        rows.append((name, spent, _distance(states[:20], exact[:count])))

    both = {"workers": 1}
    timed("stiff", Settings(method="stiff", **both))
    timed("automatic", Settings(**both))
    timed("stiff, atol = 1e-10", Settings(method="stiff", atol=1e-10, **both))
    timed("stiff, 18 exact slopes", Settings(method="stiff", **both), tuple(NAMES), 20)
    print(f"{'one subject':<46}{'CPU-ms':>9}{'odeint / this':>15}   |error| / (1e-7·|x| + 1e-10)")
    for name, seconds, error in rows:
        print(f"{name:<46}{1e3 * seconds:>9.2f}{yardstick / seconds:>13.1f} x   {error:.2f}")
    for name, problem in CLASSICS.items():
        code = compile_model(problem.model())
        plan = schedule([()], [np.array([problem.end])], [np.array([False])], code.entries, len(code.states))
        how = Settings(rtol=1e-8, atol=1e-8 * problem.size, method="stiff")
        one = np.array([[problem.parameter[1]]])
        off = np.abs(code.run(one, plan, how).outputs[0] - problem.answer) / (np.abs(problem.answer) + problem.size)
        spent = cpu(lambda c=code, p=plan, h=how, v=one: [c.run(v, p, h) for _ in range(20)]) / 20
        print(f"{name + ', rtol = 1e-8':<46}{1e3 * spent:>9.2f}{'':>15}   error {np.max(off):.1e}")


def _distance(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.max(np.abs(found - exact) / (1e-7 * np.abs(exact) + 1e-10)))


if __name__ == "__main__":
    main()
