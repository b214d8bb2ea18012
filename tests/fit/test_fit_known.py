"""Known answers: least squares in closed form and in SciPy, and what a fit says of itself."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import t as student

from pkpd import data, library
from pkpd.dosing import bolus
from pkpd.engine import Settings
from pkpd.errors import FitWarning, InputError
from pkpd.fit import Fits, Options, fit_individuals, fit_pooled, initial_estimates, residual_error
from pkpd.fit import fixed_effects as estimating
from pkpd.fit.search import minimise
from pkpd.io import read_study
from pkpd.model import define
from pkpd.nca import nca
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Population
from pkpd.simulate import simulate, simulated_study
from tests.fit.fit_cases import (
    grid,
    likelihood_of,
    line_model,
    line_study,
    pk_design,
    pk_truth,
)


@functools.cache
def theophylline_fits() -> Fits:
    study = data.theophylline()
    model = library.one_compartment(absorption=True).in_units(time="h", amount="mg/kg", volume="L/kg")
    start = initial_estimates(model, nca(study, "theophylline"))
    return fit_individuals(model, study, start, error={"C": "additive"}, progress=False)


def logs(subject: int) -> np.ndarray:
    p = theophylline_fits()[subject].parameters
    return np.log([p["CL"] / p["V"], p["ka"], p["CL"]])


def first_order(t: np.ndarray, dose: float, lke: float, lka: float, lcl: float) -> np.ndarray:
    """R's SSfol: one compartment, first-order absorption, in lKe, lKa, lCl."""
    ke, ka = np.exp(lke), np.exp(lka)
    return dose * np.exp(lke + lka - lcl) * (np.exp(-ke * t) - np.exp(-ka * t)) / (ka - ke)


@pytest.mark.parametrize("subject", range(1, 13))
def test_theophylline_as_in_scipy(subject: int) -> None:
    """Levenberg–Marquardt from another start reaches the same estimates (1e-5), residual SD and standard errors."""
    study = data.theophylline().select(subjects=[subject])
    dose, rows = float(study.doses["amount"].iloc[0]), study.used("theophylline")
    t, y = rows["time"].to_numpy(), rows["value"].to_numpy()
    best, covariance = curve_fit(
        functools.partial(lambda t, a, b, c, d: first_order(t, d, a, b, c), d=dose),
        t, y, p0=[-2.5, 0.5, -3.2], xtol=1e-14, ftol=1e-14,
    )  # fmt: skip
    np.testing.assert_allclose(logs(subject), best, atol=1e-5)
    fit = theophylline_fits()[subject]
    assert fit.status == "converged"
    rss = float(np.sum((y - first_order(t, dose, *best)) ** 2))
    assert fit.parameters["add_C"] == pytest.approx(np.sqrt(rss / t.size), rel=1e-5)
    # Both take a residual variance per degree of freedom; with σ estimated too, ours counts one parameter more, and
    # takes the observed curvature where curve_fit takes JᵀJ: equal up to the curvature of the model.
    ours = fit.standard_errors()["CL"] / fit.parameters["CL"]
    theirs = np.sqrt(covariance[2, 2]) * np.sqrt((t.size - 3) / (t.size - 4))
    assert ours == pytest.approx(theirs, rel=0.25)


TIMES = np.array([0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 9.0, 12.0])
VALUES = np.array([2.1, 2.4, 5.2, 6.1, 11.5, 15.2, 19.9, 24.0])


