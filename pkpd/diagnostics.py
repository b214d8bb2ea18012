"""What a design does to the numbers: bias and spread of NCA, found by simulating the design from a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.dosing import Regimen
from pkpd.errors import InputError, unknown_names
from pkpd.model import Model
from pkpd.nca import NAMES, PRESETS, Computed, Profiles, Rules, compute
from pkpd.population import Population, Source, population_of
from pkpd.simulate import simulate

if TYPE_CHECKING:
    import pandas

# What describes the samples and not the drug has no truth; nor has an interval, as one dose is simulated.
_OF_THE_SAMPLES = (
    "n_", "lambda_z_", "tlast", "tfirst", "tlag", "clast", "cmin", "tmin", "cstart", "ceoi", "ctrough",
    "auc_extrapolated", "auc_back_extrapolated", "aumc_extrapolated", "auc_above", "swing",
)  # fmt: skip


@checked
def design_bias(
    source: Population | Source | Model,
    dose: Regimen,
    times: Sequence[float],
    *,
    subjects: int = 4000,
    seed: int = 0,
    lloq: float = math.nan,
    rules: Rules | None = None,
    executor: Executor | None = None,
    progress: bool = True,
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
    executor, progress
        As in `simulate`.

    Returns
    -------
    DataFrame
        One row per NCA parameter that the design or the truth has: ``truth`` (mean), ``mean``, ``median``, ``CV %``,
        ``bias %`` (of the means) and ``n`` (subjects with a value). What is made of the AUC to the last sample is
        compared with what is made of the true AUC to infinity. What describes the samples, such as the number of points
        of the terminal regression and the extrapolated parts of the areas, has no truth.

    Raises
    ------
    InputError
        If the plan has more than one dose, or the model no output ``C``.
    """
    import pandas

    people, dose = population_of(source), dose.written_out()
    problems = unknown_names(["C"], people.model.outputs, "output")
    if len(dose) != 1:
        problems.append(f"the plan has {len(dose)} doses; expected one")
    if problems:
        raise InputError(problems, "design_bias")
    rules = rules or PRESETS["phoenix"]
    noisy = "C_measured" if any(e.output == "C" for e in people.errors) else "C"
    crowd: Any = {"subjects": subjects, "seed": seed, "executor": executor, "progress": progress}
    sampled = _analyse(people, dose, crowd, _Sampling(np.asarray(times, dtype=float), noisy, lloq, rules))
    exact = _analyse(people, dose, crowd, _Sampling(_dense(people, dose), "C", math.nan, PRESETS["phoenix"]))
    rows = []
    for name in NAMES:
        values, truth = sampled.of(name), exact.of(_estimated(name))
        known, truth = values[np.isfinite(values)], truth[np.isfinite(truth)]
        at_once = name == "tmax" and dose.doses[0].route == "bolus"  # the largest concentration is C0
        if name.startswith(_OF_THE_SAMPLES) or at_once or not truth.size:  # or not defined for this route
            truth = np.array([math.nan])
        if not known.size and math.isnan(truth[0]):
            continue
        mean, real = float(known.mean()) if known.size else math.nan, float(truth.mean())
        spread = 100 * float(known.std(ddof=1)) / mean if known.size > 1 and mean else math.nan
        middle = float(np.median(known)) if known.size else math.nan
        bias = 100 * (mean / real - 1) if real else math.nan
        rows.append((name, real, mean, middle, spread, bias, known.size))
    columns = ["parameter", "truth", "mean", "median", "CV %", "bias %", "n"]
    return pandas.DataFrame(rows, columns=columns).set_index("parameter")


@dataclass(frozen=True, eq=False)
class _Sampling:
    """When subjects are sampled, shape (times,), which variable, its limit, and how the samples are analysed."""

    times: Array
    variable: str
    lloq: float
    rules: Rules


def _analyse(people: Population, dose: Regimen, crowd: Mapping[str, Any], sampling: _Sampling) -> Computed:
    result = simulate(people, dose, times=sampling.times + dose.times[0], **crowd)
    first = replace(dose.doses[0], time=0.0)
    _, _, ratio = units.coherent(dose.unit, result["C"].attrs["units"])
    first = replace(first, amount=first.amount * ratio)
    values = result[sampling.variable].values[0]
    return compute(Profiles.from_arrays(sampling.times, values, dose=first, lloq=sampling.lloq), sampling.rules)


def _estimated(name: str) -> str:
    """The parameter that a number is meant to be: the AUC to the last sample is meant as all of it."""
    base, tail = name.removesuffix("_dose"), "_dose" if name.endswith("_dose") else ""
    for end in ("last", "all"):
        stem = base.removesuffix(f"_{end}")
        if stem != base:
            base = f"{stem}_inf_obs" if stem in ("auc", "aumc", "mrt") else f"{stem}_obs"
            break
    estimated = f"{base}{tail}"
    return estimated if estimated in NAMES else name


def _dense(people: Population, dose: Regimen) -> Array:
    """Return times, dense where the curve bends, until the typical subject is washed out."""
    typical = people.typical()
    reach = 8.0
    while True:
        grid = np.concatenate([np.geomspace(reach * 1e-6, reach, 300)])
        course = simulate(typical, dose, times=grid + dose.times[0], at_dose="after")["C"].values[0, 0]
        if course[-1] * reach < 1e-9 * np.trapezoid(course, grid) or reach > 1e6:
            return grid
        reach *= 2.0
