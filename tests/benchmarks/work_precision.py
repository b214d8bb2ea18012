"""Error against CPU time at tolerances from 1e-4 to 1e-11, for the plain and the stiff model.

Run ``python tests/benchmarks/work_precision.py [--plot picture.png]``. Errors are relative to |x| + 1e-3 (so 1e-7 is
the criterion of figures/simulation), over all states of the first subjects at the 12 times. The reference is SciPy's
Radau at rtol = 1e-12, atol = 1e-15, of which nothing is in the engine; how far LSODA at 1e-13 and CVODES at 1e-12 are
from it is printed: below that distance, no error in the table means anything. What a tolerance would choose (series or
Dormand–Prince, how many stages) is forced where a row says so.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from unittest.mock import patch

import checkout
import numpy as np
from measure import by_turns, cpu, load
from numpy.typing import NDArray
from problems import SPARSE, Problem, plain, stiff
from yardsticks import Casadi, Dop853, Odeint, Radau, SolveIvp, answers, made, per_subject

from pkpd import Settings
from pkpd.engine import compile_model
from pkpd.engine.machine.steps import radau
from pkpd.engine.solve.integrated import IntegratedPart

TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11)
ATOL = {"rtol": 1.0, "rtol x 1e-4": 1e-4, "part of peak": None}  # times rtol; None: the engine's default
SCALE = 1e-3
COMPARED, TIMED = 6, 100  # subjects
SLOW = 2  # subjects of what takes a second for each, run once
OWN = {  # method, what is done with what is linear, what is forced
    "pkpd automatic": ("automatic", "closed form", ""),
    "pkpd Taylor series": ("explicit", "closed form", ""),
    "pkpd Dormand–Prince 8(5,3)": ("explicit", "closed form", "no series"),
    "pkpd Radau IIA, 3 stages": ("stiff", "closed form", "3"),
    "pkpd Radau IIA, 5 stages": ("stiff", "closed form", "5"),
    "pkpd automatic, nothing in closed form": ("automatic", "ode", ""),
}  # fmt: skip
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """One method at one tolerance: errors (NaN: failed), CPU-ms per subject."""

    model: str
    method: str
    rtol: float
    atol: str
    largest: float
    rms: float
    ms: float


def errors(found: Array, exact: Array) -> tuple[float, float]:
    """Return the largest error and the root of the mean square, relative to |x| + `SCALE`."""
    off = (found - exact[: len(found)]) / (np.abs(exact[: len(found)]) + SCALE)
    return float(np.abs(off).max()), float(np.sqrt(np.mean(off**2)))


def forced(what: str) -> AbstractContextManager[object]:
    """Return what makes the engine take another method than it would choose."""
    if what == "no series":
        return patch.object(IntegratedPart, "has_series", property(lambda _: False))
    return patch.object(radau, "stages_of", lambda _: int(what)) if what else nullcontext()


def own(name: str, problem: Problem, model: str, exact: Array, rtol: float, atol: str) -> Point:
    """Return a point of one of the engine's methods."""
    method, linear, what = OWN[name]
    code, part = compile_model(problem.model, (), linear), ATOL[atol]
    how = Settings(rtol=rtol, atol=None if part is None else part * rtol, method=method, workers=1)
    tables = problem.table[:TIMED], problem.table[TIMED : 2 * TIMED]
    few, many = problem.plan(COMPARED, SPARSE), problem.plan(TIMED, SPARSE)
    with forced(what):
        found = code.run(problem.table[:COMPARED], few, how)
        if found.status.any():
            return Point(model, name, rtol, atol, np.nan, np.nan, np.nan)
        ms = 1e3 * cpu(by_turns(lambda t: code.run(t, many, how), tables), 4) / TIMED
    return Point(model, name, rtol, atol, *errors(found.states.reshape(exact.shape), exact), ms)


def other(kind: type, problem: Problem, model: str, exact: Array, rtol: float, atol: str) -> Point | None:
    """Return a point of another solver, None where it is not installed or would take minutes."""
    if (model, kind) == ("stiff", Dop853) and rtol not in (1e-4, 1e-7, 1e-10):
        return None  # stability alone sets its steps: three tolerances say it
    part = ATOL[atol]
    yardstick = None if part is None else made(kind, problem, SPARSE, rtol, part * rtol)
    if yardstick is None:
        return None
    slow = issubclass(kind, SolveIvp)
    count = SLOW if slow else COMPARED
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = time.process_time()
            found = answers(yardstick, count)
            once = (time.process_time() - begin) / count
            ms = 1e3 * (once if slow else per_subject(yardstick, count))
    except ArithmeticError:
        return Point(model, kind.name, rtol, atol, np.nan, np.nan, np.nan)
    return Point(model, kind.name, rtol, atol, *errors(found, exact), ms)


