"""Start values: near the truth for exact profiles, baselines from the data, and a word about what is missing."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest

import pkpd
from pkpd import il21, library
from pkpd.dosing import Regimen, bolus, infusion, oral
from pkpd.errors import DataWarning, InputError
from pkpd.fit import initial_estimates
from pkpd.io import read_study
from pkpd.model import Model
from pkpd.nca import nca
from pkpd.simulate import simulate
from pkpd.study import Study
from tests.fit.fit_cases import UNITS, grid

RICH = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48]


def exact_study(model: Model, plan: Regimen, times: list[float], unit: str = "mg/L") -> Study:
    """Measurements without error, made by the model itself."""
    found = simulate(model, plan, times=times)["C"].values[0, 0]
    table = grid([1], times, "drug").assign(value=found)
    return read_study(table, plan, units={"time": "h", "drug": unit})


def litres(model: Model, **values: float) -> Model:
    return model.in_units(time="h", amount="mg", volume="L").with_values(**values)


def test_one_compartment_bolus() -> None:
    """Mono-exponential: NCA is exact, so CL and V are (1e-6: λz by regression of exact logarithms)."""
    model = litres(library.one_compartment(), CL=3.0, V=20.0)
    study = exact_study(model, bolus("100 mg"), RICH)
    start = initial_estimates(library.one_compartment(), nca(study, "drug"))
    assert start["CL"] == pytest.approx(3.0, rel=1e-6)
    assert start["V"] == pytest.approx(20.0, rel=1e-6)
    assert {start.get("CL").unit, start.get("V").unit} == {"L/h", "L"}


def test_two_compartment_bolus() -> None:
    """CL within 2 % (trapezoids), V1 within 5 % (back-extrapolation), Q and V2 within 25 % (what NCA knows of them)."""
    model = litres(library.two_compartment(), CL=3.0, V1=10.0, Q=5.0, V2=20.0)
    study = exact_study(model, bolus("100 mg"), RICH)
    start = initial_estimates(library.two_compartment(), nca(study, "drug"))
    assert start["CL"] == pytest.approx(3.0, rel=0.02)
    assert start["V1"] == pytest.approx(10.0, rel=0.05)
    assert start["V2"] == pytest.approx(20.0, rel=0.25)
    assert start["Q"] == pytest.approx(5.0, rel=0.25)


def test_two_compartment_infusion() -> None:
    model = litres(library.two_compartment(), CL=3.0, V1=10.0, Q=5.0, V2=20.0)
    study = exact_study(model, infusion("100 mg", "30 min"), [0.0, *RICH])
    start = initial_estimates(library.two_compartment(), nca(study, "drug"))
    assert start["CL"] == pytest.approx(3.0, rel=0.02)
    assert start["V1"] + start["V2"] == pytest.approx(30.0, rel=0.05)
    assert not start.missing


def test_one_compartment_oral() -> None:
    """ka from the time of the peak: as coarse as the sampling, 25 %; CL and V to a few per cent."""
    model = litres(library.one_compartment(absorption=True), CL=3.0, V=20.0, ka=1.2)
    study = exact_study(model, oral("100 mg"), [0.0, *RICH])
    start = initial_estimates(library.one_compartment(absorption=True), nca(study, "drug"))
    assert start["CL"] == pytest.approx(3.0, rel=0.02)
    assert start["V"] == pytest.approx(20.0, rel=0.05)
    assert start["ka"] == pytest.approx(1.2, rel=0.25)


def test_geometric_mean_of_several_profiles() -> None:
    parts = []
    for subject, cl in ((1, 2.0), (2, 8.0)):
        model = litres(library.one_compartment(), CL=cl, V=20.0)
        found = simulate(model, bolus("100 mg"), times=RICH)["C"].values[0, 0]
        parts.append(grid([subject], RICH, "drug").assign(value=found))
    study = read_study(pandas.concat(parts), bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    start = initial_estimates(library.one_compartment(), nca(study, "drug"))
    assert start["CL"] == pytest.approx(4.0, rel=1e-6)


def test_the_models_units_are_kept() -> None:
    model = litres(library.one_compartment(), CL=3.0, V=20.0)
    study = exact_study(model, bolus("100 mg"), RICH)
    small = library.one_compartment().in_units(time="min", amount="ug", volume="mL")
    start = initial_estimates(small, nca(study, "drug"))
    assert start["CL"] == pytest.approx(3000 / 60, rel=1e-6)
    assert start["V"] == pytest.approx(20_000, rel=1e-6)


def responses(values: dict[str, list[float]], times: list[float]) -> Study:
    ids = [1, 2]
    tables = [grid([s], times, a).assign(value=v[k * len(times) : (k + 1) * len(times)])
              for a, v in values.items() for k, s in enumerate(ids)]  # fmt: skip
    used = {n: u for n, u in UNITS.items() if n in values or n in ("time", "dose")}
    return read_study(pandas.concat(tables), bolus("30 ug/kg", at=[1.0]), units=used)


def test_baselines_are_the_mean_before_the_first_dose() -> None:
    """At 0 and at 1 h (a sample at the dose is before it); the sample at 5 h does not count."""
    study = responses({"ALC": [1.0, 1.2, 9.0, 2.0, 1.8, 9.0], "sCD25": [2.0, 3.0, 99.0, 4.0, 3.0, 99.0]}, [0, 1, 5])
    model = il21.model().with_values(CL=167, V1=64.6, Q=112.9, V2=171.2)
    start = initial_estimates(model, study)
    assert start["L0"] == pytest.approx(1.5, rel=1e-12)
    assert start["R0"] == pytest.approx(3.0, rel=1e-12)
    assert start["EC50"] == 1.0  # the library's default stays


def test_baselines_come_in_the_models_units() -> None:
    """ALC in cells/uL is a thousandth of 10^9/L; sCD25 in pg/mL a thousandth of ng/mL."""
    table = pandas.concat([grid([1], [0.0], "ALC", 1500.0), grid([1], [0.0], "sCD25", 2500.0)])
    units = {"time": "h", "dose": "ug/kg", "ALC": "10^6/L", "sCD25": "pg/mL"}
    study = read_study(table, bolus("30 ug/kg"), units=units)
    model = il21.model().with_values(CL=167, V1=64.6, Q=112.9, V2=171.2)
    start = initial_estimates(model, study)
    assert start["L0"] == pytest.approx(1.5, rel=1e-12)
    assert start["R0"] == pytest.approx(2.5, rel=1e-12)


def test_exposure_and_study_together_leave_nothing_open() -> None:
    study = il21.synthetic_study()
    for sources in ((nca(study, "IL21"), study), (study, nca(study, "IL21"))):
        start = initial_estimates(il21.model(), *sources)
        assert not start.missing
        truth = il21.truth().parameters
        for name in ("CL", "V1", "L0", "R0"):
            assert start[name] == pytest.approx(truth[name], rel=0.35), name
        assert start.get("EC50").fixed


def test_what_is_missing_is_named() -> None:
    study = responses({"ALC": [1.0, 1.2, 9.0, 2.0, 1.8, 9.0]}, [0, 1, 5])
    with pytest.raises(InputError) as caught:
        initial_estimates(il21.model(), study, observed={"ALC": "ALC"})
    text = str(caught.value)
    for name, meaning in (("CL", "clearance"), ("V1", "central volume"), ("R0", "baseline of sCD25")):
        assert f"no start value for {name!r} ({meaning})" in text
    assert "'L0'" not in text
    assert "with_values" in text
    with pytest.raises(InputError, match="no start value for 'CL'"):
        initial_estimates(library.one_compartment())


def test_an_exposure_without_terminal_slope_leaves_v_open() -> None:
    """Two samples have no λz: no clearance either, both named."""
    table = grid([1], [1.0, 2.0], "drug").assign(value=[4.0, 3.0])
    study = read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    with pytest.raises(InputError, match="no start value for 'CL'") as caught:
        initial_estimates(library.one_compartment(), nca(study, "drug"))
    assert "'V'" in str(caught.value)


def test_profiles_without_a_value_are_passed_over() -> None:
    """One subject has no terminal slope: the other's clearance is the start."""
    model = litres(library.one_compartment(), CL=3.0, V=20.0)
    found = simulate(model, bolus("100 mg"), times=RICH)["C"].values[0, 0]
    table = pandas.concat(
        [grid([1], RICH, "drug").assign(value=found), grid([2], [1.0, 2.0], "drug").assign(value=[3.0, 2.5])]
    )
    study = read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    start = initial_estimates(library.one_compartment(), nca(study, "drug"))
    assert start["CL"] == pytest.approx(3.0, rel=1e-6)


