"""Laboratory values of a study or of simulated patients, as the table that `grades` reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arguments import checked, optional, some_times
from pkpd.arrays import Array
from pkpd.decimals import product, total
from pkpd.errors import InputError, few, nearest, shown, warn

if TYPE_CHECKING:
    import pandas
    import xarray

    from pkpd.study import Study


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
    import pandas

    if hasattr(source, "observations") and hasattr(source, "analytes"):
        subjects, times, values, unit, time_unit = _of_study(source, output)
    elif hasattr(source, "data_vars"):
        subjects, times, values, unit, time_unit = _of_simulation(source, output)
    else:
        raise InputError(f"source is {shown(source)}; expected a Study or what pkpd.simulate returned", "labs_of")
    day = np.asarray(total(product(times, units.factor(time_unit, "day")), 1.0, 1.0), dtype=float)
    table = pandas.DataFrame({"subject": subjects, "day": day, "test": test or output, "value": values, "unit": unit})
    table["lln"], table["uln"] = np.nan if lln is None else lln, np.nan if uln is None else uln
    if days is not None:
        asked = np.asarray(days, dtype=float)
        there = np.unique(day)
        lacking = [f"{one:g}" for one in asked if not (np.abs(there - one) < 1e-6).any()]
        if lacking:
            raise InputError(f"there is no value on day {few(lacking)}", "labs_of")
        table = table[(np.abs(day[:, None] - asked[None, :]) < 1e-6).any(axis=1)].reset_index(drop=True)
    attrs = getattr(source, "attrs", {})
    if "synthetic" in attrs:
        table.attrs["synthetic"] = attrs["synthetic"]
    elif hasattr(source, "data_vars"):
        table.attrs["synthetic"] = "virtual subjects"
    return table


def _of_study(study: Study, analyte: str) -> tuple[Any, Array, Array, str, str]:
    """Subjects, times and values of one analyte."""
    if analyte not in study.analytes:
        raise InputError(f"unknown analyte {shown(analyte)}; {nearest(analyte, study.analytes)}", "labs_of")
    rows = study.observations[study.observations["analyte"] == analyte]
    excluded = rows["excluded"].to_numpy(bool)
    if excluded.any():
        warn(f"{int(excluded.sum())} of {len(rows)} records of {analyte} are marked as excluded; left out")
        rows = rows[~excluded]
    return (rows["subject"].to_numpy(), rows["time"].to_numpy(float), rows["value"].to_numpy(float),
            study.units.get(analyte, ""), study.units["time"])  # fmt: skip


def _of_simulation(simulation: xarray.Dataset, output: str) -> tuple[Any, Array, Array, str, str]:
    """Subjects, times and values of one output."""
    wanted = {"replicate", "subject", "time"}
    known = [str(name) for name, values in simulation.data_vars.items() if {*values.dims} == wanted]
    if output not in known:
        raise InputError(f"unknown output {shown(output)}; {nearest(output, known)}", "labs_of")
    values = simulation[output].transpose("replicate", "subject", "time")
    replicates, subjects = simulation["replicate"].to_numpy(), simulation["subject"].to_numpy()
    times = simulation["time"].to_numpy().astype(float)
    names = [s if len(replicates) == 1 else f"{r}-{s}" for r in replicates.tolist() for s in subjects.tolist()]
    who = np.repeat(np.array(names, dtype=object), len(times))
    return (who, np.tile(times, len(names)), values.to_numpy().astype(float).ravel(),
            str(values.attrs.get("units", "")), str(simulation["time"].attrs.get("units", "h")))  # fmt: skip
