"""The population fits that are timed: theophylline, warfarin PK and PK/PD, theophylline resampled to many subjects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import checkout  # noqa: F401
import numpy as np
import pandas
from problems import folder

import pkpd
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.verb import fit_population
from pkpd.io import read_nonmem
from pkpd.population import Omega, Population, residual_error
from pkpd.study import Study
from tests.fit.mixed.cases import ORAL_UNITS, theophylline_table, warfarin_table

REFERENCE: Path = folder().parents[1]
ONE_START = PopulationOptions(starts=1, check=False)
THEOPHYLLINE = {"CL": 2.5, "V": 30.0, "ka": 1.3}
"""Start values, round numbers near what anyone would guess."""
WARFARIN = {"CL": 0.13, "V": 8.0, "ka": 0.6}
_TURNOVER = {
    "depot": "-ktr*depot", "gut": "ktr*depot - ka*gut", "cen": "ka*gut - CL/V*cen",
    "E": "e0*kout*(1 - emax*C/(ec50 + C)) - kout*E",
}  # fmt: skip
_VALUES = {"ktr": 1.0, "ka": 1.0, "CL": 0.1, "V": 10.0, "e0": 100.0, "kout": 0.05, "emax": 0.8, "ec50": 0.5}
_SPREAD = {"ktr": 1.0, "ka": 1.0, "CL": 0.5, "V": 0.5, "e0": 0.5, "kout": 0.5, "emax": 0.7, "ec50": 0.7}


@cache
def theophylline() -> Study:
    """Twelve subjects, 132 records."""
    return read_nonmem(theophylline_table(REFERENCE), units=ORAL_UNITS)


@cache
def resampled(subjects: int) -> Study:
    """Theophylline's subjects drawn with replacement: so many, 11 records each."""
    return read_nonmem(resampled_table(subjects), units=ORAL_UNITS)


def resampled_table(subjects: int) -> pandas.DataFrame:
    """Theophylline's subjects drawn with replacement, as event records."""
    table = theophylline_table(REFERENCE)
    own = [rows for _, rows in table.groupby("ID", sort=False)]
    drawn = np.random.default_rng(0).integers(0, len(own), subjects)
    return pandas.concat([own[k].assign(ID=i + 1) for i, k in enumerate(drawn)], ignore_index=True)


@cache
def warfarin() -> Study:
    """Warfarin's concentrations: 32 subjects, 251 records."""
    table = warfarin_table(REFERENCE)
    return read_nonmem(table[table["DVID"] == "C"].drop(columns="DVID"), units=ORAL_UNITS)


@cache
def warfarin_both() -> Study:
    """Warfarin's concentrations and prothrombin complex activity: 32 subjects, 483 records."""
    return read_nonmem(warfarin_table(REFERENCE), units={"time": "h", "dose": "mg", "C": "mg/L", "PCA": "%"})


def oral() -> pkpd.Model:
    """One compartment with first-order absorption."""
    return pkpd.library.one_compartment(absorption=True)


def turnover(emax: str = "log-normal") -> Population:
    """Return warfarin PK/PD: transit, absorption, one compartment, inhibited production of the activity (PCA).

    Parameters
    ----------
    emax : {"log-normal", "logit-normal", "fixed effect"}
        Distribution of emax: above 0, between 0 and 1, or the same for all (and log scaled).
    """
    model = pkpd.define(
        _TURNOVER, _VALUES, outputs={"C": "cen/V", "PCA": "E"}, initial={"E": "e0"}, doses={"oral": "depot"}
    ).in_units(time="h", amount="mg", volume="L")
    parameters = model.parameters.bound("emax", 0, 1) if emax == "logit-normal" else model.parameters
    errors = (residual_error("C", "combined"), residual_error("PCA", "additive"))
    for error, values in zip(errors, ({"prop_C": 0.1, "add_C": 0.1}, {"add_PCA": 10.0}), strict=True):
        parameters = parameters + error.start(np.array([1.0]), "").with_values(values)
    spread = {n: v for n, v in _SPREAD.items() if n != "emax" or emax != "fixed effect"}
    return Population(model, parameters, Omega.independent(**spread), errors)


def three_matrices(fit: PopulationFit) -> PopulationFit:
    """Ask a fit for the standard errors by R, S and the sandwich."""
    for kind in ("R", "S", "sandwich"):
        assert np.isfinite(fit.with_covariance(kind).covariance).all()
    return fit


def theophylline_once() -> PopulationFit:
    """One start, R, S and sandwich."""
    fit = fit_population(oral(), theophylline(), THEOPHYLLINE, error={"C": "additive"}, options=ONE_START)
    return three_matrices(fit)


def theophylline_default() -> PopulationFit:
    """The default call: nothing told but the error."""
    return fit_population(oral(), theophylline(), error={"C": "additive"})


def warfarin_once() -> PopulationFit:
    """Warfarin PK, combined error, one start, with R."""
    return fit_population(oral(), warfarin(), WARFARIN, error={"C": "combined"}, options=ONE_START)


def turnover_once(emax: str) -> Callable[[], PopulationFit]:
    """Warfarin PK/PD, one start, with R."""
    population = turnover(emax)
    return lambda: fit_population(population, warfarin_both(), options=ONE_START)


def resampled_once(subjects: int) -> PopulationFit:
    """Many subjects, one start, with R."""
    return fit_population(oral(), resampled(subjects), THEOPHYLLINE, error={"C": "additive"}, options=ONE_START)


def moved(population: Population, seed: int) -> Population:
    """Return a population with other start values: fixed effects times or by up to 3, variances up to 5."""
    rng = np.random.default_rng(seed)
    vector = population.parameters.to_vector()
    errors = {n for e in population.errors for n in e.names}
    wide = np.where([n in errors for n in population.parameters.free], 0.0, np.log(3.0))
    omega = population.omega.to_vector()
    return replace(
        population,
        parameters=population.parameters.from_vector(vector + rng.uniform(-1.0, 1.0, vector.size) * wide),
        omega=population.omega.from_vector(omega + rng.uniform(-0.5, 0.5, omega.size) * np.log(5.0)),
    )
