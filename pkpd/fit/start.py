"""Start values: clearance and volumes from NCA, baselines from the data, the rest from the model's defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from pkpd import units
from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.fit.nothing_measured import sources_all_censored
from pkpd.model import Model
from pkpd.model.model import WORDS
from pkpd.observed.matching import in_study_units, match_outputs
from pkpd.parameters import Parameters
from pkpd.study import Study

if TYPE_CHECKING:
    import xarray


@checked
def initial_estimates(
    model: Model, *sources: xarray.Dataset | Study, observed: Mapping[str, str] | None = None
) -> Parameters:
    """Return start values for a fit.

    From an NCA result come CL, V or V1, V2 and Q (geometric means over the profiles; Q so that the terminal slope
    is the observed one) and ka (so that the peak comes at the observed time); from a study come baselines (mean
    before the first dose). What neither tells stays at the model's default.

    Parameters
    ----------
    model : Model
        What is to be fitted.
    *sources : xarray.Dataset or Study
        Results of `pkpd.nca` and studies, in any order.
    observed : mapping, optional
        Output → analyte.

    Raises
    ------
    InputError
        If a parameter is left without a value, naming it and what would bring it.
    """
    values: dict[str, float] = {}
    if problems := [text for k, source in enumerate(sources, start=1) for text in _unusable(k, source)]:
        raise InputError(problems, "initial_estimates")
    for source in sources:
        if isinstance(source, Study):
            matched = match_outputs(model, source, observed)
            model = in_study_units(model, source, matched)
            values |= _baselines(model, source, matched)
        else:
            if model.base == WORDS:
                model = model.in_units(**_base(source))
            values |= _from_nca(model, source)
    found = model.parameters.with_values({n: v for n, v in values.items() if n in model.parameters})
    if found.missing:
        raise InputError(
            sources_all_censored(sources)
            + [f"no start value for {n!r} ({found.get(n).meaning})" for n in found.missing]
            + ["give the NCA of the drug and the study with its baselines, or set them by with_values"],
            "initial_estimates",
        )
    return found


def _unusable(k: int, source: object) -> list[str]:
    """Say what stands in the way of start values from a result: it tells nothing of clearance and volume."""
    if isinstance(source, Study):
        return []
    held = getattr(source, "variables", ())
    if lacking := [name for name in ("dose", "cmax", "tmax") if name not in held]:
        what = {"response": "the result of a response"}.get(
            str(getattr(source, "attrs", {}).get("kind", "")), "a dataset"
        )
        what = "an excretion" if "amount_excreted" in held else what
        return [f"source {k} is {what} without {', '.join(lacking)}; expected the result of pkpd.nca for the drug"]
    return []


def _base(exposure: xarray.Dataset) -> dict[str, str]:
    amount, volume, _ = units.coherent(exposure["dose"].attrs["units"], exposure["cmax"].attrs["units"])
    return {"time": exposure["tmax"].attrs["units"], "amount": amount, "volume": volume}


def _mean(exposure: xarray.Dataset, name: str, unit: str) -> float:
    """Geometric mean of a parameter over the profiles that have one, in a unit."""
    if name not in exposure:
        return math.nan
    values = exposure[name].values.astype(float)
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return math.nan
    return float(np.exp(np.mean(np.log(values)))) * units.factor(exposure[name].attrs["units"], unit)


def _from_nca(model: Model, exposure: xarray.Dataset) -> dict[str, float]:
    base = model.base
    flow, space, clock = units.resolve("volume/time", base), base["volume"], base["time"]
    rate = units.resolve("1/time", base)
    clearance = _mean(exposure, "cl_obs", flow)
    terminal = _mean(exposure, "lambda_z", rate)
    steady, late = _mean(exposure, "vss_obs", space), _mean(exposure, "vz_obs", space)
    found = {"CL": clearance, "V": late}
    if "V1" in model.parameters:
        first = _central_volume(exposure, model, steady, late)
        whole = steady if steady > first else (late if late > first else 2 * first)
        other = whole - first
        found |= {"V1": first, "V2": other, "Q": _distribution(clearance, first, other, terminal)}
    if "ka" in model.parameters:
        found["ka"] = _absorption(_mean(exposure, "tmax", clock), terminal)
    return {n: v for n, v in found.items() if math.isfinite(v) and v > 0}


def _central_volume(exposure: xarray.Dataset, model: Model, steady: float, late: float) -> float:
    """Dose over C0 for a bolus, else a third of what is known of the volume."""
    amounts = units.factor(exposure["dose"].attrs["units"], model.base["amount"])
    if "c0" in exposure:
        conc = exposure["c0"].values.astype(float)
        conc = conc * units.factor(exposure["c0"].attrs["units"], units.resolve("amount/volume", model.base))
        dose = np.asarray(exposure["dose"].values, dtype=float) * amounts
        good = np.isfinite(conc) & (conc > 0) & (dose > 0)
        if good.any():
            return float(np.exp(np.mean(np.log(dose[good] / conc[good]))))
    known = steady if math.isfinite(steady) else late
    return known / 3


def _distribution(clearance: float, first: float, other: float, terminal: float) -> float:
    """Q for which the slower root of the two-compartment model is the terminal slope; CL if there is none."""
    k = clearance / first
    below = k / other - terminal * (1 / first + 1 / other)
    q = terminal * (k - terminal) / below if below != 0 else math.nan
    return q if math.isfinite(q) and 0.05 * clearance < q < 20 * clearance else clearance


def _absorption(peak: float, terminal: float) -> float:
    """ka for which ln(ka/k)/(ka − k) is the time of the peak; 3/tmax where there is none."""
    if not (peak > 0 and terminal > 0):
        return math.nan
    if peak * terminal >= 0.99:
        return 3.0 / peak

    def late(ka: float) -> float:
        return math.log(ka / terminal) / (ka - terminal) - peak

    high = 1e4 / peak
    return float(brentq(late, terminal * 1.0001, high)) if late(terminal * 1.0001) > 0 > late(high) else 3.0 / peak


def _baselines(model: Model, study: Study, matched: Mapping[str, str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for output, analyte in matched.items():
        parameter = model.initial.get(output, f"{output}_0")
        if parameter not in model.parameters:
            continue
        table: Any = study.used(analyte)
        first = study.doses.groupby("subject")["time"].min()
        begin = table["subject"].map(first).fillna(math.inf)
        before = table[(table["time"] <= begin) & ~table["blq"] & ~table["alq"]]
        rows = before if len(before) else table[~table["blq"] & ~table["alq"]]
        if len(rows):
            ratio = units.factor(study.units[analyte], model.units.get(output) or study.units[analyte])
            found[parameter] = float(rows["value"].mean()) * ratio
    return found
