"""Individual fits of which some parameters are known of every subject."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import DataWarning, InputError
from pkpd.fit import Fits
from pkpd.parameters import Parameters
from tests.fit.test_fit_covariates import CLEARANCES, SUBJECTS, fitted, model, study

TABLE = pandas.DataFrame({"CL": CLEARANCES}, index=pandas.Index(SUBJECTS, name="subject"))


def start() -> Parameters:
    return model().with_values(CL=1.0, V=15.0).parameters


@cache
def by_table() -> Fits:
    return pkpd.fit_individuals(model(), study(), start(), given=TABLE)


def test_given_values_are_those_of_fixed_ones() -> None:
    """Each subject's fit is that with its own value fixed; what was given is shown as such."""
    for subject, clearance in zip(SUBJECTS, CLEARANCES, strict=True):
        own = start().with_values(CL=float(clearance)).fix("CL")
        alone = pkpd.fit_individuals(model(), study().select(subjects=[subject]), own)[subject]
        fit = by_table()[subject]
        assert fit.values["CL"] == clearance
        assert fit.values["V"] == pytest.approx(alone.values["V"], rel=1e-8)
        assert fit.minus2ll == pytest.approx(alone.minus2ll, rel=1e-9)
        assert fit.parameters.free == alone.parameters.free == ("V", "prop_C")
        assert fit.table().loc["CL", "note"] == "given"


@pytest.mark.parametrize("how", ["mapping", "column subject", "fits"])
def test_the_ways_to_say_it_are_the_same(how: str) -> None:
    ways: dict[str, Any] = {
        "mapping": {s: {"CL": c} for s, c in zip(SUBJECTS, CLEARANCES, strict=True)},
        "column subject": TABLE.reset_index(),
        "fits": by_table(),
    }
    found = pkpd.fit_individuals(model(), study(), start(), given=ways[how])
    free = {"mapping": ("V", "prop_C"), "column subject": ("V", "prop_C"), "fits": ("prop_C",)}[how]
    for subject, fit in found.items():
        assert fit.parameters.free == free
        assert fit.values["V"] == by_table()[subject].values["V"]
        assert fit.minus2ll == pytest.approx(by_table()[subject].minus2ll, rel=1e-8)


def test_given_fits_are_converted_and_bring_their_errors() -> None:
    earlier = pkpd.fit_individuals(model(), study(), start(), error={"C": "additive"})
    small = model("ng", "mL")
    found = pkpd.fit_individuals(small, study(), small.with_values(CL=1e3, V=1e4).parameters, given=earlier)
    for subject, fit in found.items():
        assert fit.values["CL"] == pytest.approx(1000 * earlier[subject].values["CL"], rel=1e-12)
        assert fit.values["add_C"] == pytest.approx(earlier[subject].values["add_C"], rel=1e-6)
    same = pkpd.fit_individuals(model(), study(), start(), given=fitted("pooled"))
    assert {fit.values["CL"] for fit in same.values()} == {fitted("pooled").values["CL"]}


def test_a_value_below_zero_can_be_given() -> None:
    """The value shown of what differs was a geometric mean, which a negative value does not have."""
    free = Parameters(tuple(pkpd.Parameter(name, 1.0, lower=-np.inf) for name in "ab"))
    line = pkpd.define({}, free, outputs={"y": "a + b*t"})
    rows = [(s, t, "y", -2.0 * s + 0.5 * t + 0.1 * (-1) ** t) for s in (1, 2) for t in range(6)]
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    data = pkpd.read_study(table, units={"time": "h", "y": "1"})
    slopes = {1: {"a": -2.0}, 2: {"a": -4.0}}
    for fit in pkpd.fit_individuals(line, data, line.parameters, error={"y": "additive"}, given=slopes).values():
        assert fit.values["b"] == pytest.approx(0.5, abs=0.02)
    pooled = pkpd.fit_pooled(
        line, data, line.parameters, error={"y": "additive"}, given=pandas.DataFrame.from_dict(slopes, orient="index")
    )  # fmt: skip
    assert pooled.values["a"] == -3.0
    assert pooled.values["b"] == pytest.approx(0.5, abs=0.02)


def test_subjects_without_given_values_are_reported() -> None:
    table = TABLE.assign(CL=TABLE["CL"].where(TABLE.index != "P1")).drop(index="P4")
    with pytest.warns(DataWarning, match="2 of 6 subjects have no fit"):
        found = pkpd.fit_individuals(model(), study(), start(), given=table)
    assert found.failures == {"P1": "no given value of CL", "P4": "no given values"}
    with pytest.raises(InputError, match="subject 'P0': no given values"):
        pkpd.fit_individuals(model(), study(), start(), given={"Q0": {"CL": 3.0}})
    with pytest.raises(InputError, match="given is a list; expected Fits"):
        pkpd.fit_individuals(model(), study(), start(), given=[3.0])
    with pytest.raises(InputError, match="none of which is a parameter"):
        pkpd.fit_individuals(model(), study(), start(), given={s: {"clearance": 3.0} for s in SUBJECTS})


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_gives_the_same_bits(kind: Any) -> None:
    with kind(2) as pool:
        found = pkpd.fit_individuals(model(), study(), start(), given=TABLE, executor=pool)
    assert list(found) == SUBJECTS
    for subject, fit in found.items():
        assert fit.values == by_table()[subject].values
        np.testing.assert_array_equal(fit.covariance, by_table()[subject].covariance)
