"""NONMEM 7.5.1's answers to 29 event cases and one with a covariate that changes, read in place.

Source: external/nonmem/events; five digits are printed. Records at one time act in their order, so an observation in
the same row block stands after the dose.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import compile_model
from pkpd.model import Model

STATES = {1: "DEPOT", 2: "CENT"}


def case_model() -> Model:
    """One compartment with absorption; lag, bioavailability, modelled rate and duration act on the central one."""
    return define(
        {"DEPOT": "-KA*DEPOT", "CENT": "KA*DEPOT - CL/V*CENT"},
        {"CL": 1.1, "V": 20.0, "KA": 1.5, "LAGT": 0.0, "BIOAV": 1.0, "RAT2": 10.0, "DUR2": 2.0},
        outputs={"CP": "CENT/(V/1000)"}, doses={"oral": "DEPOT", "bolus": "CENT", "infusion": "CENT"},
        lag={"CENT": "LAGT"}, bioavailability={"CENT": "BIOAV"}, infusion_rate={"CENT": "RAT2"},
        infusion_duration={"CENT": "DUR2"},
    )  # fmt: skip


def dose_of(row: pandas.Series) -> Dose:
    """A dose record in our words."""
    rate = float(row["rate"])
    return Dose(
        float(row["time"]), float(row["amt"]), "infusion" if rate else "bolus", rate=max(rate, 0.0),
        modelled={-1.0: "rate", -2.0: "duration"}.get(rate, ""), into=STATES[int(row["cmt"])],
        additional=int(row["addl"]), interval=float(row["ii"]),
        steady_state={0: "", 1: "instead", 2: "added"}[int(row["ss"])], reset=int(row["evid"]) in (3, 4),
    )  # fmt: skip


@pytest.fixture(scope="module")
def cases(reference: Path) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    folder = reference / "external/nonmem/events"
    return pandas.read_csv(folder / "1001_input.csv"), pandas.read_csv(folder / "1001_nonmem.csv")


@pytest.mark.parametrize("linear", ["closed form", "ode"])
@pytest.mark.parametrize("number", range(1, 30))
def test_event_case(cases: tuple[pandas.DataFrame, pandas.DataFrame], number: int, linear: str) -> None:
    given, answers = (table[table["ID"] == number] for table in cases)
    records = given[given["evid"] != 0]
    first = records.iloc[0]
    values = np.array([[1.1, 20.0, 1.5, first["LAGT"], first["BIOAV"], first["RAT2"], first["DUR2"]]])
    times = given["time"].to_numpy(float)
    doses = [dose_of(row) for _, row in records.iterrows()]
    code = compile_model(case_model(), linear=linear)
    found = code.run(values, code.schedule(values, [doses], [times], [np.ones(len(times), bool)])).outputs[:, 0]
    seen = (given["evid"] == 0).to_numpy()
    expected = answers["CP"].to_numpy()
    np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-4, atol=1e-6 * expected.max())


@pytest.mark.parametrize("linear", ["closed form", "ode"])
def test_covariate_that_changes(reference: Path, linear: str) -> None:
    """Every record's weight acts backward to the record before it."""
    folder = reference / "external/nonmem/events"
    given, answers = pandas.read_csv(folder / "2001_input.csv"), pandas.read_csv(folder / "2001_nonmem.csv")
    model = define(
        {"DEPOT": "-KA*DEPOT", "CENT": "KA*DEPOT - TVCL*(WT/70)**0.75/V*CENT"}, {"TVCL": 1.1, "V": 20.0, "KA": 1.5},
        outputs={"CP": "CENT/(V/1000)", "CL": "TVCL*(WT/70)**0.75"}, doses={"oral": "DEPOT", "bolus": "CENT"},
        covariates=("WT",),
    )  # fmt: skip
    code = compile_model(model, linear=linear)
    times = given["time"].to_numpy(float)
    values = np.column_stack([np.full((len(given), 3), [1.1, 20.0, 1.5]), given["WT"].to_numpy(float)])
    doses = [dose_of(row) for _, row in given[given["evid"] != 0].iterrows()]
    plan = code.schedule(values, [doses], [times], [np.ones(len(times), bool)], [times[:-1]])
    found = code.run(values, plan).outputs[:, 0]
    np.testing.assert_allclose(found, answers["CP"], rtol=1e-4, atol=1e-3)
