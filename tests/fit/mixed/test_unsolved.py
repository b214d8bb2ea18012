"""A subject whose equations blow up: the fit stops and names it, or goes on without it and names it."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import DataWarning, FitWarning, InputError
from pkpd.fit import PopulationOptions

GROWING = pkpd.define(
    {"A": "-CL/V*A", "R": "kg*A/V*R*R - kd*R"}, {"CL": 1.0, "V": 10.0, "kg": 0.01, "kd": 0.5},
    outputs={"C": "A/V"}, initial={"R": "1"}, doses={"bolus": "A"},
)  # fmt: skip
"""R explodes in finite time where the drug is high."""


def study(doses: tuple[float, ...]) -> pkpd.Study:
    rng = np.random.default_rng(3)
    rows = [
        (who, t, "C", dose / 10 * np.exp(-0.1 * t + 0.2 * rng.normal()))
        for who, dose in enumerate(doses, 1) for t in (1.0, 4.0, 9.0)
    ]  # fmt: skip
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    given = pandas.DataFrame({"subject": range(1, len(doses) + 1), "time": 0.0, "amount": doses, "route": "bolus"})
    return pkpd.read_study(table, given, units={"time": "h", "C": "mg/L", "dose": "mg"})


def asked(doses: tuple[float, ...], **options: object) -> pkpd.fit.PopulationFit:
    start = pkpd.Parameters(tuple(pkpd.Parameter(n, v, fixed=True) for n, v in (("kg", 0.01), ("kd", 0.5))))
    return pkpd.fit_population(
        GROWING, study(doses), start, iiv=["CL", "V"], error={"C": "proportional"},
        options=PopulationOptions(starts=1, check=False, **options),
    )  # fmt: skip


def test_the_fit_stops_and_names_the_subject() -> None:
    with pytest.warns(FitWarning, match="failed"):
        fit = asked((10, 12, 9, 11, 20_000))
    assert fit.status == "failed"
    assert "subject 5" in fit.message


def test_the_fit_goes_on_without_it_where_that_is_asked_for() -> None:
    with pytest.warns(DataWarning, match="1 subjects cannot be solved"):
        fit = asked((10, 12, 9, 11, 20_000), unsolved="leave out")
    others = asked((10, 12, 9, 11))
    assert fit.objective == pytest.approx(others.objective, abs=1e-6)
    assert any("left out: 5" in note for note in fit.notes)
    assert fit.counts.subjects == 4
    everybody = asked((10, 12, 9, 11), unsolved="leave out")
    assert everybody.notes == others.notes


def test_nobody_left_and_unknown_choices_are_errors() -> None:
    with pytest.raises(InputError, match="no subject can be solved"):
        asked((20_000, 30_000), unsolved="leave out")
    with pytest.raises(InputError, match="leave out"):
        PopulationOptions(unsolved="leave them out")
