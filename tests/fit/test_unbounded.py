"""Likelihoods without a maximum: where a residual SD may go to zero at a measured point, no −2 log L is printed."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.errors import FitWarning, InputError
from pkpd.fit import Fit, fit_individuals, fit_pooled
from pkpd.model import define
from pkpd.parameters import Parameter, Parameters
from pkpd.population import ResidualError
from pkpd.population.residual import ErrorParameter
from pkpd.study import Study
from tests.fit.fit_cases import line_model, line_study

ORAL = pkpd.library.one_compartment(absorption=True)
START = ORAL.parameters.with_values(ka=1.0, CL=2.2, V=18.0)
TIMES = np.array([0, 0.5, 1, 2, 4, 8, 12, 24.0])
WOBBLE = 1 + 0.1 * np.array([0, 1, -1, 0.5, -0.4, 1, -1, 0.6])


class Power(ResidualError):
    """A least under a power of the prediction."""

    kind: ClassVar[str] = "least and power"
    parameters = (
        ErrorParameter("least", "SD at 0", start=0.05, has_unit=True),
        ErrorParameter("part", "SD at 1", start=0.1),
    )
    sd = "least + part*abs(f)**0.8"


def oral(t: np.ndarray) -> np.ndarray:
    """100 mg, ka 1.2 /h, CL 2 L/h, V 20 L in closed form."""
    return 100 / 20 * 1.2 / 1.1 * (np.exp(-0.1 * t) - np.exp(-1.2 * t))


def study_of(subjects: int = 6, zeros: tuple[float, ...] = (0.0,), scale: float = 1.0, **arguments: Any) -> Study:
    """Oral doses of 100 mg times `scale`; a subject's values are moved a little, those at `zeros` are 0."""
    rows = []
    for s in range(1, subjects + 1):
        values = oral(TIMES) * np.roll(WOBBLE, s) * scale
        rows += [(s, t, 0.0 if t in zeros else v) for t, v in zip(TIMES, values, strict=True) if t > 0 or 0 in zeros]
    table = pandas.DataFrame(rows, columns=["subject", "time", "C"])
    return pkpd.read_study(table, pkpd.oral(f"{100 * scale} mg"), units={"time": "h", "C": "mg/L"}, **arguments)


