"""Scans of simulated patients, whose tumours are an output of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import checked, optional, some_times
from pkpd.errors import InputError, UnitError, few, shown, warn
from pkpd.trial.sources import is_dataset, is_study, outputs_of, values_in

if TYPE_CHECKING:
    import pandas


@checked(days=optional(some_times()))
def scans_of(
    source: Any,
    output: str,
    *,
    days: Sequence[float] | None = None,
    smallest: float = 0.0,
    digits: int = 1,
) -> pandas.DataFrame:
    """Return the scans of simulated patients, or of a study that measured tumours, for `assess_response`.

    Parameters
    ----------
    source : Dataset or Study
        What `pkpd.simulate` returned, with the days of the scans among its times; or a study.
    output : str
        The output or analyte that is the sum of target lesions, or that sum as measured (``"SLD_measured"``).
    days : sequence of float, optional
        Study days of the scans; time 0 is day 1. By default all. The first day of a simulation is the baseline.
    smallest : float
        Sums below it (mm) cannot be seen on a scan: they are 0.
    digits : int
        Decimals of a millimetre to which a sum is measured.

    Returns
    -------
    DataFrame
        ``subject`` (``"replicate-subject"`` where there are several replicates), ``day``, ``sum`` (mm); of
        a simulation also ``baseline`` and ``replicate``. The sum of a patient who was not solved is empty.

    Raises
    ------
    InputError
        If the output or a day does not exist, or the output is no length.

    Warns
    -----
    DataWarning
        Counting sums below 0, which are taken as 0.
    """
    problems = []
    if not 0 <= smallest < math.inf:
        problems.append(f"smallest is {shown(smallest)}; expected a length ≥ 0 mm")
    if not 0 <= digits <= 6:
        problems.append(f"digits is {shown(digits)}; expected a whole number from 0 to 6")
    if problems:
        raise InputError(problems, "scans_of")
    found = values_in(source, output, days, "scans_of")
    unit = found.attrs["unit"] or "mm"
    try:
        size = found["value"].to_numpy() * units.factor(unit, "mm")
    except UnitError:
        raise InputError(f"{output} is in {unit}; expected a length, such as mm", "scans_of") from None
    below = int((size < 0).sum())
    if below:
        warn(f"{below} of {size.size} sums are below 0; taken as 0")
    size = np.where(size < smallest, 0.0, np.round(np.maximum(size, 0.0), digits))
    table = found[["subject", "day"]].assign(sum=size)
    if not is_study(source):  # everybody has the same days, and the first is the baseline
        table = table.assign(baseline=found["day"] == found["day"].min(), replicate=found["replicate"])
    table.attrs = {name: told for name, told in found.attrs.items() if name != "unit"}
    return table


def scans_in(source: Any) -> Any:
    """Return a study or a simulation that has one output in a unit of length as scans; anything else as it is.

    Raises
    ------
    InputError
        If it has no such output, or several.
    """
    if not is_study(source) and not is_dataset(source):
        return source
    there = outputs_of(source)
    lengths = [name for name, unit in there.items() if _is_length(unit)]
    if len(lengths) != 1:
        which = f"{few(lengths)} are" if lengths else f"none of {few(there) or 'its outputs'} is"
        raise InputError(f"{which} in a unit of length; expected one, or say which: scans_of(…, 'SLD')", "scans")
    return scans_of(source, lengths[0])


def _is_length(unit: str) -> bool:
    try:
        units.factor(unit, "mm")
    except UnitError:
        return False
    return True
