"""Rows of `bench_engine`: from a model that nobody has seen, and from a process that has nothing, to a first result."""

from __future__ import annotations

import tempfile
from itertools import count

import bench_python
import numpy as np
from measure import cpu, process
from problems import BINDING, NAMES, SPARSE, Problem, first_result, plain, stiff
from rows import ONE, Row
from yardsticks import Casadi, Odeint, Roadrunner, made

from pkpd import Settings, define
from pkpd.engine import compile_model

STIFF = Settings(rtol=1e-8, method="stiff", workers=1)
_EDIT = count(1)


def edits() -> list[Row]:
    """Return the rows of a model that nobody has seen before, from its text to its first result."""
    problem, bound = plain(), stiff()
    small, large = (*NAMES,), (*NAMES, *BINDING)

    def edit(base: Problem, names: tuple[str, ...], how: Settings = ONE, slopes: tuple[str, ...] = ()) -> None:
        equations = {**base.model.equations}
        equations["LYM"] += f" + {next(_EDIT)}e-9*TIS"
        new = define(
            equations, dict(zip(names, base.table[0].tolist(), strict=True)), outputs={"C": "CENT/V1"},
            initial=base.model.initial, doses={"bolus": "CENT"},
        )  # fmt: skip
        other = Problem(new, base.table)
        compile_model(new, slopes).run(base.table[:1], other.plan(1, SPARSE, slopes), how)

    edit(problem, small)
    edit(bound, large)
    edit(bound, large, STIFF)
    there = [kind for kind in (Odeint, Casadi, Roadrunner) if made(kind, problem, SPARSE, 1e-8, 1e-8)]

    def other(kind: type) -> None:
        kind(Problem(problem.model, problem.table), SPARSE, 1e-8, 1e-8)(problem.table[0])

    anew = {kind.__name__.lower(): cpu(lambda k=kind: other(k)) for kind in there}
    automatic = Settings(rtol=1e-8, workers=1)
    return [
        Row("an edit of the model to its first result", cpu(lambda: edit(problem, small), 7), 0.15, **anew),
        Row("an edit of the target-mediated model, stiff method", cpu(lambda: edit(bound, large, STIFF), 5), 0.4),
        Row("  the same, automatic method", cpu(lambda: edit(bound, large, automatic), 5)),
        Row("  the first with 13 exact slopes", cpu(lambda: edit(problem, small, ONE, small), 5)),
    ]


def fresh(repeats: int = 5) -> list[Row]:
    """Return the rows of a process that begins with nothing: code on the disk, and code to be made."""
    rows = [Row(work, seconds, goal) for work, seconds, goal in bench_python.start()]
    code, spent = first_result(), []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as empty:
            spent.append(process(code, {"PKPD_CACHE": empty})[0])
    return [*rows, Row("  to its first result, the model's code not yet on the disk", float(np.median(spent)))]