def quiet(call: Any, *inputs: Any, **named: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return call(*inputs, **named)


@pytest.mark.parametrize("kind", ["combined", Power])
def test_a_measured_0_that_is_predicted_0_is_refused_by_its_record(kind: Any) -> None:
    """It was "not identified" with −2 log L −3 650 and add 2e-132."""
    with pytest.raises(InputError) as caught:
        fit_pooled(ORAL, study_of(), START, error={"C": kind})
    text = str(caught.value)
    name = "add_C" if kind == "combined" else "least_C"
    for word in ("6 measured values of C", "subject 1 at time 0", "and 1 more", name, "LLOQ", "excluded", "additive"):
        assert word in text


@pytest.mark.parametrize("scale", [1.0, 1e-4])
def test_a_measured_0_of_which_something_is_predicted_is_not_meant(scale: float) -> None:
    """At 24 h the prediction is half a mg/L, or a ten-thousandth of that: however small, a 0 there keeps its SD."""
    with pytest.raises(InputError, match="6 measured values of C are 0") as caught:
        fit_pooled(ORAL, study_of(zeros=(0.0, 24.0), scale=scale), START, error={"C": "combined"})
    assert "at time 24" not in str(caught.value)


def test_every_individual_fit_says_it_too() -> None:
    with pytest.raises(InputError, match=r"subject 2: error: 1 measured value of C is 0 .*subject 2 at time 0"):
        fit_individuals(ORAL, study_of(2), START, error={"C": "combined"}, progress=False)


@pytest.mark.parametrize("kind", ["proportional", "log", "weighted 1/y", "weighted 1/y²"])
def test_an_error_without_spread_at_0_names_the_records(kind: str) -> None:
    with pytest.raises(InputError, match=r"\(subject 1 at time 0, subject 2 at time 0\).*cannot hold.*LLOQ"):
        fit_pooled(ORAL, study_of(2), START, error={"C": kind})


def test_the_remedies_that_are_offered_work() -> None:
    """BLQ at a prediction of 0 is certain, so that it counts as nothing: as if those samples had been left out.

    A least under the SD that is small beside the rest changes nothing but the density of the zeros themselves, which
    is that of a normal number at its mean.
    """
    without = quiet(fit_pooled, ORAL, study_of(zeros=()), START, error={"C": "combined"})
    blq = quiet(fit_pooled, ORAL, study_of(lloq={"C": 0.4}), START, error={"C": "combined"})
    assert blq.minus2ll == pytest.approx(without.minus2ll, abs=1e-3)
    least = START + Parameters((Parameter("add_C", 1e-3, "mg/L", fixed=True),))
    fixed = quiet(fit_pooled, ORAL, study_of(), least, error={"C": "combined"})
    assert fixed.status == "converged"
    alone = quiet(fit_pooled, ORAL, study_of(zeros=()), least, error={"C": "combined"})
    assert fixed.minus2ll - alone.minus2ll == pytest.approx(6 * np.log(2 * np.pi * 1e-6), abs=1e-6)
    bounded = START + Parameters((Parameter("add_C", 2.0, "ug/L", lower=1.0),))  # its unit and its bound count
    held = quiet(fit_pooled, ORAL, study_of(), bounded, error={"C": "combined"})
    assert held.parameters["add_C"] == pytest.approx(1e-3, rel=1e-2)
    assert held.minus2ll == pytest.approx(fixed.minus2ll, abs=0.1)
    assert np.isfinite(quiet(fit_pooled, ORAL, study_of(), START, error={"C": "additive"}).minus2ll)
    tiny = START + Parameters((Parameter("add_C", 1e-9, "mg/L", fixed=True),))  # a least is a least, however low
    assert np.isfinite(quiet(fit_pooled, ORAL, study_of(), tiny, error={"C": "combined"}).minus2ll)


def test_a_measured_value_beside_the_zeros_keeps_the_floor() -> None:
    """Theophylline: subject 1 has 0.74 before the dose, so that the additive part cannot vanish."""
    theophylline = pkpd.data.theophylline()
    start = ORAL.parameters.with_values(ka=1.5, CL=0.04, V=0.5)
    assert np.isfinite(quiet(fit_pooled, ORAL, theophylline, start, error={"C": "combined"}).minus2ll)
    others = theophylline.select(subjects=[2, 3])
    with pytest.raises(InputError, match="no maximum"):
        fit_pooled(ORAL, others, start, error={"C": "combined"})


def test_a_delay_that_reaches_a_measured_0_is_said_after_the_search() -> None:
    """At the start the prediction at 1 h is not 0; behind a longer delay it is, as was measured, and add goes to 0."""
    delayed = define({}, {"b": 2.0, "delay": 0.9}, outputs={"y": "b*max(t - delay, 0)"})
    times = np.array([1.0, 2, 3, 4, 5, 6])
    study = line_study(times, 2 * np.maximum(times - 1.2, 0) * (1 + 0.1 * np.cos(7 * times)))
    with pytest.warns(FitWarning, match="unbounded"):
        fit = fit_pooled(delayed, study, delayed.parameters, error={"y": "combined"})
    assert fit.status == "unbounded"
    assert "a measured 0 of y (subject 1 at time 1)" in fit.message
    assert "LLOQ" in fit.message
    assert np.isnan([fit.minus2ll, fit.objective, fit.aic, fit.bic]).all()


@pytest.mark.parametrize("kind", list(pkpd.fit.KINDS))
def test_a_line_through_two_points_has_no_likelihood(kind: str) -> None:
    """As many parameters as values; the estimates are the line, and nothing else is said of them."""
    model = line_model()
    fit = quiet(fit_pooled, model, line_study([1.0, 4.0], [3.0, 9.0]), model.parameters, error={"y": kind})
    assert fit.status == "unbounded"
    assert "every measured value of y (subject 1 at time 1, subject 1 at time 4)" in fit.message
    assert [fit.parameters["a"], fit.parameters["b"]] == pytest.approx([1.0, 2.0], rel=1e-5)
    assert np.isnan(fit.minus2ll)
    assert np.isnan(fit.covariance).all()
    assert "nan" in fit.summary()
    with pytest.raises(InputError, match="unbounded"):
        fit.draws(2, np.random.default_rng(1))


@pytest.mark.parametrize("case", ["no noise", "duplicates alone", "one value beside BLQ"])
def test_what_is_met_exactly_in_other_ways(case: str) -> None:
    model = line_model()
    if case == "no noise":
        times = np.arange(1.0, 9.0)
        study = line_study(times, 2.0 + 0.3 * times)
    elif case == "duplicates alone":
        study = line_study([2.0] * 4, [5.0] * 4, [1, 2, 3, 4])
    else:
        table = pandas.DataFrame(
            {"subject": 1, "time": [1.0, 2.0, 3.0, 4.0], "analyte": "y", "value": ["5", *["<1"] * 3]}
        )
        study = pkpd.read_study(table, units={"time": "h", "y": "ng/mL"})
    for kind in ("additive", "combined"):
        fit = quiet(fit_pooled, model, study, model.parameters, error={"y": kind})
        assert (fit.status, np.isnan(fit.minus2ll)) == ("unbounded", True)


def test_one_sample_of_a_second_output() -> None:
    """The first output is measured often and has a residual error; the second once, and its SD may be 0."""
    parameters = Parameters(tuple(Parameter(n, 1.0, lower=-np.inf) for n in ("a", "b", "c")))
    model = define({}, parameters, outputs={"y": "a + b*t", "z": "c*t"})
    t = np.arange(1.0, 8.0)
    frame = pandas.DataFrame({"subject": 1, "time": t, "analyte": "y", "value": 2 + t + 0.2 * np.sin(9 * t)})
    more = pandas.DataFrame({"subject": [1], "time": [2.0], "analyte": ["z"], "value": [7.0]})
    study = pkpd.read_study(pandas.concat([frame, more]), units={"time": "h", "y": "ng/mL", "z": "ng/mL"})
    fit = quiet(fit_pooled, model, study, parameters, error={"y": "additive", "z": "additive"})
    assert fit.status == "unbounded"
    assert "every measured value of z (subject 1 at time 2): 1 measured" in fit.message
    assert "of y" not in fit.message


def line_fit(values: np.ndarray, kind: str) -> Fit:
    model = line_model()
    found: Fit = quiet(fit_pooled, model, line_study(np.arange(1.0, 7.0), values), model.parameters, error={"y": kind})
    return found


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.sampled_from([1e-4, 1e-2, 0.3]))
def test_the_likelihood_is_a_number_unless_the_residuals_are_none(noise: list[float], size: float) -> None:
    """Additive error: with RSS of least squares, −2 log L is n log(2π RSS/n) + n; NaN only where RSS vanishes."""
    t = np.arange(1.0, 7.0)
    values = 3 + 0.5 * t + size * np.array(noise)
    rss = float(np.linalg.lstsq(np.column_stack([np.ones(6), t]), values, rcond=None)[1][0])
    fit = line_fit(values, "additive")
    if rss > 6 * 1e-10:
        assert fit.minus2ll == pytest.approx(6 * np.log(2 * np.pi * rss / 6) + 6, rel=1e-6, abs=1e-6)
    elif rss < 6 * 1e-16:
        assert np.isnan(fit.minus2ll)
