"""A saved population fit: what comes back, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import h5netcdf
import numpy as np
import pandas
import pytest
import xarray

import pkpd
from pkpd import DataWarning, InputError
from pkpd.fit.mixed.marginal.laplacian import marginal
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.result import store
from pkpd.fit.mixed.result.estimate import Estimate, Exact, Tried
from pkpd.fit.mixed.result.population_fit import PopulationFit, population_fit
from pkpd.fit.mixed.search.objective import Step
from pkpd.fit.mixed.verb import fit_population
from pkpd.parameters import Parameter, Parameters
from pkpd.population import (
    ErrorParameter,
    InverseWishart,
    NormalPrior,
    Omega,
    Population,
    ResidualError,
    block,
    residual_error,
)
from pkpd.saving import load
from tests.files import kept
from tests.fit.mixed.cases import ferx, theophylline


@pytest.fixture(scope="module")
def fit(reference: Path) -> PopulationFit:
    case = theophylline(reference)
    problem = case.problem
    there = marginal(problem, problem.at(problem.start))
    size = problem.start.size
    rng = np.random.default_rng(1)
    root = rng.standard_normal((size, size))
    estimate = Estimate(
        problem, "FOCEI", problem.start, there, root @ root.T + np.eye(size), 1e-9, 7, 0.5,
        (Step(1, 120.0, 3.0, tuple(problem.start), 0.1),),
        (Tried("given", problem.start, problem.start, 120.0, 116.8),),
        "converged", "gradient zero", ("CL is uncertain",),
        Exact(118.1, 0.01, "importance sampling", "they agree"), ("a note",),
    )  # fmt: skip
    return population_fit(estimate, case.study, secondary={"half_life": "log(2)*V/CL"}, attrs={"source": "here"})


@pytest.fixture(scope="module")
def saved(fit: PopulationFit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit.save(tmp_path_factory.mktemp("saved") / "fit.nc")


def complicated() -> Population:
    """Everything that a population can hold as data."""
    model = pkpd.library.two_compartment(absorption=True, lag=True).in_units(time="h", amount="mg", volume="L")
    parameters = model.with_values(CL=2.0 / 3, V1=10.0, Q=3.0, V2=20.0, ka=1.3, Tlag=0.1).parameters.fix("Q", "Tlag")
    error = residual_error("C", "combined")
    parameters = parameters + error.start(np.array([1.0]), "mg/L")
    parameters = parameters + Parameters((Parameter("power", 0.1 + 0.2, "", -np.inf, np.inf, meaning="of weight"),))
    omega = block("CL", "V1", "ka", omega=[[0.09, 0.03, 0.0], [0.03, 0.05, 0.01], [0.0, 0.01, 0.4]]).fix("ka")
    omega = omega + Omega.independent(V2=0.3).fix(V2=0) + block("CL", omega=[[0.02]]).at_occasion()
    return Population(
        model, parameters, omega, (error,),
        covariates=pandas.DataFrame({"weight": [60.5, 80.25], "sex": [0, 1]}, index=["a", "b"]),
        relations={"CL": "CL*(weight/70)**power"}, exponents={"Q": "eta_CL*0.5"}, scales={"V1": "natural"},
        limits={"CL": (0.1, np.inf)}, constraints=("ka > CL/V1",),
        priors=(
            NormalPrior({"CL": 0.7, "ka": 1.0}, {"CL": 0.2, "ka": 0.4}),
            InverseWishart(("CL", "V1"), np.eye(2) * 0.3, 5.0),
            InverseWishart(("CL",), np.eye(1) * 0.1, 4.0, "occasion"),
        ),
    )  # fmt: skip


def test_a_population_comes_back_equal(tmp_path: Path) -> None:
    first = complicated()
    again = load(first.save(tmp_path / "people.nc"))
    assert kept.differences(first, again) == []
    assert again.model == first.model
    assert again.model.key == first.model.key
    assert again.texts == first.texts
    assert again.omega.free == first.omega.free
    mine, theirs = first.prior_density(), again.prior_density()
    assert mine.value == theirs.value
    np.testing.assert_array_equal(mine.parameters, theirs.parameters)
    np.testing.assert_array_equal(mine.omega, theirs.omega)


def test_shared_and_unstated_blocks_come_back(tmp_path: Path) -> None:
    omega = block("CL").same("V1") + block("ka", "V2")
    first = replace(complicated(), priors=(), constraints=(), exponents={}, omega=omega)
    again = load(first.save(tmp_path / "people.nc")).omega
    assert again.blocks[0].copies == (("V1",),)
    assert again.unstated == first.omega.unstated


def test_the_saved_fit_is_the_fit(fit: PopulationFit, saved: Path, tmp_path: Path) -> None:
    again = store.load(saved)
    assert repr(again) == repr(fit)
    np.testing.assert_array_equal(again.vector, fit.vector)
    for kind in ("R", "S", "sandwich"):
        np.testing.assert_array_equal(again.with_covariance(kind).covariance, fit.with_covariance(kind).covariance)
    assert kept.differences(again.predictions, fit.predictions) == []
    assert kept.differences(again.individuals, fit.individuals) == []
    assert kept.differences(again.convergence, fit.convergence) == []
    assert repr(again.convergence) == repr(fit.convergence)
    assert again.convergence.exact == fit.convergence.exact
    assert again.trace == fit.trace
    assert [t.label for t in again.tried] == ["given"]
    assert (again.notes, again.cautions, again.attrs) == (fit.notes, fit.cautions, {"source": "here"})
    assert again.data_hash == fit.data_hash != ""
    one, other = (f.draws(2, np.random.default_rng(3))[1] for f in (fit, again))
    assert one.parameters == other.parameters
    twice = again.save(tmp_path / "again.nc")
    assert twice.read_bytes() == saved.read_bytes()
    for path in (saved, twice, fit.save(tmp_path / "third.nc")):
        assert kept.differences(load(path), again) == []


def test_with_its_study_a_fit_can_go_on(fit: PopulationFit, saved: Path, reference: Path) -> None:
    study = theophylline(reference).study
    again = store.load(saved, study)
    assert again.estimate is not None
    assert again.estimate.objective == pytest.approx(fit.objective, abs=1e-8)
    np.testing.assert_allclose(again.residuals("Cholesky")["CWRES"], fit.residuals("Cholesky")["CWRES"], atol=1e-7)
    with pytest.raises(InputError, match="load it with the study"):
        store.load(saved).residuals("Cholesky")
    with pytest.raises(InputError, match="load it with the study"):
        store.load(saved).conditional()


def test_other_data_are_refused(saved: Path, reference: Path) -> None:
    other = theophylline(reference).study.select(subjects=[1, 2, 3])
    with pytest.raises(InputError, match="of other data"):
        store.load(saved, other)


def test_a_changed_model_or_a_newer_version_is_refused(saved: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(saved, tmp_path / "fit.nc"))
    with h5netcdf.File(path, "a") as file:
        file.attrs["model_key"] = "0" * 64
    with pytest.raises(InputError, match="was altered"):
        store.load(path)
    shutil.copy(saved, path)
    with h5netcdf.File(path, "a") as file:
        file.attrs["pkpd_version"] = "99.0.1"
    with pytest.raises(InputError, match=r"newer version of pkpd .*99\.0\.1"):
        store.load(path)


def test_what_is_no_fit_is_told_so(fit: PopulationFit, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        store.load(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(InputError, match="no file that pkpd saved"):
        store.load(tmp_path / "text.nc")
    xarray.Dataset({"a": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="no file that pkpd saved"):
        store.load(tmp_path / "other.nc")
    old = xarray.Dataset({"fit": ((), "{}"), "vector": ("free", [1.0])}, attrs={"format": 1, "pkpd_version": "0.2.0"})
    old.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="format that is no longer read"):
        store.load(tmp_path / "old.nc")
    with pytest.raises(InputError, match=r"holds a Population; expected a PopulationFit"):
        store.load(fit.people.save(tmp_path / "people.nc"))


def test_a_failed_save_leaves_what_was_there(fit: PopulationFit, saved: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(saved, tmp_path / "fit.nc"))
    before = path.read_bytes()
    people = replace(fit.people, covariates=lambda rng, n: pandas.DataFrame({"weight": rng.normal(70, 5, n)}))
    drawn = replace(fit, people=people)
    with pytest.raises(InputError, match="covariates is a function"):
        drawn.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]
    with pytest.raises(InputError, match="no folder"):
        fit.save(tmp_path / "nowhere" / "fit.nc")


class Root(ResidualError):
    """SD in proportion to the square root of the prediction."""

    kind = "root"
    parameters = (ErrorParameter("rt", "residual SD per square root of the prediction", start=0.1),)
    sd = "rt*sqrt(abs(f))"


def test_an_error_of_ones_own_needs_its_class(fit: PopulationFit, tmp_path: Path) -> None:
    error = Root("C")
    people = fit.people
    parameters = people.parameters.subset(["ka", "CL", "V"]) + error.start(np.array([1.0]), "mg/L")
    own = Population(people.model, parameters, people.omega, (error,))
    path = replace(fit, people=own).save(tmp_path / "own.nc")
    with pytest.raises(InputError, match="give its class by kinds="):
        store.load(path)
    assert store.load(path, kinds=[Root]).people.errors == (error,)


def test_occasions_and_text_names_survive(reference: Path, tmp_path: Path) -> None:
    omega = Omega.independent(CL=0.2, V=0.104) + Omega.independent(CL=0.19).at_occasion()
    values = {"CL": 0.172762, "V": 8.62783, "ka": 1.17857, "prop_C": 0.18811}
    case = ferx(reference, "warfarin_iov.csv", "proportional", omega, **values)
    problem = case.problem
    there = marginal(problem, problem.at(problem.start))
    fit = population_fit(Estimate(problem, "FOCEI", problem.start, there, np.eye(problem.start.size)), case.study)
    again = store.load(fit.save(tmp_path / "iov.nc"), case.study)
    plain = store.load(tmp_path / "iov.nc")
    assert plain.individuals.equals(fit.individuals)
    assert plain.predictions["occasion"].tolist() == fit.predictions["occasion"].tolist()
    assert repr(plain) == repr(fit)
    np.testing.assert_allclose(again.individuals["kappa"], fit.individuals["kappa"], atol=1e-8)


def test_what_draws_gave_is_kept_and_not_computed_again(fit: PopulationFit, reference: Path, tmp_path: Path) -> None:
    there = fit.estimate.marginal
    drawn = replace(there, objective=118.13, individual=there.individual + 0.1)
    estimate = replace(fit.estimate, method="SAEM", marginal=drawn, run=object())
    own = replace(population_fit(estimate, theophylline(reference).study), estimate=estimate)
    again = store.load(own.save(tmp_path / "saem.nc"), theophylline(reference).study)
    assert again.objective == again.estimate.objective == 118.13
    np.testing.assert_array_equal(again.individuals["objective"], own.individuals["objective"])
    assert again.convergence.gradient == {}
    assert repr(again) == repr(own)


def test_missing_covariates_and_given_values_come_back(reference: Path, tmp_path: Path) -> None:
    case = theophylline(reference)
    study = case.study
    people = study.subjects
    people["weight"] = [70.0, np.nan, *([80.0] * 10)]
    study = replace(study, _subjects=people)
    relations = {"CL": "CL*weight/70"}
    own = replace(case.population, relations=relations, omega=Omega.independent(ka=0.6, CL=0.3))
    options = PopulationOptions(starts=0, missing={"weight": "median"}, check=False)
    first = fit_population(own, study, options=options)
    path = first.save(tmp_path / "missing.nc")
    again = store.load(path, study)
    np.testing.assert_allclose(again.individuals["CL"], first.individuals["CL"], rtol=1e-9)
    given = pandas.DataFrame({"V": np.linspace(25.0, 40.0, 11)}, index=study.subject_ids[:11])
    with pytest.warns(DataWarning, match="left out"):
        part = fit_population(
            case.population.model, case.study, case.population.parameters, iiv={"ka": 0.6, "CL": 0.3}, given=given,
            error={"C": "additive"}, options=replace(options, missing={}),
        )  # fmt: skip
    np.testing.assert_array_equal(part.individuals["V"], given["V"])
    assert part.table().loc["V", "note"] == "given by subject: the median"
    assert part.draws(1, np.random.default_rng(1))[0].table is not None
    again = store.load(part.save(tmp_path / "given.nc"), case.study)
    assert again.estimate.objective == pytest.approx(part.objective, abs=1e-8)
    np.testing.assert_array_equal(again.individual_values()["V"], given["V"])
