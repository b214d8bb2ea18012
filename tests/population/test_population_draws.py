"""What virtual subjects look like: their covariance, screening, occasions, scales."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd import il21, library
from pkpd.dosing import bolus
from pkpd.errors import InputError
from pkpd.model import Model, define
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, block
from tests.examples import budget

inf = math.inf
EMPTY = define(
    {"A": "-CL/V*A"}, {"CL": 5.0, "V": 50.0, "ka": 1.0, "L0": 1.5}, outputs={"C": "A/V"}, doses={"bolus": "A"}
)
TYPICAL = EMPTY.parameters.as_dict()


def drawn(omega: Omega, subjects: int, seed: int, **options: object) -> dict[str, np.ndarray]:
    """Individual values of some parameters of one model."""
    people = Population(EMPTY, EMPTY.parameters, omega, **options)  # type: ignore[arg-type]
    return people.draw(subjects, np.random.default_rng(seed))


def covariance_error(values: Mapping[str, np.ndarray], names: list[str], omega: np.ndarray) -> float:
    """Largest deviation of the sample covariance of η in standard errors."""
    eta = np.column_stack([np.log(values[n] / TYPICAL[n]) for n in names])
    sample, n = eta.T @ eta / len(eta), len(eta)
    se = np.sqrt((np.outer(np.diag(omega), np.diag(omega)) + omega**2) / n)
    return float(np.max(np.abs(sample - omega) / np.maximum(se, 1e-12)))


OMEGAS = {
    "full": [[0.09, 0.03, 0.01], [0.03, 0.16, -0.02], [0.01, -0.02, 0.04]],
    "singular": [[0.09, 0.06, 0.03], [0.06, 0.04, 0.02], [0.03, 0.02, 0.01]],
    "with a zero": [[0.09, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.04]],
}


@pytest.mark.parametrize("kind", list(OMEGAS))
def test_a_block_is_the_covariance_given(kind: str) -> None:
    omega = np.array(OMEGAS[kind])
    correlated = block("CL", "V", "ka", omega=omega)
    np.testing.assert_allclose(correlated.matrix(), omega, atol=1e-15)
    values = drawn(correlated, 40_000, 1)
    assert covariance_error(values, ["CL", "V", "ka"], omega) < 4.5  # nine numbers, fixed seed
    if kind == "singular":  # one factor: every parameter is a power of the first
        np.testing.assert_allclose(np.log(values["V"] / 50), 2 / 3 * np.log(values["CL"] / 5), atol=1e-7)


@given(data=st.data(), n=st.integers(1, 5), rank=st.integers(1, 5))
@budget(max_examples=40, deadline=None)
def test_any_semi_definite_block(data: st.DataObject, n: int, rank: int) -> None:
    """The matrix is the one given; so is that of the draws' loadings."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    root = rng.standard_normal((n, rank)) * 10.0 ** rng.uniform(-3, 1, (n, 1))
    omega = root @ root.T
    correlated = block(*"abcde"[:n], omega=omega)
    np.testing.assert_allclose(correlated.matrix(), omega, rtol=0, atol=1e-12 * np.max(omega))
    loadings = correlated._loadings["subject"]
    np.testing.assert_allclose(loadings @ loadings.T, omega, rtol=0, atol=1e-12 * np.max(omega))


def test_shared_random_effects_and_sums() -> None:
    """A scale that CL and V share, and CL's own: their covariance is that of the sums."""
    omega = Omega.independent(scale=0.29, CL=0.135) + Omega.independent(ka=0.4)
    values = drawn(omega, 40_000, 1, exponents={"CL": "eta_scale + eta_CL", "V": "eta_scale"})
    shared = 0.29**2
    expected = np.array([[shared + 0.135**2, shared, 0], [shared, shared, 0], [0, 0, 0.16]])
    assert covariance_error(values, ["CL", "V", "ka"], expected) < 4.5


def test_typical_is_the_geometric_mean_and_zero_spread_is_exact() -> None:
    values = drawn(Omega.independent(CL=0.3), 40_000, 3)["CL"]
    assert np.mean(np.log(values / 5)) == pytest.approx(0, abs=4 * 0.3 / 200)
    same = drawn(Omega.independent(CL=0.0), 10, 3)["CL"]
    assert np.array_equal(same, np.full(10, 5.0))


