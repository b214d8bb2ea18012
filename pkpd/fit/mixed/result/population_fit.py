"""The result of a population fit: estimates, subjects, predictions, and how sure all of it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.files import Saved
from pkpd.fit.datasets import correlation_table
from pkpd.fit.densities import measured_rows
from pkpd.fit.mixed.marginal.laplacian import FOCE, FOCEI
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result import fit_text, individuals, tables
from pkpd.fit.mixed.result.beside import covariates_of, fitted_covariates
from pkpd.fit.mixed.result.conditional import conditional_distributions
from pkpd.fit.mixed.result.convergence import Convergence, convergence_of
from pkpd.fit.mixed.result.dataset import population_dataset
from pkpd.fit.mixed.result.estimate import Estimate, Exact, Tried
from pkpd.fit.mixed.result.fit_parts import Computed, Counts, Tables, kept, mixed_numbers
from pkpd.fit.mixed.result.uncertainty import Uncertainty, known, uncertainty_of
from pkpd.fit.mixed.search.objective import Step
from pkpd.fit.verdict import CONVERGED
from pkpd.population import Population
from pkpd.population.cholesky import loadings

if TYPE_CHECKING:
    import pandas
    import xarray

    from pkpd.study import Study


@dataclass(frozen=True, eq=False)
class PopulationFit(Saved):
    """Estimates of a population.

    Attributes
    ----------
    people : Population
        Model, estimates, Ω and residual errors; also what `population` returns.
    method : str
        ``"FOCEI"`` …
    vector : array, shape (free,)
        The estimates: free parameters on their scales, then log-Cholesky numbers of Ω.
    uncertainty : Uncertainty
        R, S and the covariances that follow.
    covariance_kind : {"R", "S", "sandwich"}
        Which covariance standard errors, intervals and draws use (`with_covariance`).
    objective, minus2ll : float
        −2 log L without and with N·log 2π, by the method's approximation; priors are not part of it.
    counts : Counts
        Sizes.
    status, message : str
        ``"converged"`` or what else, and why, with what to do.
    cautions, notes : tuple of str
        What a converged fit does not know well; what was left out of the fit, which defaults were taken.
    convergence : Convergence
        Gradients, modes that failed, subjects that could not be solved, what lies on a bound, agreement with the exact
        likelihood.
    secondary : mapping
        Name → equation in typical values, e.g. ``{"half_life": "log(2)*V/CL"}``.
    trace : tuple of Step
        The search that ended best.
    tried : tuple of Tried
        All starts.
    tables : Tables
        What `individuals`, `predictions` and `data_hash` return.
    estimate : Estimate or None
        With the problem, for scripts that go on from here; None in a fit that was loaded.
    attrs : mapping
        Provenance of the study.
    """

    people: Population
    method: str
    vector: Array
    uncertainty: Uncertainty
    covariance_kind: str
    objective: float
    minus2ll: float
    counts: Counts
    status: str
    message: str
    cautions: tuple[str, ...]
    notes: tuple[str, ...]
    convergence: Convergence
    secondary: Mapping[str, str]
    trace: tuple[Step, ...]
    tried: tuple[Tried, ...]
    tables: Tables
    estimate: Estimate | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether the status is ``"converged"``."""
        return self.status == CONVERGED

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the vector's numbers: free parameters, then free elements of Ω."""
        return self.uncertainty.names

    @property
    def exact(self) -> Exact | None:
        """The marginal likelihood without the method's approximation, if it was computed."""
        return self.convergence.exact

    @property
    def aic(self) -> float:
        """Akaike's criterion, −2 log L + 2p."""
        return self.minus2ll + 2 * len(self.names)

    @property
    def bic(self) -> float:
        """Schwarz's criterion, −2 log L + p·ln n with n observations."""
        return self.minus2ll + len(self.names) * math.log(max(self.counts.observations, 1))

    @property
    def bicc(self) -> float:
        r"""The criterion for mixed effects, :math:`-2\log L + p_R \ln N + p_F \ln n`, N subjects and n observations.

        :math:`p_R` and :math:`p_F` are `Counts.mixed` and `Counts.fixed`.

        References
        ----------
        Delattre M, Lavielle M, Poursat MA. A note on BIC in mixed-effects models. Electron J Stat 2014;8:456-475.
        """
        own = self.counts
        return (
            self.minus2ll + own.mixed * math.log(max(own.subjects, 1)) + own.fixed * math.log(max(own.observations, 1))
        )

    @property
    def covariance(self) -> Array:
        """Covariance of the vector, shape (free, free), of the kind that the fit reports; NaN where there is none."""
        return self.uncertainty.covariance(self.covariance_kind)

    @property
    def correlation(self) -> pandas.DataFrame:
        """Correlations of the vector's numbers, by name; from the same covariance."""
        return correlation_table(self.names, self.covariance)

    @property
    def condition_number(self) -> float:
        """Of the correlation matrix of the estimates."""
        return self.uncertainty.condition_number(self.covariance_kind)

    def with_covariance(self, kind: str) -> PopulationFit:
        """Return the same fit with another covariance in all it reports: ``"R"``, ``"S"`` or ``"sandwich"``."""
        known(kind)
        return replace(self, covariance_kind=kind)

    def with_secondary(self, **texts: str) -> PopulationFit:
        """Return the same fit with more secondary parameters, e.g. ``half_life="log(2)*V/CL"``."""
        fit = replace(self, secondary={**self.secondary, **texts})
        tables.secondary_table(fit, 0.9)  # says what is wrong with them
        return fit

    @property
    def values(self) -> dict[str, float]:
        """Estimates and fixed values of the parameters by name."""
        return self.people.parameters.as_dict()

    def standard_errors(self) -> dict[str, float]:
        """Return standard errors of all that is estimated, on the natural scale (delta method), by name."""
        return {q.name: q.standard_error(self.covariance) for q in tables.quantities(self) if not q.fixed}

    def intervals(self, level: float = 0.90) -> dict[str, tuple[float, float]]:
        """Return confidence intervals of all that is estimated: symmetric on the scale of estimation, taken back.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        tables.require_level(level)
        return {q.name: q.interval(self.covariance, level) for q in tables.quantities(self) if not q.fixed}

    @property
    def data_hash(self) -> str:
        """SHA-256 of the study's tables and units; empty if the study is unknown."""
        return self.tables.data_hash

    @property
    def individuals(self) -> xarray.Dataset:
        """η, κ, parameters per occasion, their uncertainty, objective, status and covariates of every subject."""
        return self.tables.individuals

    @property
    def covariates(self) -> pandas.DataFrame | None:
        """Covariates of the subjects that were fitted, one row each, with the units in ``attrs["units"]``."""
        return covariates_of(self.individuals)

    def conditional(self, samples: int = 0, draws: int = 1000, seed: int = 1) -> xarray.Dataset:
        """Return conditional means, SDs and samples of the random effects (`pkpd.fit.mixed.result.conditional`).

        Raises
        ------
        InputError
            If the fit was loaded without its study: it has no problem to draw from.
        """
        if self.estimate is None:
            raise InputError("a fit loaded without its study has nothing to draw from; load it with the study")
        return conditional_distributions(self.estimate, samples, draws, seed)

    @property
    def predictions(self) -> pandas.DataFrame:
        """PRED, IPRED, IWRES, CWRES and CWRESI of every observation."""
        return self.tables.predictions

    def residuals(self, root: str = "symmetric") -> pandas.DataFrame:
        """Return `predictions` with another root of the subjects' covariance: ``"symmetric"`` or ``"Cholesky"``."""
        if root == "symmetric":
            return self.predictions
        if not isinstance(self.tables, Computed):
            raise InputError("a fit loaded without its study has no residuals by another root; load it with the study")
        return self.tables.residuals(root)

    @property
    def shrinkage(self) -> pandas.DataFrame:
        """η-shrinkage and ETABAR with its p value, one row per random effect."""
        return individuals.shrinkage(self.individuals, self.people)

    @property
    def residual_shrinkage(self) -> pandas.DataFrame:
        """ε-shrinkage, one row per output."""
        return individuals.residual_shrinkage(self.predictions)

    def table(self, level: float = 0.90) -> pandas.DataFrame:
        """Return one row per parameter: estimate, unit, SE, RSE %, interval, variability, shrinkage, note, meaning."""
        return tables.parameter_table(self, level)

    def random_effects(self, level: float = 0.90) -> pandas.DataFrame:
        """Return one row per element of Ω, SD and correlation: estimate, SE, RSE %, interval, shrinkage, note."""
        return tables.omega_table(self, level)

    def secondary_parameters(self, level: float = 0.90) -> pandas.DataFrame:
        """Return one row per secondary parameter: estimate, SE, RSE %, interval, equation."""
        return tables.secondary_table(self, level)

    def population(self) -> Population:
        """Return the population as it was estimated; `simulate` takes the fit itself."""
        return self.people

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Population, ...]:
        """Return `n` populations whose values and Ω differ by the uncertainty of the estimates.

        The vector is normal with the fit's covariance, so that every Ω is positive definite and every value inside its
        bounds.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator
            Source of randomness.

        Raises
        ------
        InputError
            If the fit has no covariance.
        """
        if not self.names:
            return (self.people,) * n
        if not np.isfinite(self.covariance).all():
            why = self.uncertainty.why_not(self.covariance_kind)
            raise InputError(f"the fit has no covariance of its estimates ({why}), so none can be drawn")
        moved = self.vector + rng.standard_normal((n, len(self.names))) @ loadings(self.covariance).T
        count = len(self.people.parameters.free)
        return tuple(
            replace(
                self.people,
                parameters=self.people.parameters.from_vector(vector[:count]),
                omega=self.people.omega.from_vector(vector[count:]),
            )
            for vector in moved
        )

    def individual_values(self) -> pandas.DataFrame:
        """Return the model's parameters at the conditional modes, one row per subject.

        What differs between occasions is that of the subject itself, without its occasions (κ = 0).
        """
        import pandas

        found = self.individuals
        columns = {
            n: found[f"{n}_subject" if f"{n}_subject" in found else n].to_numpy()
            for n in self.people.model.parameters.names
        }
        return pandas.DataFrame(columns, index=pandas.Index(found["subject"].to_numpy(), name="subject"))

    def _kept(self) -> PopulationFit:
        """Return the fit without its problem, which is made again from its study (`pkpd.fit.load`)."""
        return replace(self, tables=kept(self.tables, self.estimate), estimate=None)

    def to_dataset(self, level: float = 0.90) -> xarray.Dataset:
        """Return all that is reported along ``parameter``: estimate, se, low, high; kind, unit; status, minus2ll …"""
        return population_dataset(self, level)

    def summary(self) -> str:
        """Return the verdict in a few lines of text."""
        return fit_text.summary(self)

    def __repr__(self) -> str:
        return fit_text.text(self)

    def _repr_html_(self) -> str:
        return fit_text.as_html(self)

    def latex(self, level: float = 0.90) -> str:
        """Return the estimates as a LaTeX table (booktabs)."""
        return fit_text.latex(self, level)


