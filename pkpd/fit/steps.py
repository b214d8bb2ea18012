"""The steps of a population fit, each callable alone, for scripts that go their own way.

A `Problem` is what every step takes: a population, data as arrays, and predictions that know the random effects. A
*vector* is its free parameters on their scales of estimation, then the free log-Cholesky numbers of Ω
(`Problem.names` says which is which); ``problem.at(vector)`` decodes it to a `Point`. The page
``docs/fitting-script.md`` puts them together.

=========================================  =====================================================================
problem                                    `problem_of`; `planned`, as `fit_population` makes it
what a vector is worth                     `marginal`, `quadrature_marginal`, `MarginalObjective` (a function of it)
random effects at given values             `conditional_modes`
exact likelihood                           `quadrature`, `importance_sampling`
searches                                   `starts_of`, `search`, `search_all`, `judge`
estimates by draws                         `saem`, `importance_em`
baselines                                  `two_stage`, `pooled_problem`
curvature, covariances                     `hessian_of`, `uncertainty_of`
the result of it all                       `Estimate`, `population_fit`
=========================================  =====================================================================
"""

from pkpd.fit.mixed.em.importance_em import EMRun, EMSettings, importance_em
from pkpd.fit.mixed.em.saem import SaemRun, SaemSettings, SaemTrace, saem
from pkpd.fit.mixed.marginal.importance import importance_sampling
from pkpd.fit.mixed.marginal.integral import Likelihood
from pkpd.fit.mixed.marginal.laplacian import FO, FOCE, FOCEI, LAPLACE, Marginal, marginal
from pkpd.fit.mixed.marginal.quadrature import AGQ, quadrature, quadrature_marginal
from pkpd.fit.mixed.methods import METHODS
from pkpd.fit.mixed.modes.modes import Modes, conditional_modes
from pkpd.fit.mixed.plan import Call, Plan, planned
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.fit.mixed.result.estimate import Estimate, Exact, Tried
from pkpd.fit.mixed.result.population_fit import population_fit
from pkpd.fit.mixed.result.residuals import residuals
from pkpd.fit.mixed.result.uncertainty import Uncertainty, hessian_of, uncertainty_of
from pkpd.fit.mixed.search.objective import Evaluated, MarginalObjective, Step
from pkpd.fit.mixed.search.search import Attempt, search, search_all
from pkpd.fit.mixed.search.starts import pooled_problem, starts_of
from pkpd.fit.mixed.search.two_stage import TwoStage, two_stage
from pkpd.fit.mixed.search.verdict import Judgement, judge

__all__ = [
    "AGQ",
    "FO",
    "FOCE",
    "FOCEI",
    "LAPLACE",
    "METHODS",
    "Attempt",
    "Call",
    "EMRun",
    "EMSettings",
    "Estimate",
    "Evaluated",
    "Exact",
    "Judgement",
    "Likelihood",
    "Marginal",
    "MarginalObjective",
    "Modes",
    "Plan",
    "Point",
    "Problem",
    "SaemRun",
    "SaemSettings",
    "SaemTrace",
    "Step",
    "Tried",
    "TwoStage",
    "Uncertainty",
    "conditional_modes",
    "hessian_of",
    "importance_em",
    "importance_sampling",
    "judge",
    "marginal",
    "planned",
    "pooled_problem",
    "population_fit",
    "problem_of",
    "quadrature",
    "quadrature_marginal",
    "residuals",
    "saem",
    "search",
    "search_all",
    "starts_of",
    "two_stage",
    "uncertainty_of",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
