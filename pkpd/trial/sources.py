"""Studies, simulations and results of NCA as the plain tables that the verbs of a trial read.

One adapter per kind of row: patients (`patients_in`), values in time (`values_in`), doses (`doses_in`). What is none of
these kinds (a DataFrame, a path, a mapping) is handed on as it is, for `pkpd.trial.tables` to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array
from pkpd.decimals import product, total
from pkpd.errors import InputError, few, nearest, shown, warn

if TYPE_CHECKING:
    import pandas
    import xarray

    from pkpd.study import Study

_PATIENT = {"replicate", "subject"}
_IN_TIME = {"replicate", "subject", "time"}
_SAME_DAY = 1e-6
_DOSES = ("dose_subject", "dose_time", "dose_amount", "dose_replicate")
_MOST = 5_000_000  # doses that a table holds


def is_study(source: Any) -> bool:
    """Say whether it is a `Study`."""
    return hasattr(source, "observations") and hasattr(source, "analytes")


def is_dataset(source: Any) -> bool:
    """Say whether it is a Dataset: a simulation, or a result of NCA."""
    return hasattr(source, "data_vars")


def patients_in(source: Any) -> Any:
    """Return a study, a simulation or a result of NCA as a table; anything else as it is.

    A study has a row per subject: ``subject``, ``dose`` (first amount above 0, the study's unit), its covariates.
    A simulation has a row per virtual patient: ``subject`` (``"replicate-subject"`` where there are several
    replicates), ``replicate``, and whatever does not change in time. A result of NCA has a row per profile.

    Raises
    ------
    InputError
        If a Dataset has neither patients nor profiles.

    Warns
    -----
    DataWarning
        Counting covariates of a study that change in time, for which a row per subject has no place.
    """
    if is_study(source):
        return _people(source)
    if not is_dataset(source):
        return source
    if "profile" in source.dims:
        return _frame(source, "profile")
    if {*source.dims} >= _PATIENT:
        return _virtual(source)
    raise InputError(
        f"the Dataset has the dimensions {', '.join(map(str, source.dims)) or 'none'}; expected a result of pkpd.nca "
        "(profile) or of pkpd.simulate (replicate, subject)", "table",
    )  # fmt: skip


def values_in(source: Any, output: str, days: Any, what: str) -> pandas.DataFrame:
    """Return one analyte of a study or one output of a simulation: ``subject, replicate, day, value``.

    ``attrs`` has its unit, and ``synthetic`` where nobody was measured. Day 1 begins at time 0.

    Parameters
    ----------
    source : Study or Dataset
        What has it.
    output : str
        Analyte or output.
    days : array or None
        Study days that are kept; None: all.
    what : str
        Who asks, for messages.

    Raises
    ------
    InputError
        If it is neither study nor simulation; if it has no such output or day.

    Warns
    -----
    DataWarning
        Counting records of the study that are marked as excluded.
    """
    if not is_study(source) and not (is_dataset(source) and {*source.dims} >= _IN_TIME):
        raise InputError(f"source is {shown(source)}; expected a Study or what pkpd.simulate returned", what)
    known = outputs_of(source)
    if output not in known:
        kind = "analyte" if is_study(source) else "output"
        raise InputError(f"unknown {kind} {shown(output)}; {nearest(output, known)}", what)
    table = _measured(source, output) if is_study(source) else _simulated(source, output)
    if days is None:
        return table
    there, asked = np.unique(table["day"].to_numpy(float)), np.asarray(days, dtype=float)
    if lacking := [f"{day:g}" for day in asked if not (np.abs(there - day) < _SAME_DAY).any()]:
        way = "" if is_study(source) else "; simulate with these times"
        raise InputError(f"{output} has no value on day {few(lacking)}{way}", what)
    chosen = there[(np.abs(there[:, None] - asked[None, :]) < _SAME_DAY).any(axis=1)]
    return table[table["day"].isin(chosen)].reset_index(drop=True)


def outputs_of(source: Any) -> dict[str, str]:
    """Return the analytes of a study, or the outputs of a simulation, with their units."""
    if is_study(source):
        return {name: str(source.units.get(name, "")) for name in source.analytes}
    return {str(name): str(values.attrs.get("units", "")) for name, values in source.data_vars.items()
            if {*values.dims} == _IN_TIME}  # fmt: skip


def doses_in(source: Any, unit: str, what: str) -> tuple[pandas.DataFrame, list[Any]]:
    """Return the doses of a study or an adaptive simulation, ``subject, day, dose``, and all of its patients.

    Raises
    ------
    InputError
        If the simulation tells no doses; if the amounts cannot be converted to the unit.
    """
    try:
        return _given(source, unit) if is_study(source) else _adapted(source, unit, what)
    except InputError as error:
        raise InputError(error.problems, what) from None


def _people(study: Study) -> pandas.DataFrame:
    table = study.subjects
    first = study.doses[study.doses["amount"] > 0].drop_duplicates("subject").set_index("subject")["amount"]
    if "dose" not in table and len(first):
        table.insert(1, "dose", table["subject"].map(first))
    if study.changing:
        names = ", ".join(study.changing)
        warn(f"{len(study.changing)} covariates change in time and are in no row per subject: {names}")
    table.attrs.update(study.attrs)
    return table


def _frame(source: xarray.Dataset, dimension: str) -> pandas.DataFrame:
    """Everything that has one value per step of a dimension."""
    import pandas

    parts = {**source.coords, **source.data_vars}
    found = {str(name): values.to_numpy() for name, values in parts.items() if values.dims == (dimension,)}
    table = pandas.DataFrame({name: values for name, values in found.items() if name != dimension})
    table.attrs.update(_told(source))
    return table


def _virtual(source: xarray.Dataset) -> pandas.DataFrame:
    import pandas

    replicates, subjects = source["replicate"].to_numpy(), source["subject"].to_numpy()
    table = pandas.DataFrame({"subject": names_of(source), "replicate": np.repeat(replicates, len(subjects))})
    for name, values in {**source.coords, **source.data_vars}.items():
        if {*values.dims} == _PATIENT:
            table[str(name)] = values.transpose("replicate", "subject").to_numpy().ravel()
        elif values.dims == ("subject",) and name != "subject":
            table[str(name)] = np.tile(values.to_numpy(), len(replicates))
    table.attrs.update({"synthetic": "virtual subjects", **_told(source)})
    return table


def names_of(source: xarray.Dataset) -> list[Any]:
    """Return the names of all virtual patients: those of the subjects, or replicate-subject."""
    replicates, subjects = source["replicate"].to_numpy().tolist(), source["subject"].to_numpy().tolist()
    return subjects if len(replicates) == 1 else [f"{r}-{s}" for r in replicates for s in subjects]


def _told(source: Any) -> dict[str, Any]:
    return {"synthetic": source.attrs["synthetic"]} if "synthetic" in source.attrs else {}


def _measured(study: Study, analyte: str) -> pandas.DataFrame:
    import pandas

    rows = study.observations[study.observations["analyte"] == analyte]
    excluded = rows["excluded"].to_numpy(bool)
    if excluded.any():
        warn(f"{int(excluded.sum())} of {len(rows)} records of {analyte} are marked as excluded; left out")
        rows = rows[~excluded]
    day = _days(rows["time"].to_numpy(float), study.units["time"])
    table = pandas.DataFrame({"subject": rows["subject"].to_numpy(), "replicate": 1, "day": day,
                              "value": rows["value"].to_numpy(float)})  # fmt: skip
    table.attrs.update(_told(study), unit=str(study.units.get(analyte, "")))
    return table


def _simulated(simulation: xarray.Dataset, output: str) -> pandas.DataFrame:
    import pandas

    values = simulation[output].transpose("replicate", "subject", "time")
    time = _days(simulation["time"].to_numpy().astype(float), str(simulation["time"].attrs.get("units", "h")))
    names, replicates = names_of(simulation), simulation["replicate"].to_numpy()
    who = np.repeat(np.array(names, dtype=object), len(time))
    table = pandas.DataFrame({
        "subject": pandas.Series(who).infer_objects(),
        "replicate": np.repeat(replicates, simulation.sizes["subject"] * len(time)),
        "day": np.tile(time, len(names)), "value": values.to_numpy().astype(float).ravel(),
    })  # fmt: skip
    table.attrs.update({"synthetic": "virtual subjects", **_told(simulation)}, unit=str(values.attrs.get("units", "")))
    return table


def _days(times: Array, unit: str) -> Array:
    return np.asarray(total(product(times, units.factor(unit, "day")), 1.0, 1.0), dtype=float)


def _given(study: Study, unit: str) -> tuple[pandas.DataFrame, list[Any]]:
    import pandas

    rows, left = study.given_doses(unit)
    for sentence, count in left.items():
        warn(f"{count} rows of the doses are {sentence}; left out")
    if rows["steady"].any():
        warn(f"{int(rows['steady'].sum())} doses are given at steady state; those before them are not counted")
    day = _days(rows["time"].to_numpy(float), study.units["time"])
    table = pandas.DataFrame(
        {"subject": rows["subject"].to_numpy(), "day": day, "dose": rows["amount"].to_numpy(float)}
    )
    return table, list(study.subject_ids)


def _adapted(found: Any, unit: str, what: str) -> tuple[pandas.DataFrame, list[Any]]:
    """The doses of an adaptive simulation, a row each: one that repeats is as many rows."""
    import pandas

    if lacking := [name for name in _DOSES if name not in found]:
        raise InputError(f"the simulation has no {', '.join(lacking)}; expected what simulate_adaptive returned", what)
    amount = units.factor(str(found["dose_amount"].attrs.get("units", unit)), unit)
    several = found.sizes.get("replicate", 1) > 1
    number, interval = (
        found[name].to_numpy() if name in found else np.zeros(found.sizes["dose"], dtype=int)
        for name in ("dose_additional", "dose_interval")
    )
    if (doses := int(number.astype(object).sum()) + number.size) > _MOST:
        raise InputError(f"the simulation has {doses} doses; expected at most {_MOST}", what)
    row = np.repeat(np.arange(number.size), number.astype(np.int64) + 1)
    first = np.flatnonzero(np.diff(row, prepend=-1))
    nth = np.arange(row.size) - first[row] if row.size else row  # 0 for a dose itself, then those that repeat it
    times = total(found["dose_time"].to_numpy()[row], nth, interval[row])
    pairs = zip(*(found[name].to_numpy()[row].tolist() for name in ("dose_replicate", "dose_subject")), strict=True)
    table = pandas.DataFrame({
        "subject": [f"{r}-{s}" if several else s for r, s in pairs],
        "day": _days(np.asarray(times, dtype=float), str(found["dose_time"].attrs.get("units", "h"))),
        "dose": np.asarray(product(found["dose_amount"].to_numpy().astype(float), amount))[row],
    })  # fmt: skip
    return table, names_of(found)
