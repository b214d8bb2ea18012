"""What `bench_engine` measures of the plain model: every function returns rows of its table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import numpy as np
from measure import by_turns, cpu, small
from problems import DAYS, HOURLY, SPARSE, Problem, plain
from yardsticks import Casadi, Odeint, Roadrunner, made, per_subject

import pkpd
from pkpd import Settings

ONE = Settings(rtol=1e-8, atol=1e-8, workers=1)
PAGE = 512  # doubles


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
        The goal of issue 10, on the machine where odeint takes `SET_AT` seconds for 1 000 × 12.
    odeint, casadi, roadrunner : float
        CPU seconds of the yardsticks for the same work (scaled up from fewer subjects).
    at_least : bool
        Whether the number is to be at least the goal, which then has no unit (a ratio).
    unit : str
        "s", "ms", "µs", "MB" or "x".
    beside : float
        CPU seconds of odeint for 1 000 × 12, here, while this was measured.
    note : str
        What else must be known.
    """

    work: str
    seconds: float
    goal: float = nan
    odeint: float = nan
    casadi: float = nan
    roadrunner: float = nan
    at_least: bool = False
    unit: str = "s"
    beside: float = nan
    note: str = ""


def by_others(problem: Problem, times: np.ndarray, subjects: int, timed: int = 20) -> dict[str, float]:
    """CPU seconds of the yardsticks for so many subjects."""
    kinds = {"odeint": Odeint, "casadi": Casadi, "roadrunner": Roadrunner}
    return {name: subjects * per_subject(made(kind, problem, times, 1e-8, 1e-8), timed) for name, kind in kinds.items()}


def many() -> list[Row]:
    """Return the rows of many subjects at 12 times, time lines included."""
    problem, everything, rows = plain(), plain(everything=True), []
    beside, code = by_others(problem, SPARSE, 1), everything.code()
    for words, n, goal in (("1 000", 1000, 0.022), ("10 000", 10_000, 0.20)):
        seconds = cpu(_whole(everything, n, SPARSE), 5)
        rows.append(Row(f"{words} subjects x 12 times", seconds, goal, **{k: n * v for k, v in beside.items()}))
    plan, defaults = everything.plan(1000, SPARSE), Settings(workers=1)
    tables = everything.table[:1000], everything.table[1000:2000]
    alone = by_turns(lambda t: code.run(t, plan, ONE, states=False), tables)
    usual = by_turns(lambda t: code.run(t, plan, defaults), tables)
    return [
        *rows,
        Row("  1 000 x 12 without time lines", cpu(alone, 5)),
        Row("  the same at the defaults (atol: 1e-12 of the peak)", cpu(usual, 5)),
    ]


def _whole(problem: Problem, subjects: int, times: np.ndarray) -> Callable[[], None]:
    """Return the work of a whole run, time lines included, once done already."""
    code, table = problem.code(), problem.table[:subjects]

    def work() -> None:
        code.run(table, problem.plan(subjects, times), ONE, states=False)

    work()
    return work


def hourly(subjects: int = 10_000) -> tuple[list[Row], list[str]]:
    """Return the rows of hourly output: what it takes beyond a new array of the same size, of which pages are touched.

    The operating system makes a page when it is first written on. That is the machine's time and no solver's.
    """
    problem = plain(everything=True)
    others = {k: subjects * v for k, v in by_others(plain(), HOURLY, 1, 10).items()}
    work, outputs = _whole(problem, subjects, HOURLY), len(problem.code().outputs)

    def touch() -> None:
        array = np.empty((subjects * HOURLY.size, outputs))
        array.reshape(-1)[::PAGE] = 0.0

    pairs = np.array([(cpu(work, 1), cpu(touch, 1)) for _ in range(5)])  # by turns, for both meet the same neighbours
    whole, pages = np.median(pairs, axis=0)
    name = f"{subjects:,} subjects x 1 177 times, {outputs} outputs".replace(",", " ", 1)
    told = f"{name}: whole {whole:.3f} CPU-s, of which np.empty and one write a page {pages:.3f}"
    return [
        Row(f"{name}, beyond np.empty and pages", float(np.median(pairs[:, 0] - pairs[:, 1])), 0.6, **others),
        Row("  the whole", float(whole), **others),
    ], [told]


def single() -> list[Row]:
    """Return the rows of one subject: Python's share of the engine's call, the call, the public call."""
    problem = plain()
    code, plan, table = problem.code(), problem.plan(1, SPARSE), problem.table[:1]
    two = table, problem.table[1:2]
    others = by_others(problem, SPARSE, 1)
    regimen = pkpd.bolus("2100 ug", days=DAYS)
    # Everything that a run does but steps: nothing is given, and what is asked for is the start.
    nothing = code.schedule(table, [()], [np.zeros(1)], [np.ones(1, dtype=bool)])
    code.run(table, plan, ONE), code.run(table, nothing, ONE)
    share = small(by_turns(lambda t: code.run(t, nothing, ONE), two))
    return [
        Row("one subject: a run without steps (Python's share)", share, 6e-5, unit="µs"),
        Row("one subject: code.run", small(by_turns(lambda t: code.run(t, plan, ONE), two)), **others, unit="ms"),
        Row("one subject: time line (code.schedule)", small(lambda: problem.plan(1, SPARSE)), 1.5e-4, unit="ms"),
        Row(
            "one subject: compile_model, schedule, run",
            small(lambda: problem.code().run(table, problem.plan(1, SPARSE), ONE)), **others, unit="ms",
        ),
        Row(
            "one subject: pkpd.simulate",
            small(lambda: pkpd.simulate(problem.model, regimen, times=SPARSE, at_dose="after", settings=ONE), 50),
            7e-4, **others, unit="ms",
        ),
    ]  # fmt: skip