def test_a_straight_line_is_ordinary_least_squares() -> None:
    """Estimates exact; SE and t-interval those of the regression with σ² = RSS/(n − p), p counting σ as a fit does."""
    model = line_model()
    fit = fit_pooled(model, line_study(TIMES, VALUES), model.parameters, error={"y": "additive"})
    design = np.column_stack([np.ones_like(TIMES), TIMES])
    best, rss, *_ = np.linalg.lstsq(design, VALUES, rcond=None)
    n = TIMES.size
    assert fit.status == "converged"
    np.testing.assert_allclose([fit.parameters["a"], fit.parameters["b"]], best, rtol=1e-8)
    assert fit.parameters["add_y"] == pytest.approx(np.sqrt(rss[0] / n), rel=1e-6)
    assert fit.minus2ll == pytest.approx(n * np.log(2 * np.pi * rss[0] / n) + n, rel=1e-10)
    assert fit.degrees == n - 3
    covariance = np.linalg.inv(design.T @ design) * rss[0] / (n - 3)
    se = np.sqrt(np.diag(covariance))
    found = fit.standard_errors()
    np.testing.assert_allclose([found["a"], found["b"]], se, rtol=1e-5)
    for level in (0.5, 0.9, 0.99):
        low, high = fit.intervals(level)["b"]
        reach = student.ppf(0.5 + level / 2, n - 3) * se[1]
        assert (low, high) == pytest.approx((best[1] - reach, best[1] + reach), rel=1e-5)
    assert fit.correlation.loc["a", "b"] == pytest.approx(covariance[0, 1] / se[0] / se[1], rel=1e-5)


@pytest.mark.parametrize(("kind", "power"), [("weighted 1/y", 1.0), ("weighted 1/y²", 2.0)])
def test_weighted_least_squares(kind: str, power: float) -> None:
    """Weights from the data: estimates of `scipy.optimize.curve_fit` with sigma = y^(power/2)."""
    model = line_model()
    fit = fit_pooled(model, line_study(TIMES, VALUES), model.parameters, error={"y": kind})
    best, covariance = curve_fit(lambda t, a, b: a + b * t, TIMES, VALUES, p0=[1, 1], sigma=VALUES ** (power / 2))
    np.testing.assert_allclose([fit.parameters["a"], fit.parameters["b"]], best, rtol=1e-6)
    n = TIMES.size
    se = np.sqrt(np.diag(covariance) * (n - 2) / (n - 3))
    found = fit.standard_errors()
    np.testing.assert_allclose([found["a"], found["b"]], se, rtol=1e-5)


def test_weighted_least_squares_of_a_curve() -> None:
    """The same with a model that is not linear: a bolus, 1/y² weights, against curve_fit."""
    t = np.array([0.5, 1, 2, 4, 6, 9, 12.0])
    y = 20 * np.exp(-0.2 * t) * (1 + 0.08 * np.array([1, -1, 1, 1, -1, -1, 1]))
    table = grid([1], t, "drug").assign(value=y)
    study = read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    start = library.one_compartment().in_units(time="h", amount="mg", volume="L").parameters.with_values(CL=2.0, V=8.0)
    fit = fit_pooled(library.one_compartment(), study, start, error={"C": "weighted 1/y²"})
    best, _ = curve_fit(
        lambda t, cl, v: 100 / v * np.exp(-cl / v * t), t, y, p0=[2, 8], sigma=y, xtol=1e-14, ftol=1e-14
    )
    np.testing.assert_allclose([fit.parameters["CL"], fit.parameters["V"]], best, rtol=1e-6)


def test_two_subjects_give_the_clustered_sandwich_of_a_regression() -> None:
    """Cluster-robust covariance of OLS, (XᵀX)⁻¹(Σ sᵢsᵢᵀ)(XᵀX)⁻¹·G/(G − 1), with t on G − 1 degrees of freedom."""
    owners = np.repeat([1, 2, 3, 4], 2)
    model = line_model()
    fit = fit_pooled(model, line_study(TIMES, VALUES, owners), model.parameters, error={"y": "additive"})
    design = np.column_stack([np.ones_like(TIMES), TIMES])
    best, *_ = np.linalg.lstsq(design, VALUES, rcond=None)
    residual = VALUES - design @ best
    bread = np.linalg.inv(design.T @ design)
    scores = np.array([design[owners == k].T @ residual[owners == k] for k in (1, 2, 3, 4)])
    covariance = bread @ scores.T @ scores @ bread * 4 / 3
    np.testing.assert_allclose(fit.covariance[:2, :2], covariance, rtol=1e-5)
    assert fit.degrees == 3
    assert fit.covariance_kind == "robust (clustered by subject)"
    plain = fit_pooled(
        model, line_study(TIMES, VALUES, owners), model.parameters,
        error={"y": "additive"}, options=Options(robust=False),
    )  # fmt: skip
    alone = fit_pooled(model, line_study(TIMES, VALUES), model.parameters, error={"y": "additive"})
    np.testing.assert_allclose(plain.covariance, alone.covariance, rtol=1e-7, atol=1e-9)
    assert plain.degrees == 5


