"""Doses that became boluses only because the table is silent: an oral entry of the model speaks up."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pandas
import pytest

from pkpd import library
from pkpd.errors import DataWarning
from pkpd.io import read_nonmem, read_study
from pkpd.observed.compartments import compartments_of
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}
ONE_CMT = "ID,TIME,DV,AMT,EVID,CMT\n1,0,.,10,1,{}\n1,1,5,.,0,{}\n1,2,3,.,0,{}\n"
ORAL = library.one_compartment(absorption=True)


def quiet(text: str, verb: Any = read_nonmem, **options: Any) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study: Study = verb(pandas.read_csv(io.StringIO(text)), units=UNITS, **options)
    return study


@pytest.mark.parametrize(
    "text", [ONE_CMT.format(1, 1, 1), ONE_CMT.format(2, 2, 2), "ID,TIME,DV,AMT\n1,0,.,10\n1,1,5,.\n1,2,3,.\n"]
)
@pytest.mark.parametrize("verb", [read_nonmem, read_study])
def test_an_oral_model_asks_for_the_route(text: str, verb: Any) -> None:
    with pytest.warns(DataWarning, match="1 doses are taken as boluses.*at 'depot'.*say routes='oral'"):
        compartments_of(ORAL, quiet(text, verb))


@pytest.mark.parametrize(
    ("study", "model"),
    [
        (quiet(ONE_CMT.format(1, 1, 1), routes="oral"), ORAL),
        (quiet(ONE_CMT.format(1, 1, 1), routes={"1": "bolus"}), ORAL),  # told, so it is meant
        (quiet(ONE_CMT.format(1, 2, 2)), ORAL),  # another compartment than that of the samples: oral
        (quiet(ONE_CMT.format(1, 1, 1)), library.one_compartment()),
    ],
)
def test_nothing_is_said_where_nothing_passes_by(study: Study, model: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compartments_of(model, study)