def test_censored_baselines_do_not_count() -> None:
    table = pandas.DataFrame({"subject": [1, 2], "time": 0.0, "analyte": "sCD25", "value": ["<1", "2.5"]})
    units = {"time": "h", "dose": "ug/kg", "sCD25": "ng/mL"}
    study = read_study(table, bolus("30 ug/kg"), units=units, lloq={"sCD25": 1.0})
    model = il21.model().with_values(CL=167, V1=64.6, Q=112.9, V2=171.2, L0=1.5)
    assert initial_estimates(model, study)["R0"] == 2.5


def test_starts_are_good_enough_to_fit() -> None:
    """The path of the README: NCA → start → individual fits of rich exact data → the truth, to 1e-4."""
    from pkpd.fit import fit_individuals

    model = litres(library.two_compartment(), CL=3.0, V1=10.0, Q=5.0, V2=20.0)
    study = exact_study(model, bolus("100 mg"), RICH)
    noisy = study.observations
    wobble = 1 + 1e-4 * (-1.0) ** np.arange(len(noisy))
    table = grid([1], RICH, "drug").assign(value=noisy["value"].to_numpy() * wobble)
    study = read_study(table, bolus("100 mg"), units={"time": "h", "drug": "mg/L"})
    start = initial_estimates(library.two_compartment(), nca(study, "drug"))
    fit = fit_individuals(library.two_compartment(), study, start, progress=False)[1]
    assert fit.status == "converged"
    for name, value in {"CL": 3.0, "V1": 10.0, "Q": 5.0, "V2": 20.0}.items():
        assert fit.parameters[name] == pytest.approx(value, rel=5e-4)


