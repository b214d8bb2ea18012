"""Must be shown: random starts reach the same optimum, and data that do not determine a parameter say so."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas
import pytest

from pkpd import il21
from pkpd.errors import FitWarning
from pkpd.fit import fit_pooled
from pkpd.io import read_study
from pkpd.population import Population
from pkpd.simulate import simulate, simulated_study
from pkpd.study import Study
from tests.fit.fit_cases import PD_ERRORS, UNITS, grid, pd_design, pd_truth
from tests.fit.starts import SEED, check_pharmacodynamics, check_pharmacokinetics


def test_pharmacokinetics_from_five_starts() -> None:
    """9 of 10 of five are all five."""
    check_pharmacokinetics(5)


def test_pharmacodynamics_from_five_starts() -> None:
    check_pharmacodynamics(5)


@cache
def trial(*levels: float) -> tuple[Study, pandas.DataFrame]:
    """33 patients sampled as in the trial, doses (ug/kg) in turn from `levels`, and their PK."""
    ids = range(1, 34)
    visits = {"sCD25": il21.SCD25_DAYS, "ALC": il21.LAB_DAYS}
    table = pandas.concat([grid(ids, [24.0 * (d - 1) for d in days], a) for a, days in visits.items()])
    rows = [(k, 24.0 * (d - 1), levels[k % len(levels)], "bolus") for k in ids for d in il21.DOSE_DAYS]
    doses = pandas.DataFrame(rows, columns=["subject", "time", "amount", "route"])
    design = read_study(table, doses, units={n: u for n, u in UNITS.items() if n != "IL21"})
    _, given = pd_design(33, [1], [0.0])
    people = Population(il21.model(), pd_truth(), None, PD_ERRORS, given)
    return simulated_study(simulate(people, design, seed=SEED), design), given


@pytest.mark.parametrize("freed", [("EC50",), ("EC50", "kA")])
def test_one_dose_level_does_not_determine_ec50(freed: tuple[str, ...]) -> None:
    """il21.md, section 5: one dose level fixes the time course of A and nothing of EC50. Said, with the number."""
    study, given = trial(30.0)
    with pytest.warns(FitWarning, match="EC50"):
        fit = fit_pooled(il21.model(), study, pd_truth().release(*freed), given=given)
    assert fit.status == "not identified"
    assert "EC50" in fit.message
    assert f"condition number {fit.condition_number:.3g}" in fit.message
    assert fit.condition_number > 1000
    assert not fit.converged


def test_with_ec50_fixed_the_same_data_suffice() -> None:
    """The default of the case: no warning, converged, the truth within three standard errors."""
    study, given = trial(30.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_pooled(il21.model(), study, pd_truth(), given=given)
    assert fit.status == "converged"
    assert fit.condition_number < 100
    for k, name in enumerate(fit.parameters.free):
        off = np.log(fit.parameters[name] / pd_truth()[name]) / np.sqrt(fit.covariance[k, k])
        assert abs(off) < 3, name  # standard errors, all below 20 %
        assert np.sqrt(fit.covariance[k, k]) < 0.2


def test_three_dose_levels_determine_ec50_better() -> None:
    """The cure that section 5 names: doses of 3, 30 and 100 ug/kg together, with the same number of patients."""
    released = pd_truth().release("EC50")
    study, given = trial(3.0, 30.0, 100.0)
    better = fit_pooled(il21.model(), study, released, given=given)
    study, given = trial(30.0)
    with pytest.warns(FitWarning):
        worse = fit_pooled(il21.model(), study, released, given=given)
    assert better.status == "converged"
    assert better.condition_number < worse.condition_number / 2
    assert better.standard_errors()["EC50"] < worse.standard_errors()["EC50"] / 2
