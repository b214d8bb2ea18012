"""Studies with known truth, and what tests of fits do again and again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas

from pkpd import il21, library
from pkpd.dosing import bolus
from pkpd.engine import Settings, compile_model
from pkpd.fit import Fit, fit_pooled, residual_error
from pkpd.fit.inputs import align, residual_errors
from pkpd.fit.likelihood import Likelihood, free_model_parameters
from pkpd.io import read_study
from pkpd.model import Model, define
from pkpd.observed import observe
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Population
from pkpd.simulate import simulate, simulated_study
from pkpd.study import Study

UNITS = {"time": "h", "IL21": "ng/mL", "sCD25": "ng/mL", "ALC": "10^9/L", "dose": "ug/kg"}
FINE = Settings(rtol=1e-11, atol=1e-11, method="explicit", max_steps=20_000)


def grid(subjects: Iterable[Any], times: Iterable[float], analyte: str, value: float = 1.0) -> pandas.DataFrame:
    """One row per subject and time."""
    rows = [(s, t, analyte, value) for s in subjects for t in times]
    return pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])


def pk_model() -> Model:
    """Two compartments in ng/kg and mL/kg."""
    return library.two_compartment().in_units(time="h", amount="ng/kg", volume="mL/kg")


def pk_truth(**noise: float) -> Parameters:
    """The typical PK of the IL-21 case, with residual errors such as ``prop_C=0.15``."""
    own = pk_model().parameters.with_values(CL=167.0, V1=64.6, Q=112.9, V2=171.2)
    return own + Parameters(tuple(Parameter(n, v) for n, v in noise.items()))


def pk_design(subjects: int, times: Sequence[float], lloq: float = 0.3) -> Study:
    """Samples of IL-21 after one bolus of 30 ug/kg; the values are placeholders."""
    table = grid(range(1, subjects + 1), times, "IL21")
    used = {n: UNITS[n] for n in ("time", "IL21", "dose")}
    return read_study(table, bolus("30 ug/kg"), units=used, lloq={"IL21": lloq})


def pd_truth() -> Parameters:
    """Parameters of the IL-21 model without the residual error of C; PK, EC50 and kA fixed."""
    names = [*il21.model().parameters.names, "sd_sCD25", "sd_ALC"]
    return il21.truth().parameters.subset(names).fix("CL", "V1", "Q", "V2", "EC50", "kA")


def pd_design(subjects: int, days: Sequence[int], times: Sequence[float]) -> tuple[Study, pandas.DataFrame]:
    """Samples of sCD25 and ALC under daily doses, and the PK of every subject."""
    ids = range(1, subjects + 1)
    table = pandas.concat([grid(ids, times, a) for a in ("sCD25", "ALC")])
    used = {n: u for n, u in UNITS.items() if n != "IL21"}
    study = read_study(table, bolus("30 ug/kg", days=days), units=used)
    truth = il21.truth()
    drawn = truth.draw(subjects, np.random.default_rng(7))
    return study, pandas.DataFrame(
        {n: drawn[n] for n in ("CL", "V1", "Q", "V2")}, index=pandas.Index(ids, name="subject")
    )


PD_ERRORS = (residual_error("sCD25", "log"), residual_error("ALC", "log"))


@dataclass(frozen=True, eq=False)
class Recovery:
    """Estimates, intervals and statuses of many simulated studies."""

    names: tuple[str, ...]
    truth: np.ndarray
    estimates: np.ndarray
    intervals: np.ndarray
    statuses: tuple[str, ...]

    def coverage(self) -> dict[str, float]:
        """Share of 90 % intervals that hold the truth, %."""
        inside = (self.intervals[..., 0] <= self.truth) & (self.truth <= self.intervals[..., 1])
        return dict(zip(self.names, 100 * inside.mean(axis=0), strict=True))

    def bias(self) -> dict[str, tuple[float, float]]:
        """Relative bias of each parameter and its Monte-Carlo standard error, %."""
        off = 100 * (self.estimates / self.truth - 1)
        errors = off.std(axis=0, ddof=1) / np.sqrt(len(off))
        return {n: (float(b), float(e)) for n, b, e in zip(self.names, off.mean(axis=0), errors, strict=True)}


def recover(
    people: Population, design: Study, replicates: int, seed: int, given: pandas.DataFrame | None = None
) -> Recovery:
    """Simulate a study again and again and fit every one; the search starts at the truth (others start elsewhere)."""
    drawn = simulate(people, design, replicates=replicates, seed=seed)
    kinds = {e.output: e.kind for e in people.errors}

    def one(k: int) -> Fit:
        study = simulated_study(drawn, design, k)
        return fit_pooled(people.model, study, people.parameters, error=kinds, given=given)

    with ThreadPoolExecutor(2) as pool:
        fits = list(pool.map(one, range(replicates)))
    names = fits[0].parameters.free
    assert all(f.parameters.free == names for f in fits)
    return Recovery(
        names,
        np.array([people.parameters[n] for n in names]),
        np.array([[f.parameters[n] for n in names] for f in fits]),
        np.array([list(f.intervals(0.90).values()) for f in fits]),
        tuple(f.status for f in fits),
    )


def scattered(around: Parameters, count: int, seed: int, width: float) -> list[Parameters]:
    """Random start values, uniform within ± `width` on the transformed (log) scale."""
    rng = np.random.default_rng(seed)
    x = around.to_vector()
    return [around.from_vector(x + rng.uniform(-width, width, x.size)) for _ in range(count)]


def likelihood_of(
    model: Model, study: Study, values: Parameters, error: dict[str, str], settings: Settings = FINE
) -> Likelihood:
    """The likelihood that a fit of these values would search; `values` names the residual errors too."""
    data = observe(model, study)
    errors = residual_errors(data, error)
    noise = values.subset([n for e in errors for n in e.names])
    parameters = align(values, data.model) + noise
    code = compile_model(data.model, free_model_parameters(parameters, data.model.parameters.names))
    return Likelihood(data, code, parameters, errors, {}, settings)


def line_model() -> Model:
    """A model that is linear in its parameters: y = a + b·t, without dose or state."""
    free = Parameters(
        (
            Parameter("a", 1.0, lower=-np.inf, meaning="intercept"),
            Parameter("b", 1.0, lower=-np.inf, meaning="slope"),
        )
    )
    model = define({}, free, outputs={"y": "a + b*t"}, name="straight line")
    return replace(model, units={"y": "ng/mL"}).in_units(time="h", amount="ng", volume="mL")


def line_study(times: Sequence[float], values: Sequence[float], subjects: Sequence[Any] | None = None) -> Study:
    """Measurements y, of one subject if none are named."""
    owners = [1] * len(times) if subjects is None else list(subjects)
    table = pandas.DataFrame({"subject": owners, "time": times, "analyte": "y", "value": values})
    return read_study(table, units={"time": "h", "y": "ng/mL"})
