"""Every picture, linear and log, of twelve subjects with doses a thousandfold apart: legible, nothing out of sight."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text

import pkpd
from pkpd import plot
from pkpd.fit import PopulationFit, PopulationOptions
from pkpd.plot.files import write_figure
from pkpd.plot.style import MARKERS, SMALL
from tests.plot.plot_cases import covered, outside, overlaps, shown, title

SAMPLED = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 24.0)
DAYS = (*range(5), *range(14, 19))
LEVELS = (1.0, 30.0, 1000.0)


@pytest.fixture(scope="module")
def oral() -> pkpd.Model:
    found = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="ug", volume="L")
    return found.with_values(ka=1.2, CL=1.0, V=8.0)


@pytest.fixture(scope="module")
def trial() -> pkpd.Study:
    """Two profiles a fortnight apart, three doses; the samples before the dose and the late ones of 1 ug are BLQ."""
    draw, samples, doses, people = np.random.default_rng(12), [], [], []
    given = 24.0 * np.array(DAYS)
    for k in range(12):
        name, dose = f"S{k + 1:02d}", LEVELS[k % 3]
        ka, cl, v = np.array([1.2, 1.0, 8.0]) * np.exp(0.3 * draw.standard_normal(3))
        for t in (*SAMPLED, *(336.0 + s for s in SAMPLED)):
            after = t - given[given < t]
            exact = float((dose * ka / v / (ka - cl / v) * (np.exp(-cl / v * after) - np.exp(-ka * after))).sum())
            value = exact * np.exp(0.1 * draw.standard_normal())
            samples.append((name, t, value if value >= 0.05 else "<0.05"))
        doses += [(name, t, dose, "oral") for t in given]
        people.append((name, ("active", "placebo")[k % 2]))
    return pkpd.read_study(
        pandas.DataFrame(samples, columns=["subject", "time", "drug"]).assign(nominal_time=lambda t: t["time"]),
        pandas.DataFrame(doses, columns=["subject", "time", "amount", "route"]),
        pandas.DataFrame(people, columns=["subject", "arm"]),
        units={"time": "h", "dose": "ug", "drug": "ug/L"},
    )


@pytest.fixture(scope="module")
def made(trial: pkpd.Study, oral: pkpd.Model) -> dict[str, Any]:
    """What the pictures are drawn of."""
    few, error = trial.select(subjects=["S02", "S05", "S08"]), {"C": "proportional"}
    values, shifts = oral.parameters, pkpd.Omega.independent(CL=0.3, V=0.3)
    people = pkpd.Population(oral, values, shifts)
    options = PopulationOptions(starts=1, check=False)
    start = {"ka": 1.2, "CL": 1.0, "V": 8.0}
    return {
        "study": trial,
        "nca": pkpd.nca(trial, "drug"),
        "fits": pkpd.fit_individuals(oral, few, values, error=error, progress=False),
        "population": pkpd.fit_population(oral, trial, start, iiv=["CL", "V"], error=error, options=options),
        "forecast": pkpd.simulate(people, pkpd.oral("30 ug", days=[1, 2, 15]), subjects=20,
                                  times=np.linspace(0, 480, 97), seed=1),
        "checked": pkpd.simulate(people, trial, replicates=5, seed=1),
    }  # fmt: skip


def _pages(rows: int, columns: int) -> Any:
    return plt.subplots(rows, columns, figsize=(4.0 * columns, 3.2 * rows), layout="constrained", squeeze=False)[1]


Draw = Callable[[dict[str, Any], bool], Any]
PICTURES: dict[str, Draw] = {
    "profiles": lambda m, log: plot.profiles(m["study"], by="dose", log=log),
    "profiles_page": lambda m, log: plot.profiles_page(m["study"], _pages(1, 3), log=log, origin="last dose"),
    "mean_profiles": lambda m, log: plot.mean_profiles(m["study"], by="dose", log=log, time_unit="study day"),
    "timeline": lambda m, log: plot.timeline(m["study"], time_unit="study day"),
    "parameter_boxes": lambda m, log: plot.parameter_boxes(m["nca"], "cmax", by="dose", log=log),
    "proportionality": lambda m, log: plot.proportionality(m["nca"], "cmax"),
    "lambda_z": lambda m, log: plot.lambda_z(m["nca"], 3, log=log),
    "lambda_z_page": lambda m, log: plot.lambda_z_page(m["nca"], _pages(1, 3), log=log),
    "observed_fitted": lambda m, log: plot.observed_fitted(m["fits"], study=m["study"], log=log),
    "residuals": lambda m, log: plot.residuals(m["fits"], against="fitted" if log else "time"),
    "fitted_course": lambda m, log: plot.fitted_course(m["fits"], m["study"], "S05", log=log, time_unit="day"),
    "bands": lambda m, log: plot.bands(m["forecast"], "C", log=log, reference={"limit": 0.2}),
    "bands of a study": lambda m, log: plot.bands(m["checked"], "C", log=log, time_unit="study day"),
    "bands_page": lambda m, log: plot.bands_page(m["checked"], _pages(1, 3), "C", log=log),
    "observed_predicted": lambda m, log: plot.observed_predicted(m["population"], log=log),
    "weighted_residuals": lambda m, log: plot.weighted_residuals(m["population"], against="PRED" if log else "time"),
    "goodness_of_fit": lambda m, log: plot.goodness_of_fit(m["population"], _pages(2, 2), log=log),
    "convergence": lambda m, log: plot.convergence(m["population"], "CL" if log else "objective"),
    "convergence_page": lambda m, log: plot.convergence_page(m["population"], _pages(2, 4)),
    "random_effects": lambda m, log: plot.random_effects(m["population"], "eta_CL"),
    "random_effects_page": lambda m, log: plot.random_effects_page(m["population"], _pages(1, 2)),
    "individual_course": lambda m, log: plot.individual_course(m["population"], m["study"], "S01", log=log),
    "individual_courses": lambda m, log: plot.individual_courses(m["population"], m["study"], _pages(1, 3), log=log),
}
ONE_SCALE = {"timeline", "proportionality", "convergence_page", "random_effects", "random_effects_page"}


OF_TRIALS = {"dose_escalation", "exposure_response", "kaplan_meier", "spider", "swimmer", "waterfall"}
"""Drawn from tables of a trial, not from a study: the tests of their own files have them."""


def test_no_picture_is_forgotten() -> None:
    functions = {n for n in plot.__all__ if callable(getattr(plot, n)) and n[0].islower()}
    assert functions - {"overlay", "page", "panel_letters"} - OF_TRIALS == {n for n in PICTURES if " " not in n}


def _axes(drawn: Any) -> list[Axes]:
    return [ax for ax in np.ravel(np.asarray(drawn, dtype=object)) if ax.get_visible()]


def _values(ax: Axes) -> np.ndarray:
    """Heights of all marks of samples that lie on the data's own scale."""
    marks = [m for m in ax.lines if m.get_transform() == ax.transData and m.get_marker() in (*MARKERS, "|")]
    return np.concatenate([np.asarray(m.get_ydata(), dtype=float) for m in marks] or [np.empty(0)])