WEIGHTS = np.array([50.0, 70.0, 100.0])


def weighed(model: Model, plan: Regimen) -> Study:
    """Three subjects alike per kilogram (CL 30 mL/h/kg, V 200 mL/kg), whose weights are known."""
    per_kg = model.in_units(time="h", amount="mg/kg", volume="L/kg").with_values(CL=0.03, V=0.2)
    found = simulate(per_kg, bolus("1 mg/kg"), times=RICH)["C"].values[0, 0]
    table = grid([1, 2, 3], RICH, "drug").assign(value=np.concatenate([found] * 3))
    people = pandas.DataFrame({"subject": [1, 2, 3], "weight": WEIGHTS})
    units = {"time": "h", "drug": "mg/L", "weight": "kg", "dose": plan.unit}
    return read_study(table, plan, subjects=people, units=units)


def test_between_per_kg_and_absolute_stands_the_median_weight() -> None:
    study = weighed(library.one_compartment(), bolus("1 mg/kg"))
    absolute = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    with pytest.warns(DataWarning, match="by the median weight, 70 kg"):
        start = initial_estimates(absolute, nca(study, "drug"))
    assert start["CL"] == pytest.approx(0.03 * 70, rel=1e-6)
    assert start["V"] == pytest.approx(0.2 * 70, rel=1e-6)
    assert start.get("CL").unit == "L/h"
    two = library.two_compartment().in_units(time="h", amount="mg", volume="L")
    with pytest.warns(DataWarning, match="median weight"):
        first = initial_estimates(two, nca(study, "drug"))["V1"]
    assert first == pytest.approx(0.2 * 70, rel=1e-6)  # dose over C0


def test_the_other_way_round_and_without_a_weight() -> None:
    model = library.one_compartment()
    study = weighed(model, bolus("70 mg"))
    per_kg = model.in_units(time="h", amount="mg/kg", volume="L/kg")
    exposure = nca(study, "drug")
    with pytest.warns(DataWarning, match="by the median weight, 70 kg"):
        assert initial_estimates(per_kg, exposure)["V"] == pytest.approx(0.2, rel=1e-6)
    with pytest.raises(InputError, match="nobody has a weight; give the study, too"):
        initial_estimates(per_kg, exposure.drop_vars("weight"))
    with pytest.warns(DataWarning, match="70 kg"):
        assert initial_estimates(per_kg, exposure.drop_vars("weight"), study)["V"] == pytest.approx(0.2, rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        initial_estimates(model.in_units(time="h", amount="mg", volume="L"), exposure)


def test_a_population_fit_says_which_weight_its_start_values_took() -> None:
    study = weighed(library.one_compartment(), bolus("1 mg/kg"))
    absolute = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    plan = pkpd.fit.explain(absolute, study)
    assert any("from NCA and the data (with the median weight, 70 kg)" in note for note in plan.notes)
