"""The verdict on a population fit: one word, and a sentence on what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.fit.cautions import cautions
from pkpd.fit.densities import measured_rows
from pkpd.fit.mixed.modes.modes import SADDLE, STALLED, UNSOLVED, WORDS
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.search.edges import alone, collapsed, exact_outputs
from pkpd.fit.mixed.search.objective import MarginalObjective
from pkpd.fit.mixed.search.search import Attempt
from pkpd.fit.search import GOOD_DECREMENT
from pkpd.fit.verdict import BOUND, CONVERGED, FAILED, HIGH_CONDITION, STOPPED, UNIDENTIFIED, invert

SADDLED, UNRELIABLE = "saddle", "unreliable"
_WIDE = 1.0  # SE on the log or logit scale
_FAR = 8.0  # on the logit scale: 0.9997 of the way to a bound
_AWAY = 12.0
_FLAT = 0.01
_NEGATIVE = -1e-5  # eigenvalue of the scaled Hessian
_EDGE = 1e-3  # relative margin of a constraint
_SHOWN = 5


@dataclass(frozen=True)
class Judgement:
    """What can be said of where a search ended.

    Attributes
    ----------
    status, message : str
        One word, and why, with what to do about it.
    cautions : tuple of str
        What a converged fit does not know well.
    """

    status: str
    message: str
    cautions: tuple[str, ...] = ()


def judge(objective: MarginalObjective, attempt: Attempt) -> Judgement:
    """Judge the end of a search by its gradient, curvature, bounds and modes.

    Parameters
    ----------
    objective : MarginalObjective
        What was minimised; asked again where something may lie on a bound.
    attempt : Attempt
        Where the best search ended.
    """
    problem, minimum = objective.problem, attempt.minimum
    if not np.isfinite(minimum.value.objective):
        why = objective.trouble(attempt.start) or "the likelihood is zero or not a number"
        out = "; give other start values"
        out += ", or go on without such subjects (unsolved='leave out')" if why.startswith("subject") else ""
        return Judgement(FAILED, f"cannot be computed at the start values: {why}{out}")
    if not problem.names:
        return Judgement(CONVERGED, "nothing was estimated")
    checks: Sequence[Callable[[], Judgement | None]] = (
        lambda: _nothing_measured(problem),
        lambda: _without_error(attempt, problem),
        lambda: _modes_failed(attempt, problem),
        lambda: _on_bound(objective, attempt),
        lambda: _on_constraint(problem, attempt),
        lambda: _saddle(problem, attempt),
        lambda: _unidentified(problem, attempt),
        lambda: _stopped(attempt),
    )
    for check in checks:
        found = check()
        if found is not None:
            return found
    covariance, condition = invert(minimum.hessian)
    parameters = problem.population.parameters.from_vector(minimum.vector[: problem.places.parameters])
    size = problem.places.parameters
    doubts = cautions(parameters, covariance[:size, :size], condition)
    doubts = (*doubts, *_odd_modes(attempt, problem))
    more = f"; caution: {'; '.join(doubts)}" if doubts else ""
    return Judgement(CONVERGED, f"gradient zero, curvature positive{more}", doubts)


def _nothing_measured(problem: Problem) -> Judgement | None:
    if measured_rows(problem.data).any():
        return None
    return Judgement(
        UNIDENTIFIED, f"all {problem.data.time.size} values lie beyond a limit: they say where concentrations are not, "
        "and nothing else can be told from them; a fit needs measured values"
    )  # fmt: skip


def _without_error(attempt: Attempt, problem: Problem) -> Judgement | None:
    there = attempt.minimum.value.marginal
    assert there is not None
    if not (exact := exact_outputs(problem, there)):
        return None
    return Judgement(
        BOUND, f"the residual error of {', '.join(exact)} ran to zero: the model goes through every value, and the "
        "likelihood grows without end; fix the residual error, or look whether these are measured values at all"
    )  # fmt: skip


def _modes_failed(attempt: Attempt, problem: Problem) -> Judgement | None:
    there = attempt.minimum.value.marginal
    assert there is not None
    lost = np.flatnonzero((there.modes.status == STALLED) | (there.modes.status == UNSOLVED))
    if not lost.size:
        return None
    names = _subjects(problem, lost)
    return Judgement(
        STOPPED, f"the random effects of {names} were not found ({WORDS[int(there.modes.status[lost[0]])]}): the "
        "objective is not exact there; look at these subjects' data, or leave them out"
    )  # fmt: skip


def _odd_modes(attempt: Attempt, problem: Problem) -> tuple[str, ...]:
    there = attempt.minimum.value.marginal
    assert there is not None
    odd = np.flatnonzero(there.modes.status == SADDLE)
    return (f"the curvature at the mode of {_subjects(problem, odd)} is not positive definite",) if odd.size else ()


def _subjects(problem: Problem, places: Integers) -> str:
    names = [repr(_plain(problem.data.subjects[int(k)])) for k in places[:_SHOWN]]
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return f"subject{'s' if len(places) > 1 else ''} {', '.join(names)}{more}"


def _plain(name: object) -> object:
    return name.item() if isinstance(name, np.generic) else name


def _on_bound(objective: MarginalObjective, attempt: Attempt) -> Judgement | None:
    problem, minimum = objective.problem, attempt.minimum
    parameters = problem.population.parameters.from_vector(minimum.vector[: problem.places.parameters])
    with np.errstate(all="ignore"):
        flat = np.sqrt(2.0 / np.diag(minimum.hessian))
    stuck = []
    for k, name in enumerate(parameters.free):
        item = parameters.get(name)
        loose = not flat[k] < _WIDE or (item.scale == "logit" and abs(minimum.vector[k]) > _FAR)
        if item.scale != "natural" and loose and _leaves_it(objective, attempt, k, item.scale):
            stuck.append(f"{name} = {item.value:.3g}")
    said = _collapses(problem, minimum.vector)
    if stuck:
        said.append(f"the data cannot tell these from their bound: {', '.join(stuck)}; fix them there or drop them")
    return Judgement(BOUND, "; ".join(said)) if said else None


def _collapses(problem: Problem, vector: Array) -> list[str]:
    """One sentence for the variances that ran to zero, one for the random effects that are sums of others."""
    gone: list[str] = []
    tied: list[str] = []
    for place in collapsed(problem, vector):
        (gone if alone(problem, vector, place) else tied).append(_effect(problem.names[place]))
    said = []
    if gone:
        which = "the variance of" if len(gone) == 1 else "the variances of"
        prefix, _, name = gone[0].partition("_")
        them = "it" if len(gone) == 1 else "the least plausible of them"
        said.append(
            f"{which} {', '.join(gone)} ran to zero: the data show no such variability; fit without {them}, e.g. leave "
            f"{name} out of {'iov' if prefix == 'kappa' else 'iiv'}=, or omega.fix({gone[0]}=0)"
        )
    if tied:
        said.append(
            f"{', '.join(tied)} cannot be told from the other random effects of its block (correlation of one): the "
            "data do not hold so many; use independent random effects or fewer of them"
        )
    return said


def _effect(element: str) -> str:
    return element.removeprefix("var(").removesuffix(")")


def _leaves_it(objective: MarginalObjective, attempt: Attempt, place: int, scale: str) -> bool:
    """Say whether moving one parameter all the way to its bound leaves the objective as it is."""
    moved = attempt.minimum.vector.copy()
    moved[place] += -_AWAY if scale == "log" else float(np.copysign(_AWAY, moved[place]))
    return bool(abs(objective(moved).objective - attempt.objective) < _FLAT)


def _on_constraint(problem: Problem, attempt: Attempt) -> Judgement | None:
    parameters = problem.population.parameters.from_vector(attempt.minimum.vector[: problem.places.parameters])
    values = parameters.as_dict()
    near = []
    for constraint in problem.population.inequalities:
        size = sum(abs(v) * abs(values[n]) for n, v in constraint.gradient(values).items())
        if abs(constraint.value(values)) < _EDGE * size:
            near.append(constraint.text)
    if not near or attempt.minimum.decrement < GOOD_DECREMENT:
        return None
    return Judgement(
        BOUND, f"the estimates lie on the edge of {', '.join(near)}: the data would have it otherwise; "
        "look at the other side with flip_flop=True"
    )  # fmt: skip


def _saddle(problem: Problem, attempt: Attempt) -> Judgement | None:
    hessian = attempt.minimum.hessian
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    if not np.isfinite(hessian).all():
        return Judgement(STOPPED, "the curvature could not be computed near the end; start from other values")
    size, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    if size[0] >= _NEGATIVE:
        return None
    return Judgement(
        SADDLED, f"the objective still falls along {_large(problem.names, vectors[:, 0])}: no minimum, a saddle; start "
        "from other values"
    )  # fmt: skip


def _unidentified(problem: Problem, attempt: Attempt) -> Judgement | None:
    hessian = attempt.minimum.hessian
    covariance, condition = invert(hessian)
    names = problem.names
    if not np.isfinite(covariance).all():
        scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
        weak = _large(names, np.linalg.eigh(hessian / np.outer(scale, scale))[1][:, 0])
        why = "singular curvature"
    elif condition > HIGH_CONDITION:
        sd = np.sqrt(np.diag(covariance))
        weak = _large(names, np.linalg.eigh(covariance / np.outer(sd, sd))[1][:, -1])
        why = f"condition number {condition:.3g}"
    else:
        size = problem.places.parameters
        parameters = problem.population.parameters
        wide = [
            n for n, v in zip(parameters.free, np.diag(covariance)[:size], strict=True)
            if parameters.get(n).scale != "natural"
            and not v < (2.0 if parameters.get(n).scale == "logit" else _WIDE) ** 2
        ]  # fmt: skip
        if not wide:
            return None
        weak, why = ", ".join(wide), "a standard error above 1 on its scale"
    several = " and " in weak or ", " in weak
    return Judgement(
        UNIDENTIFIED, f"the data do not determine {weak} ({why}); fix {'one of them' if several else 'it'} or add data"
    )


def _large(names: Sequence[str], direction: Array) -> str:
    size = np.abs(direction)
    return " and ".join(names[k] for k in np.argsort(-size) if size[k] > 0.5 * size.max())


def _stopped(attempt: Attempt) -> Judgement | None:
    decrement = attempt.minimum.decrement
    if decrement < GOOD_DECREMENT:
        return None
    gain = f"{decrement / 2:.2g}"
    return Judgement(STOPPED, f"a Newton step could still gain {gain} in −2 log L; start from other values")


def with_exact(judgement: Judgement, agrees: bool, sentence: str) -> Judgement:
    """Return the judgement after a comparison with the exact marginal likelihood (`pkpd.fit.mixed.marginal.agreement`).

    Parameters
    ----------
    judgement : Judgement
        Before it.
    agrees : bool
        Whether the approximation is near enough.
    sentence : str
        What to do where it is not.
    """
    if agrees or judgement.status != CONVERGED:
        return judgement
    return Judgement(UNRELIABLE, f"the search converged, but {sentence}", judgement.cautions)


__all__ = ["FAILED", "SADDLED", "UNRELIABLE", "Judgement", "judge", "with_exact"]
