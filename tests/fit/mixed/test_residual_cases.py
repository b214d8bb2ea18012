r"""Residual errors of Wang's data at fixed values: other programs' objectives, η and individual objectives.

``residual_error_objectives.json`` writes models in rxode's words. Their meaning, found from the numbers and checked
here: ``prop`` is sd·f (also on the log scale, where f is not logged), ``propT`` sd·h(f) with h(f) = log f on the log
scale, ``propF`` sd·(what is named); ``pow``, ``powT``, ``powF`` the same to a power. ``lnorm`` scatters on the log
scale and its objective is that of y (2Σ log y included). Two parts make √(a² + b²) under ``combined2()`` and a + b
under ``combined1()``; the field ``combined`` is what holds where the text says neither. A SD is the square root of the
term's square, so that log f may be negative.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.fit.mixed.marginal.laplacian import Marginal, marginal
from pkpd.fit.mixed.problem.prepare import problem_of
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.io import read_nonmem
from pkpd.population import ErrorParameter, Omega, Population, ResidualError, residual_error

LEFT_OUT = ("boxCox", "yeoJohnson", "logit", "probit")
GARBLED = (119, 121)  # two cases in one text each


def wang(reference: Path, error: ResidualError, **noise: float) -> Problem:
    """10·exp(−ke·t), ke = 0.5·exp(η), ω² = 0.04: a bolus of 10 into a volume of 1."""
    table = pandas.read_csv(reference / "external" / "datasets" / "Wang2007.csv")
    samples = table.rename(columns={"Time": "TIME", "Y": "DV"}).assign(AMT=0.0, EVID=0, MDV=0)
    doses = samples.drop_duplicates("ID").assign(AMT=10.0, EVID=1, MDV=1, DV=0.0)
    events = pandas.concat([doses, samples]).sort_values(["ID", "TIME", "EVID"], ascending=[True, True, False])
    study = read_nonmem(events.reset_index(drop=True), units={"time": "h", "DV": "mg/L", "dose": "mg"})
    model = pkpd.library.one_compartment().in_units(time="h", amount="mg", volume="L")
    values = model.with_values(CL=0.5, V=1.0).parameters + error.start(np.ones(1), "mg/L").with_values(**noise)
    return problem_of(Population(model, values, Omega.independent(CL=0.2), (error,)), study)


def at_fixed_values(problem: Problem, method: str) -> Marginal:
    return marginal(problem, problem.at(problem.start), method)


@cache
def objectives(reference: Path, sd: str, scale: str) -> dict[str, float]:
    """FO, FOCE and FOCEI of a kind of one's own with that SD."""
    stated: dict[str, Any] = {
        "kind": "of a case", "parameters": (ErrorParameter("unit", "one", 1.0),), "sd": f"({sd})*unit", "scale": scale,
    }  # fmt: skip
    kind = type("OfACase", (ResidualError,), stated)
    problem = wang(reference, kind("C"), unit_C=1.0)
    return {m.lower(): at_fixed_values(problem, m).objective for m in ("FO", "FOCE", "FOCEI")}


def meaning(case: dict[str, Any]) -> tuple[str, str]:
    """Return SD and scale of a case, read from its text."""
    text = case["model"].replace(" ", "")
    parts = text[text.index("~") + 1 :].partition(")|>ini(")
    given: dict[str, str] = dict(re.findall(r"([\w.]+)=(sqrt\(0\.1\)|[\d.]+)", parts[2]))
    words = {"f2": "(f/(f+5))", "f3": "(3*f/(f+5))", "lipre": "log(f)", **given}
    log = "lnorm" in parts[0]
    terms = []
    for name, arguments in re.findall(r"(\w+)\(([^()]*)\)?", parts[0] + ")"):
        own = [words.get(a, a) for a in arguments.split(",")]
        if name in ("add", "lnorm") and own[0] != "NA":
            terms.append(own[0])
        elif name in ("prop", "pow", "propT", "powT", "propF", "powF"):
            power = own[1] if name.startswith("pow") else "1"
            base = own[-1] if name.endswith("F") else "log(f)" if name.endswith("T") and log else "f"
            terms.append(f"({own[0]})*({base})**({power})")
    total = {"combined1": 1, "combined2": 2}.get(
        next((w for w in ("combined1", "combined2") if w in parts[0]), ""), case["combined"])  # fmt: skip
    if len(terms) == 2 and total == 1:
        return f"{terms[0]} + {terms[1]}", "log" if log else "identity"
    return "sqrt(" + " + ".join(f"({t})**2" for t in terms) + ")", "log" if log else "identity"


