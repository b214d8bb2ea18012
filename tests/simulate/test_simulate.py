"""Simulation: what a seed settles, what a design settles, and the moments of what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray

from pkpd import il21, library
from pkpd.dosing import bolus, infusion
from pkpd.engine import Settings
from pkpd.errors import DataWarning, InputError
from pkpd.fit import fit_individuals, fit_pooled, residual_error
from pkpd.io import read_study
from pkpd.model import Model, define
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, block, population_of
from pkpd.simulate import simulate, simulated_study
from pkpd.study import Study

DOSE = bolus("100 mg")


def one(**values: float) -> Model:
    model = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    return model.with_values(**{"CL": 2.0, "V": 10.0, **values})


def people(variability: Omega | None = None, kind: str = "proportional", **noise: float) -> Population:
    model = one()
    noise = noise or {"prop_C": 0.1}
    items = tuple(Parameter(n, v) for n, v in noise.items())
    return Population(model, model.parameters + Parameters(items), variability, (residual_error("C", kind),))


SPREAD = Omega.independent(CL=0.3, V=0.2)
TIMES = [0.5, 1.0, 4.0, 12.0]


def same(a: xarray.Dataset, b: xarray.Dataset) -> bool:
    return bool(a.identical(b))


def test_a_typical_subject_is_the_closed_form() -> None:
    """C = D/V·exp(−CL/V·t), to rounding; nothing varies and no error is drawn from a bare model."""
    found = simulate(one(), DOSE, times=TIMES)
    np.testing.assert_allclose(found["C"].values[0, 0], 10 * np.exp(-0.2 * np.array(TIMES)), rtol=1e-12)
    assert set(found.data_vars) == {"C", "status"}
    assert found["C"].dims == ("replicate", "subject", "time")
    assert found["C"].attrs["units"] == "mg/L"
    assert found["time"].attrs["units"] == "h"
    assert found["dose_time"].values.tolist() == [0.0]


def test_a_seed_settles_everything() -> None:
    def run(seed: int, **options: Any) -> xarray.Dataset:
        return simulate(people(SPREAD), DOSE, subjects=20, replicates=3, seed=seed, times=TIMES, **options)

    first = run(1)
    assert same(first, run(1))
    assert not np.array_equal(first["C_measured"], run(2)["C_measured"])
    assert not np.array_equal(first["CL"], run(2)["CL"])
    for workers in (1, 2, 3):
        assert same(first, run(1, settings=Settings(workers=workers)))


def test_workers_do_not_matter_to_what_is_integrated() -> None:
    """Enough subjects that they are cut into parts, and a model that needs the solver."""
    runs = [
        simulate(il21.truth(), il21.regimen(), subjects=300, seed=5, times=[24, 120.0], settings=Settings(workers=w))
        for w in (1, 2)
    ]
    assert same(*runs)


def test_a_replicate_does_not_depend_on_how_many_there_are() -> None:
    """Streams are spawned per replicate: the first of one, two or five replicates are the same."""
    runs = [simulate(people(SPREAD), DOSE, subjects=7, replicates=n, seed=3, times=TIMES) for n in (1, 2, 5)]
    for run in runs:
        assert same(run.isel(replicate=[0]), runs[0])
    assert same(runs[2].isel(replicate=[0, 1]), runs[1])
    first, second = runs[1]["CL"].values
    assert not np.intersect1d(first, second).size


def test_residual_errors_have_a_stream_of_their_own() -> None:
    """The same patients, whatever the error: only the measurements differ."""
    a, b = (simulate(people(SPREAD, prop_C=sd), DOSE, subjects=9, seed=1, times=TIMES) for sd in (0.1, 0.3))
    np.testing.assert_array_equal(a["C"], b["C"])
    np.testing.assert_allclose((a["C_measured"] / a["C"] - 1) * 3, b["C_measured"] / b["C"] - 1, rtol=1e-9)


def test_residual_errors_do_not_repeat_the_numbers_of_the_parameters() -> None:
    """From one stream for both, the residuals would be the very numbers that made the clearances and volumes."""
    crowd = people(SPREAD, prop_C=0.1)
    found = simulate(crowd, DOSE, subjects=40, seed=5, times=[6.0])
    residuals = ((found["C_measured"] / found["C"] - 1) / 0.1).values.ravel()
    for name, sd in (("CL", 0.3), ("V", 0.2)):
        away = np.log(found[name].values.ravel() / crowd.parameters[name]) / sd
        assert np.abs(residuals[:, None] - away).min() > 1e-9
    assert 0.7 < residuals.std() < 1.3  # standard normal numbers, ± 2.7 SDs of their SD


def test_before_and_after_a_dose() -> None:
    """At 0 and 12 h: nothing and the trough before, C0 and the peak after; elsewhere no difference."""
    plan, times = bolus("100 mg", at=[0.0, 12.0]), [0.0, 6.0, 12.0, 18.0]
    before = simulate(one(), plan, times=times)
    after = simulate(one(), plan, times=times, at_dose="after")
    trough = 10 * np.exp(-2.4)
    np.testing.assert_allclose(before["C"].values[0, 0][[0, 2]], [0.0, trough], rtol=1e-12)
    np.testing.assert_allclose(after["C"].values[0, 0][[0, 2]], [10.0, 10 + trough], rtol=1e-12)
    np.testing.assert_array_equal(before["C"].values[0, 0][[1, 3]], after["C"].values[0, 0][[1, 3]])
    assert "before" in before.attrs["at_dose"]
    assert "after" in after.attrs["at_dose"]


def test_default_times() -> None:
    """Up to a week after the last dose, and the early hours of every dose, in the regimen's own time unit."""
    plan = bolus("100 mg", days=[1, 3])
    times = simulate(one(), plan)["time"].values
    assert (times[0], times[-1]) == (0.0, 48.0 + 168.0)
    assert (np.diff(times) > 0).all()
    for dose in (0.0, 48.0):
        for later in (0.0, 5 / 60, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
            assert np.abs(times - dose - later).min() < 1e-9
    in_days = simulate(one(), plan.in_units("mg", "d"))
    np.testing.assert_allclose(in_days["time"].values[[0, -1]], [0.0, 9.0], rtol=1e-12)
    assert in_days["time"].attrs["units"] == "d"
    np.testing.assert_allclose(in_days["time"] * 24, times, rtol=1e-9, atol=1e-9)
    hours = simulate(one(), plan)["C"].values
    # The early steep part: times that differ in the last digit differ in C by about as much.
    np.testing.assert_allclose(in_days["C"].values, hours, rtol=1e-9, atol=1e-12)


def test_the_result_says_what_it_is() -> None:
    found = simulate(il21.truth(), il21.regimen(), subjects=3, seed=8, times=[1.0, 24.0])
    units = {n: found[n].attrs["units"] for n in ("C", "sCD25", "ALC", "CL", "V1", "EC50")}
    assert units == {
        "C": "ng/mL", "sCD25": "ng/mL", "ALC": "10^9/L", "CL": "mL/h/kg", "V1": "mL/kg", "EC50": "ng/mL"
    }  # fmt: skip
    assert found["ALC_measured"].attrs["units"] == "10^9/L"
    assert found["C"].attrs["long_name"]
    assert found.attrs["seed"] == 8
    assert "virtual" in found.attrs["synthetic"]
    assert "10 × 30 ug/kg bolus" in found.attrs["design"]
    assert (found["status"] == 0).all()


@pytest.mark.parametrize("by", ["regimen", "study"])
def test_netcdf_keeps_everything(tmp_path: Path, by: str) -> None:
    design = DOSE if by == "regimen" else study()
    found = simulate(people(SPREAD), design, replicates=2, seed=1, **({"times": TIMES} if by == "regimen" else {}))
    path = tmp_path / "simulation.nc"
    found.to_netcdf(path, engine="h5netcdf")
    with xarray.open_dataset(path, engine="h5netcdf") as stream:
        back = stream.load()
    xarray.testing.assert_equal(back, found)
    assert {str(n): v.attrs for n, v in back.variables.items()} == {str(n): v.attrs for n, v in found.variables.items()}
    assert back.attrs == found.attrs
    assert {n: v.dtype.kind for n, v in back.variables.items()} == {n: v.dtype.kind for n, v in found.variables.items()}


N = 20_000


def four(sd: float, n: int = N) -> float:
    """Four standard errors of a mean: a right mean is outside once in 16 000."""
    return 4 * sd / np.sqrt(n)


def test_variability_comes_out_as_it_was_put_in() -> None:
    omega = np.array([[0.09, 0.03], [0.03, 0.04]])
    found = simulate(people(block("CL", "V", omega=omega.tolist())), DOSE, subjects=N, seed=2, times=[1.0])
    logs = np.log([found["CL"].values[0] / 2.0, found["V"].values[0] / 10.0])
    assert abs(logs[0].mean()) < four(0.3)
    assert abs(logs[1].mean()) < four(0.2)
    error = np.sqrt((omega**2 + np.outer(np.diag(omega), np.diag(omega))) / N)  # of a normal covariance (Wishart)
    assert (np.abs(np.cov(logs) - omega) < 4 * error).all()
    exact = 100 / found["V"].values[0] * np.exp(-found["CL"].values[0] / found["V"].values[0])
    np.testing.assert_allclose(found["C"].values[0, :, 0], exact, rtol=1e-12)


def test_limits_are_a_screening() -> None:
    """Nobody is below the limit; the others are as they were: a normal cut off at the limit (log L0 ≥ 0)."""
    from scipy.stats import truncnorm

    found = simulate(il21.truth(), bolus("30 ug/kg"), subjects=N, seed=4, times=[0.0])
    values = np.log(found["L0"].values[0])
    assert values.min() >= 0
    own = truncnorm(a=-np.log(1.5) / 0.35, b=np.inf, loc=np.log(1.5), scale=0.35)
    assert abs(values.mean() - own.mean()) < four(own.std())
    assert abs(values.std() - own.std()) < four(own.std())  # a little wider than the error of an SD, 1/√2 of this


def test_variability_that_excludes_everybody_is_an_error() -> None:
    with pytest.raises(InputError, match="exclude practically every subject"):
        simulate(replace(people(Omega.independent(CL=0.1)), limits={"CL": (1e6, np.inf)}), DOSE, times=[1.0])


def test_variability_of_an_unknown_parameter_is_an_error() -> None:
    with pytest.raises(InputError, match="EC50"):
        simulate(people(Omega.independent(EC50=0.1)), DOSE, times=[1.0])


@pytest.mark.parametrize(
    ("kind", "noise", "sd"),
    [
        ("additive", {"add_C": 0.5}, lambda f: 0.5 + 0 * f),
        ("proportional", {"prop_C": 0.2}, lambda f: 0.2 * f),
        ("combined", {"prop_C": 0.2, "add_C": 0.5}, lambda f: np.sqrt(0.25 + 0.04 * f**2)),
        ("weighted 1/y", {"scale_C": 0.2}, lambda f: 0.2 * np.sqrt(f)),
        ("weighted 1/y²", {"scale_C": 0.2}, lambda f: 0.2 * f),
    ],
)
def test_residual_errors_have_their_moments(kind: str, noise: dict[str, float], sd: Any) -> None:
    found = simulate(people(None, kind, **noise), DOSE, subjects=N, seed=3, times=TIMES)
    exact, measured = found["C"].values[0, 0], found["C_measured"].values[0]
    expected = sd(exact)
    assert (np.abs(measured.mean(axis=0) - exact) < four(1.0) * expected).all()
    assert (np.abs(measured.std(axis=0) / expected - 1) < four(1 / np.sqrt(2))).all()
    z = (measured - exact) / expected
    assert np.abs(np.corrcoef(z.T) - np.eye(4)).max() < four(1.0)  # one draw per sample, not per subject


def test_log_normal_error() -> None:
    found = simulate(people(None, "log", sd_C=0.3), DOSE, subjects=N, seed=3, times=TIMES)
    logs = np.log(found["C_measured"].values[0] / found["C"].values[0])
    assert (np.abs(logs.mean(axis=0)) < four(0.3)).all()
    assert (np.abs(logs.std(axis=0) / 0.3 - 1) < four(1 / np.sqrt(2))).all()


def test_per_kg_and_absolute() -> None:
    """30 ug/kg of an 80 kg person is 2.4 mg: the same concentrations from a model per kg and an absolute one."""
    weights = pandas.DataFrame({"weight": [50.0, 80.0, 110.0]})
    absolute = library.one_compartment().in_units(time="h", amount="ug", volume="L").with_values(CL=10.0, V=20.0)
    found = simulate(
        Population(absolute, absolute.parameters, covariates=weights), bolus("30 ug/kg"), subjects=50, seed=1,
        times=[0.0, 1.0], at_dose="after",
    )  # fmt: skip
    weight = found["weight"].values[0]
    assert set(weight) == {50.0, 80.0, 110.0}
    np.testing.assert_allclose(found["C"].values[0, :, 0], 30 * weight / 20, rtol=1e-12)
    per_kg = library.one_compartment().in_units(time="h", amount="ug/kg", volume="L/kg").with_values(CL=0.1, V=0.25)
    back = simulate(
        Population(per_kg, per_kg.parameters, covariates=weights), bolus("2 mg"), subjects=50, seed=1, times=[0.0],
        at_dose="after",
    )  # fmt: skip
    np.testing.assert_allclose(back["C"].values[0, :, 0], 2000 / back["weight"].values[0] / 0.25, rtol=1e-12)
    with pytest.raises(InputError, match="weight"):
        simulate(absolute, bolus("30 ug/kg"), times=[1.0])


def test_covariates_can_be_drawn_by_a_function() -> None:
    def crowd(rng: np.random.Generator, subjects: int) -> pandas.DataFrame:
        return pandas.DataFrame({"weight": rng.lognormal(np.log(80), 0.2, subjects)})

    absolute = library.one_compartment().in_units(time="h", amount="ug", volume="L").with_values(CL=10.0, V=20.0)
    who = Population(absolute, absolute.parameters, covariates=crowd)
    a, b = (simulate(who, bolus("30 ug/kg"), subjects=1000, seed=s, times=[1.0]) for s in (1, 1))
    np.testing.assert_array_equal(a["weight"], b["weight"])
    assert abs(np.log(a["weight"].values / 80).mean()) < four(0.2, 1000)


def test_individual_rows_are_taken_whole() -> None:
    table = pandas.DataFrame({"CL": [1.0, 2.0, 4.0], "V": [10.0, 20.0, 40.0]})
    model = one()
    found = simulate(Population(model, model.parameters, table=table), DOSE, subjects=300, seed=1, times=[0.5])
    pairs = {(float(c), float(v)) for c, v in zip(found["CL"].values[0], found["V"].values[0], strict=True)}
    assert pairs == {(1.0, 10.0), (2.0, 20.0), (4.0, 40.0)}


def study(subjects: Sequence[Any] = (1, 2, 3)) -> Study:
    """Two dose levels, one infusion, a sample before and one after a dose at the same time, BLQ, one set aside."""
    rows, doses = [], []
    for k, s in enumerate(subjects):
        doses.append((s, 0.0, 100.0 * (k + 1), "bolus", 0.0))
        doses.append((s, 12.0, 50.0, "infusion", 1.0))
        for t, mark in ((0.0, "pre"), (0.5, ""), (6.0, ""), (12.0, "pre"), (12.0, "post"), (13.0, ""), (40.0, "")):
            rows.append((s, t, "drug", 5.0, mark, s == subjects[0] and t == 6.0, "spilt"))
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value", "mark", "excluded", "reason"])
    table["reason"] = table["reason"].where(table["excluded"], None)
    given = pandas.DataFrame(doses, columns=["subject", "time", "amount", "route", "duration"])
    return read_study(table, given, units={"time": "h", "drug": "mg/L", "dose": "mg"}, lloq={"drug": 0.2})


def test_a_study_is_repeated_as_it_was() -> None:
    """Its own doses, times, marks and limits; closed form for each; the sample that was set aside is not made."""
    design = study()
    found = simulate(people(), design, replicates=2, seed=1)
    assert found["value"].dims == ("replicate", "record")
    assert found.sizes["record"] == 20  # 3 × 7 less the one set aside
    table = found[["subject", "time", "value"]].isel(replicate=0).to_dataframe()
    k = 0.2
    for subject, rows in table.groupby("subject"):
        first = 100.0 * int(subject) / 10

        def curve(t: float, late: bool, first: float = first) -> float:
            c = first * np.exp(-k * t) if t > 0 or late else 0.0
            if t > 12:
                end = min(t - 12, 1.0)
                c += 50 / 2.0 * (1 - np.exp(-k * end)) * np.exp(-k * (t - 12 - end))
            return float(c)

        expected = [curve(t, False) for t in rows["time"]]
        np.testing.assert_allclose(rows["value"], expected, rtol=1e-11, atol=1e-300)
    np.testing.assert_array_equal(found["lloq"], 0.2)
    np.testing.assert_array_equal(found["blq"], found["measured"] < 0.2)
    assert set(found["units"].values) == {"mg/L"}


def test_marks_tell_before_from_after_a_bolus() -> None:
    table = pandas.DataFrame(
        {"subject": 1, "time": [0.0, 0.0], "analyte": "drug", "value": 1.0, "mark": ["pre", "post"]}
    )
    design = read_study(table, DOSE, units={"time": "h", "drug": "mg/L"})
    for at_dose in ("before", "after"):  # a study's own marks decide
        found = simulate(people(), design, seed=1, at_dose=at_dose)
        np.testing.assert_allclose(found["value"].values[0], [0.0, 10.0])


def test_units_of_the_study_come_back() -> None:
    """The study in ng/mL and days, the model in mg and L: values in ng/mL."""
    table = pandas.DataFrame({"subject": 1, "time": [0.5, 1.0], "analyte": "drug", "value": 1.0})
    design = read_study(table, DOSE, units={"time": "d", "drug": "ng/mL"})
    found = simulate(one(), design)
    np.testing.assert_allclose(found["value"].values[0], 1e4 * np.exp(-0.2 * np.array([12.0, 24.0])), rtol=1e-11)


def test_simulated_study_is_the_same_design_with_new_numbers() -> None:
    design = study()
    found = simulate(people(prop_C=0.3), design, replicates=3, seed=6)
    for k in range(3):
        copy = simulated_study(found, design, k)
        pandas.testing.assert_frame_equal(copy.doses, design.doses)
        pandas.testing.assert_frame_equal(copy.subjects, design.subjects)
        columns = ["subject", "analyte", "time", "mark", "lloq", "excluded", "reason", "row"]
        pandas.testing.assert_frame_equal(copy.observations[columns], design.observations[columns])
        assert copy.attrs["synthetic"] is True
        assert f"replicate {k}" in copy.attrs["source"]
        rows = copy.observations.iloc[found["observation"].values]
        np.testing.assert_array_equal(rows["blq"], found["blq"].values[k])
        kept = ~rows["blq"].to_numpy()
        np.testing.assert_array_equal(rows["value"][kept], found["measured"].values[k][kept])
        assert rows["value"][~kept].isna().all()
        aside = copy.observations[copy.observations["excluded"]]
        assert aside["value"].tolist() == [5.0]  # not simulated, as it was
    again = simulated_study(found, design, 1)
    np.testing.assert_array_equal(
        simulate(people(), again, seed=1)["value"], simulate(people(), design, seed=1)["value"]
    )


def test_simulated_study_of_another_study() -> None:
    with pytest.raises(InputError, match="not simulated from this study"):
        simulated_study(simulate(people(), DOSE, times=[1.0]), study())
    small = simulate(people(), study((1,)), seed=1)
    big = simulate(people(), study((1, 2, 3)), seed=1)
    with pytest.raises(InputError, match="not simulated from this study"):
        simulated_study(big, study((1,)))
    assert len(simulated_study(small, study((1,))).observations) == 7


def test_limits_above_are_applied_too() -> None:
    table = pandas.DataFrame({"subject": 1, "time": [0.5, 10.0], "analyte": "drug", "value": [2.0, 2.0]})
    design = read_study(table, DOSE, units={"time": "h", "drug": "mg/L"}, lloq={"drug": 1.5}, uloq={"drug": 8.0})
    copy = simulated_study(simulate(people(prop_C=0.001), design), design)
    seen = copy.observations
    assert seen["alq"].tolist() == [True, False]
    assert seen["blq"].tolist() == [False, True]
    fit = fit_pooled(library.one_compartment(), copy, people().parameters.fix("CL", "V", "prop_C"))
    assert fit.censored == 2


def test_fits_are_populations() -> None:
    design = study()
    data = simulated_study(simulate(people(SPREAD), design, seed=3), design)
    pooled = fit_pooled(library.one_compartment(), data, people().parameters)
    typical = population_of(pooled)
    assert typical.parameters is pooled.parameters
    assert not typical.omega
    fits = fit_individuals(library.one_compartment(), data, people().parameters, progress=False)
    own = population_of(fits)
    assert set(own.omega.effects()) == {"CL", "V"}
    found = simulate(fits, DOSE, subjects=3000, seed=1, times=[1.0])
    spread = np.cov(np.log([found["CL"].values[0], found["V"].values[0]]))
    omega = own.omega.matrix()
    error = np.sqrt((omega**2 + np.outer(np.diag(omega), np.diag(omega))) / 3000)
    assert (np.abs(spread - omega) < 4 * error + 1e-12).all()
    with pytest.raises(InputError, match="no value for CL, V"):
        population_of(library.one_compartment())


def test_a_pooled_fit_hands_on_its_subjects_rows() -> None:
    """PK given per subject: under the study each subject has its own, under a regimen whole rows are drawn."""
    model = (library.one_compartment() + library.stimulated_loss("ALC", by="C", unit="10^9/L")).in_units(
        time="h", amount="mg", volume="L"
    )
    start = model.parameters.with_values(CL=2, V=10, ALC_0=1.5, S_ALC=0.5, kout_ALC=0.2)
    rows = [(s, t, "ALC", 1.5 - 0.1 * s) for s in (1, 2, 3) for t in (0.0, 2.0, 5.0, 9.0)]
    table = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    design = read_study(table, DOSE, units={"time": "h", "ALC": "10^9/L"})
    given = pandas.DataFrame({"CL": [1.0, 2.0, 3.0], "V": [8.0, 10.0, 12.0]}, index=[1, 2, 3])
    fit = fit_pooled(model, design, start, given=given)
    again = simulate(fit, design, seed=1)
    np.testing.assert_allclose(again["value"].values[0], fit.predictions["fitted"], rtol=1e-6)
    drawn = simulate(fit, DOSE, subjects=100, seed=1, times=[1.0])
    assert {(c, v) for c, v in zip(drawn["CL"].values[0], drawn["V"].values[0], strict=True)} == {
        (1.0, 8.0), (2.0, 10.0), (3.0, 12.0)
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_subjects_that_cannot_be_solved_are_nan_and_counted() -> None:
    """R' = k·R² runs away at t = 1/k: those with k > 1/2 have no value at 2 h, the others have 1/(1 − 2k)."""
    model = define({"R": "k*R**2"}, {"k": 0.5}, outputs={"y": "R"}, initial={"R": "1"}, doses={"bolus": "R"})
    table = pandas.DataFrame({"k": [0.1, 0.3, 0.8]})
    crowd = Population(model.in_units(time="h", amount="mg", volume="L"), model.parameters, table=table)
    settings = Settings(method="explicit", max_steps=2000)
    with pytest.warns(DataWarning, match="of 30 subjects could not be solved and are NaN") as caught:
        found = simulate(crowd, bolus("0 mg"), subjects=30, seed=1, times=[2.0], settings=settings)
    k, y = found["k"].values[0], found["y"].values[0, :, 0]
    bad = k == 0.8
    assert 0 < bad.sum() < 30
    assert f"{bad.sum()} of 30" in str(caught[0].message)
    assert np.isnan(y[bad]).all()
    np.testing.assert_allclose(y[~bad], 1 / (1 - 2 * k[~bad]), rtol=1e-6)
    np.testing.assert_array_equal(found["status"].values[0] != 0, bad)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(InputError, match="subjects is 0") as caught:
        simulate(one(), DOSE, subjects=0, replicates=-1, at_dose="befor")
    assert len(caught.value.problems) == 3
    assert "did you mean 'before'" in str(caught.value)
    with pytest.raises(InputError, match="no value for CL, V"):
        simulate(library.one_compartment(), DOSE)


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_a_seed_is_a_whole_number(seed: float) -> None:
    with pytest.raises(InputError, match="seed"):
        simulate(one(), DOSE, seed=seed, times=[1.0])  # type: ignore[arg-type]


def test_infusion_regimen() -> None:
    found = simulate(one(), infusion("100 mg", "2 h"), times=[1.0, 2.0, 5.0])["C"].values[0, 0]
    rise = 50 / 2 * (1 - np.exp(-0.2 * np.array([1.0, 2.0, 2.0])))
    np.testing.assert_allclose(found, rise * np.exp(-0.2 * np.array([0, 0, 3.0])), rtol=1e-12)


def test_a_model_with_times_of_its_own() -> None:
    """Conditions on t and on tad are simulated under a regimen as the engine solves them."""
    model = define(
        {"A": "-(k1 if t < T else k2)*A - (0.1 if tad < D else 0)*A"}, {"k1": 0.1, "k2": 0.4, "T": 30.0, "D": 4.0},
        outputs={"A": "A"}, doses={"bolus": "A"},
    )  # fmt: skip
    found = simulate(model, bolus("10 mg", days=[1, 2]), times=[12.0, 40.0], subjects=2)["A"].values[0]
    early = 10 * np.exp(-0.1 * 12 - 0.4)
    late = 10 * np.exp(-0.1 * 30 - 0.4 * 10 - 0.8) + 10 * np.exp(-0.1 * 6 - 0.4 * 10 - 0.4)
    np.testing.assert_allclose(found, [[early, late]] * 2, rtol=1e-12)


def test_results_share_nothing_that_can_be_changed() -> None:
    """Labels of simulations with the same design are made once; whoever changes those of a result changes no other."""
    first, before = (simulate(one(), DOSE, times=TIMES) for _ in range(2))
    for name in ("time", "dose_time"):
        first[name].attrs["units"] = "day"
        first.attrs["title"] = "mine"
        with suppress(ValueError):  # it may be read-only
            first[name].values[0] = 99.0
    assert same(simulate(one(), DOSE, times=TIMES), before)
    assert before["dose_time"].values.tolist() == [0.0]
    assert before["time"].attrs["units"] == "h"


def test_what_solved_it_stands_in_the_attributes() -> None:
    """A series for what has one, Dormand–Prince for corners inside a power, a closed form for what is linear."""
    dose = bolus("100 mg")

    def method(equations: dict[str, str], **more: Any) -> str:
        model = define(equations, {"k": 0.3}, outputs={"y": "y"}, doses={"bolus": "y"})
        return str(simulate(model, dose, times=[1.0, 2.0], **more).attrs["method"])

    assert method({"y": "-k*y"}) == "closed form"
    assert method({"y": "-k*y/(1 + y)"}).startswith("Taylor series of order 12; where equations prove stiff: Radau")
    assert method({"y": "-k*y/(1 + max(y, 1)**0.5)"}).startswith("Dormand–Prince 8(5,3)")
    assert method({"y": "-k*y/(1 + max(y, 1))"}).startswith("Taylor series")  # a corner ends a step
    loose = Settings(rtol=1e-4, method="stiff")
    assert method({"y": "-k*y/(1 + y)"}, settings=loose) == "Radau IIA of order 5"


def test_records_of_a_simulated_study_have_its_covariates() -> None:
    """What does not change in a subject stands beside each record, with its unit, so that groups can be made by it."""
    table = pandas.DataFrame({
        "subject": ["b", "b", "a", "a"], "time": [1.0, 2, 1, 2], "C": [3.0, 2, 4, 3], "arm": ["x", "x", "y", "y"],
        "weight": [60.0, 60, 80, 80],
    })  # fmt: skip
    study = read_study(table, DOSE, units={"time": "h", "C": "mg/L", "dose": "mg", "weight": "kg"})
    found = simulate(library.typical(library.one_compartment()), study, seed=1)
    assert dict(zip(found["subject"].values.tolist(), found["arm"].values.tolist(), strict=True)) == {
        "a": "y",
        "b": "x",
    }
    assert dict(zip(found["subject"].values.tolist(), found["weight"].values, strict=True)) == {"a": 80.0, "b": 60.0}
    assert found["weight"].attrs["units"] == "kg"