@pytest.mark.parametrize(("name", "log"), [(n, log) for n in PICTURES for log in (False, True)[: 2 - (n in ONE_SCALE)]])
def test_a_picture_is_legible_and_shows_its_data(made: dict[str, Any], name: str, log: bool) -> None:
    axes = _axes(PICTURES[name](made, log))
    whole = axes[0].figure
    whole.draw_without_rendering()
    every = np.concatenate([_values(ax) for ax in axes])
    every = every[np.isfinite(every) & (every > 0)]
    for ax in axes:
        assert overlaps(ax, drawn=True) == []
        assert covered(ax, drawn=True) == 0
        assert outside(ax, drawn=True) == []
        low, high = sorted(ax.get_ylim())
        values = _values(ax)
        values = values[np.isfinite(values) & ((values > 0) | (ax.get_yscale() == "linear"))]
        assert ((values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))).all() or low < 0, (low, high)
        if low < 0:
            assert ((values >= low) & (values <= high)).all()
        if ax.get_yscale() == "log" and len(values) and "convergence" not in name:
            assert high < 100 * every.max()  # room for a legend, not for what nobody measured
            assert low > 0.05 * every.min() or name == "bands"
        for text in shown(ax):
            assert text.get_fontsize() >= SMALL
            assert not re.search(r"\bug\b|\^|\de[+-]", text.get_text()), text.get_text()
    letters = [t.get_text() for ax in axes for t in ax.texts if t.get_gid() == "panel letter"]
    assert letters == ([chr(65 + k) for k in range(len(axes))] if len(axes) > 1 else [])
    assert {t.get_gid() for t in whole.findobj(Text)} <= {None, "panel letter", "name beside the edge"}


