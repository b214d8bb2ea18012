"""Pictures of a population fit show the fit's own numbers, and no text lies on another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import pkpd
from pkpd import plot
from pkpd.fit import PopulationFit, PopulationOptions
from tests.plot.plot_cases import covered, line, outside, overlaps, title

ERROR = {"C": "additive"}
START = {"ka": 1.5, "CL": 2.7, "V": 31.0}


@pytest.fixture(scope="module")
def theophylline() -> pkpd.Study:
    return pkpd.data.theophylline()


@pytest.fixture(scope="module")
def oral() -> pkpd.Model:
    return pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")


@pytest.fixture(scope="module")
def fit(oral: pkpd.Model, theophylline: pkpd.Study) -> PopulationFit:
    options = PopulationOptions(starts=1, check=False)
    return pkpd.fit_population(oral, theophylline, START, error=ERROR, options=options)


@pytest.fixture(scope="module")
def drawn(oral: pkpd.Model, theophylline: pkpd.Study) -> PopulationFit:
    options = PopulationOptions(starts=1, draws=64)
    return pkpd.fit_population(oral, theophylline, START, error=ERROR, options=options, method="SAEM")


Draw = Callable[[PopulationFit, pkpd.Study, Axes | None], Axes]
PICTURES: dict[str, Draw] = {
    "convergence": lambda fit, study, ax: plot.convergence(fit, ax=ax),
    "convergence of CL": lambda fit, study, ax: plot.convergence(fit, "CL", ax=ax),
    "against PRED, log": lambda fit, study, ax: plot.observed_predicted(fit, against="PRED", log=True, ax=ax),
    "residuals over time": lambda fit, study, ax: plot.weighted_residuals(fit, ax=ax),
    "a subject, log, in days": lambda fit, study, ax: plot.individual_course(
        fit, study, 3, log=True, time_unit="day", ax=ax
    ),
    "a random effect": lambda fit, study, ax: plot.random_effects(fit, "eta_CL", ax=ax),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_legible_and_makes_a_figure_only_when_asked(
    fit: PopulationFit, theophylline: pkpd.Study, name: str
) -> None:
    ax = PICTURES[name](fit, theophylline, None)
    assert len(plt.get_fignums()) == 1
    assert overlaps(ax) == []
    assert covered(ax) == 0
    assert outside(ax) == []
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert PICTURES[name](fit, theophylline, ax) is ax
    assert len(plt.get_fignums()) == 1


def test_observed_and_predicted_are_those_of_the_fit(fit: PopulationFit) -> None:
    rows = fit.predictions
    for against in ("PRED", "IPRED"):
        drawn = line(plot.observed_predicted(fit, against=against), "measured")
        np.testing.assert_array_equal(drawn.get_xdata(), rows[against])
        np.testing.assert_array_equal(drawn.get_ydata(), rows["value"])
    zeros, early = int((rows["value"] <= 0).sum()), int((rows["IPRED"] <= 0).sum())
    above = title(plot.observed_predicted(fit, log=True))
    assert f"{zeros} at values ≤ 0 not shown" in above
    assert f"{early} predicted below" in above


def test_residuals_are_those_of_the_fit_and_their_means_are_means(fit: PopulationFit) -> None:
    ax = plot.weighted_residuals(fit, kind="CWRES", against="time")
    np.testing.assert_array_equal(line(ax, "measured").get_ydata(), fit.predictions["CWRES"])
    means = line(ax, "mean of neighbours")
    assert len(np.asarray(means.get_xdata())) == 10
    # 132 points in ten groups of 13 or 14: the two larger ones come first
    weights = np.array([14, 14, *[13] * 8])
    assert float(np.average(np.asarray(means.get_ydata()), weights=weights)) == pytest.approx(
        float(fit.predictions["CWRES"].mean())
    )


def test_a_subject_s_curves_go_through_its_predictions(fit: PopulationFit, theophylline: pkpd.Study) -> None:
    ax = plot.individual_course(fit, theophylline, 5)
    rows = fit.predictions[fit.predictions["subject"] == 5]
    for label, column in (("typical", "PRED"), ("own", "IPRED")):
        curve = line(ax, label)
        t, y = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
        late = rows[rows["time"] > 0]
        np.testing.assert_allclose(y[np.searchsorted(t, late["time"])], late[column], rtol=1e-9)
    np.testing.assert_array_equal(line(ax, "measured").get_ydata(), rows["value"])


def test_a_subject_keeps_what_an_earlier_fit_gave_it(oral: pkpd.Model, theophylline: pkpd.Study) -> None:
    rates = pandas.DataFrame({"ka": np.geomspace(0.8, 4.0, 12)}, index=list(theophylline.subject_ids))
    options = PopulationOptions(starts=1, check=False)
    fit = pkpd.fit_population(oral, theophylline, iiv=["CL"], error=ERROR, given=rates, options=options)
    rows = fit.predictions[(fit.predictions["subject"] == 12) & (fit.predictions["time"] > 0)]
    ax = plot.individual_course(fit, theophylline, 12)
    for label, column in (("typical", "PRED"), ("own", "IPRED")):
        t, y = (np.asarray(v) for v in line(ax, label).get_data())
        np.testing.assert_allclose(y[np.searchsorted(t, rows["time"])], rows[column], rtol=1e-9)


def test_random_effects_stand_beside_the_estimated_distribution(fit: PopulationFit) -> None:
    ax = plot.random_effects(fit, "eta_ka")
    curve = line(ax, "estimated")
    omega = float(fit.shrinkage.loc["eta_ka", "omega"])
    assert float(np.max(np.asarray(curve.get_ydata()))) == pytest.approx(1 / (omega * np.sqrt(2 * np.pi)), rel=1e-3)
    bars = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert sum(p.get_width() * p.get_height() for p in bars) == pytest.approx(1.0)
    assert "shrinkage 6 %" in str(ax.get_legend_handles_labels()[1])


def test_the_way_of_a_search_ends_at_the_estimates(fit: PopulationFit) -> None:
    ax = plot.convergence(fit)
    way = np.asarray(ax.lines[0].get_ydata())
    assert (np.diff(way) <= 0).all()
    assert ax.get_yscale() == "log"
    variance = float(fit.random_effects().loc["var(eta_V)", "estimate"])
    for name, value in (("V", fit.values["V"]), ("var(eta_V)", variance)):
        assert float(np.asarray(plot.convergence(fit, name).lines[0].get_ydata())[-1]) == pytest.approx(value, rel=1e-4)


def test_the_way_of_draws_shows_iterations_and_phases(drawn: PopulationFit) -> None:
    assert drawn.estimate is not None
    trace = drawn.estimate.run.trace
    ax = plot.convergence(drawn, "CL")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), trace.values[:, trace.names.index("CL")])
    assert ax.get_xlabel() == "iteration"
    assert len(ax.lines) == 4  # the way, the estimate, two ends of phases
    assert "given the draws" in plot.convergence(drawn).get_ylabel()


@pytest.mark.parametrize(
    "draw",
    [
        lambda fit, study, axes: plot.convergence_page(fit, axes),
        lambda fit, study, axes: plot.goodness_of_fit(fit, axes),
        lambda fit, study, axes: plot.individual_courses(fit, study, axes, subjects=[1, 2, 9]),
        lambda fit, study, axes: plot.random_effects_page(fit, axes),
    ],
)
def test_pages_fill_axes_and_hide_the_rest(
    fit: PopulationFit, theophylline: pkpd.Study, draw: Callable[..., Any]
) -> None:
    axes = plt.subplots(3, 3, figsize=(13, 10))[1]
    assert draw(fit, theophylline, axes) is axes
    used = [ax for ax in axes.flat if ax.get_visible()]
    assert 0 < len(used) < 9
    assert all(ax.lines for ax in used)
    with pytest.raises(pkpd.InputError, match="for 2 axes"):
        draw(fit, theophylline, axes[0, :2])


def test_wrong_names_are_answered_with_the_near_ones(fit: PopulationFit, theophylline: pkpd.Study) -> None:
    with pytest.raises(pkpd.InputError, match=r"unknown name 'VV'.*V"):
        plot.convergence(fit, "VV")
    with pytest.raises(pkpd.InputError, match="unknown residual"):
        plot.weighted_residuals(fit, kind="CWRS")
    with pytest.raises(pkpd.InputError, match="unknown subject"):
        plot.individual_course(fit, theophylline, 99)
    with pytest.raises(pkpd.InputError, match="unknown random effect"):
        plot.random_effects(fit, "eta_Q")


def test_pages_make_their_own_figure(fit: PopulationFit, theophylline: pkpd.Study) -> None:
    """Without axes there are as many panels as there is to show, at most twelve subjects."""
    result = pkpd.nca(theophylline, "theophylline")
    pages: dict[int, Callable[[], Any]] = {
        4: lambda: plot.goodness_of_fit(fit),
        12: lambda: plot.individual_courses(fit, theophylline),
        3: lambda: plot.random_effects_page(fit),
        2: lambda: plot.lambda_z_page(result, profiles=[0, 1]),
    }
    for panels, draw in pages.items():
        axes = draw()
        assert sum(ax.get_visible() for ax in axes.flat) == panels
        assert len({ax.figure for ax in axes.flat}) == 1
        plt.close(axes.flat[0].figure)
    assert sum(ax.get_visible() for ax in plot.profiles_page(theophylline).flat) >= 1
    plt.close("all")
