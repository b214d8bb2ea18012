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
