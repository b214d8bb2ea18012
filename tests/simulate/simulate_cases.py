"""Populations and designs of the tests of large simulations; importable by name, so that processes can have them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import xarray

from pkpd import library, simulate
from pkpd.dosing import bolus
from pkpd.fit import residual_error
from pkpd.io import read_study
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population
from pkpd.study import Study

DOSE = bolus("100 mg")
TIMES = [0.5, 1.0, 4.0, 12.0]


def people(**options: Any) -> Population:
    """One compartment, CL and V vary; screening redraws some, so a draw is more than so many numbers per subject."""
    model = library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=2.0, V=10.0)
    spread = Omega.independent(CL=0.5, V=0.2)
    values = model.parameters + Parameters((Parameter("prop_C", 0.1),))
    errors = (residual_error("C", "proportional"),)
    return Population(model, values, spread, errors, limits={"CL": (1.0, np.inf)}, **options)


def study() -> Study:
    """Three subjects, doses of their own, texts of different length."""
    rows = [(f"patient {'x' * s}", t, "drug", 5.0) for s in range(3) for t in (0.5, 6.0, 24.0)]
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    return read_study(table, DOSE, units={"time": "h", "drug": "mg/L", "dose": "mg"}, lloq={"drug": 0.2})


def regimen_run(subjects: int = 2300, replicates: int = 2, **options: Any) -> xarray.Dataset:
    """Six pieces: three blocks of two replicates, the last ones smaller."""
    call: dict[str, Any] = {"seed": 4, "times": TIMES, **options}
    return simulate(people(), DOSE, subjects=subjects, replicates=replicates, **call)


def study_run(replicates: int = 700, **options: Any) -> xarray.Dataset:
    """Three pieces of 333, 333 and 34 replicates."""
    return simulate(people(), study(), replicates=replicates, seed=4, **options)


def slow_crowd(rng: np.random.Generator, subjects: int) -> pandas.DataFrame:
    """Body weights, each piece after as many seconds as PKPD_TEST_PAUSE says."""
    time.sleep(float(os.environ.get("PKPD_TEST_PAUSE", "0")))
    return pandas.DataFrame({"weight": rng.uniform(50, 100, subjects)})


def slow_run(store: Path) -> xarray.Dataset:
    """Ten pieces into a store."""
    return simulate(
        people(covariates=slow_crowd), DOSE, subjects=9500, seed=3, times=TIMES, store=store, progress=False
    )


def assert_same(found: xarray.Dataset, expected: xarray.Dataset) -> None:
    """Bit for bit, kinds of number and attributes too."""
    assert found.identical(expected)
    assert set(found.variables) == set(expected.variables)
    assert set(found.coords) == set(expected.coords)
    for name, variable in expected.variables.items():
        values = found[name].values
        assert values.dtype == variable.dtype, name
        assert values.tobytes() == variable.values.tobytes(), name
        assert found[name].attrs == variable.attrs, name
    assert found.attrs == expected.attrs
