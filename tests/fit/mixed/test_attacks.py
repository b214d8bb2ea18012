"""Data and requests that lead a fit astray: each gives a result or a sentence that says what is the matter."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import InputError
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.verb import fit_population
from pkpd.io import read_nonmem
from pkpd.population import Omega, Population
from pkpd.study import Study
from tests.fit.mixed.answers import ONE, fitted
from tests.fit.mixed.cases import ORAL_UNITS, Case, theophylline, theophylline_table

FEW = PopulationOptions(check=False)
ORAL = pkpd.library.one_compartment(absorption=True)


def study(table: pandas.DataFrame) -> Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_nonmem(table, units=ORAL_UNITS)


def with_texts(table: pandas.DataFrame, value: Callable[[pandas.Series], str]) -> Study:
    """The same samples with values as texts, such as ``"<20"``, and doses that may be 0."""
    rows, doses = table[table["EVID"] == 0], table[table["EVID"] == 1]
    samples = pandas.DataFrame({
        "subject": rows["ID"].to_numpy(), "time": rows["TIME"].to_numpy(), "analyte": "C",
        "value": [value(row) for _, row in rows.iterrows()],
    })  # fmt: skip
    given = pandas.DataFrame({
        "subject": doses["ID"].to_numpy(), "time": 0.0, "amount": doses["AMT"].to_numpy(), "route": "oral",
    })  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pkpd.read_study(samples, given, units={"time": "h", "C": "mg/L", "dose": "mg"})


def of(reference: Path, data: Study, options: PopulationOptions = FEW, **changed: object) -> PopulationFit:
    return fitted(Case(replace(theophylline(reference).population, **changed), data), options=options)


def speaks(fit: PopulationFit, status: str, *words: str) -> None:
    """Its status is the one expected, its sentence names the matter, and everything it reports can be made."""
    assert fit.status == status, fit.message
    for word in words:
        assert word in fit.message
    assert repr(fit)
    assert fit._repr_html_()
    assert repr(fit.convergence)


def test_subjects_without_and_with_one_observation(reference: Path) -> None:
    table = theophylline_table(reference)
    first = table["ID"] == table["ID"].iloc[0]
    without = of(reference, study(table[~first]))
    nothing = of(reference, study(table[~first | (table["EVID"] == 1)]))
    speaks(nothing, "converged")
    assert nothing.counts.subjects == 11
    assert nothing.objective == pytest.approx(without.objective, abs=1e-6)
    one = of(reference, study(table[~first | (table["EVID"] == 1) | (table["TIME"] > 20)]))
    speaks(one, "converged")
    assert one.counts.observations == without.counts.observations + 1


def test_everything_below_the_limit(reference: Path) -> None:
    data = with_texts(theophylline_table(reference), lambda row: "<20")
    speaks(of(reference, data), "not identified", "all 132 values lie beyond a limit")


def test_one_subject_below_the_limit(reference: Path) -> None:
    table = theophylline_table(reference)
    who = table["ID"].iloc[0]
    data = with_texts(table, lambda row: "<2" if row["ID"] == who and row["DV"] < 2 else f"{row['DV']:g}")
    fit = of(reference, data)
    speaks(fit, "converged")
    assert fit.counts.censored == (table[table["ID"] == who]["DV"] < 2).sum()


def test_no_dose_at_all_is_refused_and_one_of_zero_is_taken(reference: Path) -> None:
    table = theophylline_table(reference)
    plain: Callable[[pandas.Series], str] = lambda row: f"{row['DV']:g}"  # noqa: E731
    with pytest.raises(InputError, match="no doses, or only doses of 0"):
        of(reference, with_texts(table.assign(AMT=0.0), plain))
    who = table["ID"].iloc[0]
    fit = of(reference, with_texts(table.assign(AMT=np.where(table["ID"] == who, 0.0, table["AMT"])), plain))
    assert math.isfinite(fit.objective)
    assert fit.individuals["objective"].to_series().idxmax() == who


@pytest.mark.parametrize("copies", [1, 2])
def test_one_subject_shows_no_variability(reference: Path, copies: int) -> None:
    """The optimum has Ω at 0: the pooled fit of that subject, so often as it stands there."""
    table = theophylline_table(reference)
    one = table[table["ID"] == table["ID"].iloc[0]]
    data = study(pandas.concat([one.assign(ID=k) for k in range(1, copies + 1)]))
    fit = of(reference, data)
    speaks(fit, "on a bound", "the variances of eta_ka, eta_CL, eta_V ran to zero")
    pooled = of(reference, data, omega=Omega())
    assert fit.objective == pytest.approx(pooled.objective, abs=1e-5)


def test_nothing_random_and_nothing_free(reference: Path) -> None:
    case = theophylline(reference)
    own = case.population
    speaks(of(reference, case.study, omega=Omega()), "converged")
    speaks(of(reference, case.study, omega=own.omega.fix()), "converged")
    names = own.parameters.names
    speaks(of(reference, case.study, parameters=own.parameters.fix(*names)), "converged")
    still = of(reference, case.study, PopulationOptions(), omega=own.omega.fix(), parameters=own.parameters.fix(*names))
    speaks(still, "converged", "nothing was estimated")
    assert still.values == own.parameters.as_dict()


@pytest.mark.parametrize("method", ["AGQ", "two-stage", "SAEM", "IMP"])
def test_nothing_random_by_other_methods(reference: Path, method: str) -> None:
    case = theophylline(reference)
    population = replace(case.population, omega=Omega())
    if method in ("SAEM", "IMP"):
        with pytest.raises(InputError, match="no random effect to draw; use FOCEI"):
            fitted(replace(case, population=population), method)
    else:
        assert math.isfinite(fitted(replace(case, population=population), method).objective)


@pytest.mark.parametrize("sd", [1e-3, 10.0])
def test_far_starts_of_the_variances(reference: Path, sd: float) -> None:
    fit = of(reference, theophylline(reference).study, ONE, omega=Omega.independent(ka=sd, CL=sd, V=sd))
    speaks(fit, "converged")
    assert fit.objective == pytest.approx(116.8034, abs=1e-3)


@pytest.mark.parametrize("factor", [1e9, 1e-9])
def test_very_large_and_very_small_numbers(reference: Path, factor: float) -> None:
    table = theophylline_table(reference)
    fit = of(reference, study(table.assign(DV=table["DV"] * factor)))
    speaks(fit, "converged")
    assert fit.objective - 2 * 132 * np.log(factor) == pytest.approx(116.8034, abs=1e-3)
    assert len(fit.notes) <= 1  # where a search gets stuck on the way is no optimum


def test_values_that_are_all_equal_zero_or_exact(reference: Path) -> None:
    table = theophylline_table(reference)
    seen = table["EVID"] == 0
    fit = of(reference, study(table.assign(DV=np.where(seen, 5.0, np.nan))))
    assert not fit.converged
    with pytest.raises(InputError, match="all 132 values of 'DV' are 0"):
        of(reference, study(table.assign(DV=np.where(seen, 0.0, np.nan))))
    dose = table.groupby("ID")["AMT"].transform("max")
    k, ka, t = 2.75 / 31.8, 1.59, table["TIME"]
    exact = dose / 31.8 * ka / (ka - k) * (np.exp(-k * t) - np.exp(-ka * t))
    fit = of(reference, study(table.assign(DV=np.where(seen, exact, np.nan))))
    speaks(fit, "on a bound", "the residual error of C ran to zero")
    assert fit.values["CL"] == pytest.approx(2.75, rel=1e-4)


def test_a_tie_between_random_effects_is_no_zero_variance(reference: Path) -> None:
    fit = of(reference, theophylline(reference).study, omega=pkpd.block("ka", "CL", "V"))
    speaks(fit, "on a bound", "correlation of one")
    assert "ran to zero" not in fit.message


def test_covariates_that_are_missing_constant_or_impossible(reference: Path) -> None:
    table = theophylline_table(reference)
    first = table["ID"] == table["ID"].iloc[0]

    def fit(weights: object) -> PopulationFit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fit_population(
                ORAL, study(table.assign(Wt=weights)), {"b": 0.75}, covariates={"CL": "CL*(Wt/70)**b"},
                error={"C": "additive"}, options=FEW,
            )  # fmt: skip

    with pytest.raises(InputError, match="'Wt' of subject 1 is missing"):
        fit(np.where(first, np.nan, table["Wt"]))
    with pytest.raises(InputError, match=r"is 0 in subject 1 \(Wt = 0\)"):
        fit(np.where(first, 0.0, table["Wt"]))
    speaks(fit(70.0), "not identified", "b", "fix it or add data")


def test_a_solution_that_blows_up_is_named(reference: Path) -> None:
    model = pkpd.define(
        {"depot": "-ka*depot", "central": "ka*depot - CL/V*central + g*central*central"},
        {"ka": 1.6, "CL": 2.7, "V": 32.0, "g": 1e-2}, outputs={"C": "central/V"}, doses={"oral": "depot"},
    )  # fmt: skip
    with pytest.warns(pkpd.FitWarning):
        fit = fit_population(
            model, theophylline(reference).study, error={"C": "additive"}, iiv=["ka"], options=ONE,
            start={"ka": 1.6, "CL": 2.7, "V": 32.0, "g": 1e-2},
        )  # fmt: skip
    speaks(fit, "failed", "subject 1 (and 11 more)", "blows up", "give other start values")


ASKED = {
    "start": ({"start": [1, 2]}, "expected values by name"),
    "start's name": ({"start": {"Kaa": 1.0}}, "did you mean 'ka'"),
    "negative": ({"start": {"CL": -1.0}}, "outside its bounds"),
    "iiv": ({"iiv": 5}, "expected an Omega, names"),
    "iiv's name": ({"iiv": ["Cl"]}, "did you mean 'CL'"),
    "iov without occasions": ({"iov": ["CL"]}, "needs at least two occasions, and the study has no occasions"),
    "covariate": ({"covariates": {"CL": "CL*(Wtt/70)**b"}, "start": {"b": 0.7}}, "did you mean 'Wt'"),
    "parameter of a relation": ({"covariates": {"Cl": "CL*Wt/70"}}, "did you mean 'CL'"),
    "coefficient": ({"covariates": {"CL": "CL*(Wt/70)**b"}}, "a coefficient needs a start value"),
    "kind of error": ({"error": {"C": "aditive"}}, "did you mean 'additive'"),
    "output of an error": ({"error": {"Cc": "additive"}}, "did you mean 'C'"),
    "method": ({"method": "FOCE-I"}, "did you mean 'FOCEI'"),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_wrongly(reference: Path, name: str) -> None:
    asked, sentence = ASKED[name]
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        fit_population(ORAL, theophylline(reference).study, **{"error": {"C": "additive"}, **asked})


def test_a_population_and_arguments_of_a_model(reference: Path) -> None:
    case = theophylline(reference)
    assert isinstance(case.population, Population)
    with pytest.raises(InputError, match="brings its own iiv"):
        fit_population(case.population, case.study, iiv=["CL"])
