"""What must not matter to a fit: units, the order of rows and subjects, who computes; and what must (BLQ)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pandas
import pytest

from pkpd import il21, library
from pkpd.dosing import bolus
from pkpd.errors import DataWarning, InputError
from pkpd.fit import Fits, Options, fit_individuals, fit_pooled, residual_error
from pkpd.io import read_study
from pkpd.model import define
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population
from pkpd.simulate import simulate, simulated_study
from pkpd.study import Study
from tests.fit.censored import check_m3_against_dropping
from tests.fit.fit_cases import (
    PD_ERRORS,
    line_study,
    pd_design,
    pd_truth,
    pk_design,
    pk_model,
    pk_truth,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*are flagged BLQ:pkpd.errors.DataWarning")
ERRORS = (residual_error("C", "proportional"),)
LLOQ = 1.0
SPREAD = Omega.independent(scale=0.25, CL=0.1, V=0.1)
SHARED = {"CL": "eta_scale + eta_CL", "V1": "eta_scale + eta_V", "Q": "eta_scale", "V2": "eta_scale + eta_V"}


@cache
def pk_study(subjects: int = 4) -> Study:
    design = pk_design(subjects, [5 / 60, 0.5, 1, 2, 4, 8, 10], lloq=LLOQ)
    people = Population(pk_model(), pk_truth(prop_C=0.1), SPREAD, ERRORS, exponents=SHARED)
    return simulated_study(simulate(people, design, seed=4), design)


def pk_table(study: Study) -> pandas.DataFrame:
    table = study.used("IL21")
    value = np.where(table["blq"], 0.1, table["value"])  # what is below the limit is read as BLQ
    return table[["subject", "time", "analyte"]].assign(value=value)


def test_the_same_fit_in_other_units() -> None:
    """ng/mL and h, against mg/L and d with the model's words in mg/kg and L/kg: the numbers agree after conversion.

    1e-6: both searches end where a Newton step changes nothing; −2 log L differs by the Jacobian of the unit only.
    """
    study = pk_study()
    first = fit_pooled(library.two_compartment(), study, pk_truth(prop_C=0.1))
    table = pk_table(study).assign(time=lambda t: t["time"] / 24, value=lambda t: t["value"] / 1000)
    other = read_study(
        table, bolus("30 ug/kg"), units={"time": "d", "IL21": "mg/L", "dose": "mg/kg"}, lloq={"IL21": LLOQ / 1000}
    )
    start = (
        library.two_compartment()
        .in_units(time="d", amount="mg/kg", volume="L/kg")
        .parameters.with_values(CL="167 mL/h/kg", V1="64.6 mL/kg", Q="112.9 mL/h/kg", V2="171.2 mL/kg")
    )
    second = fit_pooled(library.two_compartment(), other, start)
    assert second.parameters.get("CL").unit == "L/day/kg"
    assert first.status == second.status == "converged"
    for name, ratio in {"CL": 24 / 1000, "Q": 24 / 1000, "V1": 1 / 1000, "V2": 1 / 1000}.items():
        assert second.parameters[name] == pytest.approx(first.parameters[name] * ratio, rel=1e-6)
        low, high = first.intervals()[name]
        assert second.intervals()[name] == pytest.approx((low * ratio, high * ratio), rel=1e-5)
    assert second.parameters["prop_C"] == pytest.approx(first.parameters["prop_C"], rel=1e-6)
    measured = first.observations - first.censored
    assert first.censored > 0
    assert second.minus2ll == pytest.approx(first.minus2ll - 2 * measured * np.log(1000), rel=1e-9)


def test_a_start_in_other_units_is_converted() -> None:
    study = pk_study()
    litres = library.two_compartment().in_units(time="d", amount="mg/kg", volume="L/kg").parameters
    start = litres.with_values(CL="167 mL/h/kg", V1="64.6 mL/kg", Q="112.9 mL/h/kg", V2="171.2 mL/kg")
    a = fit_pooled(pk_model(), study, start)
    b = fit_pooled(pk_model(), study, pk_truth(prop_C=0.2))
    np.testing.assert_allclose(a.parameters.values, b.parameters.values, rtol=1e-6)
    assert a.parameters.get("CL").unit == b.parameters.get("CL").unit
    plain = library.two_compartment().in_units(time="h", amount="mg", volume="L").parameters
    with pytest.raises(InputError, match="'CL'"):
        fit_pooled(pk_model(), study, plain.with_values(CL=10, V1=5, Q=8, V2=12))


def test_order_of_rows_and_names_of_subjects_do_not_matter() -> None:
    study = pk_study()
    table = pk_table(study)
    used = {"time": "h", "IL21": "ng/mL", "dose": "ug/kg"}
    shuffled = table.sample(frac=1, random_state=np.random.RandomState(5))
    renamed = table.assign(subject=table["subject"].map({1: 4, 2: 1, 3: 3, 4: 2}))
    fits = [
        fit_pooled(
            library.two_compartment(),
            read_study(t, bolus("30 ug/kg"), units=used, lloq={"IL21": LLOQ}),
            pk_truth(prop_C=0.1),
        )
        for t in (table, shuffled, renamed)
    ]
    for other in fits[1:]:
        assert other.minus2ll == pytest.approx(fits[0].minus2ll, rel=1e-12)
        np.testing.assert_allclose(other.parameters.values, fits[0].parameters.values, rtol=1e-7)
        np.testing.assert_allclose(other.covariance, fits[0].covariance, rtol=1e-5, atol=1e-12)


def individual(study: Study, **options: object) -> Fits:
    start = pk_truth(prop_C=0.1)
    return fit_individuals(library.two_compartment(), study, start, progress=False, **options)  # type: ignore[arg-type]


def test_individual_fits_are_fits_of_one_subject() -> None:
    study = pk_study()
    all_of_them = individual(study)
    assert list(all_of_them) == list(study.subject_ids)
    for subject, fit in all_of_them.items():
        alone = fit_pooled(library.two_compartment(), study.select(subjects=[subject]), pk_truth(prop_C=0.1))
        np.testing.assert_array_equal(alone.parameters.values, fit.parameters.values)
        assert (fit.subjects, fit.covariance_kind) == (1, "from the Hessian")


def test_an_executor_changes_nothing() -> None:
    study = pk_study()
    here = individual(study)
    with ThreadPoolExecutor(2) as pool:
        there = individual(study, executor=pool)
    assert list(here) == list(there)
    for subject, fit in here.items():
        np.testing.assert_array_equal(there[subject].parameters.values, fit.parameters.values)
        np.testing.assert_array_equal(there[subject].covariance, fit.covariance)
        assert there[subject].status == fit.status


def test_one_bad_subject_does_not_end_the_others() -> None:
    """Subject 2 has a measurement of 0, which a proportional error forbids: named and counted, the others fitted."""
    table = pk_table(pk_study())
    table.loc[(table["subject"] == 2) & (table["time"] == 1.0), "value"] = 0.0
    used = {"time": "h", "IL21": "ng/mL", "dose": "ug/kg"}
    study = read_study(table, bolus("30 ug/kg"), units=used)
    with pytest.warns(DataWarning, match="1 of 4 subjects have no fit") as caught:
        fits = individual(study)
    assert "proportional" in str(caught[0].message)
    assert list(fits) == [1, 3, 4]
    assert list(fits.failures) == [2]
    assert fits.values_table().loc[2, "status"].startswith("failed: ")
    assert np.isnan(fits.values_table().loc[2, "CL"])
    with pytest.raises(InputError, match="subject 2 has no fit"):
        fits[2]
    with pytest.raises(InputError, match="unknown subject 7"):
        fits[7]
    assert "1 failed" in repr(fits)
    with pytest.raises(InputError, match="no subject could be fitted"):
        individual(study.select(subjects=[2]))


def test_typical_values_and_variability_of_fits() -> None:
    fits = individual(pk_study())
    good = fits.usable()
    assert set(good) <= set(fits)
    assert all(f.converged for f in good.values())
    logs = np.log([[f.parameters[n] for n in ("CL", "V1", "Q", "V2")] for f in good.values()])
    typical, spread = fits.typical(), fits.variability()
    np.testing.assert_allclose([typical[n] for n in ("CL", "V1", "Q", "V2")], np.exp(logs.mean(axis=0)), rtol=1e-12)
    assert spread.effects() == ("CL", "V1", "Q", "V2")
    np.testing.assert_allclose(spread.matrix(), np.cov(logs, rowvar=False), rtol=1e-9, atol=1e-12)
    with pytest.raises(InputError, match="at least two"):
        Fits(dict(list(good.items())[:1]), {}).variability()
    with pytest.raises(InputError, match="no typical subject"):
        Fits({}, {1: "no data"}).typical()


def test_typical_and_variability_on_every_scale() -> None:
    """A bounded, a negative and a positive parameter: means and covariance where the search saw them.

    The subjects' curves are exact, so their estimates are known: independent numbers.
    """
    times = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 8.0])
    truth = np.array([[0.2, -0.2, 2.0], [0.5, 0.5, 4.0], [0.6, 2.5, 1.0], [0.35, 3.0, 6.0]])  # share, shift, height
    free = Parameters((
        Parameter("share", 0.4, lower=0.0, upper=1.0), Parameter("shift", 1.0, lower=-np.inf), Parameter("height", 3.0),
    ))  # fmt: skip
    model = define({}, free, outputs={"y": "height*(share*exp(-t) + (1 - share)*exp(-t/6)) + shift"}, name="sum")
    model = replace(model, units={"y": "ng/mL"}).in_units(time="h", amount="ng", volume="mL")
    y = [h * (a * np.exp(-times) + (1 - a) * np.exp(-times / 6)) + b for a, b, h in truth]
    wiggle = 1e-6 * np.array([1, -1, 1, -1, 1, -1])
    study = line_study(np.tile(times, 4), np.concatenate([each + wiggle for each in y]), np.repeat([1, 2, 3, 4], 6))
    fits = fit_individuals(model, study, model.parameters, error={"y": "additive"}, progress=False)
    assert len(fits.usable()) == 4
    x = np.column_stack([np.log(truth[:, 0] / (1 - truth[:, 0])), truth[:, 1], np.log(truth[:, 2])])
    mean = x.mean(axis=0)
    typical, spread = fits.typical(), fits.variability()
    expected = [1 / (1 + np.exp(-mean[0])), 1.45, 48**0.25]
    np.testing.assert_allclose([typical[n] for n in ("share", "shift", "height")], expected, rtol=1e-4)
    assert spread.effects() == ("share", "shift", "height")
    np.testing.assert_allclose(spread.matrix(), np.cov(x, rowvar=False), rtol=1e-3, atol=1e-4)
    drawn = fits.population().draw(4000, np.random.default_rng(2))
    assert 0 < drawn["share"].min() < drawn["share"].max() < 1
    assert drawn["shift"].mean() == pytest.approx(1.45, abs=4 * np.sqrt(np.var(x[:, 1], ddof=1) / 4000))


def test_typical_of_what_each_subject_brings() -> None:
    """A parameter that is fixed at another value in every fit (an observed baseline) is averaged, too."""
    fits = individual(pk_study()).usable()
    fixed = Fits({s: replace(f, parameters=f.parameters.fix("V2")) for s, f in fits.items()}, {})
    values = np.array([f.parameters["V2"] for f in fits.values()])
    assert np.ptp(values) > 1
    assert fixed.typical()["V2"] == pytest.approx(np.exp(np.log(values).mean()), rel=1e-12)


@cache
def pd_study() -> tuple[Study, pandas.DataFrame]:
    design, given = pd_design(6, [1, 2], [0, 6, 12, 24, 36, 48])
    people = Population(il21.model(), pd_truth(), None, PD_ERRORS, given)
    return simulated_study(simulate(people, design, seed=9), design), given


def test_given_as_table_or_as_fits_is_the_same() -> None:
    """Individual fits whose estimates are put into a table give the same pooled fit; the values are carried along."""
    study, _ = pd_study()
    pk = individual(pk_study(6))
    assert len(pk.usable()) == 6
    names = ["CL", "V1", "Q", "V2"]
    table = pk.values_table()[names]
    by_fits = fit_pooled(il21.model(), study, pd_truth(), given=pk)
    by_table = fit_pooled(il21.model(), study, pd_truth(), given=table)
    by_column = fit_pooled(il21.model(), study, pd_truth(), given=table.reset_index())
    for other in (by_table, by_column):
        np.testing.assert_array_equal(other.parameters.values, by_fits.parameters.values)
    assert by_fits.given is not None
    pandas.testing.assert_frame_equal(by_fits.given[names].astype(float), table.astype(float), check_names=False)
    assert set(by_fits.parameters.free) == {"kR", "R0", "SR", "kout", "L0", "SL", "sd_sCD25", "sd_ALC"}
    assert "CL" not in by_fits.table().index  # no single value is anybody's


def test_given_as_a_pooled_fit_fixes_its_values() -> None:
    study, _ = pd_study()
    pk = fit_pooled(library.two_compartment(), pk_study(6), pk_truth(prop_C=0.1))
    fit = fit_pooled(il21.model(), study, pd_truth().release("CL", "V1", "Q", "V2"), given=pk)
    for name in ("CL", "V1", "Q", "V2"):
        assert fit.parameters[name] == pk.parameters[name]
        assert fit.parameters.get(name).fixed
    same = pandas.DataFrame([pk.parameters.as_dict()] * 6, index=pandas.Index(study.subject_ids, name="subject"))
    table = fit_pooled(il21.model(), study, pd_truth(), given=same[["CL", "V1", "Q", "V2"]])
    np.testing.assert_allclose(
        [fit.parameters[n] for n in fit.parameters.free], [table.parameters[n] for n in fit.parameters.free], rtol=1e-6
    )


def test_a_subject_without_given_values_is_left_out_and_counted() -> None:
    study, given = pd_study()
    with pytest.warns(DataWarning, match="1 subjects are left out") as caught:
        fit = fit_pooled(il21.model(), study, pd_truth(), given=given.drop(index=3))
    assert str(caught[0].message).endswith(": 3")
    assert fit.subjects == 5
    assert any(note.endswith(": 3") for note in fit.notes)
    assert "(no converged fit): 3\n" in fit.summary()
    rest = study.select(subjects=[s for s in study.subject_ids if s != 3])
    alone = fit_pooled(il21.model(), rest, pd_truth(), given=given)
    np.testing.assert_allclose(alone.parameters.values, fit.parameters.values, rtol=1e-9)
    with pytest.raises(InputError, match="names no subject"):
        fit_pooled(il21.model(), study, pd_truth(), given=given.set_axis(range(11, 17)))
    with pytest.raises(InputError, match="none of which is a parameter"):
        fit_pooled(il21.model(), study, pd_truth(), given=given.rename(columns=str.lower))


def test_observed_baselines_are_each_subjects_own() -> None:
    """baseline="observed" takes the sample before the dose as the start of the state; L0 and R0 are not estimated."""
    study, given = pd_study()
    fit = fit_pooled(il21.model(), study, pd_truth(), given=given, options=Options(baseline="observed"))
    assert set(fit.parameters.free) == {"kR", "SR", "kout", "SL", "sd_sCD25", "sd_ALC"}
    assert fit.given is not None
    for output, parameter in (("ALC", "L0"), ("sCD25", "R0")):
        rows = study.used(output)
        before = rows[rows["time"] == 0].set_index("subject")["value"]
        np.testing.assert_allclose(fit.given[parameter], before, rtol=1e-12)
    at_zero = fit.predictions[fit.predictions["time"] == 0]
    np.testing.assert_allclose(at_zero["fitted"], at_zero["value"], rtol=1e-9)
    late = study.observations[study.observations["time"] > 0]
    table = late[["subject", "time", "analyte", "value"]]
    cut = read_study(table, bolus("30 ug/kg", days=[1, 2]), units=dict(study.units))
    with pytest.raises(InputError, match="no measured ALC before its first dose"):
        fit_pooled(il21.model(), cut, pd_truth(), given=given, options=Options(baseline="observed"))


def test_predictions_and_residuals() -> None:
    fit = fit_pooled(library.two_compartment(), pk_study(), pk_truth(prop_C=0.1))
    table = fit.predictions
    seen = table[table["censor"] == 0]
    assert len(table) == fit.observations
    np.testing.assert_allclose(seen["residual"], (seen["value"] - seen["fitted"]) / seen["sd"], rtol=1e-12)
    np.testing.assert_allclose(table["sd"], fit.parameters["prop_C"] * table["fitted"], rtol=1e-12)
    assert table["residual"][table["censor"] > 0].isna().all()
    assert fit.attrs["synthetic"] is True


def test_m3_is_less_biased_than_dropping() -> None:
    check_m3_against_dropping(20)
