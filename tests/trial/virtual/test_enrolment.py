"""Who is enrolled where: the rules of escalation with patients who have toxicities of their own."""

import numpy as np
import pytest

from pkpd.trial import Boin, Crm, ThreePlusThree, operating_characteristics
from pkpd.trial.escalation.states import STOP
from pkpd.trial.virtual.enrolment import NOBODY, enrol

DOSES = (10.0, 30.0, 40.0, 50.0)
TRUE = np.array([0.02, 0.12, 0.25, 0.45])


def drawn(trials: int, patients: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    toxic = rng.random((trials, patients))[:, :, None] < TRUE
    return toxic, rng.random((trials, patients)) >= 0.2


def test_the_shares_of_doses_are_those_of_the_closed_form() -> None:
    """Toxicities drawn patient by patient, some replaced: MTD, patients and toxicities are the exact ones of 3+3."""
    design, trials = ThreePlusThree(DOSES), 4_000
    toxic, evaluable = drawn(trials, 60)
    # A toxicity is seen in everybody, so a patient counts with probability 1 − 0.2·(1 − p), and then it is more
    # frequent: p/(1 − 0.2·(1 − p)).
    counted = TRUE / (1 - 0.2 * (1 - TRUE))
    found = enrol(design, toxic, evaluable)
    exact = operating_characteristics(design, counted, method="exact")
    table = exact.table()
    assert found.complete.all()
    chosen = np.array([(found.chosen == k).mean() for k in range(4)])
    assert np.abs(chosen - table["selected"]).max() < 4 * np.sqrt(0.25 / trials)
    assert abs((found.chosen == STOP).mean() - exact.none_selected) < 4 * np.sqrt(0.25 / trials)
    sd = found.treated.std(axis=0) / np.sqrt(trials)
    assert (np.abs(found.treated.mean(axis=0) - table["patients"]) < 4 * sd + 1e-12).all()
    assert np.abs(found.toxic.mean(axis=0) - table["dlt"]).max() < 4 * found.toxic.std(axis=0).max() / np.sqrt(trials)


@pytest.mark.parametrize("design", [ThreePlusThree(DOSES), Boin(DOSES, most=24), Crm(DOSES, (0.05, 0.1, 0.2, 0.35))])
def test_every_patient_is_counted_once(design: object) -> None:
    """Levels, cohorts and counts agree; the expansion is at the chosen dose and takes everybody who is left."""
    toxic, evaluable = drawn(60, 52)
    found = enrol(design, toxic, evaluable)
    every = np.arange(52)
    for k in range(60):
        level, cohort = found.level[k], found.cohort[k]
        early = cohort > 0
        counted = early & (evaluable[k] | toxic[k, every, np.maximum(level, 0)])
        for one in range(4):
            at = counted & (level == one)
            assert at.sum() == found.treated[k, one]
            assert toxic[k, at, one].sum() == found.toxic[k, one]
        assert (np.diff(cohort[early]) >= 0).all()
        if found.chosen[k] == STOP:
            assert (level[~early] == NOBODY).all()
        else:
            assert (level[~early] == found.chosen[k]).all()
            assert (cohort[~early] == 0).all()
        steps = found.steps[k][found.steps[k, :, 0] >= 0]
        assert steps[:, 1].sum() == counted.sum()
        assert (steps[1:, 0] == steps[:-1, 3]).all()
        assert steps[-1, 3] == STOP


def test_a_trial_that_runs_out_of_patients_says_so() -> None:
    """Seven patients do not finish an escalation of four doses without toxicity: nothing is recommended."""
    found = enrol(ThreePlusThree(DOSES), np.zeros((1, 7, 4), dtype=bool), np.ones((1, 7), dtype=bool))
    assert not found.complete[0]
    assert found.chosen[0] == STOP
    assert found.level[0].tolist() == [0, 0, 0, 1, 1, 1, 2]


def test_nobody_is_evaluable() -> None:
    """Without anybody who counts the trial ends when its patients do."""
    found = enrol(ThreePlusThree(DOSES), np.zeros((2, 9, 4), dtype=bool), np.zeros((2, 9), dtype=bool))
    assert not found.complete.any()
    assert (found.treated == 0).all()
    assert (found.level == 0).all()
