"""Values beyond a limit by M1 to M4: probabilities from scipy, published runs, exact derivatives, what is refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy.stats import norm

import pkpd
from pkpd.errors import InputError
from pkpd.fit.densities import Densities
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.problem.terms import terms_of
from pkpd.observed import BELOW, INTERVAL, MEASURED
from pkpd.population import Omega, residual_error
from tests.fit.mixed.gradients import gradient_error, nonmem_study, oral_problem, ten_subjects

THETA = {"CL": 0.14, "V": 7.5, "ka": 0.9}
NOISE = {
    "additive": {"add_C": 1.5}, "proportional": {"prop_C": 0.3}, "combined": {"prop_C": 0.15, "add_C": 0.8},
    "log": {"sd_C": 0.3},
}  # fmt: skip
OMEGA = Omega.independent(CL=0.3, V=0.2, ka=0.6)
LLOQ = 4.5


@cache
def problem(kind: str, blq: str) -> Problem:
    return oral_problem(ten_subjects(lloq=LLOQ), residual_error("C", kind), NOISE[kind], THETA, OMEGA, blq)


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("blq", ["M1", "M2", "M3", "M4"])
def test_rows_are_the_probabilities_of_the_paper(kind: str, blq: str) -> None:
    """Beal 2001, from `scipy.stats`, row by row: 1e-10."""
    one = problem(kind, blq)
    point, data = one.at(one.start), one.data
    f = one.respond(point, np.zeros((one.subjects, 3)), 0).f
    found = terms_of(one.densities, f, point.errors).value
    everything = problem(kind, "M3").data
    below = everything.kind == BELOW
    assert 5 < below.sum() < 30
    log = kind == "log"
    m, low, zero = (np.log(f), np.log(LLOQ), -np.inf) if log else (f, LLOQ, 0.0)
    p = NOISE[kind]
    g = {
        "additive": lambda: p["add_C"] + 0 * f, "proportional": lambda: p["prop_C"] * f,
        "combined": lambda: np.hypot(p["add_C"], p["prop_C"] * f), "log": lambda: p["sd_C"] + 0 * f,
    }[kind]()  # fmt: skip
    y = np.log(data.upper) if log else data.upper
    measured = norm.logpdf(y, m, g) + 0.5 * np.log(2 * np.pi) - (y if log else 0)
    if blq in ("M1", "M2"):
        assert one.censoring.dropped == below.sum() == len(everything.kind) - len(data.kind)
        expected = measured - (norm.logsf(low, m, g) if blq == "M2" else 0)
    elif blq == "M3":
        expected = np.where(below, norm.logcdf(low, m, g), measured)
    else:
        within = np.log(norm.cdf(low, m, g) - norm.cdf(zero, m, g))
        expected = np.where(below, within, measured) - norm.logsf(zero, m, g)
    np.testing.assert_allclose(found, -2 * expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("method", ["FOCEI", "FOCE", "Laplace"])
@pytest.mark.parametrize("blq", ["M2", "M3", "M4"])
@pytest.mark.parametrize("kind", ["proportional", "combined", "log"])
def test_gradients_are_exact(kind: str, blq: str, method: str) -> None:
    """The third derivatives of conditioned rows are differences of exact second ones: 1e-7."""
    assert gradient_error(problem(kind, blq), method, 2) < 1e-7


@pytest.mark.parametrize("blq", ["M2", "M4"])
def test_derivatives_of_a_conditioned_row(blq: str) -> None:
    """Derivatives by the prediction and the errors' parameters against sixth-order differences: 1e-7."""
    one = problem("combined", blq)
    point = one.at(one.start)
    f = np.maximum(one.respond(point, np.zeros((one.subjects, 3)), 0).f, 1.0)
    at = terms_of(one.densities, f, point.errors)

    def difference(what: str, column: int) -> np.ndarray:
        step = 1e-3 * f if column < 0 else 1e-3 * point.errors[column]
        total = 0.0
        for m, weight in ((-3, -1), (-2, 9), (-1, -45), (1, 45), (2, -9), (3, 1)):
            moved = point.errors + (m * step * np.eye(2)[column] if column >= 0 else 0)
            found = terms_of(one.densities, f + (m * step if column < 0 else 0), moved)
            total = total + weight * getattr(found, what)
        return np.asarray(total / (60 * step))

    for found, expected in (
        (at.f, difference("value", -1)), (at.ff, difference("f", -1)), (at.p[:, 1], difference("value", 1)),
        (at.fp[:, 0], difference("f", 0)),
    ):  # fmt: skip
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())


