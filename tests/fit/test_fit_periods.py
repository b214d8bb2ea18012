"""A fit of a crossover whose clock starts anew is that of its periods as subjects of their own."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.io import read_nonmem, read_study
from pkpd.library import circadian_turnover, one_compartment
from pkpd.observed import observe

pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}


def tables() -> tuple[pandas.DataFrame, pandas.DataFrame]:
    rng = np.random.default_rng(1)
    times = (-0.5, 0.5, 2.0, 6.0, 12.0, 24.1)
    rows = [(s, p, t, 0.0 if t < 0 else 5 * p * np.exp(-0.1 * t + 0.1 * rng.standard_normal()))
            for s in (1, 2) for p in (1, 2) for t in times]  # fmt: skip
    doses = [(s, p, 0.0, 100.0 * p, "bolus") for s in (1, 2) for p in (1, 2)]
    return (pandas.DataFrame(rows, columns=["subject", "period", "time", "C"]),
            pandas.DataFrame(doses, columns=["subject", "period", "time", "amount", "route"]))  # fmt: skip


def test_a_pooled_fit() -> None:
    samples, doses = tables()
    apart = [one.assign(subject=10 * one["subject"] + one["period"]).drop(columns="period") for one in (samples, doses)]
    model, limit = one_compartment(), {"C": 0.01}
    studies = [read_study(samples, doses, units=UNITS, lloq=limit), read_study(*apart, units=UNITS, lloq=limit)]
    start = model.with_values(CL=2.0, V=20.0).parameters
    crossover, subjects = (pkpd.fit_pooled(model, study, start) for study in studies)
    assert crossover.minus2ll == pytest.approx(subjects.minus2ll, abs=1e-9)
    np.testing.assert_allclose(crossover.parameters.values, subjects.parameters.values, rtol=1e-9)


def test_a_model_that_uses_the_time_is_refused() -> None:
    samples, doses = tables()
    records = pandas.DataFrame({"ID": 1, "TIME": [0.0, 5.0, 0.0, 5.0], "DV": [1.0, 2.0, 1.0, 2.0], "OCC": [1, 1, 2, 2],
                                "AMT": 0.0, "EVID": 0})  # fmt: skip
    model = circadian_turnover()
    for study in (read_study(samples, doses, units=UNITS), read_nonmem(records)):
        with pytest.raises(pkpd.errors.InputError, match="time starts anew"):
            observe(model, study, {next(iter(model.outputs)): study.analytes[0]})