def population_fit(
    estimate: Estimate, study: Study | None = None, *, covariance: str = "R",
    secondary: Mapping[str, str] | None = None, attrs: Mapping[str, Any] | None = None,
) -> PopulationFit:  # fmt: skip
    """Return the result of a population fit from where its search ended.

    Parameters
    ----------
    estimate : Estimate
        Where the search ended.
    covariance : {"R", "S", "sandwich"}
        Which covariance is reported.
    secondary : mapping, optional
        Name → equation; none by default (`pkpd.fit.mixed.result.quantities.standard_secondary` has the usual ones).
    study : Study, optional
        The data, for their hash and provenance.
    attrs : mapping, optional
        Provenance; that of the study by default.
    """
    known(covariance)
    problem, there = estimate.problem, estimate.marginal
    people = with_given(problem, problem.population_at(estimate.vector))
    covariates, said = fitted_covariates(problem, study)
    if people.covariates is None and covariates is not None:
        people = replace(people, covariates=covariates)
    uncertainty = uncertainty_of(there, estimate.hessian, problem.names)
    measured = int(measured_rows(problem.data).sum())
    rows = int(problem.data.time.size)
    mixed = mixed_numbers(people)
    return PopulationFit(
        people, estimate.method, estimate.vector, uncertainty, covariance, there.objective,
        there.objective + problem.constant,
        Counts(problem.subjects, rows, rows - measured, mixed, len(problem.names) - mixed),
        estimate.status, estimate.message, estimate.cautions, (*estimate.notes, *_notes(estimate), *said),
        convergence_of(estimate, uncertainty), dict(secondary or {}), estimate.trace, estimate.tried,
        Computed(estimate, study), estimate, dict(attrs if attrs is not None else study.attrs if study else {}),
    )  # fmt: skip


def with_given(problem: Problem, people: Population) -> Population:
    """Return the population with the values that subjects were given: virtual subjects take whole rows of them."""
    import pandas

    if not problem.given:
        return people
    index = pandas.Index(individuals.plain_names(problem.data.subjects), name="subject")
    return replace(people, table=pandas.DataFrame(dict(problem.given), index=index))


def _notes(estimate: Estimate) -> tuple[str, ...]:
    """What the objective is made of, where it is not plain measured values."""
    problem, said = estimate.problem, []
    if problem.exact_rows.any() or problem.censoring.dropped:
        exact = problem.exact_rows.any() and estimate.method in (FOCE, FOCEI)
        curved = "; their second derivatives are exact, as in Laplace's method" if exact else ""
        said.append(f"{problem.censoring}{curved}")
    jacobian = problem.jacobian
    if jacobian:
        value = estimate.objective - jacobian
        said.append(f"objective on the log scale, without 2 Σ ln y = {jacobian:.4f}: {value:.4f}")
    if problem.population.priors:
        value = estimate.objective + problem.population_at(estimate.vector).prior_density().value
        said.append(f"objective with the priors' −2 log density: {value:.4f}")
    return tuple(said)