def test_under_a_log_normal_error_m4_is_m3() -> None:
    for method in ("FOCEI", "Laplace"):
        m3, m4 = (marginal(one := problem("log", blq), one.at(one.start), method) for blq in ("M3", "M4"))
        assert m4.objective == m3.objective


@pytest.mark.parametrize("blq", ["M2", "M4"])
def test_conditioned_rows_go_by_the_term_of_laplace(blq: str) -> None:
    one = problem("combined", blq)
    assert one.exact_rows.all()
    found = [marginal(one, one.at(one.start), m).objective for m in ("FOCEI", "Laplace")]
    assert found[0] == pytest.approx(found[1], abs=1e-10)


def test_m1_is_the_fit_of_what_is_left() -> None:
    """Rows below the limit left out by hand give the same; so do they where a subject has nothing else."""
    study = ten_subjects(lloq=LLOQ)
    seen = study.observations
    table = seen[~seen["blq"]][["subject", "time", "analyte", "value"]]
    units = {"time": "h", "C": "mg/L", "dose": "mg"}
    by_hand = oral_problem(
        pkpd.read_study(table, pkpd.oral("100 mg"), units=units), residual_error("C", "combined"), NOISE["combined"],
        THETA, OMEGA,
    )  # fmt: skip
    one = problem("combined", "M1")
    found, expected = (marginal(p, p.at(p.start)).objective for p in (one, by_hand))
    assert found == pytest.approx(expected, abs=1e-8)
    assert str(one.censoring) == f"M1: values beyond a limit are left out ({int(seen['blq'].sum())} left out)"


def test_nothing_predicted_and_nothing_scattered_lies_below() -> None:
    """A prediction of 0 under a proportional error: the sample before the dose was below the limit for certain."""
    table = pandas.DataFrame({"subject": 1, "time": [0.0, 2.0, 9.0], "analyte": "C", "value": ["<1", "8", "9"]})
    study = pkpd.read_study(table, pkpd.oral("100 mg"), units={"time": "h", "C": "mg/L", "dose": "mg"})
    values = []
    for blq in ("M3", "M4"):
        one = oral_problem(study, residual_error("C", "proportional"), NOISE["proportional"], THETA, OMEGA, blq)
        f = np.array([0.0, 8.5, 9.5])
        found = terms_of(one.densities, f, np.array([0.3]))
        assert found.value[0] == found.f[0] == found.ff[0] == 0.0
        values.append(found.value)
        assert np.isfinite(marginal(one, one.at(one.start), "Laplace").objective)
    np.testing.assert_allclose(values[1][1:] - values[0][1:], 2 * norm.logcdf(1 / 0.3), rtol=1e-12)


def test_both_limits_and_an_interval() -> None:
    """M2 conditions on both ends: the window is P(low < y < high); M4 keeps a row above its limit."""
    subject = np.zeros(3, dtype=np.int64)

    class Rows:
        output = record = subject
        lower, upper = np.array([3.0, 8.0, 1.0]), np.array([3.0, np.inf, 2.0])
        kind = np.array([MEASURED, 2, INTERVAL])

    Rows.subject = subject  # type: ignore[attr-defined]
    ends = (np.array([1.0, 0.0, 0.0]), np.array([8.0, np.inf, np.inf]))
    found = Densities(Rows(), (residual_error("C", "additive"),), ["C"], ends)  # type: ignore[arg-type]
    f = np.array([2.5, 6.0, 3.0])
    value = terms_of(found, f, np.array([1.3])).value
    expected = [
        norm.logpdf(3, 2.5, 1.3) + 0.5 * np.log(2 * np.pi) - np.log(norm.cdf(8, 2.5, 1.3) - norm.cdf(1, 2.5, 1.3)),
        norm.logsf(8, 6.0, 1.3) - norm.logsf(0, 6.0, 1.3),
        np.log(norm.cdf(2, 3, 1.3) - norm.cdf(1, 3, 1.3)) - norm.logsf(0, 3, 1.3),
    ]
    np.testing.assert_allclose(value, -2 * np.array(expected), rtol=1e-12)


