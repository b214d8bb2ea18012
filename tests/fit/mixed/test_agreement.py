"""The exact likelihood beside an approximation: what it costs, and what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pkpd.fit.mixed.marginal.agreement import FREE, agreement
from pkpd.fit.mixed.marginal.laplacian import FOCE, FOCEI, marginal

from .integral_cases import phenobarbital, theophylline, unsolvable


@pytest.mark.parametrize("method", [FOCEI, FOCE])
def test_theophylline_agrees(reference: Path, method: str) -> None:
    """118.1234 by 31 nodes at NONMEM's estimates; five nodes are affordable, and the exact minimum is 0.02 lower."""
    problem = theophylline(reference)
    fit = marginal(problem, problem.at(problem.start), method)
    found = agreement(problem, fit.point, fit.objective, method, modes=fit.modes)
    assert "quadrature, 5 nodes" in found.method
    assert found.agrees
    assert found.sentence == ""
    assert found.value == pytest.approx(118.1234, abs=found.error)
    assert found.fall == pytest.approx(118.1234 - 118.1010, abs=0.01)
    assert found.difference == pytest.approx(116.8037 - 118.1234, abs=0.02)
    assert found.evaluations <= FREE


def test_more_is_done_where_the_fit_cost_more(reference: Path) -> None:
    """The nodes cost no more than the fit did."""
    problem = phenobarbital(reference)
    point = problem.at(problem.start)
    assert "9 nodes" in agreement(problem, point, 688.52, FOCEI).method
    problem = theophylline(reference)
    point = problem.at(problem.start)
    assert "9 nodes" in agreement(problem, point, 116.80, FOCEI, evaluations=2000).method


def test_disagreement_is_said(reference: Path) -> None:
    """Another number, and another place."""
    problem = theophylline(reference)
    point = problem.at(problem.start)
    off = agreement(problem, point, 90.0, FOCEI)
    assert not off.agrees
    assert "differ by 28.1" in off.sentence
    away = problem.at(problem.start + 0.2)
    fit = marginal(problem, away)
    found = agreement(problem, away, fit.objective, FOCEI, modes=fit.modes)
    assert not found.agrees
    assert "could still fall by" in found.sentence


def test_draws_where_nodes_are_too_many(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the same cost, with an error of its own."""
    monkeypatch.setattr("pkpd.fit.mixed.marginal.agreement._NODES", ())
    problem = theophylline(reference)
    found = agreement(problem, problem.at(problem.start), 116.80, FOCEI, evaluations=600)
    assert "importance sampling" in found.method
    assert found.evaluations <= 600
    assert found.value == pytest.approx(118.1234, abs=4 * found.error)
    assert np.isnan(found.fall)


def test_what_cannot_be_computed_is_said() -> None:
    """NaN, and which subject is to blame."""
    problem = unsolvable()
    found = agreement(problem, problem.at(problem.start), 1.0, FOCEI)
    assert np.isnan(found.value)
    assert not found.agrees
    assert "subject 1: the equations could not be solved" in found.sentence
