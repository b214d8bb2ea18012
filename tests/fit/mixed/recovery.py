"""Simulation and estimation: studies drawn from a known population, fitted by the default call.

Five designs of at least 50 subjects. The start values are not the truth: fixed effects are 20 % off, variances half or
twice as large, by turns.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas
from scipy.stats import binom

import pkpd
from pkpd.arrays import Array
from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.verb import fit_population
from pkpd.io import read_nonmem
from pkpd.population import Omega, Population, residual_error
from pkpd.study import Study

LEVEL = 0.90
SEED = 20261130
_USUAL = {"CL": 3.0, "V": 30.0, "ka": 1.2}
_UNITS = {"time": "h", "dose": "mg", "DV": "mg/L"}


@dataclass(frozen=True, eq=False)
class Design:
    """A population, and whom of it is sampled when.

    Attributes
    ----------
    truth : Population
        With its true values.
    study : Study
        Doses and times; its values are to be simulated.
    """

    truth: Population
    study: Study


@dataclass(frozen=True, eq=False)
class Recovered:
    """What came of fitting many simulated studies.

    Attributes
    ----------
    names : tuple of str
        Fixed effects and residual errors, then elements of Ω.
    truth : array, shape (names,)
        On the natural scale.
    estimates : array, shape (replicates, names)
        Of each study.
    covered : array of bool, shape (replicates, names)
        Whether the 90 % interval held the truth; of variances the interval on the log scale.
    status : tuple of str
        Of each fit.
    censored : float
        Share of the records below the limit.
    """

    names: tuple[str, ...]
    truth: Array
    estimates: Array
    covered: Array
    status: tuple[str, ...]
    censored: float

    @property
    def bias(self) -> Array:
        """Mean estimate over the truth, less 1."""
        return np.asarray(self.estimates.mean(axis=0) / self.truth - 1.0)

    @property
    def error(self) -> Array:
        """Monte-Carlo standard error of `bias`."""
        spread = self.estimates.std(axis=0, ddof=1) / self.truth
        return np.asarray(np.abs(spread) / math.sqrt(len(self.estimates)))

    @property
    def coverage(self) -> Array:
        """Share of the intervals that held the truth."""
        return np.asarray(self.covered.mean(axis=0))

    def table(self) -> pandas.DataFrame:
        """Return one row per parameter: truth, bias %, its Monte-Carlo error, coverage %."""
        columns = {"truth": self.truth, "bias %": 100 * self.bias, "MC error %": 100 * self.error}
        return pandas.DataFrame(columns | {"coverage %": 100 * self.coverage}, index=list(self.names))


def _oral(values: dict[str, float], omega: Omega, kind: str, errors: dict[str, float]) -> Population:
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    error = residual_error("C", kind)
    own = error.start(np.array([1.0]), "mg/L").with_values(errors)
    return Population(model, model.with_values(**values).parameters + own, omega, (error,))


def _table(times: Sequence[Sequence[float]], doses: Sequence[float] = (0.0,)) -> pandas.DataFrame:
    """Return event records: 100 mg by mouth at `doses`, samples of each subject at its own times."""
    rows = []
    for who, own in enumerate(times, start=1):
        rows += [(who, t, 100.0, 1, 1, np.nan) for t in doses] + [(who, t, 0.0, 0, 2, 1.0) for t in own]
    table = pandas.DataFrame(rows, columns=["ID", "TIME", "AMT", "EVID", "CMT", "DV"])
    table = table.sort_values(["ID", "TIME", "EVID"], ascending=[True, True, False], kind="stable")
    return table.assign(MDV=(table["EVID"] == 1).astype(int))


def rich() -> Design:
    """Sixty subjects, ten samples each."""
    truth = _oral(_USUAL, Omega.independent(CL=0.3, V=0.2, ka=0.4), "proportional", {"prop_C": 0.1})
    table = _table([[0.25, 0.5, 1, 2, 3, 4, 6, 9, 12, 24]] * 60)
    return Design(truth, read_nonmem(table, units=_UNITS))


def sparse() -> Design:
    """A hundred and twenty subjects, three samples each, one early, one in the middle and one late."""
    truth = _oral(_USUAL, Omega.independent(CL=0.3, V=0.2), "proportional", {"prop_C": 0.15})
    rng = np.random.default_rng(SEED)
    times = [np.round([rng.uniform(0.3, 1.5), rng.uniform(2, 6), rng.uniform(8, 24)], 2).tolist() for _ in range(120)]
    return Design(truth, read_nonmem(_table(times), units=_UNITS))


def censored() -> Design:
    """Sixty subjects, ten samples each, some 30 % of them below the limit (M3)."""
    omega = Omega.independent(CL=0.3, V=0.2, ka=0.4)
    truth = _oral({"CL": 4.0, "V": 20.0, "ka": 1.2}, omega, "combined", {"prop_C": 0.1, "add_C": 0.2})
    times = [0.25, 0.5, 1, 2, 4, 6, 9, 12, 16, 24]
    return Design(truth, read_nonmem(_table([times] * 60).assign(LLOQ=0.65), units=_UNITS | {"LLOQ": "mg/L"}))


def occasions() -> Design:
    """Sixty subjects, three occasions with six samples each, clearance differs between them."""
    omega = Omega.independent(CL=0.3, V=0.2) + Omega.independent(CL=0.2).at_occasion()
    truth = _oral(_USUAL, omega, "proportional", {"prop_C": 0.1})
    doses = [0.0, 168.0, 336.0]
    table = _table([[d + t for d in doses for t in (0.5, 1, 3, 6, 12, 24)]] * 60, doses)
    return Design(truth, read_nonmem(table.assign(OCC=1 + table["TIME"] // 168), units=_UNITS))


def two_outputs() -> Design:
    """Fifty subjects, concentration and a response with turnover, eight samples of each."""
    model = pkpd.define(
        {"cen": "-CL/V*cen", "E": "kin*(1 - C/(ic50 + C)) - kout*E"},
        {"CL": 3.0, "V": 30.0, "kin": 10.0, "kout": 0.1, "ic50": 1.0},
        outputs={"C": "cen/V", "R": "E"}, initial={"E": "kin/kout"}, doses={"bolus": "cen"},
    ).in_units(time="h", amount="mg", volume="L")  # fmt: skip
    errors = (residual_error("C", "proportional"), residual_error("R", "additive"))
    parameters = model.parameters
    for error, values in zip(errors, ({"prop_C": 0.1}, {"add_R": 4.0}), strict=True):
        parameters = parameters + error.start(np.array([1.0]), "").with_values(values)
    truth = Population(model, parameters, Omega.independent(CL=0.3, V=0.2, kin=0.15, ic50=0.4), errors)
    samples = {"C": (0.5, 1, 2, 4, 8, 12, 24, 36), "R": (0, 4, 8, 16, 24, 36, 48, 72)}
    rows = []
    for who in range(1, 51):
        rows.append((who, 0.0, 100.0, 1, 1, np.nan, "C"))
        rows += [(who, t, 0.0, 0, 1, 1.0, name) for name, times in samples.items() for t in times]
    table = pandas.DataFrame(rows, columns=["ID", "TIME", "AMT", "EVID", "CMT", "DV", "DVID"])
    table = table.sort_values(["ID", "TIME", "EVID"], ascending=[True, True, False], kind="stable")
    table = table.assign(MDV=(table["EVID"] == 1).astype(int))
    return Design(truth, read_nonmem(table, units={"time": "h", "dose": "mg", "C": "mg/L", "R": "1"}))


DESIGNS: dict[str, Callable[[], Design]] = {
    "rich": rich, "sparse": sparse, "BLQ": censored, "IOV": occasions, "two outputs": two_outputs,
}  # fmt: skip


@cache
def design(name: str) -> Design:
    """Return a design by name."""
    return DESIGNS[name]()


def start_of(truth: Population) -> Population:
    """Return the population with start values that are not the truth."""
    parameters, omega = truth.parameters, truth.omega
    moved = parameters.to_vector() + np.log(1.2) * np.where(np.arange(len(parameters.free)) % 2, 1.0, -1.0)
    spread = omega.to_vector() + 0.5 * np.log(2.0) * np.where(np.arange(len(omega.free)) % 2, -1.0, 1.0)
    return replace(truth, parameters=parameters.from_vector(moved), omega=omega.from_vector(spread))


def studies(name: str, count: int) -> list[Study]:
    """Return simulated studies of a design."""
    own = design(name)
    drawn = pkpd.simulate(own.truth, own.study, replicates=count, seed=SEED, progress=False)
    return [pkpd.simulated_study(drawn, own.study, k) for k in range(count)]


def true_values(truth: Population) -> dict[str, float]:
    """Return the true values of what is estimated, by name."""
    values, omega = truth.parameters.as_dict(), truth.omega
    found = {n: values[n] for n in truth.parameters.free}
    between = dict(zip(omega.names(), np.diag(omega.matrix()), strict=True))
    for name in omega.free:
        effect = name.removeprefix("var(").removesuffix(")")
        found[name] = float(between[effect if effect in between else f"{effect}_1"])
    return found


@cache
def recovered(name: str, count: int, method: str = "FOCEI") -> Recovered:
    """Fit simulated studies of a design.

    Parameters
    ----------
    name : str
        One of `DESIGNS`.
    count : int
        How many studies.
    method : str
        Of `fit_population`.
    """
    own = design(name)
    truth = true_values(own.truth)
    start, options = start_of(own.truth), PopulationOptions(check=False)
    estimates, covered, status, below, records = [], [], [], 0, 0
    for study in studies(name, count):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pkpd.FitWarning)
            fit = fit_population(start, study, method=method, options=options)
        found, intervals = true_values(fit.people), fit.intervals(LEVEL)
        estimates.append([found[n] for n in truth])
        covered.append([intervals[n][0] <= v <= intervals[n][1] for n, v in truth.items()])
        status.append(fit.status)
        below, records = below + fit.counts.censored, records + fit.counts.observations
    values, share = np.array(list(truth.values())), below / records
    return Recovered(tuple(truth), values, np.array(estimates), np.array(covered), tuple(status), share)


def fixed(name: str) -> tuple[str, ...]:
    """Return the fixed effects and residual errors of a design."""
    return design(name).truth.parameters.free


def too_biased(found: Recovered, name: str) -> dict[str, str]:
    """Return what is off by more than the larger of three Monte-Carlo errors and 2 % (of Ω 10 %): name → bias."""
    allowed = np.where([n in fixed(name) for n in found.names], 0.02, 0.10)
    wrong = ~(np.abs(found.bias) <= np.maximum(allowed, 3.0 * found.error))
    return {
        n: f"{100 * b:.2f} ± {100 * e:.2f} %"
        for n, b, e, bad in zip(found.names, found.bias, found.error, wrong, strict=True)
        if bad
    }


def band(count: int, checks: int) -> tuple[float, float]:
    """Return between which shares a right 90 % interval's coverage lies, at 99 % in all checks together."""
    tail = 0.01 / checks / 2
    return float(binom.ppf(tail, count, LEVEL)) / count, float(binom.isf(tail, count, LEVEL)) / count
