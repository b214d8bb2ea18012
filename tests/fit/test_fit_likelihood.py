"""The likelihood against SciPy's distributions, its gradient against differences, its information against theory."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas
import pytest
from scipy.stats import norm

from pkpd import il21, library
from pkpd.dosing import bolus
from pkpd.fit import KINDS, fit_pooled
from pkpd.fit.likelihood import Likelihood
from pkpd.io import read_study
from pkpd.observed import ABOVE, BELOW, MEASURED
from pkpd.parameters import Parameter, Parameters
from pkpd.study import Study
from tests.fit.fit_cases import UNITS, likelihood_of, line_model, line_study, pd_truth, pk_truth

NOISE = {"prop": 0.2, "add": 1.5, "sd": 0.25, "scale": 0.3, "power": 0.9}
TIMES = (5 / 60, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0)
LLOQ, ULOQ = 0.5, 300.0


def censored_study() -> Study:
    """Three subjects with measured, BLQ (12 h) and ALQ (5 min) samples; one BLQ where much more is predicted (4 h)."""
    clean = 464.4 * np.array([0.70, 0.10, 0.055, 0.033, 0.016, 0.0075, 0.0036, 0.0008])
    rows = []
    for subject, ratio in ((1, 0.9), (2, 1.0), (3, 1.2)):
        for k, (t, c) in enumerate(zip(TIMES, clean * ratio, strict=True)):
            value = c * (1 + 0.1 * (-1) ** (k + subject))
            text = f"{value:.4g}" if value >= LLOQ else f"<{LLOQ}"
            if subject == 3 and t == 4.0:
                text = f"<{LLOQ}"
            rows.append((subject, t, "IL21", f">{ULOQ}" if value > ULOQ else text))
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    used = {n: UNITS[n] for n in ("time", "IL21", "dose")}
    return read_study(table, bolus("30 ug/kg"), units=used, lloq={"IL21": LLOQ}, uloq={"IL21": ULOQ})


def parts_of(kind: str) -> list[str]:
    """Short names of a kind's parameters."""
    return [p.name for p in KINDS[kind].parameters]


@cache
def case(kind: str) -> Likelihood:
    noise = {f"{part}_C": NOISE[part] for part in parts_of(kind)}
    model = library.two_compartment()
    values = pk_truth(**noise)
    return likelihood_of(model, censored_study(), values, {"C": kind})


def formula(one: Likelihood, kind: str, with_constant: bool) -> float:
    """−2 log L from `scipy.stats`, row by row; `fitted` comes from the closed form of the two-compartment model."""
    p = one.parameters
    noise = {part: p[f"{part}_C"] for part in parts_of(kind)}
    k10, k12, k21 = p["CL"] / p["V1"], p["Q"] / p["V1"], p["Q"] / p["V2"]
    total = k10 + k12 + k21
    alpha = (total + np.sqrt(total**2 - 4 * k10 * k21)) / 2
    beta = k10 * k21 / alpha
    t, y, censor = one.data.time, one.data.value, one.data.kind
    c0 = 30_000 / p["V1"]
    f = c0 * ((alpha - k21) * np.exp(-alpha * t) + (k21 - beta) * np.exp(-beta * t)) / (alpha - beta)
    sd = {
        "additive": lambda: np.full(f.shape, noise["add"]),
        "proportional": lambda: noise["prop"] * f,
        "combined": lambda: np.sqrt(noise["add"] ** 2 + (noise["prop"] * f) ** 2),
        "combined1": lambda: noise["add"] + noise["prop"] * f,
        "power": lambda: noise["prop"] * f ** noise["power"],
        "log": lambda: np.full(f.shape, noise["sd"]),
        "weighted 1/y": lambda: noise["scale"] * np.sqrt(y),
        "weighted 1/y²": lambda: noise["scale"] * y,
    }[kind]()
    jacobian = 0.0
    if kind == "log":  # density of y itself: that of log y divided by y
        jacobian = -np.log(y[censor == MEASURED]).sum()
        y, f = np.log(y), np.log(f)
    below, above, seen = censor == BELOW, censor == ABOVE, censor == MEASURED
    log_l = (
        norm.logpdf(y[seen], f[seen], sd[seen]).sum()
        + norm.logcdf(y[below], f[below], sd[below]).sum()
        + norm.logsf(y[above], f[above], sd[above]).sum()
        + jacobian
    )
    return float(-2 * log_l - (0 if with_constant else seen.sum() * np.log(2 * np.pi)))


