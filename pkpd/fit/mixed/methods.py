"""The methods by name: from a problem and its starts to where the estimates are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.fit.mixed.em.importance_em import EMSettings, importance_em
from pkpd.fit.mixed.em.saem import saem
from pkpd.fit.mixed.em.saem_message import saem_message
from pkpd.fit.mixed.marginal.agreement import agreement
from pkpd.fit.mixed.marginal.importance import importance_sampling
from pkpd.fit.mixed.marginal.laplacian import FO, FOCE, FOCEI, LAPLACE, Marginal
from pkpd.fit.mixed.marginal.quadrature import AGQ
from pkpd.fit.mixed.marginal.several import ODD, several_modes
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.estimate import BY_CURVATURE, Estimate, Exact, Tried
from pkpd.fit.mixed.search.objective import MarginalObjective, Step
from pkpd.fit.mixed.search.search import Attempt, in_lowest_modes, optima, search_all
from pkpd.fit.mixed.search.starts import pooled_problem, starts_of
from pkpd.fit.mixed.search.two_stage import two_stage
from pkpd.fit.mixed.search.verdict import FAILED, Judgement, judge, with_exact
from pkpd.fit.search import Minimum, differenced_hessian, newton_step
from pkpd.fit.verdict import CONVERGED, STOPPED

PLACES = 7000
"""Most places a subject that quadrature takes unless told."""
_ITERATIONS = (200, 100), (30, 20)  # most of the EM by importance sampling: a closed form, and what is integrated
_RUNS = 3  # of all subjects in an evaluation of the objective
EVALUATED = "evaluated"
"""Status of a result that nobody searched for: the objective and its derivatives at given values."""
POOLED, TWO_STAGE, SAEM, IMP = "pooled", "two-stage", "SAEM", "IMP"
Run = Callable[[Problem, PopulationOptions], Estimate]


def searched(
    problem: Problem, options: PopulationOptions, method: str, begins: Sequence[tuple[str, Array]] = ()
) -> Estimate:
    """Return the optimum of a marginal likelihood, from several starts; evaluated at the start where there are none.

    Parameters
    ----------
    problem, options : Problem, PopulationOptions
        What is fitted, and how.
    method : str
        Which marginal likelihood.
    begins : sequence of (str, array), optional
        Labelled starts in place of the usual ones.
    """
    nodes = (options.nodes or nodes_for(len(problem.effects))) if method == AGQ else 1
    objective = MarginalObjective(problem, method, _printed if options.progress else None, nodes)
    if options.starts == 0:
        return evaluated(objective, problem.start, "nothing was searched: the objective is that of the given values")
    attempts = search_all(objective, begins or starts_of(problem, options.starts))
    attempts[0], several = in_lowest_modes(objective, attempts[0], 0.0 if options.check else ODD)
    estimate = _judged(objective, attempts)
    if several:
        estimate = replace(estimate, cautions=(*estimate.cautions, several))
    if not options.check or method == AGQ:
        return estimate
    return checked_against_exact(estimate, options.seed, bool(several))


def checked_against_exact(estimate: Estimate, seed: int, several: bool = False) -> Estimate:
    """Return the estimate with the exact marginal likelihood beside its approximation; unreliable where they disagree.

    Where subjects have several modes, draws find them and nodes about one of them do not.
    """
    problem, there = estimate.problem, estimate.marginal
    if not problem.effects or not np.isfinite(there.objective):
        return estimate
    cost = None if several else estimate.evaluations * _RUNS
    found = agreement(problem, there.point, there.objective, estimate.method, cost, there.modes, seed)
    reached = Judgement(estimate.status, estimate.message, estimate.cautions)
    judgement = with_exact(reached, found.agrees, found.sentence)
    exact = Exact(found.value, found.error, found.method, found.sentence)
    return replace(estimate, exact=exact, status=judgement.status, message=judgement.message)


def evaluated(objective: MarginalObjective, vector: Array, message: str) -> Estimate:
    """Return what the method says at a vector: everything but the search."""
    value = objective(vector)
    if not np.isfinite(value.objective):
        found = Minimum(vector, value, np.full((vector.size,) * 2, np.nan), np.nan, objective.evaluations)
        return _judged(objective, [Attempt("told", vector, value.objective, found)])
    there = value.marginal
    assert there is not None
    cautions: tuple[str, ...] = ()
    if objective.method != FO:
        several = several_modes(objective.problem, there.point, there.modes)
        if several.lower.any():
            value = objective.begin_at(vector, several.eta)
            there = value.marginal or there
        cautions = tuple(s for s in (several.sentence(objective.problem),) if s)
    hessian = differenced_hessian(objective, vector)
    return Estimate(
        objective.problem, objective.method, vector, _with_modes(objective, there), hessian,
        newton_step(hessian, value.gradient)[1], objective.evaluations, trace=tuple(objective.trace), status=EVALUATED,
        message=message, cautions=cautions,
    )  # fmt: skip


def _printed(step: Step) -> None:
    numbers = f"objective {step.objective:14.5f}  gradient {step.gradient:10.3g}"
    print(f"{step.evaluation:5d}  {numbers}  {step.seconds:8.3f} s")


def _judged(objective: MarginalObjective, attempts: list[Attempt]) -> Estimate:
    best = attempts[0]
    judgement = judge(objective, best)
    there = best.minimum.value.marginal
    if there is None:  # no start meets the constraints, say
        free = replace(objective.problem, population=replace(objective.problem.population, constraints=()))
        there = MarginalObjective(free, objective.method)(best.start).marginal
        assert there is not None
    notes = tuple(_other(objective.problem, each) for each in optima(attempts)[1:])
    tried = tuple(
        Tried(a.label, a.start, a.minimum.vector, a.first, a.objective, "" if a.complete else "met another search")
        for a in attempts
    )
    if judgement.status != FAILED:
        there = _with_modes(objective, there)
    return Estimate(
        objective.problem, objective.method, best.minimum.vector, there, best.minimum.hessian, best.minimum.decrement,
        objective.evaluations, trace=_way(objective, best), tried=tried, status=judgement.status,
        message=judgement.message, cautions=judgement.cautions, notes=notes,
    )  # fmt: skip


def _way(objective: MarginalObjective, best: Attempt) -> tuple[Step, ...]:
    """Return the trace of what improved, ended at the estimates; a value with rough modes may lie a hair lower."""
    value = best.minimum.value
    if not objective.trace or not np.isfinite(value.objective):
        return tuple(objective.trace)
    gradient, vector = float(np.abs(value.gradient).max(initial=0.0)), tuple(best.minimum.vector.tolist())
    end = Step(objective.evaluations, value.objective, gradient, vector, objective.trace[-1].seconds)
    return (*(step for step in objective.trace if step.objective > value.objective), end)


def _with_modes(objective: MarginalObjective, there: Marginal) -> Marginal:
    """Return the marginal with the conditional modes of the model itself; FO has those of the linear one."""
    if objective.method != FO:
        return there
    point = there.point
    return replace(there, modes=conditional_modes(objective.problem, point))


def _other(problem: Problem, attempt: Attempt) -> str:
    point = problem.at(attempt.minimum.vector)
    values = ", ".join(f"{p.name} {p.value:.4g}" for p in point.parameters if not p.fixed)
    return f"another optimum: objective {attempt.objective:.3f} at {values}"


def _pooled(problem: Problem, options: PopulationOptions) -> Estimate:
    """Return the naive pooled fit: nobody differs from anybody."""
    few = replace(options, starts=min(options.starts, 2))
    return replace(searched(pooled_problem(problem), few, FOCEI), method=POOLED)


def _two_stage(problem: Problem, options: PopulationOptions) -> Estimate:
    """Return the standard two-stage estimates; the objective is FOCEI's there."""
    found = two_stage(problem)
    lost = int((~found.used).sum())
    objective = MarginalObjective(problem, FOCEI)
    message = "means and covariance of the subjects' own estimates; the objective is FOCEI's there"
    result = evaluated(objective, found.vector, message)
    notes = (f"{lost} subjects have no estimate of their own and were left out of the second stage",) if lost else ()
    nothing = np.full(result.hessian.shape, np.nan)
    return replace(result, method=TWO_STAGE, hessian=nothing, notes=notes)