def one_bolus_study(noise: float = 0.1, seed: int = 3, subjects: int = 6) -> tuple[Parameters, object]:
    """One-compartment bolus data with proportional error."""
    model = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    values = model.parameters.with_values(CL=2.0, V=10.0) + Parameters((Parameter("prop_C", noise),))
    table = grid(range(1, subjects + 1), [0.25, 0.5, 1, 2, 4, 6, 8, 12], "drug")
    design = read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    people = Population(model, values, None, (residual_error("C", "proportional"),))
    return values, simulated_study(simulate(people, design, seed=seed), design)


def test_fixed_parameters_stay() -> None:
    values, study = one_bolus_study()
    fit = fit_pooled(library.one_compartment(), study, values.with_values(V=13.0).fix("V"))
    assert fit.parameters["V"] == 13.0
    assert fit.parameters.free == ("CL", "prop_C")
    assert set(fit.intervals()) == set(fit.standard_errors()) == {"CL", "prop_C"}
    assert fit.covariance.shape == (2, 2)
    assert fit.table().loc["V", "note"] == "fixed"
    assert np.isnan(fit.table().loc["V", "SE"])
    noise = fit_pooled(library.one_compartment(), study, values.with_values(prop_C=0.3).fix("prop_C"))
    assert noise.parameters["prop_C"] == 0.3
    assert noise.parameters.free == ("CL", "V")
    nothing = fit_pooled(library.one_compartment(), study, values.fix("CL", "V", "prop_C"))
    assert (nothing.status, nothing.evaluations) == ("converged", 1)
    assert nothing.intervals() == {}


BOTH_COVARIANCES = pytest.mark.parametrize(
    "robust",
    [
        True,
        False,
    ],
)


@BOTH_COVARIANCES
def test_an_estimate_on_its_bound_is_reported(robust: bool) -> None:
    """CL is 2 and may be at most 1.5: the estimate sits there, and the fit does not claim to have converged."""
    values, study = one_bolus_study()
    start = values.with_values(CL=1.0).bound("CL", 0.5, 1.5)
    fit = fit_pooled(library.one_compartment(), study, start, options=Options(robust=robust))
    assert fit.parameters["CL"] == pytest.approx(1.5, abs=1e-3)
    assert fit.status == "on a bound"
    assert "CL = 1.5" in fit.message


def test_bounds_are_respected_and_do_not_matter_far_away() -> None:
    values, study = one_bolus_study()
    inside = fit_pooled(library.one_compartment(), study, values.with_values(CL=1.0).bound("CL", 0.5, 1.5))
    assert 0.5 <= inside.parameters["CL"] <= 1.5
    assert all(0.5 <= limit <= 1.5 for limit in inside.intervals(0.99)["CL"])
    free = fit_pooled(library.one_compartment(), study, values.with_values(CL=1.0).bound("CL", 0.5, 5.0))
    plain = fit_pooled(library.one_compartment(), study, values)
    assert free.status == "converged"
    assert free.parameters["CL"] == pytest.approx(plain.parameters["CL"], rel=1e-6)
    low, high = free.intervals(0.999999)["CL"]
    assert 0.5 < low < high < 5.0


def combined_case(power: float) -> object:
    """Bolus data whose relative error grows with the concentration (power > 0): no room for an additive part."""
    table = grid(range(1, 7), [0.25, 0.5, 1, 2, 4, 6, 8, 12], "drug")
    t = table["time"].to_numpy()
    exact = 10 * np.exp(-0.2 * t)
    sign = np.where((np.arange(t.size) * 7 % 11) % 2 == 0, 1.0, -1.0)
    table = table.assign(value=exact * (1 + 0.2 * (exact / 10) ** power * sign))
    return read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})


