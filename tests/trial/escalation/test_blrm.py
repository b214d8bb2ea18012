"""BLRM: intervals against a dense independent integral, overdose control, steps, ends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.special import expit, log_expit, logit

from pkpd import InputError
from pkpd.arrays import Array
from pkpd.trial import Blrm, next_dose, operating_characteristics

DOSES = (10.0, 20.0, 30.0, 40.0, 50.0)
DESIGN = Blrm(DOSES, 30.0)


def dense(design: Blrm, n: Array, y: Array) -> Array:
    """P(p > end) at both ends, and the mean, one row a dose: Gauss–Legendre in ln α, split at edges, 121 slopes."""
    (m, b), (s, t), rho = design.prior_mean, design.prior_sd, design.prior_correlation
    x, w = np.polynomial.legendre.leggauss(120)
    v = np.linspace(-7, 7, 121)[:, None]
    centre, sd = m + rho * s * v, s * np.sqrt(1 - rho**2)
    rise = np.exp(b + t * v) * np.log(np.array(design.doses) / design.reference)  # slopes × doses
    rows = []
    for level in range(len(design.doses)):
        edges = [logit(end) - rise[:, level : level + 1] for end in design.target]
        cuts = [np.clip(cut, centre - 8 * sd, centre + 8 * sd) for cut in (centre - 8 * sd, *edges, centre + 8 * sd)]
        parts, mean = [], 0.0
        for low, high in itertools.pairwise(cuts):
            a = (high + low) / 2 + (high - low) / 2 * x  # slopes × nodes
            eta = a[:, :, None] + rise[:, None, :]
            fit = (y * log_expit(eta) + (n - y) * log_expit(-eta)).sum(axis=2)
            f = np.exp(fit - ((a - centre) / sd) ** 2 / 2 - v**2 / 2) * w * (high - low) / 2
            parts.append(f.sum())
            mean += (f * expit(a + rise[:, level : level + 1])).sum()
        rows.append([(parts[1] + parts[2]) / sum(parts), parts[2] / sum(parts), mean / sum(parts)])
    return np.array(rows)


@pytest.mark.parametrize(
    ("n", "y", "rho", "sd"),
    [
        ([0, 0, 0], [0, 0, 0], 0.0, (2.0, 1.0)),
        ([3, 6, 3], [0, 1, 2], 0.0, (2.0, 1.0)),
        ([12, 3, 10], [10, 2, 0], 0.0, (1.0, 0.4)),  # the middle dose is d*: its edge is the same at every slope
        ([9, 12, 9], [0, 3, 5], -0.5, (2.0, 1.0)),
        ([0, 30, 0], [0, 9, 0], 0.5, (3.0, 0.5)),
    ],
)
def test_intervals_against_a_dense_integral(n: list[int], y: list[int], rho: float, sd: tuple[float, float]) -> None:
    design = Blrm(DOSES[::2], 30.0, prior_sd=sd, prior_correlation=rho)
    expected = dense(design, np.array(n), np.array(y))
    table = design.view(np.array(n), np.array(y))
    assert table["p_over"].to_numpy() == pytest.approx(expected[:, 1], abs=1e-5)
    assert table["p_target"].to_numpy() == pytest.approx(expected[:, 0] - expected[:, 1], abs=1e-5)
    assert table["mean"].to_numpy() == pytest.approx(expected[:, 2], abs=1e-6)


def test_the_prior_at_the_reference_dose() -> None:
    """Nobody treated: at d* logit p is normal, with mean logit 0.25 and SD 2."""
    from scipy.stats import norm

    nobody = np.zeros(5, dtype=int)
    row = DESIGN.view(nobody, nobody).iloc[2]
    low, high = norm.cdf(logit([0.16, 0.33]), logit(0.25), 2.0)
    assert row[["p_under", "p_target", "p_over"]].to_numpy(dtype=float) == pytest.approx(
        [low, high - low, 1 - high], abs=1e-7
    )


@given(some.lists(some.integers(0, 6), min_size=5, max_size=5), some.data())
@settings(max_examples=30, deadline=None)
def test_overdose_control_holds(n: list[int], data: some.DataObject) -> None:
    """The next dose is below the limit of overdose and is the best of those; more dose is never less toxic."""
    y = np.array([data.draw(some.integers(0, k)) for k in n])
    at = data.draw(some.integers(0, 4))
    cohorts = {"dose": [*DOSES, DOSES[at]], "patients": [*n, 0], "dlt": [*y, 0]}
    decision = next_dose(Blrm(DOSES, 30.0, most=99), cohorts)
    table = decision.table()
    assert (np.diff(table["p_over"]) > -1e-9).all()
    allowed = table[table["allowed"] & (table["dose"] <= DOSES[min(at + 1, 4)])]
    if decision.action == "stop":
        assert not len(allowed)
    else:
        row = table[table["dose"] == decision.dose].iloc[0]
        assert row["p_over"] < 0.25
        assert row["p_target"] == allowed["p_target"].max()
    assert table[["p_under", "p_target", "p_over"]].sum(axis=1).to_numpy() == pytest.approx(np.ones(5))


def test_steps_and_ends() -> None:
    fine = {"dose": [10.0], "patients": [12], "dlt": [0]}
    assert next_dose(DESIGN, fine).dose == 20
    assert "more than one step" in next_dose(DESIGN, fine).reason
    assert next_dose(Blrm(DOSES, 30.0, one_step=False), fine).dose > 20
    assert next_dose(Blrm(DOSES, 30.0, one_step=False, largest_rise=2.0), fine).dose == 20  # exactly twice is allowed
    assert next_dose(Blrm(DOSES, 30.0, one_step=False, largest_rise=1.9), fine).dose == 10
    bad = {"dose": [10.0], "patients": [3], "dlt": [3]}
    stopped = next_dose(DESIGN, bad)
    assert stopped.action == "stop"
    assert "no dose is tolerated" in stopped.reason
    assert np.isnan(stopped.mtd)
    long = {"dose": [10.0, 20.0, 20.0], "patients": [3, 9, 9], "dlt": [0, 2, 2]}
    assert next_dose(Blrm(DOSES, 30.0, most=60), long).dose == 20
    ended = next_dose(Blrm(DOSES, 30.0, most=60, enough=12, sure=0.5), long)
    assert (ended.action, ended.mtd) == ("stop", 20)


def test_simulated_and_exact_agree() -> None:
    design, p = Blrm(DOSES[:3], 30.0, most=12), [0.05, 0.2, 0.5]
    drawn, exact = (operating_characteristics(design, p, method=method) for method in ("simulation", "exact"))
    assert ((drawn.table()["selected"] - exact.table()["selected"]).abs() < 4 * drawn.table()["se"]).all()
    assert exact.table()["selected"].sum() + exact.none_selected == pytest.approx(1)
    assert exact.overdosed == pytest.approx(
        sum(exact.table()["patients"][2:]) / exact.patients, abs=0.1
    )  # a mean of shares is near the share of means


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError) as error:
        Blrm((1.0, 2.0), 0.0, prior_mean=(99.0, 0.0), prior_sd=(0.0, 1.0), prior_correlation=1.0, target=(0.4, 0.3),
             overdose=0.0, largest_rise=0.5, enough=0)  # fmt: skip
    assert len(error.value.problems) == 8
