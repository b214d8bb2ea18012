"""Means, boxes and the power model: what is drawn is what the numbers say."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

from pkpd import plot
from pkpd.errors import InputError
from pkpd.nca import nca
from pkpd.nca.after.proportionality import power_model
from pkpd.study import Study
from tests.nca.nca_studies import make_study
from tests.plot.plot_cases import LLOQ, bolus_study, line, title


@pytest.fixture(scope="module")
def crowd() -> Study:
    """Twenty subjects, two dose levels; the late samples of the low dose are mostly BLQ."""
    return bolus_study(20)


@pytest.fixture(scope="module")
def result(crowd: Study) -> xr.Dataset:
    return nca(crowd, "drug")


def _bars(ax: Axes) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Legend label → times, means and (low, high) of every group."""
    found = {}
    for one in ax.containers:
        assert isinstance(one, ErrorbarContainer)
        segments = one.lines[2][0].get_segments()
        ends = np.array([piece[:, 1] if len(piece) else (np.nan, np.nan) for piece in segments])
        found[str(one.get_label())] = (one.lines[0].get_xdata(), one.lines[0].get_ydata(), ends)
    return found


@pytest.mark.parametrize("statistic", ["mean", "geometric mean"])
@pytest.mark.parametrize("rule", ["zero", "lloq/2", "drop"])
def test_means_and_bars_are_those_of_the_samples(crowd: Study, statistic: str, rule: str) -> None:
    ax = plot.mean_profiles(crowd, "drug", by="level", statistic=plot.MeanRule(statistic, rule))
    used = crowd.used("drug").assign(level=lambda t: t["subject"].map(lambda s: 100.0 if s % 2 else 50.0))
    bars = _bars(ax)
    assert set(bars) == {"level 50 mg", "level 100 mg"}
    for level in (50, 100):
        _, means, ends = bars[f"level {level} mg"]
        for k, (_, part) in enumerate(used[used["level"] == level].groupby("nominal_time")):
            if part["blq"].mean() > 0.5:
                assert np.isnan(means[k])
                continue
            x = part["value"].where(~part["blq"], {"zero": 0.0, "lloq/2": LLOQ / 2, "drop": np.nan}[rule]).dropna()
            if statistic == "mean":
                expected = x.mean() + np.array([0, -1, 1]) * x.std()
            elif (x > 0).all():
                expected = np.exp(np.log(x).mean() + np.array([0, -1, 1]) * np.log(x).std())
            else:
                expected = np.full(3, np.nan)
            np.testing.assert_allclose([means[k], *(ends[k] if np.isfinite(means[k]) else [np.nan] * 2)], expected)


def test_the_caption_says_what_a_blq_sample_counts_as(crowd: Study) -> None:
    count = int(crowd.used("drug")["blq"].sum())
    assert f"BLQ as zero ({count})" in title(plot.mean_profiles(crowd, "drug"))
    assert f"BLQ as LLOQ/2 ({count})" in title(plot.mean_profiles(crowd, "drug", statistic="geometric mean"))
    text = title(plot.mean_profiles(crowd, "drug", statistic=plot.MeanRule(blq="drop")))
    assert f"BLQ left out ({count})" in text
    assert "mean ± SD" in text
    assert "not shown, mostly BLQ" in text


def test_groups_stand_apart_but_near_their_time(crowd: Study) -> None:
    ax = plot.mean_profiles(crowd, "drug", by="level", log=True)
    (one, _, _), (other, _, _) = _bars(ax).values()
    nominal = np.unique(crowd.used("drug")["nominal_time"])
    assert (one != other).all()
    gaps = np.minimum(np.diff(nominal, prepend=-np.inf), np.diff(nominal, append=np.inf))
    for x in (one, other):
        assert (np.abs(x - nominal) < 0.25 * gaps).all()
    assert ax.get_xlabel() == "nominal time (h)"


def test_bars_that_reach_zero_have_no_lower_half_on_a_log_axis(study: Study) -> None:
    table = study.observations
    table["blq"], table["excluded"], table["reason"], table["lloq"] = False, False, "", np.nan
    table["value"] = np.where(table["subject"] == 1, 1000.0, 1.0)
    wild = Study(table, study.doses, study.subjects, study.units)
    ax = plot.mean_profiles(wild, "drug", log=True)
    ((_, means, ends),) = _bars(ax).values()
    np.testing.assert_allclose(ends[:, 0], means)
    assert f"{len(means)} without a lower bar" in title(ax)
    assert ax.get_ylim()[0] > 1


