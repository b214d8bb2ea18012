"""What virtual trials report, as one table over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Flags
from pkpd.errors import InputError, few, shown

if TYPE_CHECKING:
    import pandas
    import xarray


@checked
def summarise_virtual(tree: xarray.DataTree, level: float = 0.9, *, dose: float | None = None) -> pandas.DataFrame:
    """Return what virtual trials report: mean, median and prediction interval over the trials.

    Parameters
    ----------
    tree : DataTree
        What `virtual_trials` returned.
    level : float
        Coverage of the interval between quantiles of the trials.
    dose : float, optional
        Only what was reported by trials that chose this dose.

    Returns
    -------
    DataFrame
        One row a quantity: ``name, what, unit, trials`` (in which it could be computed), ``mean, median, low, high``.
        A dose has the shares of the trials that chose it: ``name`` is ``"dose 30"``, ``mean`` the share in %.

    Raises
    ------
    InputError
        If the tree is none of virtual trials, the level is no probability, or no trial could choose the dose.
    """
    import pandas

    _require(tree)
    if not 0 < level < 1:
        raise InputError(f"level is {shown(level)}; expected a number between 0 and 1")
    reports = tree["trials"].to_dataset()
    ends = (50 * (1 - level), 50 * (1 + level))
    rows = []
    chosen, unit = reports["dose"].to_numpy(), reports["dose"].attrs["units"]
    levels = tree["cohorts"]["dose"].to_numpy()
    for one in levels:
        rows.append(_share(f"dose {one:g}", f"trials that chose {one:g} {unit}", chosen == one))
    rows.append(_share("no dose", "trials that chose no dose", np.isnan(chosen)))
    if dose is not None:
        if dose not in levels:
            raise InputError(f"dose is {shown(dose)}; expected one of {few(levels.tolist())}")
        reports = reports.isel(trial=np.flatnonzero(chosen == dose))
    for name, values in reports.data_vars.items():
        if name == "dose":
            continue
        known = values.to_numpy()[np.isfinite(values.to_numpy())]
        low, high = np.percentile(known, ends) if len(known) else (np.nan, np.nan)
        rows.append({
            "name": name, "what": values.attrs["long_name"], "unit": values.attrs["units"], "trials": len(known),
            "mean": known.mean() if len(known) else np.nan, "median": np.median(known) if len(known) else np.nan,
            "low": low, "high": high,
        })  # fmt: skip
    table = pandas.DataFrame(rows)
    table.attrs.update(tree.attrs, level=level, dose="all" if dose is None else dose)
    return table


def _share(name: str, what: str, mask: Flags) -> dict[str, object]:
    return {"name": name, "what": what, "unit": "%", "trials": len(mask), "mean": 100 * mask.mean(), "median": np.nan,
            "low": np.nan, "high": np.nan}  # fmt: skip


@checked
def virtual_tables(tree: xarray.DataTree, trial: int = 1) -> dict[str, pandas.DataFrame]:
    """Return one virtual trial as the tables that the other verbs and pictures of `pkpd.trial` take.

    Parameters
    ----------
    tree : DataTree
        What `virtual_trials` returned.
    trial : int
        Its number, from 1.

    Returns
    -------
    dict
        ``"patients"`` (a row a patient: ``subject``, and all of ``/patients``), ``"scans"`` (``subject, day, sum,
        new, baseline, response``), ``"times"`` (``subject, duration, event``), ``"cohorts"`` (a row a cohort in its
        order: ``dose, patients, dlt``).

    Raises
    ------
    InputError
        If there is no such trial.
    """
    import pandas

    _require(tree)
    numbers = tree["trials"]["trial"].to_numpy()
    if trial not in numbers:
        raise InputError(f"trial is {shown(trial)}; expected a number from {numbers[0]} to {numbers[-1]}")
    people = _frame(tree["patients"].to_dataset().sel(trial=trial, drop=True))
    people = people[people["cohort"] >= 0].reset_index(drop=True)
    scans = _frame(tree["scans"].to_dataset().sel(trial=trial, drop=True))
    scans = scans[scans["response"] != ""].assign(baseline=False)
    first = people[["subject"]].assign(day=0.0, sum=people["baseline_sum"], new=False, response="", baseline=True)
    scans = pandas.concat([first, scans]).sort_values(["subject", "day"], ignore_index=True)
    cohorts = tree["cohorts"].to_dataset().sel(trial=trial, drop=True)
    steps = _frame(cohorts[["cohort_dose", "cohort_evaluable", "cohort_toxic"]]).dropna()
    tables = {
        "patients": people,
        "scans": scans[["subject", "day", "sum", "new", "baseline", "response"]],
        "times": people[["subject", "duration", "event"]].assign(event=people["event"] == 1),
        "cohorts": pandas.DataFrame({
            "dose": steps["cohort_dose"], "patients": steps["cohort_evaluable"], "dlt": steps["cohort_toxic"]
        }).reset_index(drop=True),
    }  # fmt: skip
    for table in tables.values():
        table.attrs["synthetic"] = tree.attrs.get("synthetic", "virtual patients")
    return tables


def _frame(dataset: xarray.Dataset) -> pandas.DataFrame:
    table: pandas.DataFrame = dataset.to_dataframe().reset_index()
    return table.rename(columns={"patient": "subject"})


def _require(tree: xarray.DataTree) -> None:
    if "trials" not in getattr(tree, "children", {}) or "assumptions" not in tree.children:
        raise InputError("the tree has no /trials and /assumptions; expected what virtual_trials returned")


__all__ = ["summarise_virtual", "virtual_tables"]
