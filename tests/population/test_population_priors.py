"""Constraints, priors, and what a fit hands over."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import invwishart, multivariate_normal

from pkpd import library
from pkpd.errors import InputError
from pkpd.parameters import Parameters
from pkpd.population import Constraint, InverseWishart, NormalPrior, Omega, Population, Source, block, population_of

MODEL = library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
VALUES = MODEL.parameters.with_values(CL=3.0, V=30.0, ka=0.8)


def test_constraints_are_read_checked_and_differentiated() -> None:
    values = VALUES.as_dict()
    constraint = Constraint("ka > CL/V")
    assert constraint.names == ("CL", "V", "ka")
    assert constraint.value(values) == pytest.approx(0.7)
    assert constraint.gradient(values) == pytest.approx({"ka": 1.0, "CL": -1 / 30, "V": 3 / 900})
    assert Constraint("CL <= 3").holds(values)
    assert not Constraint("CL < 3").holds(values)
    flipped = Population(MODEL, VALUES.with_values(ka=0.05), constraints=("ka > CL/V", "V > CL"))
    assert flipped.broken == ("ka > CL/V",)
    for text in ("ka", "ka > CL > V", "ka == CL", "ka >", "ka > open(1)"):
        with pytest.raises(InputError):
            Constraint(text)


def test_priors_are_the_densities_of_the_books() -> None:
    """Value against SciPy, gradients against sixth-order differences."""
    omega = block("CL", "V", omega=[[0.09, 0.02], [0.02, 0.05]]) + Omega.independent(ka=0.3)
    normal = NormalPrior({"CL": 2.5, "V": 33.0}, np.array([[0.04, 0.01], [0.01, 0.09]]))
    wishart = InverseWishart(("CL", "V"), np.array([[0.5, 0.1], [0.1, 0.4]]), 7.0)
    people = Population(MODEL, VALUES.fix("V"), omega, priors=(normal, wishart))
    density = people.prior_density()
    away = np.log([3.0 / 2.5, 30.0 / 33.0])
    expected = -2 * multivariate_normal.logpdf(away, cov=[[0.04, 0.01], [0.01, 0.09]])
    expected -= 2 * invwishart.logpdf([[0.09, 0.02], [0.02, 0.05]], 7, [[0.5, 0.1], [0.1, 0.4]])
    assert density.value == pytest.approx(expected, rel=1e-12)
    weights = {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}

    def at(parameters: Parameters, covariance: Omega) -> float:
        return sum(p.density(parameters, covariance).value for p in people.priors)

    x, v, step = people.parameters.to_vector(), omega.to_vector(), 1e-2
    for k in range(x.size):
        slope = sum(
            w * at(people.parameters.from_vector(x + n * step * np.eye(x.size)[k]), omega) for n, w in weights.items()
        )
        assert density.parameters[k] == pytest.approx(slope / step, abs=1e-8)
    for k in range(v.size):
        slope = sum(
            w * at(people.parameters, omega.from_vector(v + n * step * np.eye(v.size)[k])) for n, w in weights.items()
        )
        assert density.omega[k] == pytest.approx(slope / step, rel=1e-8, abs=1e-7)
    mode = InverseWishart.with_mode(omega.matrix()[:2, :2], 7.0, "CL", "V")
    np.testing.assert_allclose(mode.density(VALUES, omega).omega, 0.0, atol=1e-10)


@pytest.mark.parametrize(("prior", "words"), [
    (lambda: NormalPrior({"CL": 1.0}, {"V": 0.1}), "standard deviations of V"),
    (lambda: NormalPrior({"CL": 1.0}, np.zeros((1, 1))), "positive definite"),
    (lambda: InverseWishart(("CL",), np.eye(2), 3.0), "positive definite"),
    (lambda: InverseWishart(("CL", "V"), np.eye(2), 1.0), "above 1"),
])  # fmt: skip
def test_priors_that_cannot_be(prior: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        prior()  # type: ignore[operator]


def test_priors_must_fit_the_population() -> None:
    omega = Omega.independent(CL=0.3)
    with pytest.raises(InputError, match="did you mean 'CL'"):
        Population(MODEL, VALUES, omega, priors=(NormalPrior({"cl": 1.0}, {"cl": 0.1}),))
    with pytest.raises(InputError, match="outside its bounds"):
        Population(MODEL, VALUES, omega, priors=(NormalPrior({"CL": -1.0}, {"CL": 0.1}),))
    with pytest.raises(InputError, match="unknown random effect in a prior"):
        Population(MODEL, VALUES, omega, priors=(InverseWishart(("V",), np.eye(1), 3.0),))


class Handed:
    """Something that knows a population."""

    def population(self) -> Population:
        return Population(MODEL, VALUES, Omega.independent(CL=0.3))

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Population, ...]:
        return (self.population(),) * n

    def individual_values(self) -> None:
        return None


def test_a_source_is_whatever_hands_over_a_population() -> None:
    source = Handed()
    assert isinstance(source, Source)
    assert population_of(source).omega.effects() == ("CL",)
    assert population_of(MODEL.with_values(CL=1.0, V=1.0, ka=1.0)).omega.free == ()
    with pytest.raises(InputError, match="expected a Population, a fit or a Model"):
        population_of(3)  # type: ignore[arg-type]
    assert math.isnan(library.one_compartment(absorption=True).parameters["CL"])
