"""Bands are quantiles of the simulation; published points go on top with their source."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas
import pytest
import xarray
from matplotlib.axes import Axes

from pkpd import plot
from pkpd.dosing import bolus
from pkpd.errors import InputError
from pkpd.fit import residual_error
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population
from pkpd.simulate import simulate
from tests.plot.plot_cases import lay_out, line, one_compartment_pk, title


@pytest.fixture(scope="module")
def forecast() -> xarray.Dataset:
    """Thirty virtual subjects in four replicates under doses on days 1, 2 and 8."""
    pk = one_compartment_pk()
    values = pk.parameters + Parameters((Parameter("prop_C", 0.1),))
    people = Population(pk, values, Omega.independent(CL=0.3, V=0.2), (residual_error("C", "proportional"),))
    times = np.unique([*np.linspace(0, 240, 60), 0.1, 24.1, 168.1])
    return simulate(people, bolus("100 mg", days=[1, 2, 8]), subjects=30, replicates=4, times=times, seed=4)


def _edges(ax: Axes, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of the band with this label, over the times."""
    (band,) = [c for c in ax.collections if c.get_label() == label]
    vertices = band.get_paths()[0].vertices
    n = (len(vertices) - 3) // 2
    return vertices[1 : n + 1, 1], vertices[n + 2 : 2 * n + 2, 1][::-1]


@pytest.mark.parametrize("measured", [False, True])
def test_bands_are_quantiles_over_all_subjects(forecast: xarray.Dataset, measured: bool) -> None:
    ax = plot.bands(forecast, "C_measured" if measured else "C", look=plot.BandStyle(levels=(0.9, 0.5)))
    pooled = forecast["C_measured" if measured else "C"].to_numpy().reshape(120, -1)
    for level in (0.5, 0.9):
        low, high = _edges(ax, f"{100 * level:g} % of subjects")
        np.testing.assert_allclose(low, np.quantile(pooled, (1 - level) / 2, axis=0), rtol=1e-12)
        np.testing.assert_allclose(high, np.quantile(pooled, (1 + level) / 2, axis=0), rtol=1e-12)
    np.testing.assert_allclose(line(ax, "median").get_ydata(), np.median(pooled, axis=0), rtol=1e-12)
    assert ax.get_ylabel() == ("measured C (mg/L)" if measured else "C (mg/L)")
    assert ax.get_xlabel() == "time (h)"
    assert "synthetic data" in title(ax)


@pytest.mark.parametrize(("unit", "first", "day"), [(None, 0.0, 24.0), ("day", 0.0, 1.0), ("study day", 1.0, 1.0)])
def test_doses_are_marked_and_dosing_days_shaded(
    forecast: xarray.Dataset, unit: str | None, first: float, day: float
) -> None:
    ax = plot.bands(forecast, "C", time_unit=unit)
    np.testing.assert_allclose(line(ax, "dose (3)").get_xdata(), first + day * np.array([0, 1, 7]))
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
    np.testing.assert_allclose(spans, first + day * np.array([[0, 2], [7, 8]]))  # days 1 and 2 are joined
    np.testing.assert_allclose(line(ax, "median").get_xdata(), first + day * forecast["time"].to_numpy() / 24)


def test_dosing_days_have_one_legend_entry(forecast: xarray.Dataset) -> None:
    ax = plot.bands(forecast, "C")
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names.count("dosing day") == 1


def test_many_doses_are_light_ticks_without_shading() -> None:
    pk = one_compartment_pk()
    daily = simulate(pk, bolus("100 mg", days=range(1, 29)), times=np.linspace(0, 2000, 50))
    crowded = plot.bands(daily, "C")
    assert not crowded.patches
    few = line(plot.bands(simulate(pk, bolus("100 mg", days=[1, 2]), times=np.linspace(0, 2000, 50)), "C"), "dose (2)")
    many = line(crowded, "dose (28)")
    assert many.get_markeredgewidth() < few.get_markeredgewidth()
    assert many.get_markersize() < few.get_markersize()
    # Five days of eight: shading would fill the axis and tell nothing.
    assert not plot.bands(simulate(pk, bolus("1 mg", days=range(1, 6)), times=np.linspace(0, 192, 50)), "C").patches


def test_one_subject_is_a_line_without_bands() -> None:
    one = simulate(one_compartment_pk(), bolus("100 mg"), times=np.linspace(0, 48, 50))
    ax = plot.bands(one, "C")
    assert not ax.collections
    np.testing.assert_array_equal(line(ax, "one subject").get_ydata(), one["C"].to_numpy()[0, 0])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert not [name for name in names if "% of subjects" in name or "median" in name]


