"""`predict` beside what the study says: no column is lost, and a dose that cannot be is named by row and subject."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest

from pkpd import define, fit_pooled, predict
from pkpd.errors import DataWarning, InputError, naming
from pkpd.io import read_nonmem
from pkpd.model import Model
from pkpd.study import Study


def model(output: str = "C", **more: Any) -> Model:
    return define({"A": "-k*A"}, {"k": 0.1}, outputs={output: "A/10"}, doses={"bolus": "A", "infusion": "A"}, **more)


def study(**more: list[Any]) -> Study:
    rows = {"ID": [7, 7, 101, 101, 103, 103], "TIME": [0, 1] * 3, "AMT": [100, 0] * 3, "DV": [0, 9.0] * 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return read_nonmem(pandas.DataFrame({**rows, **more}))


def test_a_column_with_the_outputs_name_stands_beside_it() -> None:
    seen = study(C=[1, 2, 3, 4, 5, 6])
    with pytest.warns(DataWarning, match=r"1 covariates of the study have an output's name.*'C' as 'C \(study\)'"):
        table = predict(model(), seen)
    assert table["C (study)"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(table["C"], [10, 10 * np.exp(-0.1)] * 3, rtol=1e-12)


@pytest.mark.parametrize("name", ["time", "kind", "subject", "row"])
def test_an_output_called_as_every_record_is(name: str) -> None:
    with pytest.raises(InputError, match=rf"the output '{name}' is called as a column that every record has"):
        predict(model(name), study())


def test_doses_that_cannot_be_are_named_by_row_and_subject() -> None:
    """RATE -1 and -2 in a model that says neither rate nor length: everywhere a study is asked for."""
    seen = study(RATE=[10, 0, -1, 0, -2, 0])
    expected = ("row 3, subject 101: the modelled rate of the infusion at time 0 is 0; expected > 0",
                "row 5, subject 103: the modelled duration of the infusion at time 0 is 0; expected > 0")  # fmt: skip
    with pytest.raises(InputError) as caught:
        predict(model(), seen)
    assert caught.value.problems == expected
    with pytest.raises(InputError) as caught:
        fit_pooled(model("DV"), seen, model("DV").parameters, error={"DV": "proportional"})
    assert all(part in str(caught.value) for part in ("row 3, subject 101: ", "row 5, subject 103: "))


def test_a_lag_that_cannot_be_names_its_subject() -> None:
    with pytest.raises(InputError) as caught:
        predict(model(lag={"A": "L"}, covariates=("L",)), study(L=[0, 0, -1, -1, 2, 2]))
    assert caught.value.problems == ("row 3, subject 101: lag of 'A' is -1; expected a number ≥ 0",)


def test_naming_leaves_other_errors_alone() -> None:
    with pytest.raises(InputError, match=r"^other$"), naming(["a"]):
        raise InputError("other")
