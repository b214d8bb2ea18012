"""Individual estimates of new patients: the modes of their random effects, given a population that is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arguments import checked
from pkpd.engine import Settings
from pkpd.errors import InputError, nearest, warn
from pkpd.fit.mixed.marginal.laplacian import FOCEI, LAPLACE, Marginal, marginal
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.beside import fitted_covariates, with_covariates
from pkpd.fit.mixed.result.individuals import individuals_of, parameter_values
from pkpd.population import Population, Source, population_of
from pkpd.study import Study

if TYPE_CHECKING:
    import xarray

METHODS = (FOCEI, LAPLACE)
"""Whose curvature gives the uncertainty: its expectation for measured rows, or exact."""


@checked
def individual_estimates(
    source: Population | Source, new_subjects: Study, *, method: str = LAPLACE, settings: Settings | None = None
) -> xarray.Dataset:
    r"""Return the individual estimates (maximum a posteriori) of new patients, with their uncertainty.

    The population is taken as known: nothing of it is estimated. For each subject :math:`-2\log p(y|\eta) +
    \eta^T\Omega^{-1}\eta` is minimised, all subjects at once; the covariance of η is the inverse of half of its
    curvature at the mode.

    Parameters
    ----------
    source : Population or PopulationFit
        What is known: typical values, Ω, residual errors.
    new_subjects : Study
        Doses, measurements (censored ones too) and covariates. A subject without a measurement is left out.
    method : {"Laplace", "FOCEI"}
        Which curvature: exact, or with its expectation for measured rows.
    settings : Settings, optional
        Tolerances of the solver.

    Returns
    -------
    xarray.Dataset
        As `PopulationFit.individuals`: ``eta``, ``eta_se``, ``kappa``, individual parameters, and ``<name>_se`` for
        every parameter with a random effect (delta method, natural scale); ``objective`` is the subject's part of −2
        log L.

    Raises
    ------
    InputError
        If a residual error is missing, or the covariance of a random effect is still to be estimated.

    Warns
    -----
    DataWarning
        If a subject could not be solved or its mode is not good; ``status`` says which.
    """
    people = population_of(source)
    problems = [f"unknown method {method!r}; {nearest(method, METHODS)}"] if method not in METHODS else []
    if people.omega.unstated:
        problems.append(f"the covariance of {', '.join(people.omega.unstated)} is to be estimated; state it by omega=…")
    if problems:
        raise InputError(problems, "individual_estimates")
    fixed = people.parameters.fix(*people.parameters.free)
    known = replace(people, parameters=fixed, omega=people.omega.fix(), priors=())
    problem = problem_of(known, new_subjects, settings)
    there = marginal(problem, problem.at(problem.start), method)
    covariates, _ = fitted_covariates(problem, new_subjects)
    found = with_covariates(individuals_of(problem, there, method), covariates)
    bad = found["subject"].to_numpy()[found["status"].to_numpy() != "found"].tolist()
    if bad:
        who = ", ".join(map(str, bad[:5]))
        warn(f"{len(bad)} of {problem.subjects} subjects have no good estimate: {who}; see status")
    return found.assign(_parameter_errors(problem, there, found)).assign_attrs(
        {"title": f"individual estimates, {people.model.name}", "method": method, "data_hash": new_subjects.data_hash}
    )


def _parameter_errors(problem: Problem, there: Marginal, found: xarray.Dataset) -> dict[str, xarray.DataArray]:
    """Standard errors of individual parameters: differences of their texts along the random effects."""
    import xarray

    people, omega = problem.population, problem.population.omega
    covariance = found["covariance"].to_numpy()
    step = 1e-5
    moved = []
    for k in range(len(problem.effects)):
        ends = []
        for sign in (1.0, -1.0):
            eta = there.modes.eta.copy()
            eta[:, k] += sign * step
            ends.append(parameter_values(problem, problem.population, eta))
        moved.append({n: (ends[0][n] - ends[1][n]) / (2 * step) for n in ends[0]})
    errors = {}
    for name in people.texts if omega else ():
        slopes = np.stack([np.asarray(m[name], dtype=float) for m in moved], axis=-1)
        if not slopes.any():
            continue
        with np.errstate(invalid="ignore"):
            error = np.sqrt(np.einsum("iok,ikm,iom->io", slopes, covariance, slopes))
        own = found[name]
        values = error if "occasion" in own.dims else error[:, 0]
        label = {"units": own.attrs.get("units", ""), "long_name": f"standard error of {name}"}
        errors[f"{name}_se"] = xarray.DataArray(values, own.coords, own.dims, attrs=label).where(own.notnull())
    return errors
