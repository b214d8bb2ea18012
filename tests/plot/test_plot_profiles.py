"""Profiles and timeline: what is drawn is what is in the study."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from pkpd import plot
from pkpd.errors import InputError
from pkpd.io import read_study
from pkpd.study import Study
from tests.plot.plot_cases import LLOQ, bolus_study, line, title


def _samples(study: Study, subject: int) -> tuple[np.ndarray, np.ndarray]:
    table = study.used("drug")
    mine = table[table["subject"] == subject]
    return mine["time"].to_numpy(), mine["value"].to_numpy()


def test_every_subject_is_one_line_with_its_samples(study: Study) -> None:
    ax = plot.profiles(study, "drug")
    drawn = [one for one in ax.lines if one.get_marker() == "o"]
    assert len(drawn) == 4
    for subject, one in zip(study.subject_ids, drawn, strict=True):
        time, value = _samples(study, subject)
        np.testing.assert_array_equal(one.get_xdata(), time)
        np.testing.assert_array_equal(one.get_ydata(), value)  # NaN where BLQ: the line breaks there


def test_blq_samples_stand_at_the_limit_and_are_counted(study: Study) -> None:
    count = int(study.used("drug")["blq"].sum())
    assert count >= 4
    ax = plot.profiles(study, "drug", log=True)
    marks = line(ax, "BLQ")
    assert marks.get_label() == f"BLQ ({count})"
    assert len(marks.get_xdata()) == count
    assert set(marks.get_ydata()) == {LLOQ}
    assert marks.get_markerfacecolor() == "none"
    assert "LLOQ 0.5 mg/L" in [text.get_text() for text in ax.texts]


def test_samples_set_aside_are_shown_apart(study: Study) -> None:
    marks = line(plot.profiles(study, "drug"), "set aside (1)")
    table = study.observations
    aside = table[table["excluded"]]
    np.testing.assert_array_equal(marks.get_ydata(), aside["value"])


def test_groups_have_one_colour_and_one_legend_entry_each(study: Study) -> None:
    for by, labels in (("level", ["level 50 mg", "level 100 mg"]), ("sex", ["f", "m"]), ("dose", ["dose 50 mg"])):
        ax = plot.profiles(study, "drug", by=by)
        shown = [text.get_text() for text in ax.get_legend().get_texts()]
        assert set(labels) <= set(shown)
        assert len({one.get_color() for one in ax.lines if one.get_linestyle() == "-"}) == 2
        assert (
            len({one.get_marker() for one in ax.lines if one.get_linestyle() == "-"}) == 2
        )  # for those who print in grey


@pytest.mark.parametrize(("unit", "expected"), [("day", [0, 1]), ("study day", [1, 2]), (None, [0, 24])])
def test_time_axis_is_in_the_unit_asked_for(study: Study, unit: str | None, expected: list[float]) -> None:
    ax = plot.profiles(study, "drug", time_unit=unit)
    x = np.asarray(ax.lines[0].get_xdata())
    np.testing.assert_allclose([x.min(), x.max()], expected, atol=1e-12)
    assert ax.get_xlabel() == {"day": "time (day)", "study day": "study day", None: "time (h)"}[unit]
    assert ax.get_ylabel() == "drug (mg/L)"


def _two_doses(study: Study) -> Study:
    """The same doses again at 12 h; of the samples at 12 h, subject 2's was drawn after it."""
    table, doses = study.observations, study.doses
    post = (table["subject"] == 2) & (table["time"] == 12.0)
    table.loc[post, "mark"] = "post"
    more = doses.assign(time=12.0)
    from pandas import concat

    both = concat([doses, more]).sort_values(["subject", "time"], ignore_index=True)
    return Study(table, both, study.subjects, study.units, attrs=study.attrs)


def test_time_after_the_last_dose_obeys_the_rule_for_equal_times(study: Study) -> None:
    ax = plot.profiles(_two_doses(study), "drug", origin="last dose")
    drawn = [np.asarray(one.get_xdata()) for one in ax.lines if one.get_marker() == "o"]
    # One line per dosing interval. Subject 1: the samples at 0 and 12 h close an interval. Subject 2: the one at 12 h
    # is marked post and opens the next.
    expected = [[0], [0.5, 1, 4, 8, 12], [12], [0], [0.5, 1, 2, 4, 8], [0, 12]]
    for x, wanted in zip(drawn, expected, strict=False):
        np.testing.assert_array_equal(x, wanted)


