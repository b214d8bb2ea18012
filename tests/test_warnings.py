"""A warning points at the user's line, however deep in the package it arises."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest

from pkpd import Settings, define, fit_individuals, fit_pooled, library, locate, predict, read_study, simulate
from pkpd.dosing import bolus
from pkpd.errors import DataWarning, FitWarning, warn
from pkpd.io import read_nonmem
from pkpd.model import Model
from pkpd.progress import progress_bar

TABLE = pandas.DataFrame(
    {
        "subject": np.repeat([1, 2], 5),
        "time": [1.0, 2.0, 4.0, 6.0, 8.0] * 2,
        "analyte": "C",
        "value": [9.0, 8.0, 6.0, 5.0, 4.0] * 2,
    }
)
USED = {"time": "h", "C": "mg/L", "dose": "mg"}
SETTINGS = Settings(method="explicit", max_steps=200)


def runaway() -> Model:
    """R' = k·R² has no value from t = 1/k = 1.25 h on."""
    model = define({"R": "k*R**2"}, {"k": 0.8}, outputs={"y": "R"}, initial={"R": "1"}, doses={"bolus": "R"})
    return model.in_units(time="h", amount="mg", volume="L")


def points_here(caught: pytest.WarningsRecorder) -> bool:
    """Whether every warning names this file."""
    ours = [w.filename for w in caught if issubclass(w.category, (DataWarning, FitWarning))]
    return bool(ours) and set(ours) == {__file__}


def test_read_study() -> None:
    with pytest.warns(DataWarning, match="flagged BLQ") as caught:
        read_study(TABLE, bolus("100 mg"), units=USED, lloq={"C": 4.5})
    assert points_here(caught)


def test_fits() -> None:
    table = TABLE.copy()
    table.loc[2, "value"] = 0.0  # a proportional error forbids it
    study = read_study(table, bolus("100 mg"), units=USED)
    model = library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=1.0, V=10.0)
    with pytest.warns(DataWarning, match="1 of 2 subjects have no fit") as caught:
        fit_individuals(model, study, model.parameters, error={"C": "proportional"})
    assert points_here(caught)
    few = read_study(TABLE[TABLE["time"] == 1.0], bolus("100 mg"), units=USED)
    with pytest.warns(FitWarning) as caught:
        fit_pooled(model, few, model.parameters, error={"C": "additive"})
    assert points_here(caught)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_simulations() -> None:
    with pytest.warns(DataWarning, match="could not be solved") as caught:
        simulate(runaway(), bolus("0 mg"), times=[2.0], settings=SETTINGS)
    assert points_here(caught)
    with pytest.warns(DataWarning, match="no located course") as caught:
        locate(runaway(), bolus("0 mg"), "y", between=(0, 2), settings=SETTINGS)
    assert points_here(caught)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_predict() -> None:
    table = pandas.DataFrame({"ID": 1, "TIME": [0.0, 2.0], "AMT": [0.0, 0.0], "DV": [0.0, 1.0], "EVID": [0, 0]})
    with pytest.warns(DataWarning, match="could not be solved") as caught:
        predict(runaway(), read_nonmem(table), settings=SETTINGS)
    assert points_here(caught)


def test_the_filters_of_the_user_hold() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FitWarning, match="so it is"):
            warn("so it is", FitWarning)


def test_a_bar_passes_on_what_it_counts() -> None:
    assert list(progress_bar([1, 2, 3], disable=True)) == [1, 2, 3]


def test_no_bar_where_the_output_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress_bar([1, 2, 3], delay=0)) == [1, 2, 3]
    assert capsys.readouterr().err == ""