def test_the_case_has_every_sort_of_row() -> None:
    censor = case("additive").data.kind
    assert [int((censor == k).sum()) for k in (MEASURED, BELOW, ABOVE)] == [18, 4, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_objective_is_the_log_density(kind: str) -> None:
    """To rounding: the closed form has about 1e-13 of a prediction, a sum of 24 terms 1e-11 of the whole."""
    one = case(kind)
    value = one(one.parameters.to_vector())
    assert value.objective == pytest.approx(formula(one, kind, False), rel=1e-10)
    assert value.objective + one.constant == pytest.approx(formula(one, kind, True), rel=1e-10)


def test_a_fit_reports_both_scales() -> None:
    study = censored_study()
    fit = fit_pooled(library.two_compartment(), study, pk_truth(), error={"C": "log"})
    one = likelihood_of(library.two_compartment(), study, fit.parameters, {"C": "log"})
    assert fit.minus2ll == pytest.approx(formula(one, "log", True), rel=1e-8)  # the fit solves at 1e-8
    assert fit.minus2ll - fit.objective == pytest.approx(18 * np.log(2 * np.pi), rel=1e-12)
    assert (fit.observations, fit.censored, fit.subjects) == (24, 6, 3)
    assert fit.aic == pytest.approx(fit.minus2ll + 10)
    assert fit.bic == pytest.approx(fit.minus2ll + 5 * np.log(24))


def differences(one: Likelihood, x: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Central differences of fourth order: truncation and rounding are both near 1e-10 of the objective."""
    found = []
    for k in range(x.size):
        e = np.eye(x.size)[k] * step
        f = [one(x + m * e).objective for m in (-2, -1, 1, 2)]
        found.append((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step))
    return np.array(found)


def close(found: np.ndarray, expected: np.ndarray, relative: float) -> bool:
    """Near in terms of the largest component: a difference quotient has the rounding of the whole."""
    return bool(np.abs(found - expected).max() <= relative * max(np.abs(expected).max(), 1.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_gradient_of_every_kind_with_censored_rows(kind: str, shift: float) -> None:
    """Exact gradient, at the truth and away from it, with M3 rows that fit well and badly."""
    one = case(kind)
    x = one.parameters.to_vector() + shift * np.array([1, -1, 1, -1] + [1] * len(KINDS[kind].parameters))
    value = one(x)
    assert value.gradient.shape == (4 + len(KINDS[kind].parameters),)
    assert close(value.gradient, differences(one, x), 1e-6)
    np.testing.assert_allclose(value.scores.sum(axis=0), value.gradient, rtol=0, atol=1e-9 * np.abs(value.scores).max())


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_subjects_own_gradients(kind: str) -> None:
    """A study of one subject has that subject's score as its gradient; the objectives add up."""
    whole = case(kind)
    x = whole.parameters.to_vector()
    parts = [
        likelihood_of(library.two_compartment(), censored_study().select(subjects=[s]), whole.parameters, {"C": kind})
        for s in (1, 2, 3)
    ]
    values = [part(x) for part in parts]
    assert whole(x).objective == pytest.approx(sum(v.objective for v in values), rel=1e-12)
    for k, v in enumerate(values):
        np.testing.assert_allclose(whole(x).scores[k], v.gradient, rtol=1e-9, atol=1e-9)


def test_gradient_of_the_whole_pkpd_model() -> None:
    """Two outputs on the log scale, solved numerically, with given PK fixed and bounded parameters on a logit scale."""
    table = pandas.DataFrame(
        [(s, t, a, v) for s in (1, 2) for t, r, c in ((0.0, 2.4, 1.4), (12.0, 9.0, 0.7), (24.0, 12.0, 0.45))
         for a, v in (("sCD25", r * s), ("ALC", c * s))],
        columns=["subject", "time", "analyte", "value"],
    )  # fmt: skip
    used = {n: u for n, u in UNITS.items() if n != "IL21"}
    study = read_study(table, bolus("30 ug/kg", days=[1, 2]), units=used)
    values = pd_truth().release("EC50", "kA").bound("SL", 0.0, 50.0)
    one = likelihood_of(il21.model(), study, values, {"sCD25": "log", "ALC": "log"})
    x = one.parameters.to_vector()
    assert one.parameters.get("SL").scale == "logit"
    # The adaptive solver makes the objective rough at about 1e-10, which a step of 1e-3 turns into 1e-7.
    assert close(one(x).gradient, differences(one, x, 1e-3), 1e-6)


def test_information_is_the_hessian_of_a_linear_model() -> None:
    """Additive error and a straight line: the expected Hessian is 2·XᵀX/σ²; cross terms vanish at the optimum."""
    t = np.array([0.0, 1.0, 2.0, 4.0, 7.0])
    y = np.array([1.1, 2.9, 5.2, 8.8, 15.1])
    design = np.column_stack([np.ones_like(t), t])
    best, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    sd = float(np.sqrt(rss[0] / t.size))
    model = line_model()
    values = model.parameters.with_values(a=best[0], b=best[1])
    values = values + Parameters((Parameter("add_y", sd, "ng/mL"),))
    one = likelihood_of(model, line_study(t, y), values, {"y": "additive"})
    x = one.parameters.to_vector()
    found = one(x)
    expected = np.zeros((3, 3))
    expected[:2, :2] = 2 * design.T @ design / sd**2
    expected[2, 2] = 4 * t.size  # −2 log L = RSS/σ² + 2n·log σ, on the scale log σ, where RSS = nσ²
    np.testing.assert_allclose(found.information, expected, rtol=1e-10, atol=1e-8)
    np.testing.assert_allclose(found.gradient, 0.0, atol=1e-9)
    step = 1e-5
    columns = [(one(x + step * e).gradient - one(x - step * e).gradient) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(found.information, columns, rtol=1e-7, atol=1e-6 * expected.max())


def test_information_is_the_mean_of_the_observed_hessian() -> None:
    """Proportional error: over many simulated data sets the mean Hessian is the expected one (Fisher)."""
    one = case("proportional")
    rng = np.random.default_rng(11)
    x = one.parameters.to_vector()
    exact = one(x)
    level = one.data.value
    data = replace(one.data, kind=np.zeros_like(one.data.kind), lower=level, upper=level)
    hessians = []
    for _ in range(300):
        drawn = exact.fitted * (1 + NOISE["prop"] * rng.standard_normal(exact.fitted.shape))
        here = replace(one, data=replace(data, lower=drawn, upper=drawn))
        step = 1e-4
        columns = [(here(x + step * e).gradient - here(x - step * e).gradient) / (2 * step) for e in np.eye(x.size)]
        hessians.append(columns)
    expected = replace(one, data=data)(x).information
    mean, error = np.mean(hessians, axis=0), np.std(hessians, axis=0, ddof=1) / np.sqrt(300)
    # 15 different entries: 4 standard errors are exceeded by chance once in a thousand such tests.
    assert (np.abs(mean - expected) < 4 * error + 1e-6 * np.abs(expected).max()).all()


def test_information_is_positive_semi_definite_where_the_fit_is_bad() -> None:
    for kind in KINDS:
        one = case(kind)
        x = one.parameters.to_vector()
        for shift in (-2.0, 2.0):
            found = one(x + shift).information
            assert np.linalg.eigvalsh(found).min() >= -1e-9 * np.abs(found).max(), (kind, shift)


def test_a_point_that_cannot_be_computed_is_infinite() -> None:
    """Log error where the prediction is 0 (before any dose arrives): no density, said as an infinite objective."""
    table = pandas.DataFrame({"subject": 1, "time": [0.0, 1.0], "analyte": "IL21", "value": [1.0, 50.0]})
    used = {n: UNITS[n] for n in ("time", "IL21", "dose")}
    study = read_study(table, bolus("30 ug/kg"), units=used)
    one = likelihood_of(library.two_compartment(), study, pk_truth(sd_C=0.2), {"C": "log"})
    value = one(one.parameters.to_vector())
    assert value.objective == np.inf
    assert np.isfinite(value.gradient).all()


def test_blq_of_a_prediction_of_zero_is_certain() -> None:
    """M3 at a prediction of 0 with proportional error: probability one, contribution nothing, gradient nothing."""
    table = pandas.DataFrame({"subject": 1, "time": [0.0, 1.0, 2.0], "analyte": "IL21", "value": ["<0.5", "30", "15"]})
    used = {n: UNITS[n] for n in ("time", "IL21", "dose")}
    with_zero = read_study(table, bolus("30 ug/kg"), units=used, lloq={"IL21": 0.5})
    without = read_study(table[1:], bolus("30 ug/kg"), units=used, lloq={"IL21": 0.5})
    pair = [
        likelihood_of(library.two_compartment(), s, pk_truth(prop_C=0.2), {"C": "proportional"})
        for s in (with_zero, without)
    ]
    a, b = (one(one.parameters.to_vector()) for one in pair)
    assert a.objective == pytest.approx(b.objective, rel=1e-12)
    np.testing.assert_allclose(a.gradient, b.gradient, rtol=1e-12)
