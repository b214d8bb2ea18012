"""BLRM: intervals by R and against a dense independent integral, a published run, overdose control, steps, ends."""

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


# The trial of Neuenschwander et al. 2008 (OncoBayes2's hist_SA): doses 1, 2.5, 5, 10, 25 with 0/3, 0/4, 0/5, 0/4, 2/2.
# P(under), P(target), P(over) by R 4.2.2, another program: ``integrate`` (rel.tol 1e-8) over ln β of a Gauss–Legendre
# sum over ln α between the exact edges ``qlogis(p) - exp(b) * log(d / reference)``.
TRIAL = (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 25.0)
BY_R = {
    "prior of OncoBayes2's example": (
        {"reference": 50.0, "prior_mean": (0.0, 0.0), "prior_sd": (2.0, 1.0), "target": (0.16, 0.33)},
        [[0.998060, 0.001915, 0.000025], [0.992065, 0.007802, 0.000132], [0.960292, 0.038471, 0.001237],
         [0.733440, 0.229420, 0.037140], [0.401945, 0.386057, 0.211998], [0.183406, 0.347553, 0.469041],
         [0.087517, 0.242512, 0.669970]]),
    "a narrower, correlated prior": (
        {"reference": 250.0, "prior_mean": (2.15, 0.52), "prior_sd": (0.84, 0.8), "prior_correlation": 0.2,
         "target": (0.2, 0.35)},
        [[0.999601, 0.000393, 0.000006], [0.995873, 0.004041, 0.000087], [0.969202, 0.029596, 0.001201],
         [0.808456, 0.170112, 0.021431], [0.578499, 0.326845, 0.094656], [0.376819, 0.401651, 0.221530],
         [0.233226, 0.394809, 0.371965]]),
}  # fmt: skip


@pytest.mark.parametrize("prior", BY_R)
def test_a_published_trial_by_quadrature_in_r(prior: str) -> None:
    options, theirs = BY_R[prior]
    design = Blrm(TRIAL, **options)
    table = design.view(np.array([3, 4, 5, 4, 0, 0, 2]), np.array([0, 0, 0, 0, 0, 0, 2]))
    np.testing.assert_allclose(table[["p_under", "p_target", "p_over"]], theirs, atol=2e-6)


def test_a_published_run_of_crmpack() -> None:
    """openpharma/crmPack, vignette "Trial Analysis": 19 patients, P(target) at dose 45 is 53 %, 45 is next.

    Its posterior is a chain of 1000, so that 53 is known to about 2; by quadrature in R (as above) 0.530346, and
    0.216884 above 0.35, which is below 0.25; at 60 0.586046, which is not.
    """
    design = Blrm((1.0, 3, 9, 20, 30, 45, 60, 80, 100), 56.0, prior_mean=(-0.85, 1.0), prior_sd=(1.0, 1.0),
                  prior_correlation=-0.5, target=(0.2, 0.35), most=40)  # fmt: skip
    decision = next_dose(design, {"dose": [1.0, 3, 9, 20, 30, 45], "patients": [1, 1, 1, 4, 6, 6],
                                  "dlt": [0, 0, 0, 1, 0, 2]})  # fmt: skip
    table = decision.table().set_index("dose")
    assert table.loc[45, "p_target"] == pytest.approx(0.53, abs=0.02)
    ours = table.loc[[45, 60], ["p_target", "p_over"]].to_numpy()
    np.testing.assert_allclose(ours, [[0.530346, 0.216884], [0.351797, 0.586046]], atol=2e-6)
    assert (decision.action, decision.dose) == ("stay", 45)


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
