"""The table of responses: every cell computed again from the study's own samples, without the analysis."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pandas

from pkpd import il21, report
from pkpd.study import Study

LEVELS = (10, 30, 40, 50)


@cache
def study() -> Study:
    return il21.synthetic_study()


@cache
def table() -> pandas.DataFrame:
    return report.responses(il21.responses(study()))


def samples(analyte: str) -> pandas.DataFrame:
    """Subjects × times, with the dose level of each."""
    rows = study().observations.query("analyte == @analyte")
    wide = rows.pivot(index="subject", columns="time", values="value")
    return wide.assign(level=study().subjects.set_index("subject")["dose_level"])


def spread(values: pandas.Series, digits: int) -> str:
    return f"{values.median():.{digits}f} ({values.min():.{digits}f}–{values.max():.{digits}f})"


def test_columns_are_dose_levels_with_their_patients() -> None:
    assert table().columns.tolist() == ["10 ug/kg, n = 8", "30 ug/kg, n = 37", "40 ug/kg, n = 3", "50 ug/kg, n = 4"]


def test_baseline_nadir_and_peak_are_those_of_the_samples() -> None:
    for analyte, words in (("ALC", ("ALC at baseline, 10^9/L", "ALC nadir, 10^9/L")),
                           ("sCD25", ("sCD25 at baseline, ng/mL", "sCD25 peak, ng/mL"))):  # fmt: skip
        wide = samples(analyte)
        later = wide.drop(columns=[0.0, "level"])
        extreme = later.min(axis=1) if analyte == "ALC" else later.max(axis=1)
        for k, level in enumerate(LEVELS):
            mine = wide["level"] == level
            assert table().loc[words[0]].iloc[k] == spread(wide.loc[mine, 0.0], 2)
            assert table().loc[words[1]].iloc[k] == spread(extreme[mine], 2 if analyte == "ALC" else 1)


def test_time_below_normal_against_a_fine_grid() -> None:
    """Shares of 20 000 points of the line between the samples; a tenth of a day is printed, 28 d/20 000 the grid's."""
    wide = samples("ALC")
    times = np.array([c for c in wide.columns if c != "level"], dtype=float)
    grid = np.linspace(times[0], times[-1], 20_001)
    days = {}
    for subject, row in wide.iterrows():
        y = np.interp(grid, times, row[list(times)].to_numpy(float))
        days[subject] = (y < il21.LLN).mean() * (times[-1] - times[0]) / 24
    for k, level in enumerate(LEVELS):
        mine = pandas.Series(days)[wide["level"] == level]
        shown = [float(x) for x in re.findall(r"[\d.]+", table().loc["ALC below LLN, days"].iloc[k])]
        assert np.allclose(shown, [mine.median(), mine.min(), mine.max()], atol=0.05 + 0.02)


def test_it_says_in_how_many_a_number_exists() -> None:
    place = table().index.get_loc("ALC nadir to baseline, days") + 1
    row = table().iloc[place]
    assert row.name == "  in so many of them"
    back = il21.responses(study())["ALC"]["t_recovery"].notnull()
    assert int(row.iloc[1].split(" of ")[0]) == int(back.to_numpy()[back["dose_level"].to_numpy() == 30].sum())


def test_it_fits_a_page() -> None:
    cells = table().reset_index().astype(str)
    widths = [max(len(name), int(cells[name].str.len().max())) for name in cells]
    assert sum(widths) + 2 * (len(widths) - 1) <= 100
