"""One small problem for every feature of a population fit, for tests of what must hold for all of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas

import pkpd
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.io import read_nonmem
from pkpd.parameters import Parameter, Parameters
from pkpd.population import InverseWishart, NormalPrior, Omega, Population, block, residual_error
from pkpd.study import Study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L", "E": "%"}
TIMES = np.array([0.5, 1.5, 4.0, 9.0, 16.0, 23.0])
DIAGONAL = Omega.independent(ka=0.5, CL=0.3, V=0.2)


@cache
def study(censored: bool = False, effect: bool = False) -> Study:
    """Seven subjects, two occasions of a dose each, a constant weight and a renal function that changes."""
    rng = np.random.default_rng(8)
    rows = []
    for who in range(1, 8):
        weight, cl, v, ka = 50 + 6 * who, *(np.array([3.0, 30.0, 1.5]) * np.exp(0.25 * rng.standard_normal(3)))
        for occasion, begin in ((1, 0.0), (2, 24.0)):
            crcl = 90 - 5 * who + 10 * occasion
            own = {"ID": who, "WT": weight, "CRCL": crcl, "OCC": occasion, "CENS": 0}
            rows.append({**own, "TIME": begin, "EVID": 1, "MDV": 1, "AMT": 300.0, "DV": np.nan, "CMT": 1, "DVID": "C"})
            for t in TIMES[: 2 if who == 7 else None]:
                past = [begin + t - b for b in (0.0, 24.0) if begin + t >= b]
                k = cl / v
                c = sum(300 / v * ka / (ka - k) * (math.exp(-k * p) - math.exp(-ka * p)) for p in past)
                value = c * math.exp(0.15 * rng.standard_normal()) + 0.05
                low = censored and value < 2.0
                rows.append({
                    **own, "TIME": begin + t, "EVID": 0, "MDV": 0, "AMT": 0.0, "DV": 2.0 if low else value, "CMT": 2,
                    "CENS": int(low), "DVID": "C",
                })  # fmt: skip
                if effect:
                    drop = 100 * (1 - 0.7 * c / (4 + c)) + 4 * rng.standard_normal()
                    rows.append({**rows[-1], "DV": drop, "CENS": 0, "DVID": "E"})
    table = pandas.DataFrame(rows)
    if not effect:
        table = table.drop(columns="DVID")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        units = {**UNITS} if effect else {"time": "h", "dose": "mg", "DV": "mg/L"}
        return read_nonmem(table, units=units)


def oral_model() -> pkpd.Model:
    return pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L").with_values(
        ka=1.4, CL=2.8, V=32.0
    )  # fmt: skip


def coefficient(name: str, value: float) -> Parameters:
    return Parameters((Parameter(name, value, "", -math.inf, math.inf),))


def made(model: pkpd.Model, omega: Omega, kind: str = "combined", data: Study | None = None, **more: object) -> Problem:
    """A problem with one residual error of C; `more` goes to the population, `added` to its parameters."""
    error = residual_error("C", kind)
    noise = {n: v for n, v in {"prop_C": 0.2, "add_C": 0.3}.items() if n in error.names}
    added = more.pop("added", Parameters(()))
    fixed = more.pop("fixed", ())
    parameters = model.parameters.fix(*fixed) + error.start(np.ones(1), "mg/L").with_values(noise) + added
    return problem_of(Population(model, parameters, omega, (error,), **more), data or study())


def two_outputs() -> Problem:
    """Concentration and a direct effect that is bounded: E0 normal, Emax between 0 and 1."""
    model = pkpd.define(
        {"depot": "-ka*depot", "central": "ka*depot - CL/V*central"},
        {"ka": 1.4, "CL": 2.8, "V": 32.0, "E0": 100.0, "Emax": 0.7, "EC50": 4.0},
        outputs={"C": "central/V", "E": "E0*(1 - Emax*C/(EC50 + C))"}, doses={"oral": "depot"},
    ).in_units(time="h", amount="mg", volume="L")  # fmt: skip
    errors = (residual_error("C", "proportional"), residual_error("E", "additive"))
    parameters = model.parameters.bound("Emax", 0, 1).bound("E0", lower=-math.inf)
    for error, noise in zip(errors, ({"prop_C": 0.2}, {"add_E": 4.0}), strict=True):
        parameters = parameters + error.start(np.ones(1), "").with_values(noise)
    omega = Omega.independent(CL=0.3, V=0.2, E0=5.0, Emax=0.5)
    return problem_of(Population(model, parameters, omega, errors), study(effect=True))


def switching() -> Problem:
    """Saturable elimination, and absorption that ends: the moment of the end is a parameter and differs.

    The end changes hardly anything, so that its slopes are small beside the solver's error: a tight one, then.
    """
    model = pkpd.define(
        {"depot": "-inflow", "central": "inflow - Vmax*C/(Km + C)"},
        {"ka": 0.4, "Vmax": 15.0, "Km": 3.0, "V": 32.0, "stop": 2.5},
        outputs={"C": "central/V", "inflow": "ka*depot if tad < stop else 0.2*ka*depot"}, doses={"oral": "depot"},
    ).in_units(time="h", amount="mg", volume="L")  # fmt: skip
    found = made(model, Omega.independent(ka=0.4, Vmax=0.3, V=0.2, stop=0.1), "proportional")
    return replace(found, settings=replace(found.settings, rtol=1e-9, atol=1e-10))


FEATURES: dict[str, Callable[[], Problem]] = {
    "plain": lambda: made(oral_model(), DIAGONAL),
    "log-normal error": lambda: made(oral_model(), DIAGONAL, "log"),
    "covariate": lambda: made(
        oral_model(), DIAGONAL, relations={"CL": "CL*(WT/70)**b", "V": "V*WT/70"}, added=coefficient("b", 0.6)
    ),
    "covariate that changes": lambda: made(
        oral_model(), DIAGONAL, relations={"CL": "CL*(1 + b*(CRCL - 80)/80)"}, added=coefficient("b", 0.4)
    ),
    "shared random effect": lambda: made(
        oral_model(), Omega.independent(CL=0.3, V=0.2), added=coefficient("c", 0.5),
        exponents={"CL": "eta_CL", "V": "c*eta_CL + eta_V", "ka": "-0.4*eta_V"},
    ),
    "logit and normal": lambda: made(
        pkpd.library.one_compartment(absorption=True, bioavailability=True).in_units(
            time="h", amount="mg", volume="L"
        ).with_values(ka=1.4, CL=2.8, V=32.0, F=0.7), Omega.independent(F=0.5, CL=0.3, V=4.0), fixed=("ka",),
        scales={"V": "natural"},
    ),
    "occasions": lambda: made(oral_model(), DIAGONAL + Omega.independent(CL=0.2, ka=0.3).at_occasion()),
    "occasions and a changing covariate": lambda: made(
        oral_model(), DIAGONAL + block("CL", "V", omega=[[0.04, 0.01], [0.01, 0.03]]).at_occasion(),
        relations={"CL": "CL*(CRCL/80)**b"}, added=coefficient("b", 0.5),
    ),
    "full block": lambda: made(
        oral_model(), block("ka", "CL", "V", omega=[[0.3, 0.02, -0.03], [0.02, 0.1, 0.04], [-0.03, 0.04, 0.06]])
    ),
    "structural zero and fixed": lambda: made(
        oral_model(),
        block("ka", "CL", "V", omega=[[0.3, 0.0, -0.03], [0.0, 0.1, 0.04], [-0.03, 0.04, 0.06]]).fix("V"),
    ),
    "effect at zero, parameter fixed": lambda: made(oral_model(), DIAGONAL.fix(V=0), fixed=("V",)),
    "priors": lambda: made(
        oral_model(), block("ka", "CL", omega=[[0.3, 0.02], [0.02, 0.1]]) + Omega.independent(V=0.2),
        priors=(NormalPrior({"CL": 2.5, "V": 35.0}, {"CL": 0.2, "V": 0.3}),
                InverseWishart(("ka", "CL"), np.array([[1.0, 0.1], [0.1, 0.4]]), 6.0)),
    ),
    "values below a limit": lambda: made(oral_model(), DIAGONAL, data=study(censored=True)),
    "two outputs": two_outputs,
    "switches": switching,
}  # fmt: skip
"""Name → problem."""


@cache
def problem(name: str) -> Problem:
    """The problem of a feature, made once."""
    return FEATURES[name]()
