"""Random equations that switch, against SciPy in very short steps and against differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.status import SLIDES

GAPS = (
    "C - {a}", "D - {a}", "C - D", "C - {a}*D", "t - {b}", "abs(t - {b}) - {c}", "cos({w}*t) - {s}",
    "C*cos({w}*t) - {s}",
    "tad - {c}", "abs(C - {a}) - 0.1*{a}", "(t - {b})**2 - {c}", "B - {s}",
)  # fmt: skip
FLOWS = (
    "k*({x})", "k*({x}) - 0.1*B", "k*({x})*C - 0.2*B", "k*max({g}, 0) - 0.1*B", "k*min({g}, 1) - 0.1*B", "k*abs({g})",
    "k*({x})*exp(-((t - {b})/{c})**2)",
)  # fmt: skip


def made(rng: np.random.Generator) -> tuple[dict[str, str], dict[str, float]]:
    """Return equations and parameters."""

    def filled(text: str) -> str:
        numbers = {"a": rng.uniform(0.2, 8), "b": rng.uniform(1, 40), "c": rng.uniform(0.05, 4)}
        numbers |= {"w": rng.uniform(0.2, 3), "s": rng.uniform(-0.9, 0.95)}
        return text.format(**{k: f"{v:.6g}" for k, v in numbers.items()})

    gaps = [filled(str(rng.choice(GAPS))) for _ in range(2)]
    joined = f" {rng.choice(['and', 'or'])} ".join(f"{g} {rng.choice(['<', '>', '<=', '>='])} 0" for g in gaps)
    flow = str(rng.choice(FLOWS)).replace("{x}", f"1 if {joined} else 0").replace("{g}", f"({gaps[0]})")
    limit = f"(fast if {filled(str(rng.choice(('D - {a}', 't - {b}', 'cos({w}*t) - {s}'))))} > 0 else slow)"
    states = {"D": "-ka*D", "C": f"ka*D - {limit}*C", "B": filled(flow)}
    numbers = {"ka": rng.uniform(0.3, 2), "fast": rng.uniform(0.2, 0.6), "slow": rng.uniform(0.02, 0.2), "k": 1.0}
    return states, {n: float(v) for n, v in numbers.items()}


def reference(states: dict[str, str], numbers: dict[str, float], doses: list[tuple[float, float]], times: np.ndarray):
    """Return D, C, B at the times by SciPy, with steps of 1/500 of the shortest stretch."""
    names = {n: getattr(np, n) for n in ("cos", "exp")} | {"abs": abs, "max": max, "min": min} | numbers
    code = [compile(text, "", "eval") for text in states.values()]
    y, now, last, found = np.zeros(3), 0.0, 0.0, []

    def dydt(t: float, y: np.ndarray) -> list[float]:
        known = names | {"t": t, "tad": t - last, "D": y[0], "C": y[1], "B": y[2]}
        return [eval(c, {"__builtins__": {}}, known) for c in code]

    for when, amount in [*doses, (times[-1], 0.0)]:
        if when > now:
            own = times[(times > now) & (times <= when)]
            grid = np.unique(np.append(own, when))
            solved = solve_ivp(dydt, (now, when), y, rtol=1e-7, atol=1e-9, max_step=0.02, t_eval=grid)
            found += [solved.y[:, np.searchsorted(grid, t)] for t in own]
            y, now = solved.y[:, -1].copy(), when
        y[0] += amount
        last = when
    return np.array(found)


@pytest.mark.parametrize("seed", range(60))
def test_random_switches(seed: int) -> None:
    rng = np.random.default_rng(9_000 + seed)
    states, numbers = made(rng)
    of = define(states, numbers, outputs={f"out_{s}": s for s in states}, doses={"oral": "D"})
    given = [(0.0, 10.0), (float(np.round(rng.uniform(6, 20), 2)), 5.0)]
    doses, times = tuple(Dose(t, a, "oral") for t, a in given), np.linspace(2, 44, 8)
    code, names = compile_model(of, tuple(numbers)), list(numbers)
    base = np.array(list(numbers.values()))

    def run(values: np.ndarray, how: Settings):
        table = np.atleast_2d(values)
        late = np.zeros(len(times), dtype=bool)
        return code.run(
            table, code.schedule(table, [doses] * len(table), [times] * len(table), [late] * len(table)), how
        )

    found = run(base, Settings(rtol=1e-10))
    if found.status[0] == SLIDES:
        return
    assert not found.status.any(), (states, found.advice(0))
    right = reference(states, numbers, given, times)
    size = np.abs(right).max(axis=0) + 1e-3
    np.testing.assert_allclose(found.outputs / size, right / size, atol=4e-3, err_msg=str(states))
    for how in (Settings(rtol=1e-10, method="stiff"), Settings(rtol=1e-10, max_step=0.13)):
        again = run(base, how)
        np.testing.assert_allclose(again.outputs / size, found.outputs / size, atol=2e-8, err_msg=str(states))
        wide = np.abs(found.slopes).max(axis=0) + 1e-3
        np.testing.assert_allclose(again.slopes / wide, found.slopes / wide, atol=1e-6, err_msg=str(states))
    step = base * 1e-5
    moved = np.concatenate([base + s * np.diag(step) for s in (-1, 1)])
    values = run(moved, Settings(rtol=1e-12)).outputs.reshape(2, len(names), len(times), 3)
    slopes = np.moveaxis((values[1] - values[0]) / (2 * step[:, None, None]), 0, -1)
    wide = np.abs(slopes).max(axis=0) + 1e-3 + 1e-2 * size[:, None] / base  # a difference is not better than that
    # Where a moment passes one of the requested times, a difference sees both sides.
    off = np.abs(found.slopes - slopes) / wide
    assert np.quantile(off, 0.97) < 1e-4, (states, off.max())
