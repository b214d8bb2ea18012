"""Must be shown: wrong starts end at the right optimum, or say that they did not. Twenty starts each: `tests/long`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fit.mixed.answers import fitted
from tests.fit.mixed.cases import theophylline
from tests.fit.mixed.wrong_starts import DEFAULT, OPTIMA, check_both_sides, check_ends


@pytest.mark.parametrize("name", OPTIMA)
def test_three_and_fivefold_wrong(reference: Path, name: str) -> None:
    check_ends(reference, name, count=2, misses=0)


def test_the_start_that_ends_nowhere_by_a_plain_search(reference: Path) -> None:
    """From ka 0.5, CL 1, V 10 a plain BFGS ends in 170.40."""
    case = theophylline(reference, ka=0.5, CL=1.0, V=10.0)
    fit = fitted(case, options=DEFAULT)
    assert fit.converged
    assert fit.objective == pytest.approx(116.8034, abs=1e-3)
    one = fitted(case)
    assert not one.converged or one.objective == pytest.approx(116.8034, abs=1e-3)


def test_both_sides_of_flip_flop_are_found_and_named(reference: Path) -> None:
    check_both_sides(reference, count=1)


@pytest.mark.parametrize("name", ["CL", "V", "ka", "add_C"])
@pytest.mark.parametrize("factor", [1e6, 1e-6])
def test_a_million_times_wrong(reference: Path, name: str, factor: float) -> None:
    case = theophylline(reference)
    values = case.population.parameters
    wrong = values.with_values({name: values[name] * factor})
    case = replace(case, population=replace(case.population, parameters=wrong))
    fit = fitted(case, options=DEFAULT)
    assert fit.converged
    assert fit.objective == pytest.approx(116.8034, abs=1e-3)


def test_a_million_times_wrong_and_nothing_else_is_tried(reference: Path) -> None:
    """The told start alone: it may end elsewhere, and then it does not say converged."""
    case = theophylline(reference, CL=2.75e6, V=31.8e6, ka=1.6e6)
    fit = fitted(case)
    assert not fit.converged
    assert fit.message
