"""Helpers of the library's tests: run a model, a concentration that stays, and every entry of the catalogue."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.library.catalogue import Entry, entries
from pkpd.model import Model, define

FINE = Settings(rtol=1e-10, atol=1e-12)
DRIVE = define({"x": "0*c"}, {"c": 1.0}, initial={"x": "c"}, outputs={"C": "x"})  # C = c for ever
ENTRIES = {e.call: e for e in entries()}
DRUGS = {call: e.make() for call, e in ENTRIES.items() if "C" in e.make().outputs}
RESPONSES = [e for e in ENTRIES.values() if e.call not in DRUGS]


def values_of(model: Model, **changed: float) -> dict[str, float]:
    """Typical values, changed where the test says so."""
    values = library.typical(model).parameters.as_dict()
    assert not set(changed) - set(values), set(changed) - set(values)
    return values | changed


def solve(
    model: Model,
    values: dict[str, float],
    times: Any,
    doses: Sequence[Dose] = (),
    *,
    after: bool = False,
    settings: Settings = FINE,
) -> dict[str, Any]:
    """Run one subject; outputs and states by name. With `after`, a row at the time of a dose stands after it."""
    code = compile_model(model)
    clock = np.asarray(times, dtype=float)
    row = np.array([[values[n] for n in code.inputs]])
    plan = code.schedule(row, [tuple(doses)], [clock], [np.full(clock.size, after)])
    found = code.run(row, plan, settings)
    assert not found.status.any()
    states = {s: found.states[:, k] for k, s in enumerate(code.states)}
    return states | {o: found.outputs[:, k] for k, o in enumerate(code.outputs)}


def composed(entry: Entry, **arguments: Any) -> Model:
    """The model of an entry, made to take what arguments it can."""
    known = inspect.signature(entry.function).parameters
    return entry.function(**{**entry.arguments, **{k: v for k, v in arguments.items() if k in known}})


def exponentials(p: dict[str, float], compartments: int) -> tuple[Any, Any]:
    """Rates λ and coefficients A of the unit bolus, C = Σ A·exp(−λt), for one to three compartments.

    λ are the roots of the characteristic polynomial (Gibaldi & Perrier 1982, chapters 1-2 and appendix B).
    """
    if compartments == 1:
        return np.array([p["CL"] / p["V"]]), np.array([1 / p["V"]])
    v = p["V1"]
    pairs = [("Q", "V2")] if compartments == 2 else [("Q2", "V2"), ("Q3", "V3")]
    back = [p[q] / p[own] for q, own in pairs]
    out = [p[q] / v for q, _ in pairs]
    # (s + k10 + Σ out) Π(s + back) − Σ out·back·Π_{others}(s + back)
    poly = np.array([1.0, p["CL"] / v + sum(out)])
    for b in back:
        poly = np.polymul(poly, [1.0, b])
    for k, b in enumerate(back):
        rest = np.array([out[k] * b])
        for j, other in enumerate(back):
            if j != k:
                rest = np.polymul(rest, [1.0, other])
        poly = np.polysub(poly, rest)
    rates = -np.real(np.roots(poly))
    coefficients = [math.prod(b - s for b in back) / math.prod(o - s for o in rates if o != s) / v for s in rates]
    return rates, np.array(coefficients)


def bolus_curve(rates: Any, coefficients: Any, t: Any) -> Any:
    return (coefficients * np.exp(-np.multiply.outer(np.asarray(t), rates))).sum(axis=-1)


def infusion_curve(rates: Any, coefficients: Any, t: Any, length: float) -> Any:
    """Unit dose infused from 0 to `length`."""
    t = np.asarray(t, dtype=float)[..., None]
    on = np.minimum(t, length)
    return (coefficients / rates / length * -np.expm1(-rates * on) * np.exp(-rates * (t - on))).sum(axis=-1)


def absorbed(rates: Any, coefficients: Any, ka: float) -> tuple[Any, Any]:
    """The exponentials after first-order absorption (ka apart from every rate)."""
    part = ka * coefficients / (ka - rates)
    return np.append(rates, ka), np.append(part, -part.sum())