def test_subjects_that_could_not_be_solved_are_counted_and_left_out(forecast: xarray.Dataset) -> None:
    broken = forecast.copy(deep=True)
    broken["C"][0, 3, 5:] = np.nan
    ax = plot.bands(broken, "C")
    assert "1 of 120 not solved" in title(ax)
    np.testing.assert_allclose(line(ax, "median").get_ydata(), np.nanmedian(broken["C"], axis=(0, 1)))


def test_a_log_axis_stops_six_decades_below_the_top(forecast: xarray.Dataset) -> None:
    far = forecast.assign(C=forecast["C"] * np.exp(-forecast["time"] / 4))
    far["C"].attrs = forecast["C"].attrs
    ax = plot.bands(far, "C", log=True)
    top = float(far["C"].max())
    assert 1e-8 * top < ax.get_ylim()[0] < 1e-5 * top
    assert float(far["C"].where(far["C"] > 0).min()) < 1e-12 * top
    before = ax.get_ylim()[0]
    plot.overlay(ax, pandas.DataFrame({"time": [1.0], "value": [2.0]}), source="test")
    assert ax.get_ylim()[0] > 0.01 * before


def test_reference_lines_are_named_without_overlap(forecast: xarray.Dataset) -> None:
    lines = {"LLN": 5.0, "near": 5.05, "nearer": 5.06, "low": 1.0}
    ax = plot.bands(forecast, "C", reference=lines)
    lay_out(ax)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert [text.get_text() for text in ax.texts] == ["low", "LLN", "near", "nearer"]
    assert all(a.y1 <= b.y0 + 1 for a, b in pairwise(boxes))
    heights = {one.get_ydata()[0] for one in ax.lines if len(one.get_ydata()) == 2 and one.get_xdata()[0] == 0}
    assert set(lines.values()) <= heights


def test_two_simulations_share_axes(forecast: xarray.Dataset) -> None:
    ax = plot.bands(forecast, "C", look=plot.BandStyle(label="100 mg"))
    second = plot.BandStyle(color="#D55E00", label="200 mg")
    assert plot.bands(forecast * 2, "C", ax=ax, look=second) is ax
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"100 mg: median", "200 mg: median"} <= set(names)
    assert ax.get_ylim()[1] > 2 * float(forecast["C"].quantile(0.95, dim=("replicate", "subject")).max())


def test_unknown_output_or_level_is_refused(forecast: xarray.Dataset) -> None:
    with pytest.raises(InputError, match="unknown output 'c'; did you mean 'C'"):
        plot.bands(forecast, "c")
    with pytest.raises(InputError, match=r"level 1\.5"):
        plot.bands(forecast, "C", look=plot.BandStyle(levels=(0.5, 1.5)))
    with pytest.raises(InputError, match="without residual error"):
        plot.bands(forecast.drop_vars("C_measured"), "C_measured")
    with pytest.raises(InputError, match="no dimension time or record"):
        plot.bands(forecast.isel(time=0), "C")


def test_keywords_of_before_still_work_and_warn(forecast: xarray.Dataset) -> None:
    with pytest.warns(DeprecationWarning, match="is now") as caught:
        old = plot.bands(forecast, "C", levels=(0.8,), color="k", label="x", measured=True)
    assert {w.filename for w in caught} == {__file__}
    new = plot.bands(forecast, "C_measured", look=plot.BandStyle((0.8,), "k", "x"))
    assert [t.get_text() for t in old.get_legend().get_texts()] == [t.get_text() for t in new.get_legend().get_texts()]
    assert old.get_ylabel() == new.get_ylabel()
    np.testing.assert_array_equal(line(old, "x: median").get_ydata(), line(new, "x: median").get_ydata())
    with pytest.raises(TypeError, match=r"bands\(\) got an unexpected keyword argument 'level'"):
        plot.bands(forecast, "C", level=0.8)


def test_overlay_draws_the_table_and_names_its_source(forecast: xarray.Dataset, points: pandas.DataFrame) -> None:
    ax = plot.bands(forecast, "C")
    assert plot.overlay(ax, points, source="somebody 1999, Fig. 1") is ax
    (bars,) = ax.containers
    np.testing.assert_array_equal(bars.lines[0].get_ydata(), points["value"])
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    np.testing.assert_allclose(ends, points[["low", "high"]])
    assert "somebody 1999, Fig. 1" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_overlay_lists_everything_that_is_wrong(forecast: xarray.Dataset) -> None:
    ax = plot.bands(forecast, "C")
    count = len(ax.lines)
    with pytest.raises(InputError) as caught:
        plot.overlay(ax, pandas.DataFrame({"time": [1, "x"], "low": [1.0, np.inf]}), source=" ")
    text = str(caught.value)
    for part in ("no source", "'value' is missing", "'high' is missing", "row 2: time is 'x'", "row 2: low is 'inf'"):
        assert part in text
    with pytest.raises(InputError, match="no row"):
        plot.overlay(ax, pandas.DataFrame({"time": [], "value": []}), source="s")
    assert len(ax.lines) == count
