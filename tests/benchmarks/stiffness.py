"""Rows of `bench_engine`: what an error costs where equations are stiff, at the defaults but for rtol."""

from __future__ import annotations

from math import nan

import bench_stiff
from problems import SPARSE, stiff
from rows import Row, by_others

from pkpd import Settings

GOALS = {  # wanted error, CPU seconds of a subject
    "kon 100": ("target-mediated, kon 100", 1e-7, 2.5e-4), "nM": ("target-mediated in nM", 2e-8, 2e-4),
    "physiological": ("physiological, 22 states", 5e-7, 1.5e-4),
}  # fmt: skip


def binding() -> list[Row]:
    """Return the rows, per subject; the yardsticks do the first at 1e-8 (their errors: `work_precision`)."""
    works, known, rows = bench_stiff.works(), bench_stiff.references(), []
    for name, (words, wanted, goal) in GOALS.items():
        found = bench_stiff.reached(works[name], wanted, known[name])
        beside = by_others(stiff(), SPARSE, 1, 5) if name == "kon 100" else {}
        note = f"rtol {found.rtol:g}, error {found.error:.0e} (wanted {wanted:g}), {found.method}"
        rows.append(Row(f"{words}, a subject", found.seconds, goal, **beside, unit="ms", note=note))
    for words, slopes, count in (("at 1e-8", (), bench_stiff.COUNT), ("18 exact slopes", tuple(bench_stiff.NAMES), 50)):
        seconds, _ = works["kon 100"].solve(Settings(workers=1), slopes, count)
        rows.append(Row(f"  kon 100, {words}", seconds, nan, unit="ms"))
    return rows
