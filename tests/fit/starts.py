"""Searches from random starts: how many reach the best optimum."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd import il21
from pkpd.fit import fit_pooled, residual_error
from pkpd.population import Population
from pkpd.simulate import simulate, simulated_study
from tests.fit.fit_cases import PD_ERRORS, pd_design, pd_truth, pk_design, pk_model, pk_truth, scattered

SEED = 2014


def reached(objectives: list[float]) -> float:
    """The share of searches that ended within 0.01 of the best."""
    return float((np.array(objectives) < min(objectives) + 0.01).mean())


def check_pharmacokinetics(starts: int) -> None:
    """Every parameter up to a factor of e^1.5 = 4.5 too small or too large; 9 of 10 reach the best optimum."""
    truth = pk_truth(prop_C=0.15)
    people = Population(pk_model(), truth, None, (residual_error("C", "proportional"),))
    design = pk_design(12, [5 / 60, 0.5, 1, 2, 4, 6, 8, 10])
    study = simulated_study(simulate(people, design, seed=SEED), design)
    fits = [fit_pooled(pk_model(), study, start) for start in scattered(truth, starts, 1, 1.5)]
    best = min(fits, key=lambda f: f.objective)
    assert best.status == "converged"
    assert best.parameters["CL"] == pytest.approx(167, rel=0.1)
    assert reached([f.objective for f in fits]) >= 0.9


def check_pharmacodynamics(starts: int) -> None:
    """PD with PK given, every parameter up to a factor of e = 2.7 off; 9 of 10 reach the best optimum."""
    design, given = pd_design(12, [1, 2, 3], [0, 6, 24, 36, 48, 72, 84, 96])
    people = Population(il21.model(), pd_truth(), None, PD_ERRORS, given)
    study = simulated_study(simulate(people, design, seed=SEED), design)
    fits = [fit_pooled(il21.model(), study, start, given=given) for start in scattered(pd_truth(), starts, 1, 1.0)]
    best = min(fits, key=lambda f: f.objective)
    assert best.status == "converged"
    assert best.parameters["SL"] == pytest.approx(9, rel=0.2)
    assert reached([f.objective for f in fits]) >= 0.9