def _quadrature(problem: Problem, options: PopulationOptions) -> Estimate:
    """Return the maximum of the marginal likelihood by quadrature, from where FOCEI ends."""
    if options.starts == 0:
        return searched(problem, options, AGQ)
    begin = searched(problem, replace(options, check=False), FOCEI)
    found = searched(problem, options, AGQ, [("FOCEI", begin.vector)])
    return replace(found, notes=(*found.notes, "begun where FOCEI ended"))


def nodes_for(effects: int) -> int:
    """Return how many nodes an effect quadrature takes unless told.

    Raises
    ------
    InputError
        If even three are too many places a subject.
    """
    fitting = [n for n in (15, 11, 9, 7, 5, 3) if n**effects <= PLACES]
    if not fitting:
        raise InputError(
            f"quadrature over {effects} random effects needs {3**effects} places a subject at three nodes an effect; "
            "use method='SAEM' or 'IMP', or say options.nodes", "AGQ",
        )  # fmt: skip
    return fitting[0]


def _best_start(problem: Problem, options: PopulationOptions) -> tuple[str, Array]:
    """Return the most likely of the starts, by FOCEI, without a search."""
    objective = MarginalObjective(problem, FOCEI)
    return min(starts_of(problem, max(options.starts, 1)), key=lambda s: objective(s[1]).objective)


