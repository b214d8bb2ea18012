"""The picture of a dose escalation shows every patient once, at the right dose, and nothing overlaps."""

from __future__ import annotations

import numpy as np
import pandas
import pytest
from matplotlib import pyplot as plt

from pkpd import InputError, plot
from tests.plot.plot_cases import covered, line, outside, overlaps, title

# Bhatia et al. 2014, phase 1; the split of the patients at 10 and the order are inferred.
COHORTS = {
    "dose": [10, 10, 30, 50, 40],
    "patients": [3, 3, 3, 4, 3],
    "dlt": [1, 0, 0, 2, 0],
    "treated": [4, 4, 4, 4, 3],
}


def test_every_patient_is_there_once() -> None:
    ax = plot.dose_escalation(COHORTS, unit="ug/kg", declared=30)
    fine, dlt, replaced = (line(ax, label) for label in ("no dose-limiting", "dose-limiting", "not evaluable"))
    assert [len(one.get_xdata()) for one in (fine, dlt, replaced)] == [13, 3, 3]
    every = np.concatenate([np.asarray(one.get_xdata()) for one in (fine, dlt, replaced)])
    assert sorted(every) == list(range(1, 20))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["10", "30", "40", "50"]
    assert list(dlt.get_ydata()) == [0, 3, 3]
    assert sorted(text.get_text() for text in ax.texts if "/" in text.get_text()) == ["0/3", "0/3", "0/3", "1/3", "2/4"]
    assert ax.get_ylabel() == "dose (µg/kg)"
    assert line(ax, "declared").get_ydata()[0] == 1


def test_it_is_legible_and_says_that_it_is_synthetic() -> None:
    table = pandas.DataFrame(COHORTS)
    table.attrs["synthetic"] = True
    ax = plot.dose_escalation(table)
    assert overlaps(ax) == []
    assert outside(ax) == []
    assert covered(ax) == 0
    assert "synthetic data" in title(ax)
    _, given = plt.subplots()
    assert plot.dose_escalation(table, ax=given) is given


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(InputError, match="declared is 20"):
        plot.dose_escalation(COHORTS, declared=20)
    with pytest.raises(InputError, match="at most 300"):
        plot.dose_escalation({"dose": [1], "patients": [301], "dlt": [0]})
