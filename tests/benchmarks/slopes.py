"""Rows of `bench_engine`: exact derivatives with respect to the 13 parameters and bioavailability."""

from __future__ import annotations

from math import nan

from measure import cpu
from problems import NAMES, SPARSE, plain
from rows import ONE, Row
from yardsticks import Casadi, Odeint, made, per_subject


def gradients() -> list[Row]:
    """Return the rows of exact slopes: the 13 parameters and bioavailability."""
    problem, asked = plain(bioavailability=True, everything=True), (*NAMES, "F")
    code, table = problem.code(asked), problem.table[:1000]
    plan = problem.plan(1000, SPARSE, asked)
    casadi = made(Casadi, problem, SPARSE, 1e-8, 1e-8)
    theirs = nan
    if casadi is not None:
        slopes = casadi.slopes()
        theirs = 1000 * cpu(lambda: [slopes(row) for row in table[:10]]) / 10
    odeint = 1000 * 15 * per_subject(made(Odeint, problem, SPARSE, 1e-8, 1e-8), 20)  # one run and one per parameter
    code.run(table, plan, ONE)

    def both() -> None:
        code.run(table, problem.plan(1000, SPARSE, asked), ONE, states=False)

    return [
        Row("1 000 x 12, 14 exact slopes", cpu(both), 0.3, odeint, theirs),
        Row("  the same without time lines", cpu(lambda: code.run(table, plan, ONE, states=False))),
        Row("  time lines of 1 000 (a bioavailability each)", cpu(lambda: problem.plan(1000, SPARSE, asked))),
        _thirteen(),
    ]


def _thirteen() -> Row:
    problem, asked = plain(everything=True), tuple(NAMES)
    code, plan, table = problem.code(asked), problem.plan(1000, SPARSE), problem.table[:1000]
    code.run(table, plan, ONE)
    seconds = cpu(lambda: code.run(table, plan, ONE, states=False))
    return Row("  1 000 x 12, 13 exact slopes, no bioavailability", seconds)
