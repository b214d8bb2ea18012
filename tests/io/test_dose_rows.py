"""A table of doses says with codes and ends what it would say in an event table, and gives the same doses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.errors import DataWarning, InputError
from pkpd.io import read_adnca, read_study
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
SAMPLES = pandas.DataFrame({"ID": [1, 1], "TIME": [1.0, 300.0], "C": [5.0, 3.0]})


def quiet(doses: dict[str, Any], samples: Any = SAMPLES, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(samples, pandas.DataFrame(doses), units=UNITS, **options)


ROW = st.fixed_dictionaries(
    {"AMT": st.integers(1, 9), "RATE": st.sampled_from([0, 2, 5, -1, -2]), "ADDL": st.integers(0, 3),
     "SS": st.sampled_from([0, 1, 2]), "EVID": st.sampled_from([1, 4])}
)  # fmt: skip


@settings(max_examples=10, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=4))
def test_apart_or_together(rows: list[dict[str, int]]) -> None:
    """Doses of an event table, and the same rows as a table of doses: equal, whatever their codes say."""
    doses = pandas.DataFrame(rows).assign(ID=1, TIME=[24.0 * k for k in range(len(rows))], II=6.0)
    together = pandas.concat([doses, SAMPLES.assign(EVID=0)]).sort_values("TIME", ignore_index=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        one, other = read_study(together, units=UNITS), read_study(SAMPLES, doses, units=UNITS)
    pandas.testing.assert_frame_equal(one.doses.drop(columns="row"), other.doses.drop(columns="row"))


def test_codes_of_rows() -> None:
    table = {"ID": 1, "TIME": [0, 5, 6, 7, 8], "AMT": [100, None, 50, None, 0], "EVID": [1, 3, 4, 0, 2], "MDV": 1}
    with pytest.warns(DataWarning) as caught:
        study = read_study(SAMPLES, pandas.DataFrame(table), units=UNITS)
    told = [str(w.message) for w in caught]
    assert "doses: 1 rows are no dose but an observation (EVID) and were left out" in told
    assert "doses: 1 rows are no dose but another event (EVID) and were left out" in told
    assert study.doses[["time", "amount", "reset"]].to_numpy().tolist() == [
        [0, 100, False],
        [5, 0, True],
        [6, 50, True],
    ]
    assert list(study.subjects) == ["subject"]
    with pytest.raises(InputError, match="doses, row 1, subject 1, column 'EVID': 5; expected 0, 1, 2, 3 or 4"):
        quiet({"ID": [1], "TIME": 0, "AMT": 1, "EVID": 5})


@pytest.mark.parametrize(
    ("more", "length"),
    [({"END": [2.5]}, 2.5), ({"stop time": ["1.5"]}, 1.5), ({"End_of_infusion": [0.5], "route": ["iv"]}, 0.5),
     ({"infusion end": [2.0], "DUR": [2.0]}, 2.0), ({"END": [0.0]}, 0.0), ({"RATE": [50], "DUR": [2]}, 2.0)],
)  # fmt: skip
def test_ends_of_infusions(more: dict[str, Any], length: float) -> None:
    for begin in (0.0, 24.0):
        ends = {
            key: [float(cells[0]) + begin] if "nd" in key.casefold() or "stop" in key else cells
            for key, cells in more.items()
        }
        study = quiet({"ID": [1], "TIME": [begin], "AMT": [100], **ends})
        assert study.doses["duration"].tolist() == [length]
        assert study.doses["route"].tolist() == ["infusion" if length else "bolus"]
        assert study.given_doses()[0]["duration"].tolist() == [length]


def test_ends_in_other_units_and_as_dates() -> None:
    minutes = {"ID": [1], "TIME": [0], "AMT": [100], "END": [2.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study = read_study(SAMPLES, pandas.DataFrame(minutes), units={**UNITS, "duration": "min"})
        assert study.doses["duration"].tolist() == [2.0]
        dated = pandas.DataFrame({"ID": [1, 1], "datetime": ["2020-01-01 09:00", "2020-01-01 10:00"], "C": [5.0, 3.0]})
        doses = {"ID": [1], "datetime": ["2020-01-01 08:00"], "AMT": [100], "END": ["2020-01-01 08:45"]}
        assert quiet(doses, dated).doses["duration"].tolist() == [0.75]
        clocked = pandas.DataFrame({"ID": [1, 1], "day": 1, "clock": ["09:00", "10:00"], "C": [5.0, 3.0]})
        doses = {"ID": [1], "day": [1], "clock": ["08:00"], "AMT": [100], "END": ["08:30"]}
        assert quiet(doses, clocked).doses["duration"].tolist() == [0.5]


def test_ends_in_one_table() -> None:
    for more in ({}, {"EVID": [1, 0, 0]}):
        table = pandas.DataFrame({"ID": 1, "TIME": [0, 1, 4], "AMT": [100, None, None], "END": [2, None, None],
                                  "C": [None, 8.0, 5.0], **more})  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            study = read_study(table, units=UNITS)
        assert study.doses["duration"].tolist() == [2.0]
        assert np.isnan(study.observations["until"]).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"END": [-1.0]}, "column 'END': -1.0; expected an end that is not before"),
        ({"END": [2.0], "DUR": [1.0]}, "column 'END': 2.0; expected the end after the duration 1 of the column 'DUR'"),
        ({"END": ["soon"]}, "column 'END': 'soon'"),
        ({"RATE": [50], "DUR": [3]}, "an infusion has duration and rate"),
        ({"n_doses": [3]}, "column 'n_doses': 3; expected one row per dose"),
        ({"Number of doses": ["4"]}, "column 'Number of doses': '4'; expected one row per dose"),
        ({"repeats": [2]}, "column 'repeats': 2; expected one row per dose"),
    ],
)
def test_what_contradicts_itself_is_named(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        quiet({"ID": [1], "TIME": [0], "AMT": [100], **more})


def test_frequencies_and_remarks_are_counted() -> None:
    table = pandas.DataFrame(
        {"ID": [1, 1], "TIME": [0, 24], "AMT": 100, "freq": ["QD", "once"], "remark": [None, "late"]}
    )
    with pytest.warns(DataWarning) as caught:
        study = read_study(SAMPLES, table, units=UNITS)
    told = " ".join(str(w.message) for w in caught)
    assert "'freq' is not read: 1 rows say how often ('QD')" in told
    assert "1 rows have a remark in 'remark'" in told
    assert len(study.doses) == 2


def test_doses_beside_adnca_know_their_kinds() -> None:
    samples = pandas.DataFrame(
        {"USUBJID": "1", "PARAM": "Drug", "AVAL": [4.0, 2.0], "AVALU": "mg/L", "AFRLT": [1.0, 30.0]}
    )
    doses = pandas.DataFrame({"USUBJID": "1", "TIME": [0.0], "AMT": 100, "RATE": 50, "ADDL": 1, "II": 24})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study = read_adnca(samples, doses, units={"dose": "mg"})
    assert study.given_doses()[0][["time", "duration"]].to_numpy().tolist() == [[0.0, 2.0], [24.0, 2.0]]