def _saem(problem: Problem, options: PopulationOptions) -> Estimate:
    """Return the estimates of SAEM; information by Louis' method, the likelihood by importance sampling."""
    if not problem.effects:
        raise InputError("SAEM: there is no random effect to draw; use FOCEI, which is exact here", "fit_population")
    if options.starts == 0:
        return _by_draws_alone(problem, options, SAEM)
    label, begin = _best_start(problem, options)
    run = saem(problem, begin, seed=options.seed)
    objective = MarginalObjective(problem, FOCEI)
    there = objective(run.vector).marginal
    assert there is not None
    hessian, notes = 2.0 * run.louis.information, tuple[str, ...]()
    if not _solid(hessian):  # noisy where the data tell a variance next to nothing
        hessian, notes = differenced_hessian(objective, run.vector), (BY_CURVATURE,)
    found = Estimate(
        problem, SAEM, run.vector, replace(there, scores=-2.0 * run.louis.scores), hessian,
        status=CONVERGED if run.converged else STOPPED, message=saem_message(problem, run), run=run, notes=notes,
    )  # fmt: skip
    return _with_draws(found, options, Tried(label, begin, run.vector, objective(begin).objective, there.objective))


def _importance_em(problem: Problem, options: PopulationOptions) -> Estimate:
    """Return the estimates of the EM by importance sampling, with its likelihood; R of the linearised likelihood."""
    if options.starts == 0:
        return _by_draws_alone(problem, options, IMP)
    label, begin = _best_start(problem, options)
    most, averaged = _ITERATIONS[0 if problem.codes[0].integrated is None else 1]
    settings = EMSettings(most=most, most_averaged=averaged, final=0)  # the likelihood follows, with the call's draws
    run = importance_em(problem, begin, settings, options.seed)
    objective = MarginalObjective(problem, FOCEI)
    there = evaluated(objective, run.vector, run.message)
    found = replace(there, method=IMP, status=CONVERGED if run.status == "converged" else STOPPED, run=run)
    return _with_draws(found, options, Tried(label, begin, run.vector, objective(begin).objective, there.objective))


def _solid(matrix: Array) -> bool:
    """Whether a matrix is finite and positive definite."""
    return bool(np.isfinite(matrix).all() and (not matrix.size or np.linalg.eigvalsh(matrix)[0] > 0))


def _by_draws_alone(problem: Problem, options: PopulationOptions, method: str) -> Estimate:
    """Return the likelihood by importance sampling at the start; nothing is searched."""
    objective = MarginalObjective(problem, FOCEI)
    found = evaluated(objective, problem.start, "nothing was searched: the objective is that of the given values")
    if not problem.effects or not np.isfinite(found.marginal.objective):
        return replace(found, method=method)
    tried = Tried("told", problem.start, problem.start, found.objective, found.objective)
    return _with_draws(replace(found, method=method), options, tried)


def _with_draws(found: Estimate, options: PopulationOptions, tried: Tried) -> Estimate:
    """Return an estimate with −2 log L by importance sampling in the place of FOCEI's."""
    there = found.marginal
    likelihood = importance_sampling(found.problem, there.point, there.modes, options.draws, options.seed)
    exact = Exact(likelihood.objective, likelihood.error, likelihood.method, "the objective itself")
    notes = (
        f"objective by {likelihood.method}, Monte-Carlo error {likelihood.error:.2g}", *found.notes,
        *(f"subject {s!r}: {r}" for s, r in zip(found.problem.data.subjects, likelihood.reasons, strict=True) if r),
    )  # fmt: skip
    return replace(
        found, marginal=replace(there, objective=likelihood.objective, individual=likelihood.individual), exact=exact,
        tried=(tried,), notes=notes,
    )  # fmt: skip


def _by(method: str) -> Run:
    return lambda problem, options: searched(problem, options, method)


METHODS: Mapping[str, Run] = {
    FOCEI: _by(FOCEI), FOCE: _by(FOCE), LAPLACE: _by(LAPLACE), FO: _by(FO), AGQ: _quadrature, SAEM: _saem,
    IMP: _importance_em, POOLED: _pooled, TWO_STAGE: _two_stage,
}  # fmt: skip
"""Name → method."""