@BOTH_COVARIANCES
def test_combined_error_without_an_additive_part_is_on_a_bound(robust: bool) -> None:
    """The additive part that fits best is none: add → 0, said with its name, and the fit is the proportional one."""
    study = combined_case(0.5)
    start = library.one_compartment().in_units(time="h", amount="mg", volume="L").parameters.with_values(CL=2, V=10)
    choice = Options(robust=robust)
    fit = fit_pooled(library.one_compartment(), study, start, error={"C": "combined"}, options=choice)
    plain = fit_pooled(library.one_compartment(), study, start, error={"C": "proportional"})
    assert fit.status == "on a bound"
    assert "add_C" in fit.message
    assert not fit.converged
    assert fit.minus2ll == pytest.approx(plain.minus2ll, abs=0.01)
    assert fit.parameters["CL"] == pytest.approx(plain.parameters["CL"], rel=1e-3)


def test_what_is_not_determined_is_named() -> None:
    """An additive part that is there but flat (SE 2.1 on the log scale, condition number 5.5): it is what to fix."""
    values, study = one_bolus_study(noise=0.3, subjects=12)
    with pytest.warns(FitWarning):
        fit = fit_pooled(library.one_compartment(), study, values.subset(("CL", "V")), error={"C": "combined"})
    assert fit.status == "not identified"
    named = fit.message.split("determine ")[1].split(" apart")[0]
    assert "add_C" in named
    assert "CL" not in named


def test_a_second_compartment_that_is_not_there() -> None:
    """Two compartments fitted to one-compartment data: the status says that the data do not carry them."""
    values, study = one_bolus_study()
    start = pk_truth().with_values(CL=2.0, V1=9.0, Q=1.0, V2=3.0)
    two = library.two_compartment().in_units(time="h", amount="mg", volume="L")
    fit = fit_pooled(two, study, two.parameters.with_values(start.as_dict()))
    assert fit.status in ("not identified", "on a bound")
    assert any(name in fit.message for name in ("Q", "V2"))
    assert not fit.converged
    assert values["CL"] == pytest.approx(fit.parameters["CL"], rel=0.15)


def test_start_values_that_cannot_be_computed() -> None:
    """A state that grows to infinity in finite time: failed, with the subject and the solver's advice."""
    model = define({"R": "k*R**2"}, {"k": 1.0}, outputs={"y": "R"}, initial={"R": "1"}, units={"R": "ng/mL"})
    study = line_study([0.1, 0.2, 5.0], [1.1, 1.2, 1.3])
    fit = fit_pooled(model, study, model.parameters, error={"y": "additive"})
    assert fit.status == "failed"
    assert "start values" in fit.message
    assert "subject 1" in fit.message
    assert np.isnan(fit.covariance).all()
    assert np.isnan(list(fit.standard_errors().values())).all()
    assert "failed" in repr(fit)


