"""Problems whose marginal likelihood is an integral: classical data, and a linear model with a closed form."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas

from pkpd import library
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.io import read_nonmem
from pkpd.model import define
from pkpd.population import Omega, Population, block, residual_error
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}


def study_of(table: pandas.DataFrame) -> Study:
    """Event records in h, mg and mg/L."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_nonmem(table, units=UNITS)


def theophylline_study(reference: Path, order: np.ndarray | None = None, renamed: bool = False) -> Study:
    """The 12 subjects (Boeckmann, Sheiner & Beal 1994), in another order or with other names if asked for."""
    data = pandas.read_csv(reference / "figures" / "datasets" / "theoph.csv")
    names = list(dict.fromkeys(data["Subject"]))
    parts = []
    for place in np.arange(len(names)) if order is None else order:
        own = data[data["Subject"] == names[place]]
        label = len(parts) + 100 if renamed else names[place]
        dose = float(own["Dose"].iloc[0] * own["Wt"].iloc[0])
        given = {"ID": [label], "TIME": 0.0, "AMT": dose, "DV": np.nan, "EVID": 1, "MDV": 1, "CMT": 1}
        parts.append(pandas.DataFrame(given))
        samples = {"ID": label, "TIME": own["Time"], "AMT": 0.0, "DV": own["conc"], "EVID": 0, "MDV": 0, "CMT": 2}
        parts.append(pandas.DataFrame(samples))
    return study_of(pandas.concat(parts, ignore_index=True))


def theophylline(
    reference: Path, omega: Omega | None = None, study: Study | None = None, kind: str = "additive", **values: float
) -> Problem:
    """One compartment with absorption; by default at NONMEM's FOCEI estimates."""
    model = library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", kind)
    start = {"CL": np.exp(1.0123), "V": np.exp(3.4599), "ka": np.exp(0.4651), "add_C": np.sqrt(0.482)} | values
    parameters = model.parameters + error.start(np.array([1.0]), "mg/L")
    if kind != "additive" and "add_C" not in error.names:
        del start["add_C"]
    omega = omega or Omega.independent(ka=0.4**0.5, CL=0.0693**0.5, V=0.0192**0.5)
    return problem_of(
        Population(model, parameters.with_values(start), omega, (error,)), study or theophylline_study(reference)
    )  # fmt: skip


def warfarin(reference: Path) -> Problem:
    """PK of warfarin, first dose, combined error; at NONMEM's FOCEI estimates (targets.json)."""
    data = pandas.read_csv(reference / "external" / "datasets" / "warfarin.csv")
    data = data[data["dvid"] == "cp"]
    table = pandas.DataFrame({"ID": data["id"], "TIME": data["time"], "AMT": data["amt"], "DV": data["dv"],
                              "EVID": data["evid"], "MDV": data["evid"], "CMT": 2 - data["evid"]})  # fmt: skip
    model = library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", "combined")
    parameters = (model.parameters + error.start(np.array([1.0]), "mg/L")).with_values(
        CL=np.exp(-2.00723), V=np.exp(2.05853), ka=np.exp(-0.569395), prop_C=0.117047, add_C=0.722484
    )
    omega = Omega.independent(ka=0.474983**0.5, CL=0.0790298**0.5, V=0.0482784**0.5)
    return problem_of(Population(model, parameters, omega, (error,)), study_of(table))


def phenobarbital(reference: Path) -> Problem:
    """Sparse data of 59 neonates, IV bolus, full Ω; at NONMEM's FOCEI estimates (targets.json)."""
    data = pandas.read_csv(reference / "external" / "datasets" / "pheno_sd.csv")
    table = data[["ID", "TIME", "AMT", "DV", "MDV", "EVID"]]
    model = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", "additive")
    parameters = (model.parameters + error.start(np.array([1.0]), "mg/L")).with_values(
        CL=np.exp(-4.99035), V=np.exp(0.339869), add_C=2.86398
    )
    omega = block("CL", "V", omega=[[0.239209, 0.192072], [0.192072, 0.15477]])
    return problem_of(Population(model, parameters, omega, (error,)), study_of(table))


def linear(subjects: int = 5, seed: int = 3) -> Problem:
    """A line a subject: intercept and slope are normal, so that the marginal likelihood is that of a normal vector."""
    rng = np.random.default_rng(seed)
    model = define({"x": "0*x"}, {"a": 10.0, "b": 1.0}, outputs={"C": "a + b*t"}, initial={"x": "0"})
    rows = []
    for who in range(1, subjects + 1):
        a, b = rng.multivariate_normal([10.0, 1.0], [[4.0, 0.6], [0.6, 0.5]])
        times = np.arange(1.0, 4.0 + who % 3)
        rows += [(who, t, a + b * t + 0.8 * rng.standard_normal()) for t in times]
    table = pandas.DataFrame(rows, columns=["ID", "TIME", "DV"]).assign(AMT=0.0, EVID=0, MDV=0)
    error = residual_error("C", "additive")
    parameters = model.parameters + error.start(np.array([1.0]), "mg/L").with_values(add_C=0.8)
    omega = block("a", "b", omega=[[4.0, 0.6], [0.6, 0.5]])
    population = Population(model, parameters, omega, (error,), scales={"a": "natural", "b": "natural"})
    return problem_of(population, study_of(table))


def unsolvable() -> Problem:
    """A prediction that is no number for anybody near the typical subject."""
    model = define({"x": "0*x"}, {"a": 1.0}, outputs={"C": "sqrt(a - 5)*t"}, initial={"x": "0"})
    table = pandas.DataFrame({"ID": [1, 1, 2], "TIME": [1.0, 2.0, 1.0], "DV": 1.0, "AMT": 0.0, "EVID": 0, "MDV": 0})
    error = residual_error("C", "additive")
    parameters = model.parameters + error.start(np.array([1.0]), "mg/L")
    return problem_of(Population(model, parameters, Omega.independent(a=0.1), (error,)), study_of(table))


def ferx(reference: Path, name: str, omega: Omega, prop: float, **values: float) -> Problem:
    """An oral study of FeRx-NLME (MIT), proportional error: ``warfarin``, ``warfarin_bloq`` or ``warfarin_iov``."""
    data = pandas.read_csv(reference / "external" / "ferx" / f"{name}.csv", na_values=".")
    data["CMT"] = 2 - data["EVID"]  # the dose enters the depot, which is not where samples are from
    model = library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", "proportional")
    parameters = (model.parameters + error.start(np.array([1.0]), "mg/L")).with_values(values | {"prop_C": prop})
    return problem_of(Population(model, parameters, omega, (error,)), study_of(data))


def with_occasions(reference: Path) -> Problem:
    """Two occasions with carry-over, at the estimates of anchor warf_iov_focei."""
    omega = Omega.independent(CL=0.0399164**0.5, V=0.0107732**0.5, ka=0.0254212**0.5)
    return ferx(reference, "warfarin_iov", omega + Omega.independent(CL=0.0357135**0.5).at_occasion(),
                0.035386**0.5, CL=0.172762, V=8.62783, ka=1.17857)  # fmt: skip


def censored(reference: Path) -> Problem:
    """10 of 110 records below a limit (M3), at the estimates of anchor warf10_m3."""
    omega = Omega.independent(CL=0.0288494**0.5, V=0.00954401**0.5, ka=0.335772**0.5)
    return ferx(reference, "warfarin_bloq", omega, 0.01076, CL=0.132801, V=7.73139, ka=0.809824)