def test_limits_screen_and_leave_the_rest_alone() -> None:
    """Truncated log-normal: inside the limits, with the share of redrawn subjects spread as the density says."""
    from scipy.stats import norm

    values = drawn(Omega.independent(L0=0.5, CL=0.3), 40_000, 9, limits={"L0": (1.0, 2.0)})
    assert values["L0"].min() >= 1.0
    assert values["L0"].max() <= 2.0
    low, high = np.log([1 / 1.5, 2 / 1.5]) / 0.5
    mean = 0.5 * (norm.pdf(low) - norm.pdf(high)) / (norm.cdf(high) - norm.cdf(low))
    assert np.mean(np.log(values["L0"] / 1.5)) == pytest.approx(mean, abs=0.005)  # four standard errors
    assert np.std(np.log(values["CL"] / 5.0)) == pytest.approx(0.3, abs=0.005)
    with pytest.raises(InputError, match="exclude"):
        drawn(Omega.independent(L0=0.1), 2, 1, limits={"L0": (1e9, inf)})


def test_draws_follow_the_seed() -> None:
    omega = block("CL", "V", omega=[[0.1, 0.02], [0.02, 0.1]])
    a, b, c = (drawn(omega, 20, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a[n], b[n]) for n in ("CL", "V"))
    assert not np.array_equal(a["CL"], c["CL"])


def test_the_il21_truth_has_the_distribution_it_had() -> None:
    """Against draws as they were made before (factors, screening of L0 alone): moments within four errors."""
    people, n = il21.truth(), 40_000
    values = people.draw(n, np.random.default_rng(5))
    names = ["CL", "V1", "Q", "V2"]
    scale, cl, v = 0.29**2, 0.135**2, 0.135**2
    expected = np.full((4, 4), scale) + np.diag([cl, v, 0, v])
    expected[1, 3] = expected[3, 1] = scale + v
    eta = np.log(np.column_stack([values[k] / people.parameters[k] for k in names]))
    error = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / n)
    assert (np.abs(np.cov(eta, rowvar=False) - expected) < 4.5 * error).all()
    assert values["L0"].min() >= 1.0
    rng = np.random.default_rng(5)  # the old way: nine factors in the same order, everyone outside drawn again
    sd = np.array([0.29, 0.135, 0.135, 0.3, 0.2, 0.5, 0.4, 0.35, 0.9])
    z = rng.standard_normal((n, 9)) * sd
    while (outside := np.flatnonzero(1.5 * np.exp(z[:, 7]) < 1.0)).size:
        z[outside] = rng.standard_normal((outside.size, 9)) * sd
    np.testing.assert_allclose(np.log(values["CL"] / 167.0), z[:, 0] + z[:, 1], atol=1e-14)
    np.testing.assert_allclose(np.log(values["L0"] / 1.5), z[:, 7], atol=1e-14)


def bounded() -> tuple[Model, Parameters]:
    """A model with a log-normal, a logit-normal and a normal parameter, and one bounded from above."""
    parameters = Parameters(
        (
            Parameter("CL", 2.0), Parameter("V", 20.0), Parameter("F", 0.6, "", 0.1, 0.7),
            Parameter("slope", 0.0, "", -inf), Parameter("top", -1.0, "", -inf, 0.0), Parameter("base", 2.0, "", 1.0),
        )
    )  # fmt: skip
    model = define(
        {"A": "-CL/V*A", "E": "slope*A - E"}, parameters, outputs={"C": "A/V", "total": "E + top + base"},
        doses={"oral": "A"}, bioavailability={"A": "F"},
    )  # fmt: skip
    return model, model.parameters