def test_groups_of_a_simulated_study_are_not_taken_together(made: dict[str, Any]) -> None:
    checked: xarray.Dataset = made["checked"]
    ax = plot.bands(checked, "C")
    medians = {str(one.get_label()): one for one in ax.lines if str(one.get_label()).startswith("dose ")}
    assert list(medians) == ["dose 1 µg", "dose 30 µg", "dose 1000 µg"]
    dose = checked["dose"].to_numpy()
    assert checked["dose"].attrs["units"] == "ug"
    for label, level in zip(medians, LEVELS, strict=True):
        mine = (dose == level) & (checked["time"].to_numpy() == 4.0)
        x, y = (np.asarray(v, dtype=float) for v in medians[label].get_data())
        assert float(y[x == 4.0][0]) == pytest.approx(float(np.median(checked["value"].to_numpy()[:, mine])), rel=1e-12)
    assert len({one.get_color() for one in medians.values()}) == 3
    assert len({one.get_linestyle() for one in medians.values()}) == 3  # for those who print in grey
    names = [t.get_text() for t in ax.get_legend().get_texts()]
    assert f"observed ({int(np.isfinite(checked['observed']).sum())})" in names
    assert "median" in [str(one.get_label()) for one in plot.bands(checked, "C", by=None).lines]
    panels = plot.bands_page(checked, _pages(1, 4), "C", look=plot.BandStyle((0.8,)))
    assert [ax.get_title(loc="left") for ax in panels.flat[:3]] == [f"dose {v:g} µg, n = 4" for v in LEVELS]
    assert not panels.flat[3].get_visible()
    assert len({ax.get_ylim() for ax in panels.flat[:3]}) == 1
    with pytest.raises(pkpd.InputError, match="unknown variable of records 'doze'; did you mean 'dose'"):
        plot.bands(checked, "C", by="doze")
    with pytest.raises(pkpd.InputError, match="a regimen has one group"):
        plot.bands_page(made["forecast"], _pages(1, 1), "C")


def test_a_study_by_another_variable_of_its_records(made: dict[str, Any]) -> None:
    checked: xarray.Dataset = made["checked"]
    arm = np.array(["even" if int(str(s)[1:]) % 2 == 0 else "odd" for s in checked["subject"].to_numpy()])
    ax = plot.bands(checked.assign(arm=("record", arm)), "C", by="arm")
    assert [t.get_text() for t in ax.get_legend().get_texts()][:2] == ["even", "odd"]


def test_a_population_that_did_not_converge_is_marked(made: dict[str, Any]) -> None:
    from dataclasses import replace

    fit: PopulationFit = made["population"]
    failed = replace(fit, status="not converged")
    assert not failed.converged
    ax = plot.observed_predicted(failed)
    assert any(str(one.get_label()).startswith("fit not converged") for one in ax.lines)
    assert "fit not converged" in title(ax)


def test_the_timeline_of_one_analyte_shows_every_subject(trial: pkpd.Study) -> None:
    ax = plot.timeline(trial)
    bottom, top = ax.get_ylim()
    assert bottom > 11 and top < 0  # noqa: PT018


def test_names_of_a_crowded_timeline_have_room() -> None:
    from pkpd.plot.timeline import MOST_NAMES, _named

    for odd in (np.zeros(500, bool), np.arange(500) % 2 == 0, np.arange(500) > 480, np.zeros(12, bool)):
        rows = _named(odd)
        assert len(rows) <= MOST_NAMES
        assert len(odd) > MOST_NAMES or len(rows) == len(odd)
        assert min(np.diff(rows)) >= (9 if len(odd) == 500 else 1)
    assert {481, 490, 499} <= set(_named(np.arange(500) > 480))


def test_files_hold_text_and_the_same_bytes_every_time(tmp_path: Path, trial: pkpd.Study) -> None:
    figure, axes = plot.page(1, 1, (5, 4))
    plot.profiles(trial, "drug", ax=axes[0, 0], by="dose")
    first = {p.suffix: p.read_bytes() for p in write_figure(figure, tmp_path / "one.figure")}
    again = {p.suffix: p.read_bytes() for p in write_figure(figure, tmp_path / "two")}
    assert first == again
    assert set(first) == {".png", ".pdf", ".svg"}
    assert "drug (µg/L)</text>" in first[".svg"].decode()
    assert b"/FontFile2" in first[".pdf"] and b"/Type3" not in first[".pdf"]  # noqa: PT018
    assert plt.imread(io.BytesIO(first[".png"])).shape[:2] == (800, 1000)
