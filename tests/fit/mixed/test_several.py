"""Subjects with several modes of their random effects: the lowest is taken, all are named, draws see them all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.marginal.copies import joint
from pkpd.fit.mixed.marginal.several import ODD, beginnings, several_modes
from pkpd.fit.mixed.modes.modes import FOUND, conditional_modes
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.problem.problem import Problem
from tests.fit.mixed.answers import fitted
from tests.fit.mixed.cases import Case, phenobarbital, theophylline, warfarin


def two_sided(reference: Path) -> Case:
    """Theophylline with an absorption near the elimination and a wide Ω: each subject may stand on either side."""
    case = theophylline(reference)
    vector = case.problem.start.copy()
    vector[:3] = np.log([0.25, 2.7, 10.0])
    vector[4:] = np.log([0.8, 0.4, 0.8])
    return replace(case, population=case.problem.population_at(vector))


def by_restarts(problem: Problem, count: int = 12) -> list[list[float]]:
    """Objectives of all modes of every subject that are met from so many random beginnings."""
    point, rng = problem.at(problem.start), np.random.default_rng(5)
    found: list[list[float]] = [[] for _ in range(problem.subjects)]
    for _ in range(count):
        begin = 2.5 * rng.standard_normal((problem.subjects, len(problem.effects))) @ point.root.T
        modes = conditional_modes(problem, point, begin)
        for k, value in enumerate(modes.at.objective):
            if modes.status[k] == FOUND and all(abs(value - known) > 1e-6 for known in found[k]):
                found[k].append(value)
    return [sorted(values) for values in found]


def test_the_lowest_mode_is_found_and_the_next_is_named(reference: Path) -> None:
    problem = two_sided(reference).problem
    point = problem.at(problem.start)
    found = several_modes(problem, point, conditional_modes(problem, point))
    assert found.lower.sum() >= 2  # from the typical subject alone, some end in the wrong one
    lowest = conditional_modes(problem, point, found.eta)
    for k, values in enumerate(by_restarts(problem)):
        assert lowest.at.objective[k] == pytest.approx(values[0], abs=1e-7)
        assert found.gap[k] == pytest.approx(values[1] - values[0], abs=1e-6)
    assert not several_modes(problem, point, lowest).lower.any()
    assert str(problem.data.subjects[int(found.gap.argmin())]) in found.sentence(problem)


@pytest.mark.parametrize("make", [theophylline, warfarin, phenobarbital])
def test_published_fits_have_one_mode_a_subject(reference: Path, make) -> None:
    problem = make(reference).problem
    point = problem.at(problem.start)
    found = several_modes(problem, point, conditional_modes(problem, point))
    assert not found.lower.any()
    assert found.sentence(problem) == ""


def test_an_evaluation_does_not_depend_on_where_the_modes_begin(reference: Path) -> None:
    case = two_sided(reference)
    options = PopulationOptions(starts=0)
    fit = fitted(case, options=options)
    problem = fit.estimate.problem  # ka > CL/V has changed the places of the two
    point = problem.at(problem.start)
    parts = []
    for k, values in enumerate(by_restarts(problem)):
        parts.append(float(fit.individuals["objective"][k]))
        assert fit.estimate.marginal.modes.at.objective[k] == pytest.approx(values[0], abs=1e-7)
    assert sum(parts) == pytest.approx(fit.objective, abs=1e-8)
    cold = conditional_modes(problem, point).at.objective.sum()
    assert fit.estimate.marginal.modes.at.objective.sum() < cold - 1.0
    assert any("more than one mode" in text for text in fit.cautions)


def test_a_fit_with_several_modes_is_compared_with_draws(reference: Path) -> None:
    """Nodes about one mode do not see the other; −2 log L by draws from the prior is the measure."""
    case = two_sided(reference)
    own = case.population
    fixed = replace(own, omega=own.omega.fix(), parameters=own.parameters.fix("ka", "CL", "V"))
    fixed = replace(fixed, constraints=("ka < 100",))
    fit = fitted(replace(case, population=fixed), options=PopulationOptions(starts=1))
    problem, point, rng = fit.estimate.problem, fit.estimate.point, np.random.default_rng(2)
    rounds = []
    for _ in range(4):
        white = rng.standard_normal((problem.subjects, 4000, 3))
        value = joint(problem, point, white).value - (white**2).sum(axis=2)
        least = value.min(axis=1)
        rounds.append((least - 2 * np.log(np.exp(-0.5 * (value - least[:, None])).mean(axis=1))).sum())
    error = np.std(rounds, ddof=1) / np.sqrt(len(rounds))
    assert fit.exact is not None
    assert "importance sampling" in fit.exact.method
    assert abs(fit.exact.value - np.mean(rounds)) < 4 * np.hypot(error, fit.exact.error) + 0.5
    assert any("more than one mode" in text for text in fit.cautions)


def test_beginnings_and_who_is_looked_at(reference: Path) -> None:
    np.testing.assert_array_equal(
        beginnings(("eta_CL", "kappa_CL_1", "eta_V")),
        [[0, 0, 0], [-2, 0, 0], [2, 0, 0], [0, 0, -2], [0, 0, 2]],
    )
    problem = two_sided(reference).problem
    point = problem.at(problem.start)
    modes = conditional_modes(problem, point)
    few = several_modes(problem, point, modes, least=ODD)
    every = several_modes(problem, point, modes)
    looked = np.isfinite(few.gap)
    assert 0 < looked.sum() < problem.subjects
    np.testing.assert_allclose(few.gap[looked], every.gap[looked], atol=1e-8)