def test_a_search_that_is_cut_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one iteration per round and no polishing the minimum is not reached, and the status is honest."""
    study = pk_design(6, [5 / 60, 0.5, 1, 2, 4, 8])
    truth = pk_truth(prop_C=0.1)
    people = Population(library.two_compartment().in_units(time="h", amount="ng/kg", volume="mL/kg"),
                        truth, None, (residual_error("C", "proportional"),))  # fmt: skip
    sample = simulated_study(simulate(people, study, seed=1), study)
    start = truth.with_values(CL=175.0, V1=68.0, Q=118.0, V2=165.0)
    monkeypatch.setattr("pkpd.fit.search._polish", lambda remembered, x: unpolished(remembered, x))
    monkeypatch.setattr(estimating, "minimise", functools.partial(minimise, limit=1))
    fit = fit_pooled(people.model, sample, start)
    assert fit.status == "stopped short"
    assert "Newton step could still gain" in fit.message
    assert "start from other values" in fit.message
    gain = float(fit.message.split("gain ")[1].split(" ")[0])
    assert gain > 1e-4
    monkeypatch.undo()
    assert fit_pooled(people.model, sample, start).status == "converged"


def unpolished(remembered: object, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    from pkpd.fit.search import differenced_hessian, newton_step

    hessian = differenced_hessian(remembered, x)
    return x, hessian, newton_step(hessian, remembered(x).gradient)[1]


def test_more_parameters_than_observations_means_no_interval() -> None:
    study = line_study([1.0, 2.0, 4.0], [1.0, 2.5, 3.5])
    model = line_model()
    fit = fit_pooled(model, study, model.parameters, error={"y": "additive"})
    assert fit.degrees == 0
    assert any("intervals mean nothing" in note for note in fit.notes)


def test_what_does_not_fit_together_is_listed() -> None:
    values, study = one_bolus_study()
    model = library.one_compartment()
    with pytest.raises(InputError, match="unknown parameter 'KL'"):
        fit_pooled(model, study, Parameters((Parameter("KL", 1.0), *values)))
    with pytest.raises(InputError, match="'V' has no start value"):
        fit_pooled(model, study, values.subset(["CL"]))
    with pytest.raises(InputError, match="did you mean 'proportional'"):
        fit_pooled(model, study, values, error={"C": "proportionl"})
    with pytest.raises(InputError, match="unknown observed output 'X'"):
        fit_pooled(model, study, values, error={"X": "additive"})
    with pytest.raises(InputError, match="unknown analyte 'IL2'"):
        fit_pooled(model, study, values, options=Options(observed={"C": "IL2"}))
    with pytest.raises(InputError, match="unknown baseline"):
        Options(baseline="measured")
    with pytest.raises(InputError, match="level is 90"):
        fit_pooled(model, study, values).intervals(90)
    zero = grid([1], [1.0, 2.0, 3.0], "drug").assign(value=[1.0, 0.0, 2.0])
    bad = read_study(zero, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    for kind in ("log", "proportional"):
        with pytest.raises(InputError, match="cannot hold"):
            fit_pooled(model, bad, values.subset(["CL", "V"]), error={"C": kind})


def test_a_stiff_solver_gives_the_same_fit() -> None:
    """An equation that is not linear, so that the solver matters: both methods to 1e-5 (tolerance 1e-8)."""
    values = {"Vmax": 20.0, "Km": 3.0, "V": 10.0}
    model = define(
        {"central": "-Vmax*central/V/(Km + central/V)"}, values,
        outputs={"C": "central/V"}, doses={"bolus": "central"}, units={"C": "amount/volume", "central": "amount"},
    ).in_units(time="h", amount="mg", volume="L")  # fmt: skip
    truth = model.parameters + Parameters((Parameter("prop_C", 0.05),))
    table = grid([1], [0.25, 1, 2, 4, 6, 8, 10], "drug")
    design = read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    people = Population(model, truth, None, (residual_error("C", "proportional"),))
    study = simulated_study(simulate(people, design, seed=5), design)
    fits = [
        fit_pooled(model, study, truth, options=Options(settings=Settings(method=m))) for m in ("explicit", "stiff")
    ]
    assert [f.status for f in fits] == ["converged"] * 2
    np.testing.assert_allclose(fits[0].parameters.values, fits[1].parameters.values, rtol=1e-5)


def test_the_estimates_are_a_minimum() -> None:
    """Independent of the search: no neighbour within 0.1 % of any parameter is better, and the gradient is nothing."""
    values, study = one_bolus_study()
    fit = fit_pooled(library.one_compartment(), study, values)
    one = likelihood_of(library.one_compartment(), study, fit.parameters, {"C": "proportional"})
    x = fit.parameters.to_vector()
    here = one(x)
    assert here.objective == pytest.approx(fit.objective, rel=1e-10)
    for e in np.eye(x.size):
        assert one(x + 1e-3 * e).objective > here.objective
        assert one(x - 1e-3 * e).objective > here.objective
    assert np.abs(here.gradient).max() < 1e-4
    shifted = replace(fit.parameters.get("CL"), value=1.0)
    assert shifted.value != fit.parameters["CL"]