def test_boxes_hold_quartiles_and_every_value(result: xr.Dataset) -> None:
    ax = plot.parameter_boxes(result, "cl_obs", by="dose")
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["50\nn = 10", "100\nn = 10"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("dose (mg)", f"{result['cl_obs'].attrs['symbol']} (L/h)")
    points = [one for one in ax.lines if one.get_marker() == "o"]
    centres = [one for one in ax.lines if one.get_marker() == "D"]
    for k, dose in enumerate((50, 100)):
        x = result["cl_obs"].values[result["dose"].values == dose]
        np.testing.assert_array_equal(np.sort(points[k].get_ydata()), np.sort(x))
        assert (np.abs(points[k].get_xdata() - k) < 0.25).all()
        np.testing.assert_allclose(centres[k].get_ydata(), np.exp(np.log(x).mean()))
        box = ax.patches[k].get_path().vertices[:, 1]
        np.testing.assert_allclose([box.min(), box.max()], np.quantile(x, [0.25, 0.75]))


def test_boxes_count_what_they_cannot_show(result: xr.Dataset) -> None:
    holes = result.assign(cl_obs=result["cl_obs"].copy(data=[np.nan, -1.0, *result["cl_obs"].values[2:]]))
    ax = plot.parameter_boxes(holes, "cl_obs", log=True)
    assert "1 without a number" in title(ax)
    assert "1 values ≤ 0 not shown" in title(ax)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["n = 18"]
    two = plot.parameter_boxes(result.isel(profile=[0, 1, 3]), "cmax", by="dose", groups=[100.0, 50.0])
    assert [text.get_text() for text in two.get_xticklabels()] == ["100\nn = 1", "50\nn = 2"]
    assert not two.patches  # no box for fewer than three


def test_the_power_model_is_drawn_with_its_numbers(result: xr.Dataset) -> None:
    ax = plot.proportionality(result, "auc_inf_obs", level=0.95)
    model = power_model(result["dose"].values, result["auc_inf_obs"].values, level=0.95)
    drawn = line(ax, "power model")
    x, y = np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), model.beta, rtol=1e-8)
    assert (x[0], x[-1]) == (pytest.approx(50), pytest.approx(100))
    assert f"β {model.beta:.3f} (95 % CI {model.beta_low:.3f} to {model.beta_high:.3f})" in str(drawn.get_label())
    even = line(ax, "proportional")
    slope = np.diff(np.log(even.get_ydata())) / np.diff(np.log(even.get_xdata()))
    np.testing.assert_allclose(slope, 1, rtol=1e-8)
    band = ax.collections[0].get_paths()[0].vertices
    _, low, high = model.line([50, 100])
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [low[0], high[1]], rtol=1e-9)
    assert model.conclusion in title(ax)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(ax.get_xticks(), [50, 100])
    assert len(line(ax, "profiles").get_xdata()) == 20


def test_without_a_power_model_the_reason_stands_in_the_legend(result: xr.Dataset) -> None:
    ax = plot.proportionality(result.isel(profile=[0, 2]), "cmax")
    (text,) = [t.get_text() for t in ax.get_legend().get_texts() if t.get_text().startswith("no power model")]
    assert "fewer than 3 positive numbers" in text.replace("\n", " ")


def test_unknown_names_are_answered_before_a_figure_is_made(crowd: Study, result: xr.Dataset) -> None:
    with pytest.raises(InputError, match="did you mean 'geometric mean'"):
        plot.mean_profiles(crowd, "drug", statistic="geometric")
    with (
        pytest.warns(DeprecationWarning, match="MeanRule"),
        pytest.raises(InputError, match="known: drop, zero, lloq/2"),
    ):
        plot.mean_profiles(crowd, "drug", blq="ignore")
    with pytest.raises(InputError, match="did you mean 'cl_obs'"):
        plot.parameter_boxes(result, "cl_ob")
    with pytest.raises(InputError, match="unknown group 'levle'"):
        plot.parameter_boxes(result, "cl_obs", by="levle")
    with pytest.raises(InputError, match=r"unknown dose 7"):
        plot.parameter_boxes(result, "cl_obs", by="dose", groups=[7])
    with pytest.raises(InputError, match="did you mean 'cmax'"):
        plot.proportionality(result, "cmaxx")
    assert plt.get_fignums() == []


def test_blq_samples_have_the_colour_of_their_group(study: Study) -> None:
    ax = plot.profiles(study, "drug", by="level")
    color = {str(one.get_label()): one.get_color() for one in ax.lines if one.get_linestyle() == "-"}
    table = study.used("drug")
    for level in (50, 100):
        people = [k + 1 for k in range(4) if (100 if k % 2 == 0 else 50) == level]
        below = [one for one in ax.lines if one.get_marker() == "v"]
        mine = [one for one in below if one.get_markeredgecolor() == color[f"level {level} mg"]]
        assert sum(len(one.get_xdata()) for one in mine) == int(table["blq"][table["subject"].isin(people)].sum())
    assert line(ax, "BLQ").get_label() == f"BLQ ({int(table['blq'].sum())})"


@pytest.mark.parametrize(("planned", "label", "note"), [
    ([], "actual time (h)", ""), ([0, 1, 2, 3, 4, 5], "nominal time (h)", ""),
    ([0, 1], "nominal time (h)", "4 of 6 samples at their actual time"),
])  # fmt: skip
def test_times_are_called_what_they_are(planned: list[int], label: str, note: str) -> None:
    rows = [
        {"subject": k // 3, "time": k % 3 + 0.1, "value": 1.0 + k, "nominal_time": k % 3 if k in planned else np.nan}
        for k in range(6)
    ]
    made = make_study(rows, [{"subject": s, "time": 0, "amount": 1.0} for s in (0, 1)],
                      units={"time": "h", "dose": "mg", "C": "mg/L"})  # fmt: skip
    ax = plot.mean_profiles(made)
    assert ax.get_xlabel() == label
    assert note in ax.get_title(loc="right").replace("\n", " · ")
