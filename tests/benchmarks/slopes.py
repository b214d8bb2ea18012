"""Rows of `bench_engine`: exact slopes of the plain model, of the PK/PD of warfarin, of linear models."""

from __future__ import annotations

from math import nan

import bench_linear
import bench_second
from measure import by_turns, cpu
from problems import NAMES, SPARSE, plain
from rows import ONE, Row
from yardsticks import Casadi, Odeint, made, per_subject


def gradients() -> list[Row]:
    """Return the rows of exact slopes of the plain model: its 13 parameters, then bioavailability beside them."""
    problem = plain()
    casadi = made(Casadi, problem, SPARSE, 1e-8, 1e-8)
    theirs = nan
    if casadi is not None:
        slopes = casadi.slopes()
        theirs = 1000 * cpu(lambda: [slopes(row) for row in problem.table[:10]]) / 10
    odeint = 1000 * per_subject(made(Odeint, problem, SPARSE, 1e-8, 1e-8), 20)
    rows = []
    for more, goal in ((False, 0.08), (True, nan)):
        base, asked = plain(bioavailability=more, everything=True), (*NAMES, "F") if more else tuple(NAMES)
        code, table = base.code(asked), base.table[:1000]
        code.run(table, base.plan(1000, SPARSE, asked), ONE)
        both = cpu(lambda c=code, t=table, b=base, a=asked: c.run(t, b.plan(1000, SPARSE, a), ONE, states=False))
        plans = [(base.table[k : k + 1000], base.plan(1000, SPARSE, asked)) for k in (0, 1000)]
        alone = cpu(by_turns(lambda given, c=code: c.run(*given, ONE, states=False), plans), 4)
        by_differences = odeint * (1 + len(asked))  # one run and one per parameter
        beside = nan if more else theirs
        rows += [
            Row(f"1 000 x 12, {len(asked)} exact slopes", both, goal, by_differences, beside),
            Row("  the same without time lines", alone),
        ]
    return rows


def warfarin() -> list[Row]:
    """Return the rows of first, and first and second, derivatives of the PK/PD of warfarin."""
    words = {1: "first", 2: "first and second"}
    return [
        Row(f"warfarin, 32 subjects, 483 rows, 8 parameters: {words[one.order]}", one.seconds, one.goal, unit="ms",
            note=f"largest error {one.error:.0e}")
        for one in bench_second.measured()
    ]  # fmt: skip


def linear() -> list[Row]:
    """Return the rows of linear models: 10 000 subjects, 8 times, the Schedule made before; of a subject."""
    kind, times = next(iter(bench_linear.TIMES.items()))
    return [
        Row(f"{n} compartment{'s' if n > 1 else ''}, oral, 8 times ({kind}), {bench_linear.SLOPES[n]} slopes",
            1e-6 * bench_linear.microseconds(n, True, times), 1e-6 * goal, unit="µs")
        for (n, _), goal in bench_linear.GOALS.items()
    ]  # fmt: skip
