"""What a design does to the numbers: bias and spread of NCA, found by simulating the design from a model (floor 6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.dosing import Regimen
from pkpd.errors import InputError, unknown_names
from pkpd.fit.result import Fit, Fits
from pkpd.model import Model
from pkpd.nca import NAMES, PRESETS, Profiles, Rules, compute
from pkpd.simulate import Population, population, simulate

if TYPE_CHECKING:
    import pandas

Array = NDArray[np.float64]
_SHOWN = ("auc_last", "auc_inf_obs", "half_life", "cmax", "cl_obs", "vss_obs")
# What each parameter estimates: AUC to the last sample is meant as all of it.
_TRUTH = {"auc_last": "auc_inf_obs", "auc_all": "auc_inf_obs"}


def design_bias(
    source: Population | Fit | Fits | Model,
    dose: Regimen,
    times: Sequence[float],
    *,
    subjects: int = 4000,
    seed: int = 0,
    lloq: float = math.nan,
    rules: Rules | None = None,
) -> pandas.DataFrame:
    """Return what NCA of a sampling design makes of a known truth.

    Virtual subjects get one dose; their samples (with residual error, below `lloq` as BLQ) are analysed; the truth is
    the analysis of the same subjects sampled 300 times without error until less than 1e-9 of the exposure is left.

    Parameters
    ----------
    source : Population, Fit, Fits or Model
        Whom to simulate; its output ``C`` is analysed.
    dose : Regimen
        One dose.
    times : sequence of float
        Sampling times after the dose, in the regimen's time unit.
    subjects, seed : int
        How many, and the seed.
    lloq : float
        Limit of quantification in the unit of ``C``.
    rules : Rules, optional
        How NCA is done; the ``"phoenix"`` preset by default.

    Returns
    -------
    DataFrame
        One row per NCA parameter: ``truth`` (mean), ``mean``, ``median``, ``CV %``, ``bias %`` (of the means) and
        ``n`` (subjects with a value). AUC to the last sample is compared with the true AUC to infinity.

    Raises
    ------
    InputError
        If the plan has more than one dose, or the model no output ``C``.
    """
    import pandas

    people = population(source)
    problems = unknown_names(["C"], people.model.outputs, "output")
    if len(dose) != 1:
        problems.append(f"the plan has {len(dose)} doses; expected one")
    if problems:
        raise InputError(problems, "design_bias")
    rules = rules or PRESETS["phoenix"]
    noisy = "C_measured" if any(e.output == "C" for e in people.errors) else "C"
    sampled = _analyse(people, dose, np.asarray(times, dtype=float), subjects, seed, noisy, lloq, rules)
    exact = _analyse(people, dose, _dense(people, dose), subjects, seed, "C", math.nan, PRESETS["phoenix"])
    rows = []
    for name in _SHOWN:
        values, truth = sampled[name], exact[_TRUTH.get(name, name)]
        truth = truth[np.isfinite(truth)]
        if not truth.size:  # not defined for this route, such as Vss after an oral dose
            truth = np.array([math.nan])
        known = values[np.isfinite(values)]
        mean, real = float(known.mean()) if known.size else math.nan, float(truth.mean())
        spread = 100 * float(known.std(ddof=1)) / mean if known.size > 1 else math.nan
        middle = float(np.median(known)) if known.size else math.nan
        rows.append((name, real, mean, middle, spread, 100 * (mean / real - 1), known.size))
    columns = ["parameter", "truth", "mean", "median", "CV %", "bias %", "n"]
    return pandas.DataFrame(rows, columns=columns).set_index("parameter")


def _analyse(
    people: Population, dose: Regimen, times: Array, subjects: int, seed: int, variable: str, lloq: float, rules: Rules
) -> dict[str, Array]:
    result = simulate(people, dose, subjects=subjects, seed=seed, times=times + dose.times[0])
    first = replace(dose.doses[0], time=0.0)
    _, _, ratio = units.coherent(dose.unit, result["C"].attrs["units"])
    first = replace(first, amount=first.amount * ratio)
    values = result[variable].values[0]
    found = compute(Profiles.from_arrays(times, values, dose=first, lloq=lloq), rules)
    return {name: found.values[:, NAMES.index(name)] for name in _SHOWN}


def _dense(people: Population, dose: Regimen) -> Array:
    """Return times, dense where the curve bends, until the typical subject is washed out."""
    typical = replace(people, variability=None, table=None, covariates=None, errors=())
    reach = 8.0
    while True:
        grid = np.concatenate([np.geomspace(reach * 1e-6, reach, 300)])
        course = simulate(typical, dose, times=grid + dose.times[0], at_dose="after")["C"].values[0, 0]
        if course[-1] * reach < 1e-9 * np.trapezoid(course, grid) or reach > 1e6:
            return grid
        reach *= 2.0
