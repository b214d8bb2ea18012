"""First and second derivatives of the PK/PD of warfarin: 32 subjects, 483 rows, 8 parameters; run as a script.

Absorption through a transit compartment drives the turnover of prothrombin. The values of the subjects are scattered by
30 % about typical ones; samples and doses are those of the data set. Printed are CPU milliseconds of one `run` of all
subjects beside the goals, where the modes of the block are used, and how long the code takes to make
(with ``PKPD_CACHE=`` in the environment: nothing is read from the disk).
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas
from measure import small
from problems import folder

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.compiled import Compiled
from pkpd.engine.timeline.schedule import Schedule

MODEL = define(
    {
        "D": "-ktr*D", "G": "ktr*D - ka*G", "A": "ka*G - CL/V*A",
        "P": "kout*E0*(1 - Imax*(A/V)/(IC50 + A/V)) - kout*P",
    },
    {"ktr": 1.5, "ka": 0.7, "CL": 0.135, "V": 8.0, "Imax": 0.95, "IC50": 1.2, "kout": 0.05, "E0": 96.0},
    outputs={"cp": "A/V", "pca": "P"}, initial={"P": "E0"}, doses={"oral": "D"},
)  # fmt: skip
ONE = Settings(rtol=1e-8, workers=1)


class Derivatives(NamedTuple):
    """What was measured of an order: CPU seconds of a run of all subjects, the goal, what the code is, its largest
    error as a part of the largest of its kind."""

    order: int
    seconds: float
    goal: float
    said: str
    error: float


def measured() -> list[Derivatives]:
    """Return what first derivatives take, and first and second ones."""
    table = pandas.read_csv(folder().parents[1] / "external/datasets/warfarin.csv")
    subjects = [rows for _, rows in table.groupby("id")]
    doses = [tuple(Dose(t, a, "oral") for t, a in zip(r["time"], r["amt"], strict=True) if a > 0) for r in subjects]
    times = [r.loc[r["evid"] == 0, "time"].to_numpy(float) for r in subjects]
    late = [np.zeros(len(t), dtype=bool) for t in times]
    names, found = MODEL.parameters.names, []
    typical = np.array([MODEL.parameters[name] for name in names])
    scattered = 0.3 * np.random.default_rng(1).normal(size=(2, len(subjects), len(names)))
    values, others = typical * np.exp(scattered)
    for order, goal in ((1, 5e-4), (2, 4e-3)):
        begin = time.process_time()
        code = compile_model(MODEL, names, order=order)
        plan = code.schedule(values, doses, times, late)
        solution = code.run(values, plan, ONE)
        made = time.process_time() - begin
        assert not solution.status.any()
        structure = code.code.structure
        driven = code.block.run(values, plan).kept.get("modes")
        sound = int(driven.sound.sum()) if driven is not None else -1

        def both(code: Compiled = code, plan: Schedule = plan) -> None:  # the block remembers the values of a run
            code.run(values, plan, ONE, states=False)
            code.run(others, plan, ONE, states=False)

        said = (
            f"{len(subjects)} subjects, {sum(map(len, times))} rows; {structure.components} components, "
            f"{structure.operations} operations, modes used for {sound}, made in {made:.2f} s of CPU"
        )
        tight = code.run(values, plan, replace(ONE, rtol=1e-12))
        kinds = ("outputs", "slopes", "second")[: 1 + order]
        error = max(_off(getattr(solution, kind), getattr(tight, kind)) for kind in kinds)
        found.append(Derivatives(order, small(both, 20) / 2, goal, said, error))
    return found


def _off(wrong: np.ndarray, right: np.ndarray) -> float:
    size = np.abs(right).max(axis=0)
    return float((np.abs(wrong - right).max(axis=0)[size > 0] / size[size > 0]).max())


def main() -> None:
    """Print the table."""
    for one in measured():
        print(
            f"order {one.order}: {1000 * one.seconds:6.2f} ms (goal {1000 * one.goal:g} ms); {one.said}; largest "
            f"error as a part of the largest {one.error:.1e}"
        )


if __name__ == "__main__":
    main()