def test_subjects_without_a_dose_are_counted_when_time_counts_from_doses(study: Study) -> None:
    doses = study.doses
    fewer = Study(
        study.observations, doses[doses["subject"] != 3], study.subjects, study.units, attrs={"synthetic": False}
    )
    ax = plot.profiles(fewer, "drug", origin="first dose")
    assert title(ax) == "1 subjects without a dose not shown"
    assert sum(one.get_marker() == "o" for one in ax.lines) == 3


def test_values_that_a_log_axis_cannot_show_are_counted(study: Study) -> None:
    table = study.observations
    zero = table["blq"]
    table.loc[zero, ["value", "lloq"]] = [0.0, np.nan]
    table["blq"] = False
    plain = Study(table, study.doses, study.subjects, study.units)
    assert title(plot.profiles(plain, "drug", log=True)) == f"{int(zero.sum())} values ≤ 0 not shown"
    assert title(plot.profiles(plain, "drug")) == ""


def test_unknown_names_are_answered_with_the_nearest(study: Study) -> None:
    with pytest.raises(InputError, match="did you mean 'drug'"):
        plot.profiles(study, "drugg")
    with pytest.raises(InputError, match="did you mean 'level'"):
        plot.profiles(study, "drug", by="levels")
    with pytest.raises(InputError, match="did you mean 'last dose'"):
        plot.profiles(study, "drug", origin="lastdose")
    people = study.subjects.assign(code=range(4))
    many = bolus_study(22)
    crowd = Study(many.observations, many.doses, many.subjects.assign(code=range(22)), many.units)
    with pytest.raises(InputError, match="22 different values"):
        plot.profiles(crowd, "drug", by="code")
    assert len(plot.profiles(Study(study.observations, study.doses, people, study.units), "drug", by="code").lines) > 4


def test_timeline_has_every_sample_and_dose_once(study: Study) -> None:
    ax = plot.timeline(study, time_unit="day")
    table = study.observations
    counts = {"dose": 4, "drug (": int((~table["blq"] & ~table["excluded"]).sum()),
              "drug BLQ": int(table["blq"].sum()), "drug set aside": 1}  # fmt: skip
    for label, count in counts.items():
        drawn = line(ax, label)
        assert len(drawn.get_xdata()) == count
        assert f"({count})" in str(drawn.get_label())
    good = table[~table["blq"] & ~table["excluded"]]
    np.testing.assert_allclose(line(ax, "drug (").get_xdata(), good["time"] / 24)
    np.testing.assert_array_equal(line(ax, "drug (").get_ydata(), good["subject"] - 1)
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first subject is at the top
    assert [t.get_text() for t in ax.get_yticklabels()] == ["1", "2", "3", "4"]


def test_timeline_keeps_analytes_apart(study: Study) -> None:
    table = study.observations
    from pandas import concat

    both = concat([table, table.assign(analyte="other")], ignore_index=True)
    two = Study(both, study.doses, study.subjects, {**study.units, "other": "mg/L"})
    ax = plot.timeline(two)
    heights = set(line(ax, "drug (").get_ydata()) & set(line(ax, "other (").get_ydata())
    assert not heights
    assert line(ax, "drug (").get_color() != line(ax, "other (").get_color()


def test_every_period_is_one_line_on_its_own_clock() -> None:
    """A crossover whose clock starts anew: two subjects with two periods are four lines from 0.5 to 24 h."""
    rows = [(s, p, t, 10.0 / t) for s in (1, 2) for p in (1, 2) for t in (0.5, 4.0, 24.0)]
    table = pandas.DataFrame(rows, columns=["subject", "period", "time", "C"])
    doses = pandas.DataFrame([(s, p, 0.1, 1.0) for s in (1, 2) for p in (1, 2)],
                             columns=["subject", "period", "time", "amount"])  # fmt: skip
    study = read_study(table, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})
    for origin, shift in (("study", 0.0), ("first dose", 0.1), ("last dose", 0.1)):
        drawn = [one for one in plot.profiles(study, origin=origin).lines if one.get_marker() == "o"]
        assert len(drawn) == 4
        for one in drawn:
            np.testing.assert_allclose(one.get_xdata(), np.array([0.5, 4.0, 24.0]) - shift, rtol=1e-15)
