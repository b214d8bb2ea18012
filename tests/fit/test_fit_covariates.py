"""Covariates of the subjects stay with fits, and with what is simulated from them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.dosing import bolus
from pkpd.errors import InputError
from pkpd.fit import Fit, Fits, PopulationFit
from pkpd.model import Model
from pkpd.study import Study

SUBJECTS = [f"P{k}" for k in range(6)]
WEIGHTS = np.array([52.0, 61.0, 70.0, 78.0, 85.0, 99.0])
SEX = ["F", "F", "M", "F", "M", "M"]
TIMES = [0.5, 1.0, 2.0, 4.0, 8.0, 12.0]
CLEARANCES = 3.0 * np.exp([-0.3, 0.25, 0.0, 0.1, -0.15, 0.2])
QUICK = pkpd.fit.PopulationOptions(starts=1)
RESULTS = ("pooled", "individual", "population")


def model(unit: str = "ug", volume: str = "L") -> Model:
    """One compartment, without a covariate."""
    return pkpd.library.one_compartment().in_units(time="h", amount=unit, volume=volume)


def study(dose: str = "30 ug/kg", **people: Any) -> Study:
    """Six subjects of known clearance (L/h) and volume (20 L), with 5 % of scatter."""
    rng = np.random.default_rng(5)
    amounts = 30.0 * WEIGHTS if "/kg" in dose else np.full(6, float(dose.split()[0]))
    rows = [
        (s, t, "drug", amount / 20 * np.exp(-clearance / 20 * t + 0.05 * rng.standard_normal()))
        for s, amount, clearance in zip(SUBJECTS, amounts, CLEARANCES, strict=True)
        for t in TIMES
    ]
    columns = {"subject": SUBJECTS, "weight": WEIGHTS, "sex": SEX, **people}
    return pkpd.read_study(
        pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"]), bolus(dose),
        subjects=pandas.DataFrame({n: v for n, v in columns.items() if v is not None}),
        units={"time": "h", "drug": "ng/mL", "dose": dose.split()[1], "weight": "kg"},
    )  # fmt: skip


@cache
def fitted(kind: str) -> Fit | Fits | PopulationFit:
    """The study by each of the verbs."""
    start = model().with_values(CL=3.0, V=20.0).parameters
    if kind == "population":
        return pkpd.fit_population(model(), study(), {"CL": 3.0, "V": 20.0}, iiv=["CL"], options=QUICK)
    return (pkpd.fit_pooled if kind == "pooled" else pkpd.fit_individuals)(model(), study(), start)


@pytest.mark.parametrize("kind", RESULTS)
def test_a_fit_keeps_the_covariates_of_its_subjects(kind: str, tmp_path: Path) -> None:
    fit = fitted(kind)
    table = fit.covariates
    assert table.index.tolist() == SUBJECTS
    np.testing.assert_array_equal(table["weight"], WEIGHTS)
    assert table["sex"].tolist() == SEX
    assert table.attrs["units"] == {"weight": "kg"}
    path = tmp_path / "fit.nc"
    fit.save(path)
    again = pkpd.fit.load(path) if kind == "population" else pkpd.saving.load(path)
    pandas.testing.assert_frame_equal(again.covariates, table)
    assert again.covariates.attrs == again.population().covariates.attrs == {"units": {"weight": "kg"}}


@pytest.mark.parametrize("kind", RESULTS)
def test_doses_per_kg_of_a_fit_with_an_absolute_model(kind: str) -> None:
    """C(0) is dose times weight over V: exactly, in every virtual subject, with a weight and a sex of one row."""
    fit = fitted(kind)
    drawn = pkpd.simulate(fit, bolus("30 ug/kg"), subjects=200, seed=1, times=[0.0], at_dose="after")
    volume = drawn["V"].values[0] if "V" in drawn else np.full(200, fit.population().parameters["V"])
    np.testing.assert_allclose(drawn["C"].values[0, :, 0], 30 * drawn["weight"].values[0] / volume, rtol=1e-9)
    assert drawn["weight"].attrs["units"] == "kg"
    sex = dict(zip(WEIGHTS.tolist(), SEX, strict=True))
    assert set(drawn["weight"].values[0].tolist()) == set(WEIGHTS.tolist())
    assert [sex[w] for w in drawn["weight"].values[0].tolist()] == drawn["sex"].values[0].tolist()


def test_the_other_way_round_and_one_weight_for_all() -> None:
    """A model per kg is given absolute doses; the weight that was used shows though everybody has the same."""
    same = study(weight=np.full(6, 80.0))
    start = model("ug/kg", "mL/kg").with_values(CL=40.0, V=280.0).parameters
    fit = pkpd.fit_pooled(model("ug/kg", "mL/kg"), same, start)
    drawn = pkpd.simulate(fit, bolus("2400 ug"), subjects=3, times=[0.0], at_dose="after")
    assert (drawn["weight"].values == 80.0).all()
    one = pkpd.simulate(fit, bolus("30 ug/kg"), subjects=3, times=[0.0], at_dose="after")
    np.testing.assert_allclose(drawn["C"].values, one["C"].values, rtol=1e-12)
    assert "weight" not in one


@pytest.mark.parametrize("kind", RESULTS)
def test_every_kind_of_simulation_takes_them(kind: str) -> None:
    fit = fitted(kind)
    found = pkpd.locate(fit, bolus("30 ug/kg"), "C", subjects=4, seed=3)
    plain = pkpd.simulate(fit, bolus("30 ug/kg"), subjects=4, seed=3, times=[0.0], at_dose="after")
    np.testing.assert_allclose(found["peak"].values, plain["C"].values[0, :, 0], rtol=1e-6)
    adapted = pkpd.simulate_adaptive(
        fit, lambda now: bolus("30 ug/kg", at=[now.time]), [0.0], start=pkpd.Regimen((), "ug/kg", "h"), subjects=4,
        seed=3, times=[0.0], at_dose="after",
    )  # fmt: skip
    np.testing.assert_allclose(adapted["C"].values, plain["C"].values, rtol=1e-12)
    assert adapted["sex"].values.tolist() == plain["sex"].values.tolist()
    unsure = pkpd.simulate(fit, bolus("30 ug/kg"), replicates=2, times=[1.0], uncertain=True)
    assert set(unsure["weight"].values.ravel()) <= set(WEIGHTS)


def test_a_store_on_disk_holds_texts(tmp_path: Path) -> None:
    fit = fitted("pooled")
    call: dict[str, Any] = {"subjects": 5, "seed": 2, "times": [1.0]}
    kept = pkpd.simulate(fit, bolus("30 ug/kg"), store=tmp_path / "s.zarr", **call).load()
    assert kept["sex"].values.tolist() == pkpd.simulate(fit, bolus("30 ug/kg"), **call)["sex"].values.tolist()


def test_given_values_and_covariates_are_of_one_subject() -> None:
    """Virtual subjects take whole rows: whoever has P3's clearance has P3's weight and sex."""
    people = fitted("pooled").population()
    table = pandas.DataFrame({"CL": CLEARANCES[::-1]}, index=pandas.Index(SUBJECTS[::-1], name="subject"))
    drawn = pkpd.simulate(replace(people, table=table), bolus("30 ug/kg"), subjects=300, seed=4, times=[1.0])
    weight = dict(zip(CLEARANCES.tolist(), WEIGHTS.tolist(), strict=True))
    assert [weight[x] for x in drawn["CL"].values[0].tolist()] == drawn["weight"].values[0].tolist()
    others = replace(people, table=table.set_axis([f"Q{k}" for k in range(6)]).rename_axis("subject"))
    loose = pkpd.simulate(others, bolus("30 ug/kg"), subjects=300, seed=4, times=[1.0])
    assert len(set(zip(loose["CL"].values[0].tolist(), loose["weight"].values[0].tolist(), strict=True))) > 6


def test_relations_of_given_subjects_see_their_covariates() -> None:
    people = fitted("pooled").population()
    table = pandas.DataFrame({"V": 20.0 + np.arange(6)}, index=pandas.Index(SUBJECTS, name="subject"))
    both = replace(people, table=table, relations={"CL": "CL*(weight/70)**0.75"})
    drawn = both.draw(50, np.random.default_rng(1))
    np.testing.assert_allclose(drawn["CL"], both.parameters["CL"] * (drawn["weight"] / 70) ** 0.75, rtol=1e-12)
    np.testing.assert_array_equal(WEIGHTS[(drawn["V"] - 20).astype(int)], drawn["weight"])


def test_a_missing_weight_is_an_error_only_where_it_is_needed() -> None:
    lacking = study("2100 ug", weight=[np.nan, *WEIGHTS[1:-1], np.nan])
    fit = pkpd.fit_pooled(model(), lacking, model().with_values(CL=3.0, V=20.0).parameters)
    assert np.isfinite(pkpd.simulate(fit, bolus("30 ug"), times=[1.0])["C"].values).all()
    with pytest.raises(InputError, match=r"'weight' is missing for subject 'P0', 'P5'"):
        pkpd.simulate(fit, bolus("30 ug/kg"), times=[1.0])
    nobody = study("2100 ug", weight=None)
    fit = pkpd.fit_pooled(model(), nobody, model().with_values(CL=3.0, V=20.0).parameters)
    with pytest.raises(InputError, match="covariates need a weight"):
        pkpd.simulate(fit, bolus("30 ug/kg"), times=[1.0])


def test_missing_covariates_stand_as_they_were_fitted() -> None:
    """A relation that was fitted with the median in a gap is simulated with it, too."""
    lacking = study("2100 ug", weight=[np.nan, *WEIGHTS[1:]])
    options = replace(QUICK, missing={"weight": "median"}, starts=0)
    fit = pkpd.fit_population(
        model(), lacking, {"CL": 3.0, "V": 20.0}, iiv=["CL"], covariates={"CL": "CL*(weight/70)"}, options=options,
    )  # fmt: skip
    assert fit.covariates.loc["P0", "weight"] == np.median(WEIGHTS[1:])
    assert np.isfinite(pkpd.simulate(fit, bolus("30 ug/kg"), subjects=50, times=[1.0])["C"].values).all()


def test_names_of_the_model_and_names_that_are_taken() -> None:
    """What the model calls WT is called so; a covariate called as a parameter does not become the parameter."""
    scaled = replace(model(), covariates=("WT",), outputs={"C": "central/V*(WT/WT)"})
    odd = study(CL=np.arange(6.0) + 100)
    fit = pkpd.fit_pooled(scaled, odd, scaled.with_values(CL=3.0, V=20.0).parameters)
    assert [*fit.covariates] == ["WT", "sex", "CL_covariate"]
    assert any("'CL' as 'CL_covariate'" in note for note in fit.notes)
    drawn = pkpd.simulate(fit, bolus("30 ug/kg"), subjects=20, times=[0.0], at_dose="after")
    np.testing.assert_allclose(
        drawn["C"].values[0, :, 0], 30 * drawn["WT"].values[0] / fit.parameters["V"], rtol=1e-9
    )  # fmt: skip


def test_of_what_changes_in_time_the_first_value_is_kept_and_said() -> None:
    table = pandas.DataFrame(
        [(s, t, 1.0 + s + 0.1 * t, 50.0 + s + t, 100 if t == 0 else 0, 1 if t == 0 else 0)
         for s in (1, 2, 3) for t in (0.0, 1.0, 2.0, 5.0)],
        columns=["ID", "TIME", "DV", "WT", "AMT", "EVID"],
    )  # fmt: skip
    changing = pkpd.io.read_nonmem(table, units={"time": "h", "DV": "mg/L", "dose": "mg"})
    plain = model("mg").with_values(CL=3.0, V=20.0)
    fit = pkpd.fit_pooled(plain, changing, plain.parameters, options=pkpd.Options(observed={"C": changing.analytes[0]}))
    name = next(n for n in fit.covariates if n.casefold() in ("wt", "weight"))
    assert fit.covariates[name].tolist() == [51.0, 52.0, 53.0]
    assert any("the first value" in note and name in note for note in fit.notes)


def test_individual_tables_of_a_population_fit_carry_them() -> None:
    fit = fitted("population")
    by_sex = fit.individuals["CL"].groupby("sex").mean()
    expected = pandas.Series(fit.individuals["CL"].values).groupby(SEX).mean()
    np.testing.assert_allclose(by_sex.values, expected.to_numpy())
    new = pkpd.fit.individual_estimates(fit, study())
    assert new["weight"].values.tolist() == WEIGHTS.tolist()
    assert new["weight"].attrs["units"] == "kg"


def test_the_typical_subject_has_the_median_weight() -> None:
    """Without it a dose per kg could not be given to the typical subject, nor a design be judged."""
    typical = fitted("population").population().typical()
    drawn = pkpd.simulate(typical, bolus("30 ug/kg"), times=[0.0], at_dose="after")
    expected = 30 * np.median(WEIGHTS) / typical.parameters["V"]
    assert float(drawn["C"].item()) == pytest.approx(expected, rel=1e-9)
    judged = pkpd.diagnostics.design_bias(
        fitted("population"), bolus("30 ug/kg"), [0.1, 1.0, 4.0, 12.0, 24.0], subjects=20, progress=False
    )  # fmt: skip
    assert abs(judged.loc["cl_obs", "bias %"]) < 20
