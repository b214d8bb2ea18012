"""CPU time of the engine beside SciPy's odeint in the same run.

Run ``python tests/benchmarks/bench_engine.py`` (from the project's root, on a quiet machine). The model is that of
../shared/reference/figures/simulation: two compartments, a turnover, margination of lymphocytes; 10 boluses, 49 days,
rtol = atol = 1e-8. Seconds depend on the machine; the ratio to odeint in the same run is what counts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import sympy
from scipy.integrate import odeint

from pkpd import Settings, define
from pkpd.dosing import Dose
from pkpd.engine import compile_model, schedule

NAMES = ["CL", "V1", "Q", "V2", "koutR", "R0", "EmaxR", "EC50R", "koutL", "L0", "kmarg", "EC50L", "kret"]
DOSES = tuple(Dose(24.0 * d, 2100.0) for d in (0, 1, 2, 3, 4, 14, 15, 16, 17, 18))
SPARSE = np.array([1, 24, 97, 120, 168, 240, 337, 433, 504, 672, 840, 1176], dtype=float)
HOURLY = np.arange(1177.0)
TIGHT = Settings(rtol=1e-8, atol=1e-8, workers=1)


def model() -> object:
    return define(
        {
            "CENT": "-CL/V1*CENT - Q/V1*CENT + Q/V2*PERI",
            "PERI": "Q/V1*CENT - Q/V2*PERI",
            "RET": "koutR*R0*(1 + EmaxR*C/(EC50R + C)) - koutR*RET",
            "LYM": "koutL*L0 - koutL*LYM - kmarg*C/(EC50L + C)*LYM + kret*TIS",
            "TIS": "kmarg*C/(EC50L + C)*LYM - kret*TIS",
        },
        NAMES,
        outputs={"C": "CENT/V1"},
        initial={"RET": "R0", "LYM": "L0"},
        doses={"bolus": "CENT"},
    )


def parameters() -> np.ndarray:
    folder = Path(os.environ.get("PKPD_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
    table = pandas.read_csv(folder / "figures" / "simulation" / "params_10000.csv", skipinitialspace=True)
    return table[NAMES].to_numpy()


def cpu(work: Callable[[], object], repeats: int = 3) -> float:
    """Median CPU seconds of a call."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return float(np.median(spent))


def with_odeint(values: np.ndarray, count: int) -> float:
    """CPU seconds of SciPy's odeint, a lambdified right-hand side and Jacobian, for `count` subjects."""
    m = model()
    y, p = sympy.symbols(" ".join(m.states), real=True), sympy.symbols(" ".join(NAMES), real=True)
    concentration = {sympy.Symbol("C", real=True): m.expression("C")}
    rhs = sympy.Matrix([m.expression(s).xreplace(concentration) for s in m.states])
    f = sympy.lambdify((y, p), list(rhs), cse=True)
    jac = sympy.lambdify((y, p), rhs.jacobian(y), cse=True)

    def one(row: np.ndarray) -> None:
        state = np.array([0, 0, row[NAMES.index("R0")], row[NAMES.index("L0")], 0.0])
        edges = [*(d.time for d in DOSES), 1176.0]
        for dose, begin, end in zip(DOSES, edges[:-1], edges[1:], strict=True):
            state[0] += dose.amount
            inside = SPARSE[(begin < SPARSE) & (end > SPARSE)]
            clock = np.unique(np.concatenate([[begin], inside, [end]]))
            state = odeint(lambda s, t: f(s, row), state, clock, Dfun=lambda s, t: jac(s, row), rtol=1e-8, atol=1e-8)[
                -1
            ]

    begin = time.process_time()
    for row in values[:count]:
        one(row)
    return time.process_time() - begin


def main() -> None:
    values, code = parameters(), compile_model(model())

    def plan(count: int, times: np.ndarray) -> object:
        late = np.ones(times.size, dtype=bool)
        return schedule([DOSES] * count, [times] * count, [late] * count, code.entries, len(code.states))

    few, many, hourly, one = (plan(n, t) for n, t in ((1000, SPARSE), (10_000, SPARSE), (1000, HOURLY), (1, SPARSE)))
    code.run(values[:1], one, TIGHT)  # compile, or read the cache
    yardstick = with_odeint(values, 50) * 20
    rows = [
        ("scipy odeint, 1 000 x 12 (50 timed)", yardstick),
        ("1 000 subjects x 12 times", cpu(lambda: code.run(values[:1000], few, TIGHT))),
        ("10 000 subjects x 12 times", cpu(lambda: code.run(values, many, TIGHT), 1)),
        ("1 000 subjects x 1 177 times", cpu(lambda: code.run(values[:1000], hourly, TIGHT), 1)),
        (
            "one subject x 12 times (public call)",
            cpu(lambda: [code.run(values[:1], one, TIGHT) for _ in range(100)]) / 100,
        ),
    ]
    response = NAMES[4:]
    slopes = compile_model(model(), response)
    slopes.run(values[:1], one, TIGHT)
    rows.append(("1 000 x 12, 9 exact slopes, PK given", cpu(lambda: slopes.run(values[:1000], few, TIGHT))))
    everything = compile_model(model(), NAMES)
    everything.run(values[:1], one, TIGHT)
    rows.append(("1 000 x 12, 13 exact slopes", cpu(lambda: everything.run(values[:1000], few, TIGHT), 1)))
    edited = iter(range(100))

    def edit() -> None:
        changed = model().with_values().renamed(kret=f"kret{next(edited)}")  # another model each time
        compile_model(changed).run(values[:1], one, TIGHT)

    edit()
    rows.append(("an edit of the model to its first result", cpu(edit)))
    print(f"{'work':<44}{'CPU-s':>10}{'odeint / this':>16}")
    for name, seconds in rows:
        ratio = f"{yardstick / seconds:14.0f} x" if "1 000 x" in name or "1 000 subjects x 12" in name else ""
        print(f"{name:<44}{seconds:>10.4f}{ratio:>16}")


if __name__ == "__main__":
    main()
