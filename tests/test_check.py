"""`Study.check`: a row a subject, and in words what is odd; the timeline marks who."""

from __future__ import annotations

import io
import warnings

import pandas

from pkpd import plot
from pkpd.errors import DataWarning
from pkpd.io import read_study
from pkpd.study import Study

ODD = {
    1: "",
    2: "",
    3: "",
    4: "C at 1: 1e+03 times the others' median",
    5: "no dose",
    6: "no sample after a dose; 1 values above the limit before the first dose",
    7: "all 2 samples of C are BLQ",
    8: "samples of C in another order than planned",
    9: "dose: 0.001 times the others' median",
}


def study() -> Study:
    samples = [f"{who},{t},{t},{v}\n" for who in (1, 2, 3, 5, 9) for t, v in ((1, 5), (2, 4))]
    samples += ["4,1,1,5000\n", "4,2,2,4\n", "6,-1,-1,3\n", "7,1,1,<0.1\n", "7,2,2,<0.1\n", "8,1,2,5\n", "8,2,1,4\n"]
    doses = "".join(f"{who},0,{0.01 if who == 9 else 10},po\n" for who in ODD if who != 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_study(
            pandas.read_csv(io.StringIO("subject,time_h,nominal_h,C\n" + "".join(samples))),
            pandas.read_csv(io.StringIO("subject,time_h,dose_mg,route\n" + doses)),
            units={"C": "ng/mL"}, lloq={"C": 0.1},
        )  # fmt: skip


def test_what_is_odd_is_said_in_words() -> None:
    table = study().check()
    assert dict(zip(table["subject"], table["odd"], strict=True)) == ODD
    seventh = table.set_index("subject").loc[7]
    assert (seventh["doses"], seventh["samples"], seventh["measured"], seventh["blq"]) == (1, 2, 0, 2)
    assert (seventh["first_sample"], seventh["last_sample"], seventh["amount"]) == (1.0, 2.0, 10.0)


def test_the_timeline_marks_who_is_odd() -> None:
    names = [text.get_text() for text in plot.timeline(study()).get_yticklabels()]
    assert names == [f"{who} !" if odd else str(who) for who, odd in ODD.items()]


def test_jumps_other_doses_and_twins() -> None:
    """A value that left its neighbours, a dose of ten times the others, and two subjects with one set of values."""
    curve = [(1, 9.0), (2, 8.0), (4, 5.0), (8, 2.5), (12, 1.2)]
    samples = [f"1,{t},{5000 if t == 4 else v}\n" for t, v in curve]
    samples += [f"{who},{t},{1.5 * v}\n" for who in (2, 3) for t, v in curve]
    samples += [f"4,{t},{v}\n" for t, v in [(-1, 0.01), (0.1, 20.0), (9, 0.02), (10, 0.015)]]  # a dose between: no jump
    doses = [f"1,{t},10,po\n" for t in (0, 24, 48, 72)]
    doses += [f"2,{t},{100 if t == 48 else 10},po\n" for t in (0, 24, 48, 72)]
    doses += [f"{who},0,10,iv\n" for who in (3, 4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        found = read_study(
            pandas.read_csv(io.StringIO("subject,time_h,C\n" + "".join(samples))),
            pandas.read_csv(io.StringIO("subject,time_h,dose_mg,route\n" + "".join(doses))),
            units={"C": "ng/mL"},
        )
    odd = dict(zip(found.check()["subject"], found.check()["odd"], strict=True))
    assert "C at 4: 625 times its neighbours" in odd[1]
    assert "dose at 48: 10 times the median of its other doses" in odd[2]
    assert "the same 5 values as subject 3" in odd[2]
    assert "the same 5 values as subject 2" in odd[3]
    assert "neighbours" not in odd[4]
