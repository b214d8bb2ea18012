"""Fits as Datasets, and correlations by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas
import pytest
import xarray

import pkpd
from pkpd.errors import InputError
from pkpd.study import Study
from tests.fit.test_fit_covariates import RESULTS, SEX, SUBJECTS, WEIGHTS, fitted, model, study


@pytest.mark.parametrize("kind", RESULTS)
def test_a_dataset_says_what_the_fit_says(kind: str) -> None:
    fit = fitted(kind)
    found = fit.to_dataset(level=0.8)
    assert found.attrs["level"] == 0.8
    one = fit["P2"] if kind == "individual" else fit
    here = found.sel(subject="P2") if kind == "individual" else found
    errors, ends = one.standard_errors(), one.intervals(0.8)
    for name in ("CL", "V", "prop_C"):
        row = here.sel(parameter=name)
        assert float(row["estimate"]) == one.values[name]
        assert float(row["se"]) == errors[name]
        assert (float(row["low"]), float(row["high"])) == ends[name]
    assert here["unit"].sel(parameter="CL").item() == "L/h"
    assert (here["status"].item(), here["message"].item()) == (one.status, one.message)
    assert here["minus2ll"].item() == one.minus2ll
    with pytest.raises(InputError, match="level"):
        fit.to_dataset(level=2.0)


def test_individual_fits_lie_along_subjects_with_their_covariates() -> None:
    found = fitted("individual").to_dataset()
    assert found["estimate"].dims == ("subject", "parameter")
    assert found["subject"].values.tolist() == SUBJECTS
    assert found["weight"].values.tolist() == WEIGHTS.tolist()
    assert found["weight"].attrs["units"] == "kg"
    means = found["estimate"].sel(parameter="CL").groupby("sex").mean()
    own = pandas.Series({s: f.values["CL"] for s, f in fitted("individual").items()})
    np.testing.assert_allclose(means.values, own.groupby(SEX).mean().to_numpy())


def renamed(whole: Study, letter: str) -> Study:
    """The same study of other subjects."""
    tables = {n: getattr(whole, n) for n in ("_observations", "_doses", "_subjects")}
    return replace(
        whole, **{n: t.assign(subject=letter + t["subject"].str[1:]) for n, t in tables.items()}
    )  # fmt: skip


def test_datasets_of_several_studies_are_one() -> None:
    """With other covariates and a parameter more; what one does not have is missing."""
    start = model().with_values(CL=3.0, V=20.0).parameters
    first = fitted("individual").to_dataset()
    two = pkpd.fit_individuals(model(), renamed(study(), "Q"), start, error={"C": "combined"}).to_dataset()
    both = xarray.concat([first, two], "subject", join="outer", coords="different", compat="equals")
    assert both["subject"].values.tolist() == [*SUBJECTS, *(s.replace("P", "Q") for s in SUBJECTS)]
    assert both["weight"].values.tolist() == [*WEIGHTS, *WEIGHTS]
    assert np.isnan(both["estimate"].sel(parameter="add_C").values[:6]).all()
    np.testing.assert_array_equal(
        both["estimate"].sel(parameter="CL").values[:6], first["estimate"].sel(parameter="CL")
    )
    pooled = xarray.concat([fitted("pooled").to_dataset(), fitted("pooled").to_dataset()], "fit")
    assert pooled["estimate"].dims == ("fit", "parameter")


def test_a_subject_without_a_fit_says_why() -> None:
    lacking = study("2100 ug", weight=[np.nan, *WEIGHTS[1:]])
    scaled = replace(model(), covariates=("weight",), outputs={"C": "central/V*(weight/weight)"})
    with pytest.warns(pkpd.errors.DataWarning, match="1 of 6 subjects have no fit"):
        fits = pkpd.fit_individuals(scaled, lacking, scaled.with_values(CL=3.0, V=20.0).parameters)
    found = fits.to_dataset().sel(subject="P0")
    assert found["status"].item() == "failed"
    assert "is missing" in found["message"].item()
    assert np.isnan(found["estimate"]).all()
    assert np.isnan(found["weight"])


@pytest.mark.parametrize("kind", ["pooled", "population"])
def test_correlations_have_names(kind: str) -> None:
    fit = fitted(kind)
    table = fit.correlation
    names = list(fit.parameters.free if kind == "pooled" else fit.names)
    assert [*table.index] == [*table.columns] == names
    np.testing.assert_allclose(np.diag(table), 1.0)
    sd = np.sqrt(fit.covariance[0, 0] * fit.covariance[1, 1])
    assert table.iloc[0, 1] == table.loc[names[0], names[1]] == pytest.approx(fit.covariance[0, 1] / sd, rel=1e-12)