def test_every_parameter_keeps_its_bounds() -> None:
    """A bounded F left (0, 1) when everything was multiplied by exp(η); with η of ±800 nothing becomes NaN."""
    model, parameters = bounded()
    people = Population(model, parameters, Omega.independent(CL=1.0, F=3.0, slope=1.0, top=2.0, base=2.0))
    values = people.draw(20_000, np.random.default_rng(1))
    assert ((values["F"] >= 0.1) & (values["F"] <= 0.7)).all()
    assert np.std(values["F"]) > 0.1
    assert (values["top"] <= 0).all()
    assert (values["base"] >= 1).all()
    assert values["CL"].min() > 0
    assert values["slope"].min() < -1 < 1 < values["slope"].max()
    assert np.mean(np.log((values["F"] - 0.1) / (0.7 - values["F"]))) == pytest.approx(
        np.log(0.5 / 0.1), abs=4 * 3 / np.sqrt(20_000)
    )
    assert np.mean(np.log(-values["top"])) == pytest.approx(0.0, abs=4 * 2 / np.sqrt(20_000))
    extreme = people.individual_values(np.array([[800.0] * 5, [-800.0] * 5]))
    np.testing.assert_allclose(extreme["F"], [0.7, 0.1], atol=1e-15)
    assert pkpd.simulate(people, pkpd.oral("10 mg"), subjects=50, times=[1.0])["status"].values.max() == 0


def test_a_scale_can_be_said() -> None:
    model, parameters = bounded()
    omega = Omega.independent(CL=0.5, slope=0.5)
    people = Population(model, parameters.with_values(slope=3.0), omega, scales={"CL": "natural", "slope": "log"})
    assert people.texts == {"CL": "CL + eta_CL", "slope": "slope * exp(eta_slope)"}
    with pytest.raises(InputError, match="needs two finite"):
        Population(model, parameters, omega, scales={"CL": "logit"}).texts  # noqa: B018


def test_occasions_differ_within_a_subject() -> None:
    """One column per occasion for what differs; what does not keeps its shape; the first occasions stay the same."""
    omega = Omega.independent(CL=0.3, V=0.2) + Omega.independent(CL=0.2).at_occasion()
    people = Population(EMPTY, EMPTY.parameters, omega)
    single, triple = (people.draw(5000, np.random.default_rng(2), k) for k in (1, 3))
    assert single["CL"].shape == (5000,)
    assert triple["CL"].shape == (5000, 3)
    assert triple["V"].shape == (5000,)
    assert np.array_equal(single["CL"], triple["CL"][:, 0])
    log = np.log(triple["CL"] / 5)
    assert np.var(log - log.mean(axis=1, keepdims=True)) * 3 / 2 == pytest.approx(0.04, rel=0.1)


@pytest.mark.parametrize("relations", [False, True])
def test_within_and_between_against_theory(relations: bool) -> None:
    """300 subjects, 3 occasions, simulated: mean squares of one-way analysis of variance inside 99 % of χ²."""
    from scipy.stats import chi2

    omega = Omega.independent(CL=0.3) + Omega.independent(CL=0.2).at_occasion()
    options = {"relations": {"CL": "CL*(weight/70)**0.75"}} if relations else {}
    table = pandas.DataFrame({"weight": [50.0, 90.0]}) if relations else None
    people = Population(EMPTY, EMPTY.parameters, omega, covariates=table, **options)
    plan = bolus("100 mg").repeated(3, "4 weeks", occasions=True)
    result = pkpd.simulate(people, plan, subjects=300, seed=11, times=[1.0])
    assert result["CL"].dims == ("replicate", "subject", "occasion")
    assert result["occasion_time"].values.tolist() == [0.0, 672.0, 1344.0]
    log = np.log(result["CL"].values[0] / 5)
    if relations:
        log -= 0.75 * np.log(result["weight"].values[0] / 70)[:, None]
    n, k = log.shape
    within = ((log - log.mean(axis=1, keepdims=True)) ** 2).sum()
    between = k * ((log.mean(axis=1) - log.mean()) ** 2).sum()
    low, high = chi2.ppf([0.005, 0.995], n * (k - 1))
    assert low < within / 0.04 < high
    low, high = chi2.ppf([0.005, 0.995], n - 1)
    assert low < between / (0.04 + k * 0.09) < high


