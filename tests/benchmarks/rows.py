"""What `bench_engine` measures: every function returns rows of its table."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import count
from math import nan

import numpy as np
from measure import cpu, process, small
from problems import DAYS, HOURLY, NAMES, SPARSE, Problem, plain, stiff
from yardsticks import Casadi, Odeint, Roadrunner, made, per_subject

import pkpd
from pkpd import Settings
from pkpd.engine import compile_model

ONE = Settings(rtol=1e-8, atol=1e-8, workers=1)


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    work : str
        What was done.
    seconds : float
        CPU seconds that it took.
    goal : float
        The goal on the machine where odeint takes 4.9 s for 1 000 × 12.
    odeint, casadi, roadrunner : float
        CPU seconds of the yardsticks for the same work (scaled up from fewer subjects).
    mrgsolve, rxode2 : float
        What they took on that machine.
    at_least : bool
        Whether the number is to be at least the goal, which then has no unit (a ratio).
    unit : str
        "s", "ms", "MB" or "x".
    factor : float
        How much slower odeint was here, while this was measured, than on that machine.
    """

    work: str
    seconds: float
    goal: float = nan
    odeint: float = nan
    casadi: float = nan
    roadrunner: float = nan
    mrgsolve: float = nan
    rxode2: float = nan
    at_least: bool = False
    unit: str = "s"
    factor: float = 1.0


def _others(problem: Problem, times: np.ndarray, subjects: int, timed: int = 20) -> dict[str, float]:
    """CPU seconds of the yardsticks for so many subjects."""
    kinds = {"odeint": Odeint, "casadi": Casadi, "roadrunner": Roadrunner}
    return {name: subjects * per_subject(made(kind, problem, times, 1e-8, 1e-8), timed) for name, kind in kinds.items()}


def many() -> list[Row]:
    """Return the rows of many subjects, time lines included."""
    problem, everything, rows = plain(), plain(everything=True), []
    recorded = {
        ("1 000", "12"): (1000, SPARSE, 0.045, 0.45, 0.58), ("10 000", "12"): (10_000, SPARSE, 0.45, 4.4, 5.8),
        ("10 000", "1 177"): (10_000, HOURLY, 1.4, 7.0, 13.7),
    }  # fmt: skip
    beside = {12: _others(problem, SPARSE, 1), 1177: _others(problem, HOURLY, 1, 10)}
    for (subjects, words), (n, times, goal, mrgsolve, rxode2) in recorded.items():
        code, table = everything.code(), everything.table[:n]

        def work(n: int = n, times: np.ndarray = times, code: object = code, table: np.ndarray = table) -> None:
            code.run(table, everything.plan(n, times), ONE, states=False)

        work()
        seconds = cpu(work, 5 if n * times.size < 1e6 else 3)
        others = {k: n * v for k, v in beside[times.size].items()}
        row = Row(f"{subjects} subjects x {words} times", seconds, goal, **others, mrgsolve=mrgsolve, rxode2=rxode2)
        rows.append(row)
    code, plan = problem.code(), problem.plan(1000, SPARSE)
    alone = cpu(lambda: code.run(problem.table[:1000], plan, ONE), 5)
    rows.append(Row("  1 000 x 12 without time lines, C and states", alone))
    return rows


def single() -> list[Row]:
    """Return the rows of one subject: what is compiled, the engine's call, the public call."""
    problem = plain()
    code, plan, table = problem.code(), problem.plan(1, SPARSE), problem.table[:1]
    others = _others(problem, SPARSE, 1)
    regimen = pkpd.bolus("2100 ug", days=DAYS)
    code.run(table, plan, ONE)
    machine, states = _compiled_alone(problem), small(lambda: code._solve(table, plan, ONE))
    return [
        Row("one subject: solver's compiled function alone", machine, 2e-4, **others, unit="ms"),
        Row("one subject: states (Compiled._solve)", states, 2e-4, **others, unit="ms"),
        Row("one subject: engine (code.run)", small(lambda: code.run(table, plan, ONE)), 2e-4, **others, unit="ms"),
        Row("one subject: time line (code.schedule)", small(lambda: problem.plan(1, SPARSE)), unit="ms"),
        Row(
            "one subject: compile_model, schedule, run",
            small(lambda: problem.code().run(table, problem.plan(1, SPARSE), ONE)), 1e-3, **others, unit="ms",
        ),
        Row(
            "one subject: pkpd.simulate",
            small(lambda: pkpd.simulate(problem.model, regimen, times=SPARSE, at_dose="after", settings=ONE), 50),
            1e-3, **others, unit="ms",
        ),
    ]  # fmt: skip


def _compiled_alone(problem: Problem) -> float:
    """CPU seconds of `explicit.solve_explicit` for one subject, called with what the engine calls it with."""
    from pkpd.engine.solve import explicit

    calls, original = [], explicit.solve_explicit

    def note(*arguments: object) -> None:
        calls.append(arguments)
        original(*arguments)

    note.__module__, note.__name__ = original.__module__, "solve_explicit"  # type: ignore[attr-defined]
    explicit.solve_explicit = note  # type: ignore[assignment]
    try:
        problem.code().run(problem.table[:1], problem.plan(1, SPARSE), ONE)
    finally:
        explicit.solve_explicit = original
    return small(lambda: original(*calls[0]))


