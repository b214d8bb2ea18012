"""What others print for population fits, read in place from the reference folder, and the same by `fit_population`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pkpd.fit.mixed.options import PopulationOptions
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.verb import fit_population
from pkpd.population import Omega
from tests.fit.mixed.cases import Case, ferx, phenobarbital, theophylline, warfarin

CASES = {"theophylline": theophylline, "warfarin_pk": warfarin, "phenobarbital": phenobarbital}
ANCHORS = ("warf10_focei", "warf10_foce", "warf10_laplace", "warf10_m3", "warf_iov_focei")
ONE = PopulationOptions(starts=1, check=False)
"""One start, no second opinion."""
_LABELS = {"add": "add_C", "prop": "prop_C"}


def fitted(case: Case, method: str = "FOCEI", options: PopulationOptions = ONE) -> PopulationFit:
    """Fit a case; a verdict other than converged is the test's to read, not a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_population(case.population, case.study, method=method, options=options)


@cache
def best(reference: Path, name: str, method: str = "FOCEI") -> PopulationFit:
    """The fit of a named case from the estimates that others print."""
    return fitted(CASES[name](reference), method)


def target(reference: Path, name: str) -> dict[str, Any]:
    """What `targets.json` says of a case."""
    text = (reference / "figures/estimation/targets.json").read_text()
    return next(t for t in json.loads(text)["targets"] if t["id"] == name)


def estimates(fit: PopulationFit) -> dict[str, float]:
    """Estimates by names as in `targets.json`: ``log_CL`` …, ``add``, ``prop``, ``omega2_CL`` … or ``omega_21`` …"""
    values = {f"log_{n}": float(np.log(fit.values[n])) for n in fit.people.model.parameters.names}
    values |= {n: fit.values[own] for n, own in _LABELS.items() if own in fit.values}
    matrix = fit.people.omega.matrix()
    return values | {label: matrix[i, j] for label, (i, j) in _elements(fit).items()}


def _elements(fit: PopulationFit) -> dict[str, tuple[int, int]]:
    """Labels of the elements of Ω that are estimated, by place."""
    names = [n.removeprefix("eta_") for n in fit.people.omega.names()]
    if len(fit.people.omega.free) == len(names):
        return {f"omega2_{n}": (k, k) for k, n in enumerate(names)}
    return {f"omega_{i + 1}{j + 1}": (i, j) for i in range(len(names)) for j in range(i + 1)}


def standard_errors(fit: PopulationFit, kind: str) -> dict[str, float]:
    """Standard errors by the names of `targets.json`."""
    own = fit.with_covariance(kind).standard_errors()
    found = {f"log_{n}": own[n] / fit.values[n] for n in fit.people.model.parameters.names}
    found |= {n: own[name] for n, name in _LABELS.items() if name in own}
    names = fit.people.omega.names()
    return found | {
        label: own[f"var({names[i]})" if i == j else f"cov({names[j]}, {names[i]})"]
        for label, (i, j) in _elements(fit).items()
    }


def printed(numbers: Mapping[str, Any], label: str) -> float:
    """A number of `targets.json` by a name of `estimates`; Ω is a list (ka, CL, V) or a matrix there."""
    if label.startswith("omega2_"):
        return numbers["omega2"][["ka", "CL", "V"].index(label.removeprefix("omega2_"))]
    if label.startswith("omega_"):
        i, j = (int(digit) - 1 for digit in label.removeprefix("omega_"))
        return numbers["omega"][i][j]
    return numbers[label]


def anchor(reference: Path, name: str) -> dict[str, Any]:
    """What `anchors.json` says of a run of NONMEM (FeRx-NLME/ferx-core)."""
    text = (reference / "external/ferx/anchors.json").read_text()
    return next(r for r in json.loads(text)["runs"] if r["id"] == name)


def anchor_case(reference: Path, run: Mapping[str, Any], factors: Mapping[str, float] | None = None) -> Case:
    """A run of NONMEM at its printed estimates, times factors: of a parameter, ``"omega"`` (variances), ``"sd"``."""
    times = dict(factors or {})
    wide = times.pop("omega", 1.0)
    variances = {n: v * wide for n, v in run["omega2"].items()}
    occasion = variances.pop("iov_CL", None)
    omega = Omega.independent(**{n: v**0.5 for n, v in variances.items()})
    if occasion:
        omega = omega + Omega.independent(CL=occasion**0.5).at_occasion()
    sd = run["residual"].get("prop_sd") or run["residual"]["prop_var"] ** 0.5
    values = {n: v * times.get(n, 1.0) for n, v in run["theta"].items()}
    return ferx(reference, Path(run["data"]).name, "proportional", omega, prop_C=sd * times.get("sd", 1.0), **values)
