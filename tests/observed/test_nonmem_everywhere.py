"""A NONMEM table goes through NCA, fits, simulation and pictures without a hand-made step, by either reader."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pandas
import pytest

import pkpd
from pkpd import data, plot
from pkpd.dosing import Dose
from pkpd.errors import DataWarning
from pkpd.io import read_nonmem
from pkpd.model import Model, define
from pkpd.population import Omega, Population
from pkpd.study import Study

matplotlib.use("Agg")
UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}
pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")


def theophylline() -> pandas.DataFrame:
    """The classical data (R datasets::Theoph) as a NONMEM table: 320 mg to everybody, samples from compartment 2."""
    study = data.theophylline()
    rows = [
        {"ID": s, "TIME": 0.0, "AMT": 320.0, "DV": 0.0, "EVID": 1, "MDV": 1, "CMT": 1} for s in study.subject_ids
    ] + [
        {"ID": r.subject, "TIME": r.time, "AMT": 0.0, "DV": r.value, "EVID": 0, "MDV": 0, "CMT": 2}
        for r in study.observations.itertuples()
    ]
    return pandas.DataFrame(rows).sort_values(["ID", "EVID", "TIME"], ascending=[True, False, True])


def both(table: pandas.DataFrame, units: dict[str, str] = UNITS) -> tuple[Study, Study]:
    """The study of each reader, which are equal."""
    strict, plain = read_nonmem(table, units=units), pkpd.read_study(table, units=units)
    for name in ("observations", "doses", "subjects", "records"):
        pandas.testing.assert_frame_equal(getattr(strict, name), getattr(plain, name))
    assert (strict.data_hash, dict(strict.units)) == (plain.data_hash, dict(plain.units))
    return strict, plain


def same_nca(one: Study, other: Study) -> None:
    for a, b in zip(pkpd.nca(one).data_vars.values(), pkpd.nca(other).data_vars.values(), strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def draw_all(study: Study, fit: object, analyte: str) -> None:
    plot.profiles(study, analyte)
    plot.timeline(study)
    plot.observed_fitted(fit)
    plot.fitted_course(fit, study, study.subject_ids[0])
    matplotlib.pyplot.close("all")


def test_theophylline_by_both_readers() -> None:
    strict, plain = both(theophylline())
    same_nca(strict, plain)
    model = pkpd.library.one_compartment(absorption=True)
    fits = []
    for study in (strict, plain):
        start = pkpd.initial_estimates(model, pkpd.nca(study))
        fits.append(pkpd.fit_pooled(model, study, start, error={"C": "additive"}))
    assert fits[0].status == "converged"
    assert fits[0].objective == pytest.approx(fits[1].objective, rel=1e-12)
    start = pkpd.initial_estimates(model, pkpd.nca(strict))
    alone = pkpd.fit_individuals(model, strict, start, error={"C": "additive"}, progress=False)
    assert len(alone.usable()) == 12
    simulated = pkpd.simulate(alone, strict, replicates=2, seed=1)
    assert simulated.sizes["record"] == 132
    assert np.isfinite(simulated["value"].values).all()
    draw_all(strict, fits[0], "DV")


def test_theophylline_is_the_plain_study_too() -> None:
    """The same data as a plain study give the same NCA and the same −2 log L."""
    strict, _ = both(theophylline())
    samples = data.theophylline().observations[["subject", "time", "value"]].rename(columns={"value": "DV"})
    plain = pkpd.read_study(samples, pkpd.oral("320 mg"), units=UNITS)
    for name in ("cmax", "auc_last", "half_life"):
        np.testing.assert_allclose(pkpd.nca(strict)[name].values, pkpd.nca(plain)[name].values, rtol=1e-12)
    model = pkpd.library.one_compartment(absorption=True)
    start = pkpd.initial_estimates(model, pkpd.nca(plain))
    by_table, by_study = (
        pkpd.fit_pooled(model, study, start, error={"C": "additive"}) for study in (strict, plain)
    )  # fmt: skip
    assert by_table.minus2ll == pytest.approx(by_study.minus2ll, abs=1e-7)


def test_warfarin_two_outputs_and_duplicate_records(reference: Path) -> None:
    table = pandas.read_csv(reference / "external/datasets/warfarin.csv")
    units = {"time": "h", "dose": "mg", "cp": "mg/L", "pca": "percent"}
    strict = read_nonmem(table, units=units, routes="oral")
    assert strict.analytes == ("cp", "pca")
    assert len(strict.observations) == int((table["evid"] == 0).sum())
    twice = strict.observations.groupby(["subject", "analyte", "time"]).size()
    assert (twice > 1).any()
    assert set(strict.subjects.columns) == {"subject", "wt", "age", "sex"}
    with pytest.warns(DataWarning, match="several"):
        exposure = pkpd.nca(strict, "cp")
    assert exposure.sizes["profile"] == strict.observations.query("analyte == 'cp'")["subject"].nunique()
    model = pkpd.library.one_compartment(absorption=True, lag=True)
    start = pkpd.initial_estimates(model, exposure).with_values(Tlag=0.5)
    options = pkpd.Options(observed={"C": "cp"})
    fit = pkpd.fit_pooled(model, strict, start, error={"C": "additive"}, options=options)
    assert fit.observations == int(((table["evid"] == 0) & (table["dvid"] == "cp")).sum()) == 251
    draw_all(strict, fit, "cp")


def steady_table() -> pandas.DataFrame:
    """One subject at steady state of 100 mg every 12 h, one with six additional doses; CL 5, V 50."""
    k = 0.1
    steady = 2.0 / (1 - np.exp(-12 * k))
    times = np.array([0.5, 2.0, 6.0, 11.0])
    rows = [{"ID": 1, "TIME": 0.0, "AMT": 100.0, "SS": 1, "II": 12.0, "ADDL": 0, "EVID": 1, "DV": "."}]
    rows += [{"ID": 1, "TIME": t, "EVID": 0, "DV": steady * np.exp(-k * t)} for t in times]
    rows += [{"ID": 2, "TIME": 0.0, "AMT": 100.0, "SS": 0, "II": 12.0, "ADDL": 6, "EVID": 1, "DV": "."}]
    last = 2.0 * (1 - np.exp(-7 * 12 * k)) / (1 - np.exp(-12 * k))
    rows += [{"ID": 2, "TIME": 72 + t, "EVID": 0, "DV": last * np.exp(-k * t)} for t in times]
    return pandas.DataFrame(rows).fillna({"AMT": 0, "SS": 0, "II": 0, "ADDL": 0})


def test_steady_state_and_additional_doses() -> None:
    strict, plain = both(steady_table())
    same_nca(strict, plain)
    exposure = pkpd.nca(strict)
    assert exposure["tau"].values.tolist() == [12.0, 12.0]
    np.testing.assert_allclose(exposure["auc_tau"].values[0], 20.0, rtol=1e-6)  # dose over clearance
    given, left_out = strict.given_doses()
    assert given["time"].tolist() == [0.0, *(12.0 * np.arange(7))]
    assert given["steady"].tolist() == [True] + [False] * 7
    assert not left_out
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=5.0, V=50.0)
    answers = pkpd.predict(model, strict)
    seen = answers["kind"] == "observation"
    np.testing.assert_allclose(answers["C"][seen], strict.observations["value"], rtol=1e-9)
    start = model.parameters.with_values(CL=4.0, V=60.0)
    fit = pkpd.fit_pooled(model, strict, start, error={"C": "additive"})
    np.testing.assert_allclose([fit.values["CL"], fit.values["V"]], [5.0, 50.0], rtol=1e-4)
    simulated = pkpd.simulate(model, strict)
    np.testing.assert_allclose(simulated["value"].values[0], strict.observations["value"], rtol=1e-9)
    draw_all(strict, fit, "DV")


def occasion_table() -> pandas.DataFrame:
    rows = []
    for subject in (1, 2, 3):
        for occasion in (1, 2):
            begin = 48.0 * (occasion - 1)
            shared = {"ID": subject, "OCC": occasion, "WT": 60.0 + 10 * occasion + subject}
            rows.append({**shared, "TIME": begin, "AMT": 100.0, "EVID": 1, "DV": "."})
            rows += [{**shared, "TIME": begin + t, "AMT": 0.0, "EVID": 0, "DV": 1.0} for t in (1.0, 4.0, 12.0, 24.0)]
    return pandas.DataFrame(rows)


def weighed() -> Model:
    return define(
        {"A": "-CL*(WT/70)**0.75/V*A"}, {"CL": "5 L/h", "V": "50 L"}, outputs={"C": "A/V"}, doses={"bolus": "A"},
        covariates=("WT",), units={"C": "mg/L"}, base={"time": "h", "amount": "mg", "volume": "L"},
    )  # fmt: skip


def test_occasions_and_a_covariate_that_changes() -> None:
    strict, plain = both(occasion_table())
    same_nca(strict, plain)
    assert strict.changing == ("WT", "OCC")
    assert sorted(set(strict.doses["occasion"])) == [1, 2]
    model = weighed()
    truth = pkpd.simulate(model, strict)["value"].values[0]
    answers = pkpd.predict(model, strict)
    np.testing.assert_allclose(truth, answers["C"][answers["kind"] == "observation"], rtol=1e-12)
    # the second occasion's weight acts backward to the last record of the first (NONMEM's way)
    clearance = [5 * (w / 70) ** 0.75 for w in (71.0, 81.0)]
    at_24 = 2 * np.exp(-clearance[0] / 50 * 24)
    left = at_24 * np.exp(-clearance[1] / 50 * 24)
    assert truth[4] == pytest.approx((left + 2) * np.exp(-clearance[1] / 50 * 1), rel=1e-9)
    measured = pkpd.simulate(
        Population(model, model.parameters + pkpd.fit.residual_error("C", "additive").start(np.ones(1), "mg/L")
                   .with_values(add_C=1e-3), errors=(pkpd.fit.residual_error("C", "additive"),)), strict, seed=3,
    )  # fmt: skip
    study = pkpd.simulated_study(measured, strict)
    start = model.parameters.with_values(CL=3.0, V=70.0)
    for source in (study,):
        fit = pkpd.fit_pooled(model, source, start, error={"C": "additive"})
        np.testing.assert_allclose([fit.values["CL"], fit.values["V"]], [5.0, 50.0], rtol=1e-2)
        alone = pkpd.fit_individuals(model, source, start, error={"C": "additive"}, progress=False)
        assert len(alone.usable()) == 3


def test_values_that_differ_between_occasions_are_simulated() -> None:
    """What a fit's text says and what a simulated study holds agree: CL differs between the subject's occasions."""
    strict, _ = both(occasion_table())
    model = define(
        {"A": "-CL/V*A"}, {"CL": "5 L/h", "V": "50 L"}, outputs={"C": "A/V"}, doses={"bolus": "A"}, units={"C": "mg/L"},
        base={"time": "h", "amount": "mg", "volume": "L"},
    )  # fmt: skip
    people = Population(model, model.parameters, Omega.independent(CL=0.3) + Omega.independent(CL=0.4).at_occasion())
    result = pkpd.simulate(people, strict, seed=5)["value"].values[0].reshape(3, 2, 4)
    first = -np.log(result[:, 0, 3] / result[:, 0, 0]) / 23 * 50  # CL of the first occasion, from two samples of it
    assert np.ptp(first) > 0.1
    times = np.array([1.0, 4.0, 12.0, 24.0])
    np.testing.assert_allclose(result[:, 0], 2 * np.exp(-first[:, None] / 50 * times), rtol=1e-9)
    left = 2 * np.exp(-first / 50 * 24)
    second = []
    for k in range(3):  # the second CL holds from the last record of the first occasion on
        root = np.linspace(0.2, 40, 400_001)
        values = (left[k] * np.exp(-root / 50 * 24) + 2) * np.exp(-root / 50)
        second.append(root[int(np.argmin(np.abs(values - result[k, 1, 0])))])
    second = np.array(second)
    assert (np.abs(second - first) > 0.05).any()
    peak = left * np.exp(-second / 50 * 24) + 2
    np.testing.assert_allclose(result[:, 1], peak[:, None] * np.exp(-second[:, None] / 50 * times), rtol=1e-3)


def test_a_study_without_units_is_read_in_those_of_the_model() -> None:
    table = steady_table()
    with pytest.warns(DataWarning, match="no units were given"):
        study = read_nonmem(table)
    model = pkpd.library.one_compartment().in_units(time="h", amount="ug", volume="L").with_values(CL=5.0, V=50.0)
    answers = pkpd.predict(model, study)
    np.testing.assert_allclose(answers["C"][answers["kind"] == "observation"], study.observations["value"], rtol=1e-9)
    assert study.doses_in("ug", "h")[1][0] == Dose(0.0, 100.0, interval=12.0, steady_state="instead")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_nonmem(table, units=UNITS)


def test_values_of_an_assumed_unit_may_be_negative() -> None:
    """A NONMEM table of logarithms has no unit: nothing forbids what is below zero."""
    table = pandas.DataFrame({"ID": 1, "TIME": [0, 1, 2], "AMT": [10, 0, 0], "EVID": [1, 0, 0], "DV": [0, 0.3, -0.4]})
    assert read_nonmem(table).observations["value"].tolist() == [0.3, -0.4]
    with pytest.warns(pkpd.DataWarning, match="1 values of DV are negative and kept"):
        kept = read_nonmem(table, units=UNITS)
    assert kept.observations["value"].tolist() == [0.3, -0.4]  # of a concentration it is counted, as NONMEM keeps it


def test_doses_that_would_fill_the_memory_are_refused() -> None:
    dose = {"AMT": [10, 0], "II": [1, 0], "ADDL": [10**12, 0], "EVID": [1, 0]}
    table = pandas.DataFrame({"ID": 1, "TIME": [0, 1], "DV": [0, 0.3], **dose})
    with pytest.raises(pkpd.InputError, match=r"1e\+12 doses with their additional ones"):
        pkpd.nca(read_nonmem(table, units=UNITS))
