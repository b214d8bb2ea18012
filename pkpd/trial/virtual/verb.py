"""The verb: a phase 1/2 trial, carried out many times."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pkpd.about import package_version
from pkpd.arguments import at_least, checked
from pkpd.engine import Settings
from pkpd.errors import warn
from pkpd.loops import mapped
from pkpd.simulate.resources import one_each
from pkpd.trial.virtual.assembled import assembled
from pkpd.trial.virtual.assumptions import assumptions_of, digest
from pkpd.trial.virtual.block import run_block
from pkpd.trial.virtual.folder import keep, kept, opened
from pkpd.trial.virtual.layout import TRIALS
from pkpd.trial.virtual.plan import VirtualPlan

if TYPE_CHECKING:
    import xarray


@checked(trials=at_least(1, 1_000_000), seed=at_least(0))
def virtual_trials(
    plan: VirtualPlan,
    trials: int = 1000,
    *,
    seed: int = 0,
    folder: str | Path | None = None,
    executor: Executor | None = None,
    settings: Settings | None = None,
    progress: bool = True,
) -> xarray.DataTree:
    r"""Carry out a phase 1/2 trial many times: escalation, expansion, courses, and all that is seen of the patients.

    Every patient is drawn and solved with the whole models of the plan. Cohorts get doses by the rule of the design;
    toxicities follow from the patient's own exposure by the assumed link; who is left after the escalation gets the
    chosen dose. The escalated drug and its partner do not change each other's kinetics. The tumour model is linear in
    its size :math:`y`, so the sum of lesions is the product of what both leave of it:

    .. math:: \frac{dy}{dt} = \left[K_L - K_{D,1}e^{-\lambda_1t}E_1(t) - K_{D,2}e^{-\lambda_2t}E_2(t)\right]y

    Scans are judged by RECIST. A patient with progression gets no further course; treatment ends after the planned
    ones, and scans go on.

    Parameters
    ----------
    plan : VirtualPlan
        What is assumed.
    trials : int
        How many.
    seed : int
        Trials come in blocks of 20 with random streams of their own: the same seed gives the same trials however many
        are asked for, on any number of workers.
    folder : path, optional
        Where blocks are kept. The same call goes on where another one was stopped, and computes only what is missing.
    executor : concurrent.futures.Executor, optional
        Who computes the blocks, such as a pool of processes, or ``client.get_executor()`` of dask; by default they are
        computed here, one after the other, each on all cores.
    settings : Settings, optional
        Tolerances of the solver.
    progress : bool
        Show a progress bar after two seconds.

    Returns
    -------
    xarray.DataTree
        ``/trials`` (one value a trial: chosen dose, patients, toxicities, response rate, median progression-free
        survival, …), ``/cohorts`` (the escalation), ``/patients``, ``/courses``, ``/scans``, and ``/assumptions``: a
        row for everything that was assumed. `summarise_virtual` makes a table of it.

    Raises
    ------
    InputError
        If the plan cannot be used, or the folder belongs to another one.

    Warns
    -----
    DataWarning
        Counting patients who could not be solved; they have no results.
    """
    one = one_each(settings, executor)
    blocks = range(-(-trials // TRIALS))
    place = None if folder is None else opened(folder, digest(plan, seed))
    carry_out = partial(_carried_out, plan=plan, seed=seed, settings=one, folder=place)
    parts = mapped(
        carry_out, blocks, [f"block {k}" for k in blocks], executor=executor, progress=progress, desc="virtual trials",
        unit="block",
    )  # fmt: skip
    tree = assembled(parts, plan, trials, assumptions_of(plan))
    tree.attrs = {
        "title": f"{trials} virtual trials: {plan.title}", "synthetic": "virtual patients: nobody was measured",
        "seed": seed, "pkpd_version": package_version(),
    }  # fmt: skip
    failed = int((~tree["patients"]["solved"].to_numpy() & (tree["patients"]["cohort"].to_numpy() >= 0)).sum())
    if failed:
        warn(f"{failed} of {tree['patients']['solved'].size} patients could not be solved; they have no results")
    return tree


def _carried_out(
    block: int, plan: VirtualPlan, seed: int, settings: Settings, folder: Path | None
) -> dict[str, xarray.Dataset]:
    """A block: as it was kept, or computed and kept."""
    if folder is not None and (found := kept(folder, block)) is not None:
        return found
    found = run_block(block, plan, seed, settings)
    if folder is not None:
        keep(folder, block, found)
    return found


__all__ = ["virtual_trials"]