def cases(reference: Path) -> list[tuple[int, dict[str, Any]]]:
    every = json.loads((reference / "external" / "residual_error_objectives.json").read_text())["cases"]
    return [(k, c) for k, c in enumerate(every) if k not in GARBLED and not any(w in c["model"] for w in LEFT_OUT)]


def test_objectives_of_56_residual_errors(reference: Path) -> None:
    """FO, FOCE and FOCEI within 1e-3 of what is printed with three decimals."""
    own, wrong = cases(reference), []
    assert len(own) == 56
    for number, case in own:
        sd, scale = meaning(case)
        found = objectives(reference, sd, scale)
        wrong += [
            (number, case["model"], sd, scale, m, value, case["objective"][m])
            for m, value in found.items()
            if not abs(value - case["objective"][m]) <= 1e-3
        ]
    assert not wrong


@pytest.mark.parametrize(
    ("kind", "noise", "number"),
    [("proportional", {"prop_C": 0.1**0.5}, 0), ("additive", {"add_C": 0.1**0.5}, 3),
     ("combined", {"prop_C": 0.1**0.5, "add_C": 0.1**0.5}, 108),
     ("combined2", {"prop_C": 0.1**0.5, "add_C": 0.1**0.5}, 108),
     ("combined1", {"prop_C": 0.1**0.5, "add_C": 0.1**0.5}, 116), ("power", {"prop_C": 0.1**0.5, "power_C": 1.0}, 141),
     ("log", {"sd_C": 0.1**0.5}, 127), ("lognormal", {"sd_C": 0.1**0.5}, 127)],
)  # fmt: skip
def test_kinds_of_the_house(reference: Path, kind: str, noise: dict[str, float], number: int) -> None:
    expected = dict(cases(reference))[number]["objective"]
    problem = wang(reference, residual_error("C", kind), **noise)
    for method in ("FO", "FOCE", "FOCEI"):
        assert at_fixed_values(problem, method).objective == pytest.approx(expected[method.lower()], abs=1e-3)


def test_exact_laplace(reference: Path) -> None:
    """With exact second derivatives: 39.2268 proportional, −1.9361 additive (an independent evaluator)."""
    s = 0.1**0.5
    found = [
        at_fixed_values(wang(reference, residual_error("C", kind), **{name: s}), "Laplace").objective
        for kind, name in (("proportional", "prop_C"), ("additive", "add_C"))
    ]
    assert found == pytest.approx([39.2268, -1.9361], abs=5e-5)


def test_log_normal_objectives_with_and_without_the_jacobian(reference: Path) -> None:
    """2Σ log y is 82.145; without it the objective is that of log y under an additive error: −42.106 (FOCEI)."""
    problem = wang(reference, residual_error("C", "log"), sd_C=0.1**0.5)
    assert problem.jacobian == pytest.approx(2 * np.log(problem.data.lower).sum(), abs=1e-9)
    assert problem.jacobian == pytest.approx(82.145, abs=1e-3)
    assert at_fixed_values(problem, "FOCEI").objective - problem.jacobian == pytest.approx(-42.106, abs=1e-3)
    assert wang(reference, residual_error("C", "additive"), add_C=1.0).jacobian == 0.0


def test_modes_and_individual_objectives_of_nonmem(reference: Path) -> None:
    """NONMEM's table for these data (FOCE with interaction, proportional): η and OBJI to 1e-3 of what is printed."""
    table = pandas.read_csv(reference / "external" / "nonmem" / "wang2007_focei_prop_table.csv").drop_duplicates("ID")
    found = at_fixed_values(wang(reference, residual_error("C", "proportional"), prop_C=0.1**0.5), "FOCEI")
    np.testing.assert_allclose(found.modes.eta[:, 0], table["ETA1"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.individual, table["OBJI"], rtol=1e-3)
