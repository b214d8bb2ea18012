"""Start values: clearance and volumes from NCA, baselines from the data, the rest from the model's defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from pkpd import units
from pkpd.arguments import checked
from pkpd.covariate_names import covariate_called
from pkpd.errors import InputError, warn
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
    before the first dose). What neither tells stays at the model's default. Between a model per kg of body weight and
    an NCA that is not, or the other way round, stands the median weight of the NCA's subjects, or of the study.

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
        If a parameter is left without a value, naming it and what would bring it; if a weight is needed and nobody has
        one.

    Warns
    -----
    DataWarning
        If the median weight was used, with its value.
    """
    values: dict[str, float] = {}
    weight = median_weight(sources)
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
            told, used = _from_nca(model, source, weight)
            values |= told
            if used:
                warn(f"start values between those per kg and those that are not: by the median weight, {weight:g} kg")
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
    amount, volume = units.usual_units(exposure["dose"].attrs["units"], exposure["cmax"].attrs["units"])
    return {"time": exposure["tmax"].attrs["units"], "amount": amount, "volume": volume}


def median_weight(sources: Iterable[xarray.Dataset | Study]) -> float:
    """Return the median weight in kg that the first source with weights knows; NaN if none does.

    Parameters
    ----------
    sources : iterable of Dataset or Study
        Results of NCA, whose coordinates may hold the weight, and studies.
    """
    for source in sources:
        if isinstance(source, Study):
            name = source.covariate("weight")
            table = source.subjects
            values = table[name] if name is not None and name in table else None
            unit = "kg" if name is None else source.units.get(name, "kg")
        else:
            name = covariate_called("weight", [str(n) for n in source.coords])
            own = None if name is None else source[name]
            own = own.expand_dims("profile") if own is not None and own.ndim == 0 else own  # a single profile
            values = None if own is None else own.to_series()
            unit = "kg" if name is None else source[name].attrs.get("units", "kg")
        if values is not None and values.dtype.kind in "biuf" and values.notna().any():
            return float(values.median()) * units.factor(unit, "kg")
    return math.nan


@dataclass(frozen=True)
class _Scale:
    """What makes numbers of an NCA those of a model: units, and where they differ by it the weight of a subject.

    Attributes
    ----------
    exposure : Dataset
        The NCA.
    weight : float
        In kg; NaN where nobody has one.
    """

    exposure: xarray.Dataset
    weight: float

    def ratio(self, name: str, unit: str) -> float:
        """Return what a variable is multiplied with to be in a unit.

        Raises
        ------
        InputError
            If the weight is needed and nobody has one.
        """
        own = self.exposure[name].attrs["units"]
        ratio, power = units.by_weight(own, unit)
        if power and not self.weight > 0:
            raise InputError(
                f"{name} is in {own} and the model's in {unit}, and nobody has a weight; give the study, too: "
                "initial_estimates(model, exposure, study), or set the values by with_values", "initial_estimates",
            )  # fmt: skip
        return ratio * self.weight**power if power else ratio

    def mean(self, name: str, unit: str) -> float:
        """Return the geometric mean of a parameter over the profiles that have one, in a unit."""
        if name not in self.exposure:
            return math.nan
        values = self.exposure[name].values.astype(float)
        values = values[np.isfinite(values) & (values > 0)]
        if not values.size:
            return math.nan
        return float(np.exp(np.mean(np.log(values)))) * self.ratio(name, unit)


def _from_nca(model: Model, exposure: xarray.Dataset, weight: float) -> tuple[dict[str, float], bool]:
    """Return what an NCA tells, and whether it took the weight."""
    base, scale = model.base, _Scale(exposure, weight)
    flow, space, clock = units.resolve("volume/time", base), base["volume"], base["time"]
    rate = units.resolve("1/time", base)
    clearance = scale.mean("cl_obs", flow)
    terminal = scale.mean("lambda_z", rate)
    steady, late = scale.mean("vss_obs", space), scale.mean("vz_obs", space)
    found = {"CL": clearance, "V": late}
    if "V1" in model.parameters:
        first = _central_volume(scale, model, steady, late)
        whole = steady if steady > first else (late if late > first else 2 * first)
        other = whole - first
        found |= {"V1": first, "V2": other, "Q": _distribution(clearance, first, other, terminal)}
    if "ka" in model.parameters:
        found["ka"] = _absorption(scale.mean("tmax", clock), terminal)
    used = units.per_kg(exposure["dose"].attrs["units"]) != units.per_kg(base["amount"])
    return {n: v for n, v in found.items() if math.isfinite(v) and v > 0}, used and any(
        map(math.isfinite, found.values())
    )


def _central_volume(scale: _Scale, model: Model, steady: float, late: float) -> float:
    """Dose over C0 for a bolus, else a third of what is known of the volume."""
    exposure = scale.exposure
    if "c0" in exposure:
        amounts = scale.ratio("dose", model.base["amount"])
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
