"""Fitting a population: the verbs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from pkpd.arguments import ANYTHING, checked
from pkpd.errors import FitWarning, InputError, nearest, warn
from pkpd.fit.inputs import A_KIND_BY_OUTPUT
from pkpd.fit.mixed.explanation import Explanation, explanation_of
from pkpd.fit.mixed.given import Given
from pkpd.fit.mixed.marginal.laplacian import FOCEI
from pkpd.fit.mixed.methods import EVALUATED, METHODS
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.plan import Call, planned
from pkpd.fit.mixed.request import RANDOM_EFFECTS, EffectsAsked
from pkpd.fit.mixed.result.population_fit import PopulationFit, population_fit
from pkpd.fit.mixed.unsolved import LEAVE_OUT, without_unsolved
from pkpd.fit.verdict import CONVERGED
from pkpd.model import Model
from pkpd.parameters import Parameters
from pkpd.population import ErrorKind, Population
from pkpd.study import Study


@checked(start=ANYTHING, iiv=RANDOM_EFFECTS, iov=RANDOM_EFFECTS, error=A_KIND_BY_OUTPUT, given=ANYTHING)
def fit_population(
    model: Model | Population,
    data: Study,
    start: Parameters | Mapping[str, float] | None = None,
    *,
    iiv: EffectsAsked | None = None,
    iov: EffectsAsked | None = None,
    covariates: Mapping[str, str] | None = None,
    error: Mapping[str, ErrorKind] | None = None,
    given: Given | None = None,
    method: str = FOCEI,
    options: PopulationOptions | None = None,
) -> PopulationFit:
    r"""Fit a population: typical values, their variability between subjects and occasions, and residual errors.

    Minimises :math:`-2\log\prod_i\int p(y_i|\eta)\,p(\eta|\Omega)\,d\eta` by one of the methods. Gradients are exact,
    the search begins at several starts, and the exact marginal likelihood is computed beside an approximation.

    Parameters
    ----------
    model : Model or Population
        A model, whose random effects, covariates and errors follow here, or a population, which has its own.
    data : Study
        Observations, doses, covariates.
    start : Parameters or mapping, optional
        Start values; coefficients of covariates need one. What is left out comes from NCA, from the data, or is the
        model's own value.
    iiv : Omega, names or mapping, optional
        Random effects between subjects: names, names with SDs, or an `Omega` such as ``block("CL", "V")``. By default
        every free parameter of the model has one, all independent.
    iov : Omega, names or mapping, optional
        The same between occasions.
    covariates : mapping, optional
        Parameter → relation, e.g. ``{"CL": "CL*(weight/70)**b"}`` with ``start={"b": 0.75}``.
    error : mapping, optional
        Output → kind of residual error; by default proportional for concentrations that are driven by doses, and on the
        log scale for the rest.
    given : PopulationFit, Fits, DataFrame or Population, optional
        An earlier fit: its individual values hold for the subjects (IPP), and its outputs do not count again; or a
        population, whose estimates stay while all data count (PPP).
    method : str
        ``"FOCEI"``, ``"FOCE"``, ``"Laplace"``, ``"FO"``, ``"AGQ"``, ``"SAEM"``, ``"IMP"``, ``"pooled"`` or
        ``"two-stage"``.
    options : PopulationOptions, optional
        Starts, checks, values beyond a limit, missing covariates, tolerances.

    Returns
    -------
    PopulationFit
        Its ``status`` says whether to trust it.

    Raises
    ------
    InputError
        Listing everything that does not fit together.

    References
    ----------
    Almquist J, Leander J, Jirstrand M. J Pharmacokinet Pharmacodyn 2015;42:191-209 (gradient). Wang Y. J Pharmacokinet
    Pharmacodyn 2007;34:575-593 (FO, FOCE, Laplace).
    """
    began = time.perf_counter()
    options = options or PopulationOptions()
    _known_method(method)
    plan = planned(Call(model, data, start, iiv, iov, covariates, error, given), options)
    problem, lost = without_unsolved(plan.problem) if options.unsolved == LEAVE_OUT else (plan.problem, ())
    estimate = METHODS[method](problem, options)
    estimate = replace(estimate, notes=(*plan.notes, *lost, *estimate.notes), seconds=time.perf_counter() - began)
    fit = population_fit(estimate, data, covariance=options.covariance, secondary=options.secondary)
    if fit.status not in (CONVERGED, EVALUATED):
        warn(f"{fit.status}: {fit.message}", FitWarning)
    return fit


@checked(start=ANYTHING, iiv=RANDOM_EFFECTS, iov=RANDOM_EFFECTS, error=A_KIND_BY_OUTPUT, given=ANYTHING)
def explain(
    model: Model | Population,
    data: Study,
    start: Parameters | Mapping[str, float] | None = None,
    *,
    iiv: EffectsAsked | None = None,
    iov: EffectsAsked | None = None,
    covariates: Mapping[str, str] | None = None,
    error: Mapping[str, ErrorKind] | None = None,
    given: Given | None = None,
    method: str = FOCEI,
    options: PopulationOptions | None = None,
) -> Explanation:
    """Say what `fit_population` would fit with the same arguments: equations, records that count, numbers, rank, start.

    Raises
    ------
    InputError
        As `fit_population`.
    """
    _known_method(method)
    options = options or PopulationOptions()
    plan = planned(Call(model, data, start, iiv, iov, covariates, error, given), options)
    return explanation_of(plan.problem, plan.study, method, plan.notes)


def _known_method(method: str) -> None:
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}; {nearest(method, METHODS)}", "fit_population")