def test_a_course_follows_the_occasions() -> None:
    """A bolus in each of two occasions: elimination changes at the second, and what is left carries over."""
    omega = Omega.independent(CL=0.3, V=0.2) + Omega.independent(CL=0.5, V=0.3).at_occasion()
    people = Population(EMPTY, EMPTY.parameters, omega)
    plan = bolus("100 mg").repeated(2, "12 h", occasions=True)
    for at_dose in ("before", "after"):
        result = pkpd.simulate(people, plan, subjects=20, seed=3, times=[6.0, 12.0, 18.0], at_dose=at_dose)
        cl, v, course = result["CL"].values[0], result["V"].values[0], result["C"].values[0]
        first = 100 * np.exp(-(cl / v)[:, 0] * 12)
        np.testing.assert_allclose(course[:, 0], 100 / v[:, 0] * np.exp(-(cl / v)[:, 0] * 6), rtol=1e-9)
        at = first / v[:, 0] if at_dose == "before" else (first + 100) / v[:, 1]
        np.testing.assert_allclose(course[:, 1], at, rtol=1e-9)
        np.testing.assert_allclose(course[:, 2], (first + 100) / v[:, 1] * np.exp(-(cl / v)[:, 1] * 6), rtol=1e-9)


def test_without_occasions_in_the_plan_there_is_one() -> None:
    omega = Omega.independent(CL=0.3) + Omega.independent(CL=0.4).at_occasion()
    result = pkpd.simulate(Population(EMPTY, EMPTY.parameters, omega), bolus("100 mg"), subjects=4000, times=[1.0])
    assert result["CL"].dims == ("replicate", "subject")
    assert np.var(np.log(result["CL"].values)) == pytest.approx(0.25, rel=0.1)


def test_occasions_are_refused_where_they_are_not_supported() -> None:
    omega = Omega.independent(CL=0.4).at_occasion()
    people, plan = Population(EMPTY, EMPTY.parameters, omega), bolus("100 mg").repeated(2, "12 h", occasions=True)
    with pytest.raises(InputError, match="CL differ between occasions"):
        pkpd.locate(people, plan, "C")
    with pytest.raises(InputError, match="CL differ between occasions"):
        pkpd.simulate_adaptive(people, lambda now: None, [1.0], start=plan)


def test_a_stored_simulation_has_occasions_too(tmp_path: object) -> None:
    pytest.importorskip("zarr")
    omega = Omega.independent(CL=0.3) + Omega.independent(CL=0.4).at_occasion()
    people, plan = Population(EMPTY, EMPTY.parameters, omega), bolus("100 mg").repeated(2, "12 h", occasions=True)
    call = {"subjects": 1200, "seed": 3, "times": [1.0, 13.0], "progress": False}
    stored = pkpd.simulate(people, plan, store=f"{tmp_path}/run", **call)  # type: ignore[arg-type]
    memory = pkpd.simulate(people, plan, **call)  # type: ignore[arg-type]
    assert np.array_equal(stored["CL"].values, memory["CL"].values)
    assert np.array_equal(stored["C"].values, memory["C"].values)
    with pytest.raises(InputError, match="design"):
        pkpd.simulate(people, bolus("100 mg").repeated(2, "12 h"), store=f"{tmp_path}/run", **call)  # type: ignore[arg-type]


def test_what_is_to_be_estimated_cannot_be_simulated() -> None:
    with pytest.raises(InputError, match="to be estimated; state it"):
        drawn(block("CL", "V"), 2, 1)


def test_limits_and_old_names() -> None:
    with pytest.raises(InputError, match="expected lower < upper"):
        drawn(Omega.independent(CL=0.3), 2, 1, limits={"CL": (5.0, 1.0)})
    with pytest.raises(InputError, match="unknown parameter with limits 'v'; did you mean 'V'"):
        drawn(Omega.independent(CL=0.3), 2, 1, limits={"v": (0, 1)})
    with pytest.raises(InputError, match="has limits but is the same"):
        drawn(Omega.independent(CL=0.3), 2, 1, limits={"V": (0, 1)})
    with pytest.raises(InputError, match="unknown parameter 'CL'"):
        Population(EMPTY, Parameters((Parameter("V", 1.0),)), Omega.independent(CL=0.3))
    with pytest.warns(FutureWarning, match=r"pkpd\.Omega now"):
        assert pkpd.Variability is Omega
    people = Population(library.one_compartment(), library.one_compartment().parameters, Omega.independent(CL=0.1))
    with pytest.warns(FutureWarning, match=r"now source\.population"):
        assert pkpd.population(people) is people
    with pytest.warns(FutureWarning, match=r"Population\.omega"):
        assert people.variability is people.omega
