"""Populations and studies with known answers, read in place from the reference folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas

import pkpd
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.io import read_nonmem
from pkpd.population import Omega, Population, residual_error
from pkpd.study import Study

ORAL_UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}


@dataclass(frozen=True)
class Case:
    """A population with its data."""

    population: Population
    study: Study

    @property
    def problem(self) -> Problem:
        """The problem of fitting the one to the other."""
        return problem_of(self.population, self.study)


def theophylline_table(reference: Path) -> pandas.DataFrame:
    """Theophylline as event records, doses in mg into the first compartment."""
    table = pandas.read_csv(reference / "figures/datasets/theoph.csv")
    own = table.rename(columns={"Subject": "ID", "Time": "TIME", "conc": "DV"}).assign(AMT=0.0, EVID=0, CMT=2, MDV=0)
    doses = own.groupby("ID", sort=False).head(1).assign(TIME=0.0, AMT=lambda t: t["Dose"] * t["Wt"], EVID=1, CMT=1)
    doses["MDV"] = 1
    doses["DV"] = np.nan
    both = pandas.concat([doses, own]).sort_values(["ID", "TIME", "EVID"], ascending=[True, True, False], kind="stable")
    return both[["ID", "TIME", "AMT", "DV", "EVID", "CMT", "MDV", "Wt"]]


def oral(values: Mapping[str, float], omega: Omega, error: str, study: Study) -> Case:
    """One compartment with first-order absorption; `values` hold CL, V, ka and those of the residual error."""
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    return _case(model, values, omega, error, study)


def _case(model: pkpd.Model, values: Mapping[str, float], omega: Omega, kind: str, study: Study) -> Case:
    error = residual_error("C", kind)
    own = {n: v for n, v in values.items() if n in model.parameters}
    parameters = model.with_values(**own).parameters + error.start(np.array([1.0]), "mg/L")
    rest = {n: v for n, v in values.items() if n not in own}
    return Case(Population(model, parameters.with_values(rest), omega, (error,)), study)


def theophylline(reference: Path, **values: float) -> Case:
    """Theophylline with log-normal ka, CL, V and additive error, at the printed FOCEI estimates unless told."""
    start = {"CL": 2.7519, "V": 31.814, "ka": 1.5922, "add_C": 0.482**0.5} | values
    omega = Omega.independent(ka=0.4**0.5, CL=0.0693**0.5, V=0.0192**0.5)
    return oral(start, omega, "additive", read_nonmem(theophylline_table(reference), units=ORAL_UNITS))


def warfarin_table(reference: Path) -> pandas.DataFrame:
    """Warfarin with both outputs, as event records."""
    table = pandas.read_csv(reference / "external/datasets/warfarin.csv").drop(columns="sex")
    table.columns = [c.upper() for c in table.columns]
    table["DVID"] = table["DVID"].map({"cp": "C", "pca": "PCA"})
    table["MDV"] = (table["EVID"] != 0).astype(int)
    table.loc[table["EVID"] != 0, "DV"] = np.nan
    return table.assign(CMT=np.where(table["EVID"] == 0, 2, 1))


def warfarin(reference: Path, **values: float) -> Case:
    """Warfarin PK with combined error, at NONMEM's estimates unless told: 251 records, zeros as measured."""
    table = warfarin_table(reference)
    study = read_nonmem(
        table[table["DVID"] == "C"].drop(columns="DVID"), units={"time": "h", "dose": "mg", "DV": "mg/L"}
    )
    start = {
        "CL": np.exp(-2.00723), "V": np.exp(2.05853), "ka": np.exp(-0.569395), "prop_C": 0.117047, "add_C": 0.722484
    }  # fmt: skip
    omega = Omega.independent(ka=0.474983**0.5, CL=0.0790298**0.5, V=0.0482784**0.5)
    return oral(start | values, omega, "combined", study)


def phenobarbital(reference: Path, **values: float) -> Case:
    """Phenobarbital in neonates with full Ω and additive error, at NONMEM's estimates unless told."""
    table = pandas.read_csv(reference / "external/datasets/pheno_sd.csv")
    study = read_nonmem(table, units={"time": "h", "dose": "mg", "DV": "mg/L"})
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L")
    start = {"CL": np.exp(-4.99035), "V": np.exp(0.339869), "add_C": 2.86398}
    omega = pkpd.block("CL", "V", omega=[[0.239209, 0.192072], [0.192072, 0.15477]])
    return _case(model, start | values, omega, "additive", study)


def ferx(reference: Path, file: str, error: str, omega: Omega, **values: float) -> Case:
    """One of the ten-subject oral studies of FeRx-NLME/ferx-core."""
    study = read_nonmem(reference / "external/ferx" / file, units=ORAL_UNITS, routes="oral")
    return oral(values, omega, error, study)
