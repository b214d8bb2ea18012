"""All blocks as one tree, with what each trial would report."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.errors import FitWarning
from pkpd.trial.escalation.states import STOP
from pkpd.trial.exposure_response.logistic import logistic
from pkpd.trial.survival.kaplan_meier import kaplan_meier
from pkpd.trial.survival.patients import MONTH
from pkpd.trial.virtual.plan import VirtualPlan
from pkpd.trial.virtual.tumours import RESPONSES

if TYPE_CHECKING:
    import pandas
    import xarray


def assembled(
    parts: Sequence[dict[str, xarray.Dataset]], plan: VirtualPlan, trials: int, assumptions: pandas.DataFrame
) -> xarray.DataTree:
    """Return the tree of the first trials of all blocks.

    Parameters
    ----------
    parts : sequence of dict
        Of every block: ``cohorts, patients, courses, scans``.
    plan : VirtualPlan
        The trial.
    trials : int
        How many were asked for.
    assumptions : DataFrame
        What was assumed.
    """
    import xarray

    whole = {name: xarray.concat([part[name] for part in parts], "trial").isel(trial=slice(trials))
             for name in parts[0]}  # fmt: skip
    reports = reported(whole, plan)
    cohorts = _cohorts(whole["cohorts"], plan)
    patients = _named(whole["patients"].drop_vars("level"), plan)
    scans = _named(whole["scans"], plan)
    table = assumptions.rename_axis("assumption").to_xarray()
    return xarray.DataTree.from_dict({
        "/trials": reports, "/cohorts": cohorts, "/patients": patients, "/courses": whole["courses"], "/scans": scans,
        "/assumptions": table,
    })  # fmt: skip


def reported(whole: dict[str, xarray.Dataset], plan: VirtualPlan) -> xarray.Dataset:
    """Return what each trial would report, shape (trial,) each; of the expansion where it does not say otherwise."""
    import xarray

    patients, cohorts = whole["patients"], whole["cohorts"]
    chosen = cohorts["chosen"].to_numpy()
    cohort = patients["cohort"].to_numpy()
    expansion = (cohort == 0) & patients["solved"].to_numpy()
    size = expansion.sum(axis=1)
    doses = np.array([*plan.design.doses, np.nan])
    response = patients["response"].to_numpy()
    worst = np.nan_to_num(whole["courses"]["worst_grade"].to_numpy(), nan=-1.0).max(axis=2)
    found: dict[str, tuple[Array, str, str]] = {
        "dose": (np.where(chosen == STOP, np.nan, doses[chosen]), plan.drug.unit, "dose that was chosen"),
        "patients": ((cohort >= 0).sum(axis=1), "", "patients in all"),
        "escalation": ((cohort > 0).sum(axis=1), "", "patients of the escalation"),
        "escalation_dlt": (cohorts["toxic"].to_numpy().sum(axis=1), "", "dose-limiting toxicities of the escalation"),
        "expansion": (size, "", "patients of the expansion"),
        "response_rate": (_share(_is(response, "CR", "PR"), expansion), "%", "complete and partial responses"),
        "disease_control": (_share(_is(response, "CR", "PR", "SD"), expansion), "%", "responses and stable disease"),
        "median_pfs": (_medians(patients, expansion) / MONTH, "months", "median progression-free survival"),
    }
    for name, low, high in (("any", 1, 4), ("grade_3", 3, 3), ("grade_4", 4, 4)):
        word = name.replace("_", " ")
        share = _share((worst >= low) & (worst <= high), expansion)
        found[f"{name}_{plan.laboratory.counts}"] = (share, "%", f"{plan.laboratory.test}: worst grade {word}")
    for day in plan.drug.sample_days:
        mean, cv = _mean_and_cv(patients[f"auc_last_day{day}"].to_numpy(), expansion)
        found[f"auc_day{day}"] = (mean, "", f"mean AUC0-t of day {day}")
        found[f"auc_cv_day{day}"] = (cv, "%", f"its CV, day {day}")
        mean, cv = _mean_and_cv(patients[f"half_life_day{day}"].to_numpy(), expansion)
        found[f"half_life_day{day}"] = (mean, "h", f"mean terminal half-life of day {day}")
        found[f"half_life_cv_day{day}"] = (cv, "%", f"its CV, day {day}")
    everybody = (cohort >= 0) & patients["solved"].to_numpy()
    found["reduced"] = (_count(patients["reduced"], everybody), "", "patients whose dose was reduced, all phases")
    found["antibodies"] = (
        (np.isfinite(patients["onset_ADA"].to_numpy()) & everybody).sum(axis=1), "",
        "patients who develop antibodies, all phases",
    )  # fmt: skip
    if "partner_reduced" in patients:
        found["partner_reduced"] = (_share(patients["partner_reduced"].to_numpy(), expansion), "%",
                                    "patients with the partner reduced or interrupted")  # fmt: skip
    found["exposure_response_p"] = (
        _slopes(patients, plan, expansion),
        "",
        "p of response on log AUC (logistic, or Firth's)",
    )
    return xarray.Dataset(
        {name: ("trial", np.asarray(values, dtype=float), {"units": unit, "long_name": words})
         for name, (values, unit, words) in found.items()},
        {"trial": patients["trial"]},
    )  # fmt: skip


def _is(response: Array, *names: str) -> Flags:
    return np.isin(response, [RESPONSES.index(name) for name in names])


def _share(what: Flags, who: Flags) -> Array:
    """Percent of patients, NaN without any, shape (trials,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = 100.0 * (what & who).sum(axis=1) / who.sum(axis=1)
    return found


def _count(what: xarray.DataArray, who: Flags) -> Array:
    found: Array = (what.to_numpy().astype(bool) & who).sum(axis=1)
    return found


def _mean_and_cv(values: Array, who: Flags) -> tuple[Array, Array]:
    """Arithmetic mean and CV in % of those who have a value, NaN with fewer than two, shape (trials,) each."""
    known = who & np.isfinite(values)
    n = known.sum(axis=1)
    filled = np.where(known, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(axis=1) / n
        spread = np.where(known, values - mean[:, None], 0.0)
        sd = np.sqrt((spread**2).sum(axis=1) / (n - 1))
    enough = n >= 2
    return np.where(enough, mean, np.nan), np.where(enough, 100.0 * sd / mean, np.nan)


def _medians(patients: xarray.Dataset, who: Flags) -> Array:
    """Kaplan–Meier median of every trial in days; NaN where it was not reached."""
    duration, event = patients["duration"].to_numpy(), patients["event"].to_numpy()
    found = np.full(len(who), np.nan)
    for k in np.flatnonzero(who.any(axis=1)):
        table = {"duration": duration[k, who[k]], "event": event[k, who[k]].astype(bool)}
        found[k] = kaplan_meier(table).median()["time"].iloc[0]
    return found


def _slopes(patients: xarray.Dataset, plan: VirtualPlan, who: Flags) -> Array:
    """P value of the slope of response on the logarithm of exposure (Firth's where the data separate).

    NaN where all or none responded.
    """
    exposure = patients[f"auc_last_day{plan.drug.sample_days[0]}"].to_numpy()
    responded = _is(patients["response"].to_numpy(), "CR", "PR")
    found = np.full(len(who), math.nan)
    for k in range(len(who)):
        own = who[k] & (exposure[k] > 0)
        if own.sum() < 4 or len(np.unique(responded[k, own])) < 2:
            continue
        table = {"log_auc": np.log(exposure[k, own]), "responded": responded[k, own]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # that it is Firth's: said in the name of the quantity
            found[k] = logistic(table, "responded", ["log_auc"]).table().query("covariate == 'log_auc'")["p"].iloc[0]
    return found


def _cohorts(cohorts: xarray.Dataset, plan: VirtualPlan) -> xarray.Dataset:
    """The escalation in doses: patients and toxicities at every dose, and every cohort."""
    steps = cohorts["steps"]
    used = int((steps.sel(what="level") > -2).any("trial").sum())
    steps = steps.isel(step=slice(used))
    doses = np.array([*plan.design.doses, np.nan, np.nan])
    by_dose = cohorts[["treated", "toxic"]].rename(level="dose").assign_coords(dose=list(plan.design.doses))
    level, following = steps.sel(what="level", drop=True), steps.sel(what="next", drop=True)
    return by_dose.assign(
        complete=cohorts["complete"],
        cohort_dose=level.copy(data=doses[level.to_numpy()]),
        cohort_evaluable=steps.sel(what="evaluable", drop=True),
        cohort_toxic=steps.sel(what="toxic", drop=True),
        next_dose=following.copy(data=doses[following.to_numpy()]),
    )


def _named(dataset: xarray.Dataset, plan: VirtualPlan) -> xarray.Dataset:
    """Responses as words, units where there are some."""
    words = np.array([*RESPONSES, ""])
    dataset = dataset.assign(response=dataset["response"].copy(data=words[dataset["response"].to_numpy()]))
    model = plan.drug.population.model
    unit = model.units.get(plan.drug.sampled, "")
    known: dict[str, Any] = {
        "dose": plan.drug.unit, "duration": "d", "treated_until": "d", "onset_ADA": "week", "intensity": "%",
        "partner_intensity": "%", "sum": "mm", "baseline_sum": "mm",
        "baseline_count": model.units.get(plan.laboratory.counts, ""),
    }  # fmt: skip
    for name in dataset.data_vars:
        text = str(name)
        if text.startswith("cmax_"):
            known[text] = unit
        elif text.startswith("auc_last_"):
            known[text] = f"h*{unit}"
        elif text.startswith("half_life_"):
            known[text] = "h"
        if text in known:
            dataset[name].attrs["units"] = known[text]
    return dataset


__all__ = ["assembled", "reported"]
