"""Samples of simulated patients, tested for antibodies at the visits of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import at_least, checked, dataset_with, some_times
from pkpd.errors import InputError, few, shown
from pkpd.trial.antibodies.changed import END, NEVER, ONSET
from pkpd.trial.tables import known_subjects

if TYPE_CHECKING:
    import pandas
    import xarray


@checked(
    simulation=dataset_with("what pkpd.simulate returned of an immunogenic population", "subject", "replicate"),
    days=some_times(), seed=at_least(0),
)  # fmt: skip
def antibody_samples(
    simulation: xarray.Dataset,
    days: Sequence[float],
    *,
    sensitivity: float = 1.0,
    specificity: float = 1.0,
    until: Mapping[Any, float] | None = None,
    seed: int = 1,
) -> pandas.DataFrame:
    r"""Return the samples that a trial tests for antibodies, with the result of an assay that may err.

    .. math:: P(\text{positive}) = \text{sensitivity where antibodies are}, \quad 1 - \text{specificity elsewhere}

    Parameters
    ----------
    simulation : Dataset
        What `pkpd.simulate` returned of an `immunogenic_population`.
    days : sequence of float
        Study days of the samples; the first dose is on day 1, and a sample is drawn before the dose of its day.
    sensitivity, specificity : float
        Of the assay, sample by sample and independently (assumed; drug in the sample lowers the sensitivity of real
        ones).
    until : mapping, optional
        Subject → last day on study: later samples are not drawn. By default everybody stays.
    seed : int
        Of the assay's errors.

    Returns
    -------
    DataFrame
        ``subject`` (``"replicate-subject"`` where there are several replicates), ``day``, ``result``, and what nobody
        sees: ``present`` (whether there are antibodies) and ``onset`` (the day they came; empty for never),
        ``replicate``.

    Raises
    ------
    InputError
        If the simulation has no onset of antibodies, a share is none, or `until` names no subject.
    """
    import pandas

    problems = [f"{name} is {shown(value)}; expected a share from 0 to 1"
                for name, value in (("sensitivity", sensitivity), ("specificity", specificity))
                if not 0 <= value <= 1]  # fmt: skip
    if ONSET not in simulation:
        problems.append(f"the simulation has no {ONSET}; simulate an immunogenic_population and keep that parameter")
    if problems:
        raise InputError(problems, "antibody_samples")
    hours = str(simulation["time"].attrs.get("units", "h")) if "time" in simulation.coords else "h"
    to_days = units.factor(hours, "day")
    replicates, subjects = simulation["replicate"].to_numpy(), simulation["subject"].to_numpy()
    onset = _per_patient(simulation, ONSET)
    end = _per_patient(simulation, END) if END in simulation else np.full_like(onset, NEVER)
    names = [s if len(replicates) == 1 else f"{r}-{s}" for r in replicates.tolist() for s in subjects.tolist()]
    asked = np.unique(np.asarray(days, dtype=float))
    clock = (asked - 1.0) / to_days
    present = (onset[:, None] <= clock) & (clock < end[:, None])
    rng = np.random.default_rng(seed)
    positive = rng.random(present.shape) < np.where(present, sensitivity, 1.0 - specificity)
    never = onset >= NEVER
    table = pandas.DataFrame({
        "subject": np.repeat(np.array(names, dtype=object), len(asked)), "day": np.tile(asked, len(names)),
        "result": np.where(positive, "positive", "negative").ravel(), "present": present.ravel(),
        "onset": np.repeat(np.where(never, np.nan, 1.0 + onset * to_days), len(asked)),
        "replicate": np.repeat(replicates, len(subjects) * len(asked)),
    })  # fmt: skip
    if until is not None:
        if lacking := known_subjects(until, names, "simulated patients"):
            raise InputError(lacking, "antibody_samples")
        last = np.array([float(until.get(name, np.inf)) for name in names])
        if np.isnan(last).any():
            who = [names[k] for k in np.flatnonzero(np.isnan(last))]
            raise InputError(f"until is not a number for subject {few(who)}", "antibody_samples")
        table = table[table["day"].to_numpy() <= np.repeat(last, len(asked))].reset_index(drop=True)
    table.attrs["synthetic"] = simulation.attrs.get("synthetic", "virtual subjects")
    return table


def _per_patient(simulation: xarray.Dataset, name: str) -> Any:
    """A parameter of every patient, replicate after replicate."""
    return simulation[name].transpose("replicate", "subject").to_numpy().astype(float).ravel()
