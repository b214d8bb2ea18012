"""The verb: virtual subjects under a regimen or an observed design."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.about import package_version
from pkpd.arguments import A_FOLDER, at_least, checked, one_of, optional, some_times
from pkpd.arrays import Array
from pkpd.dosing import Regimen
from pkpd.engine import Settings, compile_model
from pkpd.errors import InputError
from pkpd.model import Model
from pkpd.population import Population, Source, population_of
from pkpd.simulate.execution import into_memory, into_store
from pkpd.simulate.resources import Resources, one_each, size
from pkpd.simulate.run import Run
from pkpd.simulate.store.call import describe
from pkpd.simulate.uncertain import uncertain_replicates
from pkpd.simulate.under_regimen import regimen_task
from pkpd.simulate.under_study import study_task
from pkpd.study import Study

if TYPE_CHECKING:
    import xarray


AT_DOSE = ("before", "after")


@checked(
    subjects=at_least(1),
    replicates=at_least(1),
    seed=at_least(0),
    times=optional(some_times()),
    at_dose=one_of(AT_DOSE),
    store=optional(A_FOLDER),
)
def simulate(
    source: Population | Source | Model,
    design: Regimen | Study,
    *,
    subjects: int = 1,
    replicates: int = 1,
    seed: int = 0,
    times: Sequence[float] | Array | None = None,
    at_dose: str = "before",
    settings: Settings | None = None,
    keep: Iterable[str] | str | None = None,
    store: str | Path | None = None,
    executor: Executor | None = None,
    memory: str | float | None = None,
    progress: bool = True,
    uncertain: bool = False,
) -> xarray.Dataset:
    """Simulate virtual subjects under a regimen or under the design of an observed study.

    Parameters
    ----------
    source : Population, Fit, Fits or Model
        Whom to simulate (`population_of`).
    design : Regimen or Study
        A plan given to every subject, or a study whose subjects, doses, times, covariates and limits are used.
    subjects : int
        Virtual subjects per replicate (a regimen only; a study brings its own).
    replicates : int
        Independent repetitions.
    seed : int
        Every block of 1000 subjects of every replicate has random streams of its own, spawned from `seed`: the same
        seed gives the same result, bit for bit, whoever computes it and wherever it is kept.
    times : array-like, optional
        Times in the regimen's time unit; by default 150 times up to a week after the last dose, and 0, 5, 15,
        30 min, 1, 2, 4 and 8 h after every dose.
    at_dose : {"before", "after"}
        Which value is returned at the time of a dose.
    settings : Settings, optional
        Tolerances of the solver.
    keep : iterable of str, optional
        Names of what is kept: outputs, ``"<output>_measured"``, parameters and covariates; under a study ``"value"``,
        ``"measured"``, ``"blq"``. By default everything that is measured or varies.
    store : path, optional
        A Zarr store on disk to which pieces are written as they are finished; needs ``pkpd-toolkit[large]``. The same
        call again continues what was interrupted, and only opens what is complete.
    executor : concurrent.futures.Executor, optional
        Who computes pieces: threads, processes, dask (``client.get_executor()``), MPI. By default they are computed
        here, one after the other, each on all cores.
    memory : str or float, optional
        How much may be used, such as ``"2 GB"``; by default half of what is available. A larger result needs a store.
    progress : bool
        Show a progress bar after two seconds.
    uncertain : bool
        Whether every replicate has estimates of its own, drawn by their uncertainty (`Source.draws`): the source is a
        fit then, and the result says in ``typical`` (replicate, parameter) what was drawn. Not into a store.

    Returns
    -------
    xarray.Dataset
        Under a regimen: every output with dimensions (replicate, subject, time), ``<output>_measured`` with residual
        error, and the parameters that vary. Under a study: ``value``, ``measured`` and ``blq`` with dimensions
        (replicate, record) and the record's subject, output and time. From a store it is read when it is used.

    Raises
    ------
    InputError
        Listing what is missing or does not fit; if a store holds another simulation, in what it differs.
    PkpdError
        If a piece failed as a whole, naming it; finished pieces stay in the store.

    Warns
    -----
    DataWarning
        If subjects could not be solved, with the reason of the first; they are NaN.
    """
    resources = Resources(executor, progress, None if memory is None else size(memory))
    _check(design, subjects, replicates, resources)
    if uncertain:
        if store is not None:
            raise InputError("a store holds one population; leave store out with uncertain=True", "simulate")
        same: Any = {"subjects": subjects, "times": times, "at_dose": at_dose, "keep": keep, "memory": memory,
                     "settings": one_each(settings, executor), "progress": False}  # fmt: skip
        return uncertain_replicates(source, replicates, seed, partial(_replicate, design, same), executor, progress)
    settings = one_each(settings, executor)
    run = Run(population_of(source), seed, settings, at_dose)
    if isinstance(design, Study):
        task = study_task(run, design, replicates, keep)
    else:
        clock = _default_times(design) if times is None else np.asarray(times, dtype=float)
        task = regimen_task(run, design, subjects, replicates, clock, keep)
    task = task.with_attrs(_provenance(run, design))
    if store is None:
        return into_memory(task, resources)
    return into_store(task, resources, Path(store), describe(run, design, task))


def _replicate(design: Regimen | Study, same: dict[str, Any], own: tuple[Population, int]) -> xarray.Dataset:
    """One replicate, from a population and a seed of its own."""
    people, seed = own
    found: xarray.Dataset = simulate(people, design, seed=seed, **same)
    return found


def _check(design: Regimen | Study, subjects: int, replicates: int, resources: Resources) -> None:
    if isinstance(design, Study) and subjects != 1:
        raise InputError(f"subjects is {subjects}, but a study brings its own subjects; leave it out", "simulate")
    resources.require(
        8 * (subjects + replicates),
        f"{subjects} subjects and {replicates} replicates are more than fit: their numbers alone take",
        "simulate",
    )


def _default_times(regimen: Regimen) -> Array:
    week = 7 * units.factor("day", regimen.time_unit)
    last = max(regimen.times, default=0.0)
    after = week / 168 * np.array([0.0, 1 / 12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0])
    ends = [dose.time + dose.duration for dose in regimen if dose.duration > 0]
    near = np.add.outer(np.array([*regimen.times, *ends]), after).ravel()
    return np.unique(np.concatenate([np.linspace(0.0, last + week, 150), near]))


def _provenance(run: Run, design: Regimen | Study) -> dict[str, Any]:
    data = {"data_hash": design.data_hash} if isinstance(design, Study) else {}
    return data | {
        "title": f"simulation of {run.people.model.name}",
        "synthetic": "virtual subjects: nobody was measured",
        "design": str(design),
        "seed": run.seed,
        "at_dose": _tie_rule(design, run.at_dose),
        "method": compile_model(run.people.model).method(run.settings),
        "pkpd_version": package_version(),
    }


@checked
def simulated_study(result: xarray.Dataset, study: Study, replicate: int = 0) -> Study:
    """Return one replicate of a simulated study as a study: the same design with simulated measurements.

    Parameters
    ----------
    result : xarray.Dataset
        What `simulate` returned for `study`.
    study : Study
        The design that was simulated.
    replicate : int
        Which replicate, from 0.

    Raises
    ------
    InputError
        If `result` was not simulated from a study.
    """
    if not 0 <= replicate < result.sizes.get("replicate", 0):
        raise InputError(f"replicate is {replicate}; expected 0 to {result.sizes.get('replicate', 0) - 1}")
    if "observation" not in result or int(result["observation"].max()) >= len(study.observations):
        raise InputError("the result was not simulated from this study")
    table = study.observations
    where = result["observation"].values
    values = result["measured"].values[replicate]
    column = table["value"].to_numpy(float, copy=True)
    column[where] = values
    below, above = table["blq"].to_numpy(bool, copy=True), table["alq"].to_numpy(bool, copy=True)
    below[where] = values < table["lloq"].to_numpy(float)[where]
    above[where] = values > table["uloq"].to_numpy(float)[where]
    column[below] = math.nan
    table = table.assign(value=column, blq=below, alq=above)
    source = f"{result.attrs.get('title', 'simulation')}, replicate {replicate}"
    attrs = {**study.attrs, "synthetic": True, "source": source}
    return replace(study, _observations=table, attrs=attrs)


def _tie_rule(design: Regimen | Study, at_dose: str) -> str:
    if isinstance(design, Study):
        return "a value at the time of a dose is the one before it, unless the sample is marked 'post'"
    return f"a value at the time of a dose is the one {at_dose} it"
