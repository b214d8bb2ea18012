"""Laboratory values of a study or of simulated patients, as the table that `grades` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked, optional, some_times
from pkpd.trial.sources import is_dataset, is_study, outputs_of, values_in

if TYPE_CHECKING:
    import pandas


@checked(days=optional(some_times()))
def labs_of(
    source: Any,
    output: str,
    test: str | None = None,
    *,
    lln: float | None = None,
    uln: float | None = None,
    days: Sequence[float] | None = None,
) -> pandas.DataFrame:
    """Return one analyte of a study, or one output of a simulation, as laboratory values for `grades`.

    Parameters
    ----------
    source : Study or Dataset
        A study, or what `pkpd.simulate` returned.
    output : str
        Analyte or output: ``"ALC"``, ``"ALC_measured"``.
    test : str, optional
        What the criteria call it, ``"lymphocytes"``; by default `output`.
    lln, uln : float, optional
        Limits of normal, in the unit of the output.
    days : sequence of float, optional
        Study days that are kept; time 0 is day 1. By default all.

    Returns
    -------
    DataFrame
        ``subject`` (``"replicate-subject"`` where there are several replicates), ``day, test, value, unit, lln, uln``.
        Values that nobody could quantify, or that were not solved, are empty.

    Raises
    ------
    InputError
        If it is neither study nor simulation; if the output or a day does not exist.

    Warns
    -----
    DataWarning
        Counting records of the study that are marked as excluded.
    """
    found = values_in(source, output, days, "labs_of")
    table = found[["subject", "day"]].assign(test=test or output, value=found["value"], unit=found.attrs.pop("unit"))
    table["lln"], table["uln"] = np.nan if lln is None else lln, np.nan if uln is None else uln
    table.attrs = dict(found.attrs)
    return table


def labs_in(source: Any) -> Any:
    """Return everything that a study or a simulation measured as laboratory values; anything else as it is."""
    import pandas

    if not is_study(source) and not (is_dataset(source) and outputs_of(source)):
        return source
    parts = [labs_of(source, output) for output in outputs_of(source)]
    table = pandas.concat(parts, ignore_index=True)
    table.attrs = dict(parts[0].attrs)
    return table