def reference(problem: Problem) -> tuple[Array, str]:
    """Return the answers at 1e-12, and how far two other solvers are from them."""
    exact = answers(Radau(problem, SPARSE, 1e-12, 1e-15), COMPARED)
    told = []
    for kind, rtol, atol in ((Odeint, 1e-13, 1e-15), (Casadi, 1e-12, 1e-15)):
        yardstick = made(kind, problem, SPARSE, rtol, atol)
        if yardstick is None:
            continue
        try:
            largest, rms = errors(answers(yardstick, COMPARED), exact)
            told.append(f"{kind.name} at {rtol:g} within {largest:.1e} (RMS {rms:.1e})")
        except ArithmeticError as error:
            told.append(f"{kind.name} at {rtol:g} failed ({error})")
    return exact, "; ".join(told)


def measure(model: str, problem: Problem, tolerances: Sequence[float] = TOLERANCES) -> list[Point]:
    """Measure every method at every tolerance, and print as it comes."""
    exact, told = reference(problem)
    print(f"\n{model} model, reference scipy Radau rtol = 1e-12, atol = 1e-15: {told}")
    print(f"{'method':<40}{'rtol':>8}{'atol':>14}{'largest error':>15}{'RMS error':>12}{'CPU-ms/subject':>16}")
    found: list[Point] = []
    for atol in ATOL:
        for name in (*OWN, Odeint, Radau, Dop853, Casadi):
            for rtol in tolerances:
                how = own if isinstance(name, str) else other
                point = how(name, problem, model, exact, rtol, atol)  # type: ignore[operator]
                if point is None:
                    continue
                found.append(point)
                print(_line(point), flush=True)
    return found


def _line(point: Point) -> str:
    head = f"{point.method:<40}{point.rtol:>8.0e}{point.atol:>14}"
    if not np.isfinite(point.ms):
        return f"{head}{'failed':>15}"
    return f"{head}{point.largest:>15.1e}{point.rms:>12.1e}{point.ms:>16.4g}"


def picture(points: list[Point], path: str) -> None:
    """Draw largest error against CPU time, one panel per model and kind of tolerance."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    models = list(dict.fromkeys(p.model for p in points))
    figure, panels = pyplot.subplots(len(models), 3, figsize=(18, 5 * len(models)), squeeze=False, layout="constrained")
    for line, model in zip(panels, models, strict=True):
        for panel, atol in zip(line, ATOL, strict=True):
            for method in dict.fromkeys(p.method for p in points):
                mine = [p for p in points if (p.model, p.method, p.atol) == (model, method, atol)]
                panel.loglog([p.ms for p in mine], [p.largest for p in mine], "o-", label=method, markersize=4)
            panel.axhline(1e-7, color="grey", linewidth=0.8, linestyle=":")
            panel.set(
                title=f"{model} model, atol = {atol}", xlabel="CPU-ms per subject",
                ylabel="largest error / (|x| + 1e-3)",
            )  # fmt: skip
    panels[0, 0].legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", help="where to write a picture")
    parser.add_argument("--model", choices=("plain", "stiff"), help="one of the two only")
    parser.add_argument("--tolerances", default=",".join(f"{t:g}" for t in TOLERANCES), help="with commas")
    asked = parser.parse_args()
    tolerances = [float(t) for t in asked.tolerances.split(",")]
    with tempfile.TemporaryDirectory() as cache:
        os.environ["PKPD_CACHE"] = cache
        print(f"pkpd of {checkout.ROOT}, load {load()}")
        print(f"{COMPARED} subjects compared ({SLOW} for solve_ivp), {TIMED} timed for pkpd")
        points = []
        for name, make in (("plain", plain), ("stiff", stiff)):
            if asked.model in (None, name):
                points += measure(name, make(), tolerances)
        print(f"load {load()}")
    if asked.plot:
        picture(points, asked.plot)


if __name__ == "__main__":
    main()
