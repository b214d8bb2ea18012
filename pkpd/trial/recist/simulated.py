"""Scans of simulated patients, whose tumours are an output of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd import units
from pkpd.arguments import checked, dataset_with, optional, some_times
from pkpd.decimals import product
from pkpd.errors import InputError, UnitError, few, nearest, shown, warn

if TYPE_CHECKING:
    import pandas
    import xarray


@checked(
    simulation=dataset_with("what pkpd.simulate returned", "time", "subject", "replicate"), days=optional(some_times())
)
def scans_of(
    simulation: xarray.Dataset,
    output: str,
    *,
    days: Sequence[float] | None = None,
    smallest: float = 0.0,
    digits: int = 1,
) -> pandas.DataFrame:
    """Return the scans of simulated patients, for `assess_response`.

    Parameters
    ----------
    simulation : Dataset
        What `pkpd.simulate` returned; it must have the days of the scans among its times.
    output : str
        The output that is the sum of target lesions, or that sum as measured (``"SLD_measured"``).
    days : sequence of float, optional
        Study days of the scans; time 0 is day 1. By default all times of the simulation. The first is the baseline.
    smallest : float
        Sums below it (mm) cannot be seen on a scan: they are 0.
    digits : int
        Decimals of a millimetre to which a sum is measured.

    Returns
    -------
    DataFrame
        ``subject`` (``"replicate-subject"`` where there are several replicates), ``day``, ``sum`` (mm), ``baseline``,
        ``replicate``. The sum of a patient who was not solved is empty.

    Raises
    ------
    InputError
        If the output or a day does not exist, or the output is no length.

    Warns
    -----
    DataWarning
        Counting sums below 0, which are taken as 0.
    """
    import pandas

    known = [name for name, values in simulation.data_vars.items() if values.dims == ("replicate", "subject", "time")]
    problems = [] if output in known else [f"unknown output {shown(output)}; {nearest(output, known)}"]
    if not 0 <= smallest < math.inf:
        problems.append(f"smallest is {shown(smallest)}; expected a length ≥ 0 mm")
    if not 0 <= digits <= 6:
        problems.append(f"digits is {shown(digits)}; expected a whole number from 0 to 6")
    if problems:
        raise InputError(problems, "scans_of")
    unit = str(simulation[output].attrs.get("units", "mm"))
    try:
        in_mm = units.factor(unit, "mm")
    except UnitError:
        raise InputError(f"{output} is in {unit}; expected a length, such as mm", "scans_of") from None
    to_days = units.factor(str(simulation["time"].attrs.get("units", "h")), "day")
    there = np.asarray(product(simulation["time"].to_numpy().astype(float), to_days)) + 1.0
    asked = there if days is None else np.asarray(days, dtype=float)
    place = np.abs(there[:, None] - asked[None, :]).argmin(axis=0)
    lacking = [f"{day:g}" for day, k in zip(asked, place, strict=True) if abs(there[k] - day) > 1e-6]
    if lacking:
        raise InputError(f"no time of the simulation is day {few(lacking)}; simulate with these times", "scans_of")
    size = simulation[output].to_numpy()[..., place] * in_mm
    below = int((size < 0).sum())
    if below:
        warn(f"{below} of {size.size} sums are below 0; taken as 0")
    size = np.where(size < smallest, 0.0, np.round(np.maximum(size, 0.0), digits))
    replicates, subjects = simulation["replicate"].to_numpy(), simulation["subject"].to_numpy()
    who = np.repeat(np.tile(subjects, len(replicates)), len(asked))
    which = np.repeat(replicates, len(subjects) * len(asked))
    names = who if len(replicates) == 1 else [f"{r}-{s}" for r, s in zip(which, who, strict=True)]
    first = np.zeros(len(asked), dtype=bool)
    first[np.argmin(asked)] = True
    patients = len(replicates) * len(subjects)
    table = pandas.DataFrame({
        "subject": names, "day": np.tile(asked, patients), "sum": size.ravel(), "baseline": np.tile(first, patients),
        "replicate": which})  # fmt: skip
    table.attrs["synthetic"] = simulation.attrs.get("synthetic", "virtual subjects")
    return table
