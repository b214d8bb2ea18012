"""Every picture: the given axes come back, no figure appears, no text overlaps, nothing lies under the legend."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from pkpd import plot
from pkpd.dosing import bolus
from pkpd.errors import UnitError
from pkpd.fit import Fits
from pkpd.nca import nca
from pkpd.plot.style import LogTicks, TimeTicks, is_synthetic, labelled
from pkpd.simulate import simulate
from pkpd.study import Study
from tests.plot.plot_cases import bolus_study, covered, one_compartment_pk, outside, overlaps, title

Draw = Callable[[Axes | None], Axes]


@pytest.fixture(scope="module")
def pictures(study: Study, fits: Fits) -> dict[str, Draw]:
    """Every function, with its default look and some of its options."""
    result, crowd = nca(study, "drug"), bolus_study(52)
    long = simulate(one_compartment_pk(), bolus("100 mg", days=range(1, 29)), times=np.linspace(0, 800, 300))
    course = simulate(one_compartment_pk(), bolus("100 mg", days=[1, 2, 3]), times=np.linspace(0, 200, 80))
    return {
        "profiles": lambda ax: plot.profiles(study, "drug", ax=ax),
        "profiles of many, by group, log": lambda ax: plot.profiles(crowd, "drug", by="level", log=True, ax=ax),
        "profiles in days": lambda ax: plot.profiles(crowd, "drug", by="sex", time_unit="study day", ax=ax),
        "mean_profiles": lambda ax: plot.mean_profiles(crowd, "drug", by="level", ax=ax),
        "mean_profiles log": lambda ax: plot.mean_profiles(
            crowd, "drug", by="sex", statistic="geometric mean", log=True, time_unit="day", ax=ax
        ),
        "parameter_boxes": lambda ax: plot.parameter_boxes(nca(crowd, "drug"), "cl_obs", by="dose", ax=ax),
        "parameter_boxes log": lambda ax: plot.parameter_boxes(result, "auc_inf_obs", log=True, ax=ax),
        "proportionality": lambda ax: plot.proportionality(nca(crowd, "drug"), "cmax", ax=ax),
        "proportionality of one dose": lambda ax: plot.proportionality(result.isel(profile=[0]), "cmax", ax=ax),
        "bands of many doses": lambda ax: plot.bands(long, "C", time_unit="day", ax=ax),
        "lambda_z": lambda ax: plot.lambda_z(result, 1, ax=ax),
        "lambda_z linear": lambda ax: plot.lambda_z(result, 0, log=False, ax=ax),
        "observed_fitted": lambda ax: plot.observed_fitted(fits, study=study, ax=ax),
        "residuals": lambda ax: plot.residuals(fits, study=study, ax=ax),
        "fitted_course": lambda ax: plot.fitted_course(fits, study, 1, ax=ax),
        "fitted_course log": lambda ax: plot.fitted_course(fits, study, 1, log=True, ax=ax),
        "bands": lambda ax: plot.bands(course, "C", reference={"LLN": 6.0, "grade 3": 5.7}, ax=ax),
        "bands log": lambda ax: plot.bands(course, "C", log=True, time_unit="day", ax=ax),
        "timeline": lambda ax: plot.timeline(study, ax=ax),
        "timeline of many": lambda ax: plot.timeline(crowd, time_unit="day", ax=ax),
    }


NAMES = (
    "profiles", "profiles of many, by group, log", "profiles in days", "lambda_z", "lambda_z linear",
    "observed_fitted", "residuals", "fitted_course", "fitted_course log", "bands", "bands log", "timeline",
    "timeline of many", "mean_profiles", "mean_profiles log", "parameter_boxes", "parameter_boxes log",
    "proportionality", "proportionality of one dose", "bands of many doses",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_new_figure_is_legible(pictures: dict[str, Draw], name: str) -> None:
    ax = pictures[name](None)
    assert plt.get_fignums() == [ax.figure.number]
    assert overlaps(ax) == []
    assert covered(ax) == 0
    assert outside(ax) == []
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert "synthetic data" in title(ax)


@pytest.mark.parametrize("name", NAMES)
def test_given_axes_come_back_and_no_figure_is_made(pictures: dict[str, Draw], name: str) -> None:
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert pictures[name](ax) is ax
    assert plt.get_fignums() == before


def test_limits_of_the_user_are_left_alone(study: Study) -> None:
    _, ax = plt.subplots()
    ax.set_ylim(-3, 77)
    plot.profiles(study, "drug", ax=ax)
    assert ax.get_ylim() == (-3, 77)


def test_data_are_not_changed(study: Study, fits: Fits) -> None:
    before, table = study.data_hash, fits[1].predictions.copy()
    plot.profiles(study, "drug", by="level", origin="last dose", time_unit="day")
    plot.timeline(study)
    plot.residuals(fits)
    plot.fitted_course(fits, study, 1)
    assert study.data_hash == before
    assert fits[1].predictions.equals(table)


def test_measured_data_carry_no_caption() -> None:
    assert title(plot.profiles(bolus_study(synthetic=False), "drug")) == ""


def test_provenance_survives_as_truth_value_or_text() -> None:
    marks = [True, 1, np.bool_(True), "True", "virtual subjects: nobody was measured"]
    assert all(is_synthetic({"synthetic": mark}) for mark in marks)
    assert not any(is_synthetic({"synthetic": mark}) for mark in (False, 0, "False", "0", ""))
    assert not is_synthetic({})


def test_labels_write_powers_and_leave_out_the_unit_one() -> None:
    assert labelled("ALC", "10^9/L") == "ALC (10⁹/L)"
    assert labelled("A", "1") == labelled("A", "") == "A"


def test_time_axis_takes_units_of_time_only(study: Study) -> None:
    with pytest.raises(UnitError):
        plot.timeline(study, time_unit="mg")


@pytest.mark.parametrize(("span", "step"), [(24, 3), (120, 24), (1032, 120), (2.5, None)])
def test_hours_are_ticked_at_parts_and_multiples_of_days(span: float, step: float | None) -> None:
    ticks = TimeTicks((1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 96, 120, 168)).tick_values(0, span)
    assert 3 <= len(ticks) <= 10
    if step is not None:
        np.testing.assert_array_equal(ticks, np.arange(0, span + 1e-9, step))


def test_study_days_are_ticked_where_weeks_begin() -> None:
    np.testing.assert_array_equal(TimeTicks((1, 2, 7, 14), 1.0).tick_values(0.2, 44), [1, 8, 15, 22, 29, 36, 43])


@pytest.mark.parametrize("limits", [(0.9, 1.6), (0.3, 3.2), (2e-5, 4e3), (1e-30, 1e3), (0.104, 0.128)])
def test_log_axes_have_three_to_twelve_ticks_in_range(limits: tuple[float, float]) -> None:
    ticks = np.asarray(LogTicks().tick_values(*limits))
    inside_limits = ticks[(ticks >= limits[0]) & (ticks <= limits[1])]
    assert 3 <= len(inside_limits) <= 12