def binding(subjects: int = 200) -> list[Row]:
    """Return the rows of the target-mediated model, per subject."""
    problem = stiff(everything=True)
    others, rows = _others(problem, SPARSE, 1, 5), []
    for work, method, asked, n in (
        ("stiff model, automatic", "automatic", (), subjects), ("stiff model, stiff method", "stiff", (), subjects),
        ("stiff model, 18 exact slopes", "automatic", tuple(problem.model.parameters.names), subjects // 4),
    ):  # fmt: skip
        code, plan, table = problem.code(asked), problem.plan(n, SPARSE, asked), problem.table[:n]
        how = Settings(rtol=1e-8, atol=1e-8, method=method, workers=1)
        assert not code.run(table, plan, how).status.any()
        goal, beside = (nan, {}) if asked else (2e-3, others)
        seconds = cpu(lambda c=code, t=table, p=plan, h=how: c.run(t, p, h, states=False)) / n
        rows.append(Row(f"{work} (a subject)", seconds, goal, **beside, unit="ms"))
    return rows


_EDIT = count(1)


def edits() -> list[Row]:
    """Return the rows of a model that nobody has seen before, from its text to its first result."""
    problem = plain()

    def edit(sensitivities: tuple[str, ...] = ()) -> None:
        equations = {**problem.model.equations}
        equations["LYM"] += f" + {next(_EDIT)}e-9*TIS"
        new = pkpd.define(
            equations, dict(zip(NAMES, problem.table[0].tolist(), strict=True)), outputs={"C": "CENT/V1"},
            initial={"RET": "R0", "LYM": "L0"}, doses={"bolus": "CENT"},
        )  # fmt: skip
        other = Problem(new, problem.table)
        compile_model(new, sensitivities).run(problem.table[:1], other.plan(1, SPARSE, sensitivities), ONE)

    edit()
    casadi = made(Casadi, problem, SPARSE, 1e-8, 1e-8)
    roadrunner = made(Roadrunner, problem, SPARSE, 1e-8, 1e-8)

    def other(kind: type) -> None:
        kind(Problem(problem.model, problem.table), SPARSE, 1e-8, 1e-8)(problem.table[0])

    anew = {
        kind.__name__.lower(): cpu(lambda k=kind: other(k))
        for kind, there in ((Odeint, True), (Casadi, casadi), (Roadrunner, roadrunner)) if there
    }  # fmt: skip
    return [
        Row("an edit of the model to its first result", cpu(edit, 7), 0.3, **anew),
        Row("  the same with 13 exact slopes", cpu(lambda: edit(tuple(NAMES)), 5)),
    ]


_FIRST = """
import pkpd
model = pkpd.define(
    {equations!r}, {values!r}, outputs={{"C": "CENT/V1"}}, initial={{"RET": "R0", "LYM": "L0"}},
    doses={{"bolus": "CENT"}},
)
found = pkpd.simulate(model, pkpd.bolus("2100 ug", days={days!r}), times={times!r}, at_dose="after")
assert abs(float(found["C"].values[0, 0, 0]) - 56.9738414452) < 1e-6
"""  # .values: an index into a DataArray makes xarray load dask and pint where they are installed
_IMPORT = "import numpy, scipy.integrate, pandas, sympy"


def first_result() -> str:
    """Return code that simulates one subject of the plain model, from nothing."""
    model = plain().model
    values = {p.name: p.value for p in model.parameters}
    return _FIRST.format(equations=dict(model.equations), values=values, days=DAYS, times=SPARSE.tolist())


def fresh(repeats: int = 5) -> tuple[list[Row], list[str]]:
    """Return the rows of a process that begins with nothing: code on the disk, and code to be made."""

    def median(code: str, cache: str | None = None) -> tuple[float, float]:
        found = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as empty:
                found.append(process(code, {"PKPD_CACHE": empty} if cache == "empty" else None)[:2])
        cpu_seconds, seconds = np.median(found, axis=0)
        return float(cpu_seconds), float(seconds)

    first = first_result()
    process(first)
    warm, cold, lone, libraries = median(first), median(first, "empty"), median("import pkpd"), median(_IMPORT)
    rows = [
        Row("a fresh process to its first result", warm[0], 1.5),
        Row("  the same, the model's code not yet on the disk", cold[0], 1.5),
        Row("  import pkpd alone", lone[0]),
        Row("  import numpy, scipy.integrate, pandas, sympy", libraries[0]),
    ]
    told = "fresh process, seconds on the clock: {:.2f} (code on disk), {:.2f} (not yet), {:.2f} (import pkpd alone)"
    return rows, [told.format(warm[1], cold[1], lone[1])]
