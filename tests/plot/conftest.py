"""Pictures are drawn into memory, and every test shows that nothing global changed."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import pandas
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from pkpd import fit as fitting
from pkpd.study import Study
from tests.plot.plot_cases import bolus_study, one_compartment_pk


@pytest.fixture(autouse=True)
def _same_style() -> Iterator[None]:
    """No picture changes a global setting; figures of a test are closed by the test, not by the package."""
    before = dict(matplotlib.rcParams)
    plt.close("all")
    yield
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


@pytest.fixture(scope="session")
def study() -> Study:
    """Four subjects, two dose levels, five BLQ samples, one set aside."""
    return bolus_study()


@pytest.fixture(scope="session")
def fits(study: Study) -> fitting.Fits:
    """One-compartment fits of subjects 1 and 2."""
    pk = one_compartment_pk()
    return fitting.fit_individuals(pk, study.select(subjects=[1, 2]), pk.parameters, error={"C": "proportional"})


@pytest.fixture
def points() -> pandas.DataFrame:
    """Made-up points for the test of the overlay; no published number."""
    return pandas.DataFrame({"time": [1.0, 2.0], "value": [5.0, 3.0], "low": [4.0, 2.5], "high": [7.0, 3.25]})
