"""Helpers of the engine's tests: one call that runs a model, and closed forms written with 60 digits (mpmath).

The closed forms are the sums of exponentials of the textbooks (Gibaldi & Perrier 1982), evaluated in so many digits
that neither equal rate constants nor washed-out tails lose anything: the result is exact to the last digit of a double.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath
import numpy as np

from pkpd.dosing import Dose
from pkpd.engine import Settings, Solution, compile_model, schedule
from pkpd.model import Model

_DIGITS = 60


TINY = 1e-280  # below, a double has no room for nine digits


def run(
    model: Model,
    values: Any,
    doses: Sequence[Dose] = (),
    times: Any = (1.0,),
    *,
    sens: Sequence[str] = (),
    linear: str = "closed form",
    after: Any = False,
    settings: Settings | None = None,
) -> Solution:
    """Run subjects with the same doses and times; `values` has one row per subject (or is one row)."""
    code = compile_model(model, sens, linear)
    table = np.atleast_2d(np.asarray(values, dtype=float))
    clock = np.asarray(times, dtype=float)
    late = np.broadcast_to(np.asarray(after, dtype=bool), clock.shape)
    plan = schedule(
        [tuple(doses)] * len(table), [clock] * len(table), [late] * len(table), code.entries, len(code.states)
    )
    return code.run(table, plan, settings)


def run_each(
    model: Model,
    values: Any,
    doses: Sequence[Sequence[Dose]],
    times: Sequence[Any],
    *,
    sens: Sequence[str] = (),
    linear: str = "closed form",
    after: bool = False,
    settings: Settings | None = None,
) -> Solution:
    """Run subjects with their own doses and times."""
    code = compile_model(model, sens, linear)
    clocks = [np.asarray(t, dtype=float) for t in times]
    flags = [np.full(t.shape, after) for t in clocks]
    plan = schedule([tuple(d) for d in doses], clocks, flags, code.entries, len(code.states))
    return code.run(np.asarray(values, dtype=float), plan, settings)


def exponentials(rates: Sequence[float], weights: Sequence[Any], dose: Dose, t: float) -> Any:
    """Return the response at time t to one dose, where the response to a unit impulse is Σ weight·exp(−rate·t)."""
    since = mpmath.mpf(t) - mpmath.mpf(dose.time)
    total = mpmath.mpf(0)
    if since < 0 or (since == 0 and dose.duration > 0):
        return total
    for rate, weight in zip(rates, weights, strict=True):
        if dose.duration > 0:
            length = mpmath.mpf(dose.duration)
            end = mpmath.mpf(dose.time + dose.duration) - mpmath.mpf(dose.time)  # where a double puts the end
            inside, later = min(since, end), max(since - end, mpmath.mpf(0))
            grown = inside if rate == 0 else -mpmath.expm1(-rate * inside) / rate
            total += weight * mpmath.mpf(dose.amount) / length * grown * mpmath.exp(-rate * later)
        else:
            total += weight * mpmath.mpf(dose.amount) * mpmath.exp(-rate * since)
    return total


def _absorbed(rates: list[Any], weights: list[Any], ka: Any) -> tuple[list[Any], list[Any]]:
    """Put first-order absorption before Σ w·exp(−r·t): w·ka/(ka − r)·(exp(−r·t) − exp(−ka·t))."""
    new = [w * ka / (ka - r) for r, w in zip(rates, weights, strict=True)]
    return [*rates, ka], [*new, -sum(new)]


def one_compartment(values: dict[str, float], doses: Sequence[Dose], times: Sequence[float]) -> np.ndarray:
    """Return concentrations of one compartment (CL, V and, for oral doses, ka), before a dose at a sample time."""
    with mpmath.workdps(_DIGITS):
        p = {n: mpmath.mpf(v) for n, v in values.items()}
        rates, weights = [p["CL"] / p["V"]], [1 / p["V"]]
        return _concentrations(rates, weights, p.get("ka"), doses, times)


def two_compartment(values: dict[str, float], doses: Sequence[Dose], times: Sequence[float]) -> np.ndarray:
    """Return concentrations of two compartments (CL, V1, Q, V2 and, for oral doses, ka)."""
    with mpmath.workdps(_DIGITS):
        p = {n: mpmath.mpf(v) for n, v in values.items()}
        k10, k12, k21 = p["CL"] / p["V1"], p["Q"] / p["V1"], p["Q"] / p["V2"]
        total = k10 + k12 + k21
        # Equal eigenvalues are taken apart by 1e-25: the error is of that size, and 60 digits stand it.
        root = mpmath.sqrt(total**2 - 4 * k10 * k21) or total * mpmath.mpf(10) ** -25
        alpha = (total + root) / 2
        beta = k10 * k21 / alpha
        share = (alpha - k21) / (alpha - beta)
        return _concentrations([alpha, beta], [share / p["V1"], (1 - share) / p["V1"]], p.get("ka"), doses, times)


def _concentrations(
    rates: list[Any], weights: list[Any], ka: Any, doses: Sequence[Dose], times: Sequence[float]
) -> np.ndarray:
    oral: tuple[list[Any], list[Any]] = ([], [])
    if ka is not None:
        while any(abs(ka - r) <= abs(ka) * mpmath.mpf(10) ** -26 for r in rates):
            ka += ka * mpmath.mpf(10) ** -25
        oral = _absorbed(rates, weights, ka)
    found = []
    for t in times:
        parts = [
            exponentials(*(oral if d.route == "oral" else (rates, weights)), d, t)
            for d in doses
            if d.duration > 0 or d.time < t
        ]
        found.append(float(mpmath.fsum(parts)))
    return np.array(found)


def worst(found: Any, expected: Any) -> float:
    """Return the largest relative error where the expected value has room for it; smaller ones must be as small."""
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    seen = np.abs(expected) > TINY
    assert np.isfinite(found).all()
    assert (np.abs(found[~seen]) <= 2 * TINY).all()
    return float(np.max(np.abs(found[seen] / expected[seen] - 1), initial=0.0))