def test_what_is_refused() -> None:
    table = pandas.DataFrame({"subject": 1, "time": [1.0, 2.0, 9.0], "analyte": "C", "value": [1.0, 0.0, 9.0]})
    units = {"time": "h", "C": "mg/L", "dose": "mg"}
    study = pkpd.read_study(table, pkpd.oral("100 mg"), units=units)
    error = residual_error("C", "additive")
    with pytest.raises(InputError, match="M4 takes every C for positive, and 1 measured values are 0 or below"):
        oral_problem(study, error, NOISE["additive"], THETA, OMEGA, "M4")
    with pytest.raises(InputError, match="unknown method 'M5'"):
        oral_problem(study, error, NOISE["additive"], THETA, OMEGA, "M5")
    nothing = pkpd.read_study(
        table.assign(value=["<1", "<1", "<2"]), pkpd.oral("100 mg"), units=units)  # fmt: skip
    with pytest.raises(InputError, match="M1 leaves censored values out, and nothing else was observed"):
        oral_problem(nothing, error, NOISE["additive"], THETA, OMEGA, "M1")
    mixed = pkpd.read_study(table.assign(value=["<1", "<2", "9"]), pkpd.oral("100 mg"), units=units)
    with pytest.raises(InputError, match="1 values of C state no LLOQ, and the others have 2 different ones"):
        oral_problem(mixed, error, NOISE["additive"], THETA, OMEGA, "M2")


ANCHORS = {
    "warf10_focei": "FOCEI", "warf10_foce": "FOCE", "warf10_laplace": "Laplace", "warf10_m3": "Laplace",
    "warf_iov_focei": "FOCEI",
}  # fmt: skip


@pytest.mark.parametrize(("blq", "same"), [("M2", "M1"), ("M4", "M3")])
def test_modes_are_found_where_no_curvature_is_positive(reference: Path, blq: str, same: str) -> None:
    """A SD of 1 %: nothing is conditioned in effect, but on the way to the modes all curvatures are indefinite."""
    folder = reference / "external" / "ferx"
    run = next(r for r in json.loads((folder / "anchors.json").read_text())["runs"] if r["id"] == "warf10_m3")
    omega = Omega.independent(**{n: v**0.5 for n, v in run["omega2"].items()})
    study, sd = nonmem_study(folder / "warfarin_bloq.csv"), run["residual"]["prop_sd"]
    found = [
        marginal(one, one.at(one.start), "Laplace")
        for one in (
            oral_problem(study, residual_error("C", "proportional"), {"prop_C": sd}, run["theta"], omega, method)
            for method in (blq, same)
        )
    ]
    assert (found[0].modes.status == 0).all()
    assert found[0].objective == pytest.approx(found[1].objective, abs=1e-8)


@pytest.mark.parametrize("name", ANCHORS)
def test_published_runs(reference: Path, name: str) -> None:
    """NONMEM's objectives at its printed estimates (FeRx-NLME/ferx-core, recomputed): 1e-5."""
    folder = reference / "external" / "ferx"
    run = next(r for r in json.loads((folder / "anchors.json").read_text())["runs"] if r["id"] == name)
    residual, variances = run["residual"], dict(run["omega2"])
    sd = residual.get("prop_sd") or residual["prop_var"] ** 0.5
    occasion = variances.pop("iov_CL", None)
    omega = Omega.independent(**{n: v**0.5 for n, v in variances.items()})
    if occasion:
        omega = omega + Omega.independent(CL=occasion**0.5).at_occasion()
    study = nonmem_study(folder / Path(run["data"]).name)
    one = oral_problem(study, residual_error("C", "proportional"), {"prop_C": sd}, run["theta"], omega)
    found = marginal(one, one.at(one.start), ANCHORS[name])
    assert found.objective == pytest.approx(run["ofv"], abs=1e-5)
    assert (found.modes.status == 0).all()
