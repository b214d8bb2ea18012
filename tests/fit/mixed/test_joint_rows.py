"""Rows that are conditioned, spread or coupled: every method knows them, or says that it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pkpd.errors import InputError
from pkpd.fit.mixed.em.importance_em import importance_em
from pkpd.fit.mixed.em.saem import saem
from pkpd.fit.mixed.em.saem_model import ChainModel
from pkpd.fit.mixed.marginal.copies import joint
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.marginal.quadrature import quadrature
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.residuals import residuals
from pkpd.fit.mixed.search.two_stage import two_stage
from pkpd.saving import load
from tests.fit.mixed.test_censoring import problem as censored
from tests.fit.mixed.test_pairs import usual as coupled
from tests.fit.mixed.test_spreads import problem as spread

SORTS: dict[str, Callable[[], Problem]] = {
    "M2": lambda: censored("combined", "M2"), "M3": lambda: censored("combined", "M3"),
    "M4": lambda: censored("combined", "M4"), "spread": lambda: spread("combined", "noise"),
    "pairs": lambda: coupled("both"),
}  # fmt: skip


@pytest.mark.parametrize("sort", SORTS)
def test_many_places_at_once_are_the_places_one_by_one(sort: str) -> None:
    """The joint density at the modes, three times side by side, is what the modes' own search says."""
    problem = SORTS[sort]()
    point = problem.at(problem.start)
    here = marginal(problem, point, "Laplace").modes.at
    places = np.repeat(here.white[:, None], 3, axis=1)
    for slopes in (False, True):
        found = joint(problem, point, places, slopes)
        np.testing.assert_allclose(found.value, np.repeat(here.objective[:, None], 3, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.by_shift[:, 1], here.gradient, atol=1e-10)


@pytest.mark.parametrize("sort", SORTS)
def test_one_node_is_laplace(sort: str) -> None:
    problem = SORTS[sort]()
    point = problem.at(problem.start)
    laplace = marginal(problem, point, "Laplace")
    assert quadrature(problem, point, nodes=1).objective == pytest.approx(laplace.objective, abs=1e-7)


@pytest.mark.parametrize("sort", ["M2", "M4"])
def test_chains_of_saem_are_conditioned(sort: str) -> None:
    problem = SORTS[sort]()
    point = problem.at(problem.start)
    here = marginal(problem, point, "Laplace").modes.at
    who = np.tile(np.arange(problem.subjects), 2)
    model = ChainModel(problem, who, np.arange(3))
    found = model.densities(np.concatenate([here.response.f] * 2), point.errors)
    expected = here.objective - ((here.eta @ point.inverse) * here.eta).sum(axis=1)
    np.testing.assert_allclose(found, np.tile(expected, 2), rtol=1e-10)


@pytest.mark.parametrize("sort", ["spread", "pairs"])
def test_methods_that_do_not_know_them_say_so(sort: str) -> None:
    problem = SORTS[sort]()
    methods: tuple[Callable[[], object], ...] = (
        lambda: saem(problem), lambda: two_stage(problem), lambda: importance_em(problem)
    )  # fmt: skip
    for method in methods:
        with pytest.raises(InputError, match="residual errors yet; take FOCEI"):
            method()


@pytest.mark.parametrize("sort", ["spread", "pairs"])
def test_a_population_written_down_and_read_is_the_same(sort: str, tmp_path: Path) -> None:
    people = SORTS[sort]().population
    again = load(people.save(tmp_path / "people.nc"))
    assert again.correlations == people.correlations
    assert again.error_exponents == people.error_exponents


def test_residuals_take_the_correlation_and_the_subjects_own_sd() -> None:
    """CWRES with a covariance written out for one subject; IWRES divided by its own SD."""
    problem = coupled("plain")
    point = problem.at(problem.start)
    modes = marginal(problem, point).modes
    table = residuals(problem, point, modes)
    own = slice(problem.starts[2], problem.starts[3])
    a = (modes.at.response.first @ problem.shifts.effects)[own]
    f, data = modes.at.response.f[own], problem.data
    sd = np.where(data.of("C")[own], 0.2 * f, 6.0)
    record, output = data.record[own], data.output[own]
    twins = (record[:, None] == record[None, :]) & (output[:, None] != output[None, :])
    residual = np.where(twins, 0.6, np.eye(len(f))) * np.outer(sd, sd)
    size, ways = np.linalg.eigh(a @ point.matrix @ a.T + residual)
    away = data.lower[own] - f + a @ modes.eta[2]
    np.testing.assert_allclose(table["CWRES"][own], ways @ (ways.T @ away / np.sqrt(size)), rtol=1e-9)

    problem = spread("proportional", "prop_C")
    point = problem.at(problem.start)
    modes = marginal(problem, point).modes
    table = residuals(problem, point, modes)
    factor = np.exp(modes.eta[problem.data.subject, problem.effects.index("eta_prop_C")])
    f = modes.at.response.f
    np.testing.assert_allclose(table["IWRES"], (problem.data.lower - f) / (0.2 * f * factor), rtol=1e-12)
