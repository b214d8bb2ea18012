"""Virtual trials at length: dask and processes, and shares against what is known without simulation."""

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

import pkpd
from pkpd import trial


@contextmanager
def dask() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.mark.parametrize("made", [dask, processes])
def test_whoever_computes_the_trials_are_the_same(made: object) -> None:
    plan = replace(pkpd.il21.trial_plan(), patients=9, courses=1)
    here = trial.virtual_trials(plan, 40, seed=2, progress=False)
    with made() as executor:  # type: ignore[operator]
        there = trial.virtual_trials(plan, 40, seed=2, executor=executor, progress=False)
    assert there.identical(here)


def test_doses_are_chosen_as_the_closed_form_says() -> None:
    """The chance of a toxicity of a virtual patient is the mean of the link over clearances: then 3+3 is exact."""
    plan = replace(pkpd.il21.trial_plan(with_sorafenib=False), patients=45, courses=1, unevaluable=0.0)
    trials = 1000
    tree = trial.virtual_trials(plan, trials, seed=4, progress=False)
    # CL = 167·exp(eta_scale + eta_CL): log-normal, so the mean of the link is one integral over a normal variable.
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    clearance = 167 * np.exp(np.hypot(0.29, 0.135) * nodes)
    exposure = 1000 * np.array(plan.design.doses)[:, None] / clearance
    p = plan.drug.toxicity.at(exposure) @ (weights / weights.sum())
    exact = trial.operating_characteristics(plan.design, p, method="exact").table()
    chosen = np.array([(tree["trials"]["dose"] == dose).mean() for dose in plan.design.doses])
    assert np.abs(chosen - exact["selected"]).max() < 4 * np.sqrt(0.25 / trials)
    assert np.abs(tree["cohorts"]["treated"].mean("trial") - exact["patients"]).max() < 0.4


def test_lymphopenia_is_that_of_the_truth() -> None:
    """Worst grades at 30 ug/kg in the first course: 96.1, 49.3 and 22.9 % (il21.md section 3: 20 000 by RK4)."""
    plan = replace(pkpd.il21.trial_plan(trial.ThreePlusThree((30.0,))), courses=1)
    tree = trial.virtual_trials(plan, 200, seed=6, progress=False)
    people, worst = tree["patients"], tree["courses"]["worst_grade"].to_numpy()[:, :, 0]
    # Of who had no toxicity, for it takes doses away; it does not depend on lymphocytes, but on the same clearance.
    kept = (people["cohort"].to_numpy() >= 0) & ~people["dlt"].to_numpy()
    n = int(kept.sum())
    for low, high, known in ((1, 4, 0.961), (3, 3, 0.493), (4, 4, 0.229)):
        share = ((worst >= low) & (worst <= high) & kept).sum() / n
        assert abs(share - known) < 4 * np.sqrt(0.25 / n) + 0.01
