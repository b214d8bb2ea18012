"""Pictures of responses and survival: what they show is what the tables say, and nothing overlaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from pkpd import InputError, plot, trial
from tests.plot.plot_cases import covered, line, outside, overlaps, title
from tests.trial.survival_data import lung

Draw = Callable[[Axes | None], Axes]


def assessed() -> pandas.DataFrame:
    """Twelve made-up patients; one has a new lesion, one grows beyond all bounds, one has no scan after baseline."""
    rows = []
    for k in range(12):
        rows.append((k + 1, 1, 100.0, False))
        for i, day in enumerate((50, 99, 148) if k < 11 else ()):
            size = max(0.0, 100.0 + (k - 6) * 9.0 * (i + 1)) if k < 10 else 140.0 + 90.0 * i
            rows.append((k + 1, day, size, k == 3 and i == 2))
    scans = pandas.DataFrame(rows, columns=["subject", "day", "sum", "new"])
    scans.attrs["synthetic"] = True
    return trial.assess_response(scans)


TABLE = assessed()
BEST = trial.best_response(TABLE)
PEOPLE = pandas.DataFrame({"subject": range(1, 13), "death": [200.0 if k == 4 else np.nan for k in range(12)],
                           "last_contact": [30.0 if k == 11 else np.nan for k in range(12)]})  # fmt: skip
PICTURES: dict[str, Draw] = {
    "waterfall": lambda ax: plot.waterfall(TABLE, best=BEST, ax=ax),
    "spider": lambda ax: plot.spider(TABLE, best=BEST, time_unit="week", ax=ax),
    "swimmer": lambda ax: plot.swimmer(TABLE, best=BEST, patients=PEOPLE, ax=ax),
    "kaplan_meier": lambda ax: plot.kaplan_meier(
        trial.kaplan_meier(trial.progression_free_survival(TABLE, patients=PEOPLE)), ax=ax
    ),
}


@pytest.mark.parametrize("name", PICTURES)
def test_new_figure_is_legible_and_says_that_it_is_synthetic(name: str) -> None:
    ax = PICTURES[name](None)
    assert plt.get_fignums() == [ax.figure.number]
    assert overlaps(ax) == []
    assert outside(ax) == []
    assert covered(ax) == 0
    assert "synthetic data" in title(ax)


@pytest.mark.parametrize("name", PICTURES)
def test_given_axes_come_back(name: str) -> None:
    _, ax = plt.subplots()
    assert PICTURES[name](ax) is ax
    assert len(plt.get_fignums()) == 1


def test_bars_of_the_waterfall_fall_and_are_the_best_changes() -> None:
    ax = plot.waterfall(TABLE)
    height = sorted((bar.get_x(), bar.get_height()) for bar in ax.patches)
    expected = TABLE.groupby("subject")["change"].min().dropna().sort_values(ascending=False)
    np.testing.assert_allclose([h for _, h in height], expected.clip(upper=100))
    assert "1 of 12 patients without a measured change" in title(ax)


def test_lines_of_the_spider_begin_at_zero() -> None:
    ax = plot.spider(TABLE)
    lines = [one for one in ax.lines if len(one.get_xdata()) == 4]
    assert len(lines) == 11
    assert all((one.get_xdata()[0], one.get_ydata()[0]) == (1.0, 0.0) for one in lines)
    assert line(ax, "new lesion (1)").get_ydata()[0] == TABLE.loc[TABLE["new"], "change"].iloc[0]


def test_lanes_end_with_death_or_the_last_day() -> None:
    ax = plot.swimmer(TABLE, patients=PEOPLE)
    ends = sorted(bar.get_x() + bar.get_width() for bar in ax.patches)
    assert ends == [30.0, *[148.0] * 10, 200.0]
    assert line(ax, "death (1)").get_xdata()[0] == 200.0
    with pytest.raises(InputError, match="no row of subject 12"):
        plot.swimmer(TABLE, patients=PEOPLE[:-1])


def test_numbers_at_risk_stand_below_the_curves_of_their_groups() -> None:
    km = trial.kaplan_meier(lung(), by="sex")
    ax = plot.kaplan_meier(km, risk_times=[0, 365])
    texts = [text.get_text() for text in ax.texts]
    assert [*map(str, km.at([0, 365])["at_risk"])] == [t for t in texts if t.isdigit() and int(t) > 2]
    assert overlaps(ax) == []
    assert outside(ax) == []
    curve = line(ax, "sex 1: 112 events of 138, median 270 (210 to 306)")
    np.testing.assert_allclose(curve.get_ydata()[1:], km.curves["1"].survival)
    assert "log-log" in title(ax)


def test_several_reviewers_are_not_mixed() -> None:
    both = pandas.concat([TABLE.assign(reviewer=name) for name in ("a", "b")])
    with pytest.raises(InputError, match="choose one: reviewer='a'"):
        plot.spider(both)
    assert len(plot.spider(both, reviewer="b").lines) == len(plot.spider(TABLE).lines)
