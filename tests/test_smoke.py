"""One small thing of every room that stands on another package: what `.ci/versions` runs on lowest and newest."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
import pandas
import pytest
import xarray

import pkpd
from pkpd import nca, plot
from pkpd.io import read_nonmem, write_nonmem

TIMES = [0.5, 1.0, 2.0, 4.0, 8.0, 12.0]


def model() -> pkpd.Model:
    """A bolus into one compartment: C = dose/V·exp(−CL/V·t)."""
    return pkpd.define(
        {"A": "-CL/V*A"}, {"CL": "2 L/h", "V": "10 L"}, outputs={"C": "A/V"}, doses={"bolus": "A"},
        units={"C": "mg/L"}, base={"time": "h", "amount": "mg", "volume": "L"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def study() -> pkpd.Study:
    """Three subjects whose samples lie on the curve of the model."""
    rows = [
        {"subject": s, "time": t, "C": 10.0 * s * math.exp(-0.2 * t)} for s in (1, 2, 3) for t in TIMES
    ]  # fmt: skip
    doses = pandas.DataFrame({"subject": [1, 2, 3], "time": 0.0, "amount": [100.0, 200.0, 300.0], "route": "bolus"})
    return pkpd.read_study(pandas.DataFrame(rows), doses, units={"time": "h", "dose": "mg", "C": "mg/L"})


def test_nca_gives_the_clearance_and_can_be_saved(study: pkpd.Study, tmp_path: Path) -> None:
    result = pkpd.nca(study, "C")
    np.testing.assert_allclose(result["cl_obs"].values, 2.0, rtol=1e-12)
    result.to_netcdf(tmp_path / "nca.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "nca.nc", engine="h5netcdf") as again:
        np.testing.assert_array_equal(again["auc_inf_obs"].values, result["auc_inf_obs"].values)
    assert len(nca.summarise(result))


def test_a_simulation_is_the_closed_form_in_memory_and_in_a_store(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    plan = pkpd.bolus("100 mg")
    found = pkpd.simulate(model(), plan, times=TIMES)
    np.testing.assert_allclose(found["C"].values[0, 0], 10 * np.exp(-0.2 * np.array(TIMES)), rtol=1e-12)
    stored = pkpd.simulate(model(), plan, times=TIMES, store=tmp_path / "x.zarr")
    assert stored.load().identical(found)
    assert pkpd.simulate(model(), plan, times=TIMES, store=tmp_path / "x.zarr").load().identical(found)


def test_an_integrated_model_goes_to_its_limit() -> None:
    """Michaelis-Menten without a drug left over: dose = ∫ Vm·C/(Km + C) dt, and C falls to 0."""
    text = "-Vm*A/(Km*V + A)"
    mm = pkpd.define({"A": text}, {"Vm": 10.0, "Km": 1.0, "V": 10.0}, outputs={"C": "A/V"}, doses={"bolus": "A"})
    found = pkpd.simulate(mm, pkpd.bolus("100 mg"), times=[0.0, 5.0, 200.0], at_dose="after")["C"].values[0, 0]
    elapsed = (10.0 - found[1]) / 1.0 + math.log(10.0 / found[1])  # V/Vm·(C0 − C + Km·ln(C0/C)), V/Vm = 1
    assert elapsed == pytest.approx(5.0, rel=1e-7)
    assert 0 <= found[2] < 1e-6


def test_a_fit_finds_the_truth(study: pkpd.Study) -> None:
    start = model().parameters.with_values(CL=3.0, V=8.0)
    fits = pkpd.fit_individuals(model(), study, start, error={"C": "additive"}, progress=False)
    assert fits.fits[1].parameters["CL"] == pytest.approx(2.0, rel=1e-4)


def test_a_population_fit_finds_the_known_optimum(tmp_path: Path) -> None:
    """Theophylline by FOCEI, doses in mg: 116.8034."""
    oral = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    people = pkpd.data.theophylline()
    fit = pkpd.fit_population(oral, people, {"ka": 1.5, "CL": 2.7, "V": 31.0}, error={"C": "additive"})
    assert fit.objective == pytest.approx(116.8034, abs=1e-3)
    assert pkpd.fit.load(fit.save(tmp_path / "fit.nc"), people).objective == pytest.approx(fit.objective, abs=1e-6)
    assert pkpd.individual_estimates(fit, people.select(subjects=[1])).sizes["subject"] == 1
    assert plot.observed_predicted(fit).lines


def test_event_tables_go_round(study: pkpd.Study) -> None:
    units = {"time": "h", "dose": "mg", "DV": "mg/L"}
    again = read_nonmem(write_nonmem(study), units=units)
    assert len(again.observations) == len(study.observations)


def test_a_picture_is_drawn(study: pkpd.Study) -> None:
    matplotlib.use("Agg")
    assert plot.profiles(study, "C", log=True).lines
    assert plot.lambda_z(pkpd.nca(study, "C"), 0).lines
