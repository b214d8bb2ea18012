"""What a newcomer ran into on the first day, each with the answer it should have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pkpd
from pkpd.errors import InputError

ORAL = pkpd.library.one_compartment(absorption=True)


@pytest.fixture(scope="module")
def theophylline() -> pkpd.Study:
    return pkpd.data.theophylline()


@pytest.fixture(scope="module")
def start(theophylline: pkpd.Study) -> pkpd.Parameters:
    return pkpd.initial_estimates(ORAL, pkpd.nca(theophylline, "theophylline"))


def test_a_pooled_fit_at_an_upper_bound_says_so(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    bound = start.with_values(ka=0.8).bound("ka", 0, 1)
    fit = pkpd.fit_pooled(ORAL, theophylline, bound, error={"C": "additive"})
    assert fit.status == "on a bound"
    assert "ka" in fit.message


def test_a_combined_error_is_never_worse_than_an_additive_one(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    """The models are nested; the combined one has two optima on these data."""
    additive = pkpd.fit_pooled(ORAL, theophylline, start, error={"C": "additive"})
    with pytest.warns(pkpd.FitWarning):
        combined = pkpd.fit_pooled(ORAL, theophylline, start, error={"C": "combined"})
    assert additive.minus2ll == pytest.approx(471.219, abs=0.001)
    assert combined.minus2ll <= additive.minus2ll


def test_fewer_subjects_than_parameters_have_no_sandwich(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    fit = pkpd.fit_pooled(ORAL, theophylline.select(subjects=[1, 2]), start, error={"C": "additive"})
    assert fit.covariance_kind == "from the Hessian"
    assert np.linalg.matrix_rank(fit.covariance) == 4
    assert "2 subjects for 4 parameters" in fit.notes[0]


def test_start_values_by_hand(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    by_hand = ORAL.parameters.with_values(CL=0.04, V=0.5, ka=1.5)
    fit = pkpd.fit_pooled(ORAL, theophylline, by_hand, error={"C": "additive"})
    other = pkpd.fit_pooled(ORAL, theophylline, start, error={"C": "additive"})
    assert fit.minus2ll == pytest.approx(other.minus2ll, abs=1e-6)


def test_a_bound_far_from_the_estimate_changes_nothing(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    """On the logit scale a standard error is wide sooner: that is no reason to call a parameter not identified."""
    one = theophylline.select(subjects=[1])
    free = pkpd.fit_individuals(ORAL, one, start, error={"C": "additive"})[1]
    bounded = pkpd.fit_individuals(ORAL, one, start.with_values(ka=1.5).bound("ka", 0, 2), error={"C": "additive"})[1]
    assert free.status == bounded.status == "converged"
    assert bounded.parameters["ka"] == pytest.approx(free.parameters["ka"], rel=1e-4)


def test_a_proportional_error_and_a_prediction_of_zero(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    fits = pkpd.fit_individuals(ORAL, theophylline.select(subjects=[1]), start, error={"C": "proportional"})
    assert fits[1].status == "failed"
    assert "subject 1 at time 0" in fits[1].message
    assert "1 individual fits, 0 converged" in fits.summary()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s, p: pkpd.fit_pooled(ORAL, s, p, error="proportional"), "mapping from output to kind"),
        (lambda s, p: pkpd.fit_pooled(ORAL, s, {"CL": 5}), "expected Parameters"),
        (lambda s, p: pkpd.fit_pooled(ORAL, s.observations, p), "read_study"),
        (lambda s, p: pkpd.nca(s.observations, "theophylline"), "read_study"),
        (lambda s, p: pkpd.simulate(ORAL.with_values(CL=1, V=1), "100 mg"), "expected a Regimen"),
        (lambda s, p: ORAL.with_values(CL="5 L/h"), "in_units"),
        (lambda s, p: s.select(subjects=["1"]), "did you mean 1?"),
        (lambda s, p: pkpd.bolus("10 mg", days=[0]), "days ≥ 1"),
        (lambda s, p: pkpd.define({"A": "-k*A"}, {"k": 1}, output={"C": "A"}), "did you mean 'outputs'?"),
        (lambda s, p: pkpd.Omega.independent(CL="30 %"), "finite number"),
        (lambda s, p: pkpd.Population(ORAL, p, {"CL": 0.3}), "expected Omega"),
        (lambda s, p: pkpd.fit_pooled(ORAL, pkpd.data.theophylline(dose="0 mg"), p), "no doses"),
    ],
)
def test_mix_ups_are_said_in_words(call: Any, says: str, theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    with pytest.raises(InputError, match=says.replace("?", r"\?")):
        call(theophylline, start)


def test_a_misspelt_residual_error_is_not_passed_over(theophylline: pkpd.Study, start: pkpd.Parameters) -> None:
    """A start value for ``add_CC`` was ignored in silence, because its name begins like a residual error's."""
    wrong = start + pkpd.Parameters((pkpd.Parameter("add_CC", 0.5),))
    with pytest.raises(InputError, match=r"'add_CC'.*add_C"):
        pkpd.fit_pooled(ORAL, theophylline, wrong, error={"C": "additive"})


def test_the_end_of_an_infusion_is_on_the_default_grid() -> None:
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=5, V=20)
    found = pkpd.simulate(model, pkpd.infusion("100 mg", "1.5 h"))
    k = 5 / 20
    exact = 100 / 1.5 / 5 * (1 - np.exp(-k * 1.5))
    assert float(found["C"].max()) == pytest.approx(exact, rel=1e-12)
