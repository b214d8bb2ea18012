"""Importance sampling: closed forms, an honest error, draws that know neither names nor order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pkpd.errors import InputError
from pkpd.fit.mixed.marginal.importance import draws_needed, importance_sampling
from pkpd.fit.mixed.marginal.pareto import pareto_shape
from pkpd.fit.mixed.marginal.proposal import subject_keys
from pkpd.fit.mixed.marginal.quadrature import quadrature
from pkpd.population import Omega

from .integral_cases import linear, phenobarbital, theophylline, theophylline_study, unsolvable

FLIPPED = {"ka": 0.085, "CL": 2.72, "V": 1.68, "add_C": 0.709}
FLIPPED_OMEGA = {"ka": 0.003**0.5, "CL": 0.030**0.5, "V": 0.37**0.5}
"""Theophylline, the optimum with ka < CL/V as SAEM prints it (figures/estimation/targets.json, flip_flop)."""


def test_error_covers_the_closed_form() -> None:
    """Over 60 seeds the standardised error has mean 0 and SD 1, and so has that of single subjects."""
    problem = linear()
    point = problem.at(problem.start)
    exact = quadrature(problem, point, nodes=2)
    whole, single = [], []
    for seed in range(60):
        found = importance_sampling(problem, point, draws=128, seed=seed)
        whole.append((found.objective - exact.objective) / found.error)
        single.append((found.individual - exact.individual) / found.individual_error)
    assert abs(np.mean(whole)) < 0.5
    assert 0.7 < np.std(whole) < 1.4  # 60 seeds: 99 % between 0.77 and 1.25 if the errors were normal
    assert np.mean(np.abs(single)) < 1.3  # t with 7 degrees of freedom: 0.87
    assert found.evaluations == draws_needed(128) == 144


def test_means_and_spreads(reference: Path) -> None:
    """Conditional means and SDs are those of quadrature; draws are good ones."""
    problem = theophylline(reference)
    point = problem.at(problem.start)
    exact, found = quadrature(problem, point, nodes=9), importance_sampling(problem, point, draws=4000)
    assert found.objective == pytest.approx(exact.objective, abs=4 * found.error)
    assert found.error < 0.02
    np.testing.assert_allclose(found.mean, exact.mean, atol=0.02 * exact.sd.max())
    np.testing.assert_allclose(found.sd, exact.sd, rtol=0.05)
    assert found.effective.min() > 0.7 * found.evaluations
    assert found.pareto.max() < 0.5
    assert not any(found.reasons)


def test_flip_flop_as_others_print_it(reference: Path) -> None:
    """112.30 by importance sampling at the other optimum, printed with two digits of each estimate."""
    problem = theophylline(reference, Omega.independent(**FLIPPED_OMEGA), **FLIPPED)
    found = importance_sampling(problem, problem.at(problem.start), draws=4000)
    assert found.objective == pytest.approx(112.30, abs=0.2)


def test_same_seed_same_bits_whoever_stands_where(reference: Path) -> None:
    """Order and names of subjects change no draw; another seed changes all."""
    order = np.array([3, 0, 11, 7, 1, 2, 10, 9, 8, 4, 6, 5])
    known = theophylline(reference)
    moved = theophylline(reference, study=theophylline_study(reference, order, renamed=True))
    first, second = (importance_sampling(p, p.at(p.start), draws=64) for p in (known, moved))
    np.testing.assert_allclose(second.individual, first.individual[order], atol=1e-9)
    again = importance_sampling(known, known.at(known.start), draws=64)
    np.testing.assert_array_equal(again.individual, first.individual)
    other = importance_sampling(known, known.at(known.start), draws=64, seed=2)
    assert (np.abs(other.individual - first.individual) > 1e-9).all()


def test_twins_have_draws_of_their_own(reference: Path) -> None:
    """The same subject twice: the errors would not be independent otherwise."""
    data = phenobarbital(reference).data
    twice = data.part([0, 1])
    keys = subject_keys(twice)
    assert len(set(keys)) == 2
    from pkpd.fit.mixed.marginal.copies import repeated

    assert len(set(subject_keys(repeated(twice, 3)))) == 6


@pytest.mark.parametrize("shape", [0.1, 0.5, 0.9])
def test_pareto_shape_of_pareto_draws(shape: float) -> None:
    """Weights with a generalised Pareto tail: the shape comes back, drawn a little towards 0.5."""
    rng = np.random.default_rng(4)
    x = ((1 - rng.uniform(size=(40, 4000))) ** -shape - 1) / shape
    assert pareto_shape(np.log(x)).mean() == pytest.approx(shape, abs=0.05)


def test_pareto_shape_of_no_tail() -> None:
    """Equal weights, and too few."""
    assert pareto_shape(np.zeros((2, 1000))).tolist() == [-np.inf, -np.inf]
    assert np.isnan(pareto_shape(np.zeros((1, 20)))).all()


def test_what_cannot_be_solved_is_said() -> None:
    """NaN with a reason; impossible requests are errors."""
    problem = unsolvable()
    found = importance_sampling(problem, problem.at(problem.start), draws=64)
    assert np.isnan(found.objective)
    assert "could not be solved" in found.reasons[0]
    with pytest.raises(InputError, match="draws"):
        importance_sampling(problem, problem.at(problem.start), draws=1)
