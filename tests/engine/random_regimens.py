"""Random regimens with every kind of dose, and what a linear model obeys under them, however it is solved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from tests.engine.test_events import PARAMETERS, disposition

SAMPLES, END = 10, 60.0
SEED = 20261123
Regimen = list[Dose]
Drawn = tuple[np.ndarray, list[Regimen], np.ndarray, np.ndarray]
"""Values of the subjects, their doses, their sample times, and their concentrations in closed form."""


def _dose(rng: np.random.Generator, linear: bool) -> Dose:
    """One dose at random; a linear one neither ends nor changes what is there."""
    time, amount, interval = rng.uniform(0, 40), rng.uniform(1, 200), rng.uniform(2, 15)
    more = {"additional": int(rng.integers(1, 6)), "interval": interval} if rng.random() < 0.4 else {}
    steady = rng.random()
    if steady < 0.15:
        more |= {"steady_state": "added" if linear or steady < 0.05 else "instead", "interval": interval}
    shape = rng.integers(6 if linear else 8)
    if shape == 0:
        return Dose(time, amount, "oral", **more)
    if shape == 1:
        return Dose(time, amount, "infusion", duration=rng.uniform(0.1, 20), **more)
    if shape == 2:
        return Dose(time, amount, "infusion", rate=rng.uniform(5, 100), **more)
    if shape == 3:
        return Dose(time, amount, "infusion", modelled=str(rng.choice(["rate", "duration"])), **more)
    if shape == 4:
        return Dose(time, amount, into="B", **more)
    if shape == 5:
        return Dose(time, amount, **more)
    if shape == 6:
        return Dose(time, amount, reset=True)
    return Dose(
        time, rng.uniform(0, 2), action=str(rng.choice(["replace", "multiply"])), into=str(rng.choice(["A", "G"]))
    )


def draw(subjects: int, linear: bool) -> Drawn:
    """So many subjects with up to four records each; linear ones neither end nor change what is there."""
    rng = np.random.default_rng([SEED, linear])
    names = disposition().parameters.names
    values = np.array([PARAMETERS[n] for n in names]) * np.exp(rng.normal(0, 0.4, (subjects, len(names))))
    values[:, names.index("F")] = rng.uniform(0.1, 1.0, subjects)
    doses = [[_dose(rng, linear) for _ in range(rng.integers(1, 5))] for _ in range(subjects)]
    times = np.sort(rng.uniform(0, END, (subjects, SAMPLES)), axis=1)
    return values, doses, times, _concentrations(values, doses, times)


def _concentrations(
    values: np.ndarray, doses: list[Regimen], times: np.ndarray, linear: str = "closed form"
) -> np.ndarray:
    code = compile_model(disposition(), (), linear)
    plan = code.schedule(values, doses, list(times), [np.zeros(SAMPLES, bool)] * len(doses))
    found = code.run(values, plan, Settings(rtol=1e-10, atol=1e-10))
    assert np.isfinite(found.outputs).all()
    return found.outputs[:, 0].reshape(times.shape)


def _agree(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """Every subject to the tolerance, relative to the subject's own largest value."""
    assert found.min() > -1e-9
    top = np.abs(expected).max(axis=1)
    off = np.abs(found - expected).max(axis=1) / np.where(top > 0, top, 1.0)  # some were sampled before their doses
    assert off.max() < tolerance, f"subject {off.argmax()} of seed {SEED}: {off.max():.2e}"


def check_closed_form_equals_ode(drawn: Drawn) -> None:
    """To 1e-7 at a tolerance of 1e-10."""
    values, doses, times, exact = drawn
    _agree(_concentrations(values, doses, times, "ode"), exact, 1e-7)


def check_clock(drawn: Drawn) -> None:
    """All of it 137.3 later."""
    values, doses, times, exact = drawn
    late = [[replace(d, time=d.time + 137.3) for d in own] for own in doses]
    _agree(_concentrations(values, late, times + 137.3), exact, 1e-9)


def check_order(drawn: Drawn) -> None:
    """Records in the opposite order, bit for bit."""
    values, doses, times, exact = drawn
    np.testing.assert_array_equal(_concentrations(values, [own[::-1] for own in doses], times), exact)


def check_superposition(drawn: Drawn) -> None:
    """Every dose alone, added up."""
    values, doses, times, exact = drawn
    owner = np.repeat(np.arange(len(doses)), [len(own) for own in doses])
    alone = _concentrations(values[owner], [[d] for own in doses for d in own], times[owner])
    total = np.zeros_like(exact)
    np.add.at(total, owner, alone)
    _agree(total, exact, 1e-9)


def check_splitting(drawn: Drawn) -> None:
    """Every dose as 30 and 70 % of it at the same time, infusions as long as before."""
    values, doses, times, exact = drawn
    fixed = [[_timed(d) for d in own] for own in doses]
    split = [[replace(d, amount=s * d.amount, rate=s * d.rate) for d in own for s in (0.3, 0.7)] for own in fixed]
    expected = exact if fixed == doses else _concentrations(values, fixed, times)
    _agree(_concentrations(values, split, times), expected, 1e-9)


def _timed(dose: Dose) -> Dose:
    """An infusion of modelled rate ends earlier with less in it, so it gets a modelled duration."""
    return replace(dose, modelled="duration") if dose.modelled == "rate" else dose
