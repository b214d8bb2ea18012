"""How far runs at several tolerances are from mrgsolve's answers at 1e-12, and what they cost.

Compared as figures/simulation says: |error| ≤ 1e-7·|x| + 1e-10. CENT and PERI are compared with the closed form where
the reference's own values are solver noise (below 1e-5).
"""

from __future__ import annotations

import numpy as np
import pandas
from measure import by_turns, cpu
from problems import CRITERION, DOSES, NAMES, SPARSE, folder, plain
from yardsticks import Casadi, Odeint, Roadrunner, made, per_subject

from pkpd import Settings

NOISE = 1e-5


def reference(file: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times and subjects × times × states."""
    table = pandas.read_csv(folder() / file, skipinitialspace=True).sort_values(["ID", "time"], kind="stable")
    times = table["time"].to_numpy(float)[: int((table["ID"] == 1).sum())]
    states = table[["CENT", "PERI", "RET", "LYM", "TIS"]].to_numpy(float).reshape(-1, times.size, 5)
    for subject, row in enumerate(plain().table[: len(states)]):
        exact = two_compartments(row, times)
        small = states[subject, :, :2] < NOISE
        states[subject, :, :2][small] = exact[small]
    return times, states


def two_compartments(row: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return times × (CENT, PERI) by the textbook's sums of exponentials."""
    cl, v1, q, v2 = (row[NAMES.index(n)] for n in ("CL", "V1", "Q", "V2"))
    k10, k12, k21 = cl / v1, q / v1, q / v2
    total, product = k10 + k12 + k21, k10 * k21
    alpha = 0.5 * (total + np.sqrt(total**2 - 4 * product))
    beta = product / alpha
    found = np.zeros((times.size, 2))
    for dose in DOSES:
        since = times - dose.time
        fast, slow = np.exp(-alpha * np.maximum(since, 0)), np.exp(-beta * np.maximum(since, 0))
        central = ((alpha - k21) * fast + (k21 - beta) * slow) / (alpha - beta)
        peripheral = k12 * (slow - fast) / (alpha - beta)
        found += dose.amount * np.where(since >= 0, 1, 0)[:, None] * np.column_stack([central, peripheral])
    return found


def worst(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the largest |error| over the criterion, by state."""
    return (np.abs(found - exact) / (CRITERION[0] * np.abs(exact) + CRITERION[1])).max(axis=(0, 1))


def report() -> str:
    """Return the table."""
    problem = plain()
    code, states, plan = problem.code(), problem.model.states, problem.plan(1000, SPARSE)
    sets = {"sparse, 20": "reference_sparse_20_subjects.csv", "hourly, 3": "reference_hourly_3_subjects.csv"}
    tables = problem.table[:1000], problem.table[1000:2000]
    known = {name: reference(file) for name, file in sets.items()}
    lines = [
        "largest |error| / (1e-7·|x| + 1e-10) against mrgsolve at 1e-12 (closed form below 1e-5)",
        f"{'solver, rtol = 1e-8':<44}{'CPU-s, 1 000 x 12':>18}  {'subjects':<12}" + "".join(f"{s:>10}" for s in states),
    ]
    settings = {atol: Settings(rtol=1e-8, atol=atol, workers=1) for atol in (None, 1e-8, 1e-12)}
    spent: dict[float | None, list[float]] = {atol: [] for atol in settings}
    for _ in range(9):  # in turn, so that all meet the same neighbours
        for atol, how in settings.items():
            run = by_turns(lambda t, h=how: code.run(t, plan, h, states=False), tables)
            spent[atol].append(cpu(run, 2))
    for atol, how in settings.items():
        seconds = float(np.median(spent[atol][1:]))
        for name, (times, exact) in known.items():
            n = len(exact)
            found = code.run(problem.table[:n], problem.plan(n, times), how).states.reshape(exact.shape)
            lines.append(
                _line(
                    f"pkpd, atol = {'1e-12 of the peak' if atol is None else f'{atol:g}'}",
                    seconds,
                    name,
                    worst(found, exact),
                )
            )
    for kind in (Odeint, Casadi, Roadrunner):
        for atol in (1e-8, 1e-12):
            times, exact = known["sparse, 20"]
            other = made(kind, problem, times, 1e-8, atol)
            if other is None:
                continue
            found = np.stack([other(row) for row in problem.table[: len(exact)]])
            seconds = 1000 * per_subject(other, 10)
            lines.append(_line(f"{kind.name}, atol = {atol:g}", seconds, "sparse, 20", worst(found, exact)))
    return "\n".join(lines)


def _line(name: str, seconds: float, subjects: str, errors: np.ndarray) -> str:
    return f"{name:<44}{seconds:>18.4f}  {subjects:<12}" + "".join(f"{e:>10.2g}" for e in errors)
