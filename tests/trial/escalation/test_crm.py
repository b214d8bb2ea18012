"""CRM: R's example, quadrature against an adaptive one, restrictions, the skeleton."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.integrate import quad

from pkpd import InputError
from pkpd.trial import Crm, crm_skeleton, next_dose, operating_characteristics
from tests.trial.escalation.numbers import CRM_BETA, CRM_LEVELS, CRM_P, CRM_PRIOR, CRM_TOXICITY

DOSES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
DESIGN = Crm(DOSES, CRM_PRIOR, target=0.2)


def test_the_example_of_dfcrm() -> None:
    decision = next_dose(DESIGN, {"dose": CRM_LEVELS, "patients": [1] * 10, "dlt": CRM_TOXICITY})
    table = decision.table()
    assert (table.attrs["beta_mean"], table.attrs["beta_variance"]) == pytest.approx(CRM_BETA, abs=5e-5)
    assert table["estimate"].to_numpy() == pytest.approx(CRM_P, abs=5e-5)
    assert decision.mtd == 2
    assert (decision.action, decision.dose) == ("stay", 2)


def test_another_prior_by_quadrature_in_r() -> None:
    """R 4.2.2: ``integrate(f, -4.5, 4.5, rel.tol = 1e-12)``, f the likelihood times the prior."""
    design = Crm((1.0, 2.0, 3.0, 4.0), (0.1, 0.2, 0.3, 0.45), target=0.25, variance=0.5)
    table = design.view(np.array([3, 6, 3, 0]), np.array([0, 1, 2, 0]))
    assert table.attrs["beta_mean"] == pytest.approx(-0.10064273, abs=2e-8)
    assert table.attrs["beta_variance"] == pytest.approx(0.10978891, abs=2e-8)
    assert table["estimate"].to_numpy() == pytest.approx([0.12466483, 0.23332010, 0.33665397, 0.48575281], abs=2e-8)


@given(some.lists(some.integers(0, 40), min_size=6, max_size=6), some.data(), some.sampled_from([0.3, 1.34, 4.0]))
@settings(max_examples=8, deadline=None)
def test_the_grid_against_adaptive_quadrature(n: list[int], data: some.DataObject, variance: float) -> None:
    y = [data.draw(some.integers(0, k)) for k in n]
    prior = np.array(CRM_PRIOR)

    def log_density(beta: float) -> float:
        log_p = np.exp(beta) * np.log(prior)
        return float(np.dot(y, log_p) + np.dot(np.subtract(n, y), np.log(-np.expm1(log_p))) - beta**2 / (2 * variance))

    grid = np.linspace(-6 * variance**0.5, 6 * variance**0.5, 2001)
    values = np.array([log_density(b) for b in grid])
    top, peak = values.max(), grid[values.argmax()]
    near = grid[values > top - 40]
    low, high = near.min() - 0.01, near.max() + 0.01

    def area(weight: float, a: float = low, b: float = high) -> float:
        points = [peak] if a < peak < b else None
        return float(
            quad(
                lambda x: x**weight * np.exp(log_density(x) - top),
                a,
                b,
                points=points,
                epsabs=1e-13,
                epsrel=1e-8,
                limit=400,
            )[0]
        )

    whole = area(0)
    table = Crm(DOSES, CRM_PRIOR, target=0.2, variance=variance).view(np.array(n), np.array(y))
    assert table.attrs["beta_mean"] == pytest.approx(area(1) / whole, abs=2e-6)
    for level in (0, 3):
        edge = np.log(np.log(0.2) / np.log(CRM_PRIOR[level]))
        share = 0.0 if edge <= low else 1.0 if edge >= high else area(0, low, edge) / whole
        assert table["p_above"][level] == pytest.approx(share, abs=2e-5)


def test_no_data_is_the_prior() -> None:
    nobody = np.zeros(6, dtype=int)
    table = DESIGN.view(nobody, nobody)
    assert table["estimate"].to_numpy() == pytest.approx(CRM_PRIOR, abs=1e-12)
    assert table.attrs["beta_variance"] == pytest.approx(1.34, rel=1e-6)
    assert DESIGN.recommended(nobody[None], nobody[None]).tolist() == [-1]


def test_only_one_level_up_and_never_after_much_toxicity() -> None:
    fine = {"dose": [1], "patients": [9], "dlt": [0]}
    held = next_dose(DESIGN, fine)
    assert (held.action, held.dose) == ("escalate", 2)
    assert "one level" in held.reason
    free = next_dose(Crm(DOSES, CRM_PRIOR, target=0.2, one_step=False), fine)
    assert free.dose > 2
    bad = {"dose": [3, 2], "patients": [30, 1], "dlt": [0, 1]}
    held = next_dose(Crm(DOSES, CRM_PRIOR, target=0.2, most=99), bad)
    assert held.action == "stay"
    assert "not higher" in held.reason
    assert next_dose(Crm(DOSES, CRM_PRIOR, target=0.2, coherent=False, most=99), bad).dose == 3


def test_it_stops_only_if_it_is_told_to() -> None:
    seen = {"dose": [1, 1], "patients": [3, 3], "dlt": [3, 3]}
    assert next_dose(DESIGN, seen).dose == 1
    stopped = next_dose(Crm(DOSES, CRM_PRIOR, target=0.2, stop_above=0.9), seen)
    assert stopped.action == "stop"
    assert np.isnan(stopped.mtd)


def test_the_skeleton_by_its_definition() -> None:
    """Where p of a level is θ + δ, p of the level below is θ − δ; the guessed MTD has θ."""
    skeleton = np.array(crm_skeleton(6, target=0.25, at=3, half_width=0.07))
    assert skeleton[2] == pytest.approx(0.25)
    assert (np.diff(skeleton) > 0).all()
    for k in range(5):
        power = np.log(0.32) / np.log(skeleton[k + 1])
        assert skeleton[k] ** power == pytest.approx(0.18, rel=1e-12)


def test_simulated_and_exact_agree() -> None:
    design, p = Crm(DOSES[:3], crm_skeleton(3, at=2), most=12), [0.1, 0.3, 0.6]
    drawn, exact = (operating_characteristics(design, p, method=method) for method in ("simulation", "exact"))
    assert ((drawn.table()["selected"] - exact.table()["selected"]).abs() < 4 * drawn.table()["se"]).all()
    assert exact.table()["selected"].sum() + exact.none_selected == pytest.approx(1)
    assert exact.correct == exact.table()["selected"][1]


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError) as error:
        Crm((1.0, 2.0), (0.3, 0.2, 0.4), target=1.2, variance=0.0)
    assert len(error.value.problems) == 4
    with pytest.raises(InputError, match="half_width"):
        crm_skeleton(5, target=0.1, half_width=0.1)
    with pytest.raises(InputError, match="at is 6"):
        crm_skeleton(5, at=6)
