"""Random models of pharmacometrics, by every method and several tolerances, against SciPy's LSODA at 1e-12.

A family has equations with free numbers; the numbers, doses and routes are drawn from a seed that was chosen before the
first run. What is finished must be right: an error of 30 times the tolerance with status 0 is a fault. The reference
itself is good to 1e-10 of the largest that a state has been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.model import Model, expressions

SEED, DRAWS = 20261129, 8
HOW = (
    Settings(rtol=1e-4), Settings(rtol=1e-6), Settings(), Settings(rtol=1e-10), Settings(method="stiff"),
    Settings(rtol=1e-5, method="stiff"),
)  # fmt: skip
MOST = 100_000  # calls of the reference's right-hand side: LSODA at its limit may never end
REFERENCE = 1e-10  # of the largest: what LSODA reaches at 1e-12
DRUG = {"G": "-ka*G", "A": "ka*G - CL/V*A"}
SATURABLE = {"G": "-ka*G", "A": "ka*G - Vm*A/(Km + A)"}
ROUTES = {"oral": "G", "bolus": "A", "infusion": "A"}
Range = tuple[float, float]
PK: dict[str, Range] = {"ka": (0.1, 5), "CL": (0.2, 20), "V": (2, 50)}
MM: dict[str, Range] = {"ka": (0.1, 5), "Vm": (0.5, 20), "Km": (1e-3, 50)}
TURNOVER: dict[str, Range] = {"kin": (0.1, 10), "kout": (0.05, 2)}
EXPONENTS: Range = (0.3, 6)


def _chain(n: int) -> dict[str, str]:
    first = {"X0": "-k*X0*(1 + X0/(Kx + X0))"} | {f"X{i}": f"k*X{i - 1} - k*X{i}" for i in range(1, n)}
    return first | {"A": f"k*X{n - 1} - Vm*A/(Km + A)"}


Family = tuple[dict[str, str], dict[str, Range], dict[str, str], dict[str, str]]
FAMILIES: dict[str, Family] = {
    # equations, ranges of parameters (drawn by their logarithm), initial values, routes
    "sigmoid effect": (
        {**DRUG, "E": "kin*(1 + Em*(A/V)**g/(EC**g + (A/V)**g)) - kout*E"},
        {**PK, **TURNOVER, "Em": (0.5, 20), "EC": (0.01, 10), "g": EXPONENTS}, {"E": "kin/kout"}, ROUTES,
    ),
    "sigmoid effect of an integrated drug": (
        {**SATURABLE, "E": "kin*(1 - A**g/(EC**g + A**g)) - kout*E"},
        # A root of what is washed out makes much of its absolute tolerance: (1e-12)^g is no error of 1e-10 below g = 1.
        {**MM, **TURNOVER, "EC": (0.01, 10), "g": (1, 6)}, {"E": "kin/kout"}, ROUTES,
    ),
    "moving exponent": (
        {**DRUG, "E": "kin + kin*(A/V)**(1 + h*E/(1 + E)) - kout*E"}, {**PK, **TURNOVER, "h": (0.1, 1.5)},
        {"E": "kin/kout"}, ROUTES,
    ),
    "target-mediated": (
        {"L": "-CL/V*L - kon*L*R + koff*LR", "R": "ks - kd*R - kon*L*R + koff*LR", "LR": "kon*L*R - koff*LR - ki*LR"},
        {"CL": (0.05, 1), "V": (2, 5), "kon": (0.1, 1e4), "koff": (1e-3, 10), "ks": (0.1, 10), "kd": (0.1, 1),
         "ki": (0.05, 1)},
        {"R": "ks/kd"}, {"oral": "L", "bolus": "L", "infusion": "L"},
    ),
    "saturable": (SATURABLE, MM, {}, ROUTES),
    "chain of 4": (
        _chain(4), {"k": (0.1, 10), "Kx": (0.1, 100), "Vm": (0.5, 20), "Km": (0.1, 10)}, {},
        {"oral": "X0", "bolus": "X0", "infusion": "A"},
    ),
    "chain of 20": (
        _chain(20), {"k": (0.1, 10), "Kx": (0.1, 100), "Vm": (0.5, 20), "Km": (0.1, 10)}, {},
        {"oral": "X0", "bolus": "X0", "infusion": "A"},
    ),
    "predator and prey": (
        {"x": "a*x - b*x*y", "y": "d*x*y - c*y"}, {"a": (0.2, 2), "b": (0.1, 1), "c": (0.2, 2), "d": (0.1, 1)},
        {"x": "2", "y": "1"}, {"oral": "x", "bolus": "y", "infusion": "x"},
    ),
    "Gompertz": (
        {**DRUG, "N": "-r*N*log(N/K) - q*A/V*N"}, {**PK, "r": (0.01, 1), "K": (1e3, 1e9), "q": (0.01, 0.2)},
        {"N": "100"}, ROUTES,
    ),
    "rhythm": (
        {**DRUG, "E": "kin*(1 + am*cos(0.2617993877991494*(t - ph)))*(1 - tanh(A/V)) - kout*E",
         "F": "sin(E) - kout*F*sqrt(1 + F*F)"},
        {**PK, **TURNOVER, "am": (0.1, 0.9), "ph": (1, 20)}, {"E": "kin/kout"}, ROUTES,
    ),
    "from nothing": (
        {"x": "a - b*x**g", "y": "x**h - c*y"},
        {"a": (0.01, 10), "b": (0.1, 3), "c": (0.1, 3), "g": (0.3, 2), "h": (0.3, 1.5)}, {},
        {"oral": "x", "bolus": "x", "infusion": "y"},
    ),
    "negative states": (
        {"x": "-k*x - w*y + c*sin(x)", "y": "w*x - k*y**3", "z": "x*y - k*z"},
        {"k": (0.05, 0.5), "w": (0.3, 3), "c": (0.05, 1)}, {"x": "1"}, {"oral": "y", "bolus": "y", "infusion": "x"},
    ),
    "Robertson": (
        {"a": "-k1*a + k3*b*c", "b": "k1*a - k3*b*c - k2*b*b", "c": "k2*b*b"},
        {"k1": (0.02, 0.1), "k2": (1e7, 1e8), "k3": (1e3, 1e5)}, {"a": "1"},
        {"oral": "a", "bolus": "a", "infusion": "a"},
    ),
}  # fmt: skip
SIGNED = {"rhythm", "negative states"}


def draw(family: str, rng: np.random.Generator) -> tuple[Model, tuple[Dose, ...], np.ndarray]:
    """Return a model with its numbers, doses and times."""
    equations, ranges, initial, routes = FAMILIES[family]
    numbers = {name: float(np.exp(rng.uniform(*np.log(ends)))) for name, ends in ranges.items()}
    model = define(equations, numbers, outputs={"first": next(iter(equations))}, initial=initial, doses=routes)
    end, amount = float(rng.choice([12.0, 48.0])), float(np.exp(rng.uniform(np.log(0.1), np.log(50))))
    if family == "negative states":
        amount = min(amount, 5.0)
    plans: list[tuple[Dose, ...]] = [
        (Dose(0, amount, "oral"),), (Dose(end * rng.uniform(0.1, 0.3), amount),),
        (Dose(0, amount, "oral", additional=3, interval=end / 4),),
        (Dose(0, amount / 2, "oral"), Dose(end / 4, amount, "infusion", end / 10)),
    ]  # fmt: skip
    doses = () if family == "from nothing" else plans[rng.integers(len(plans))]
    return model, doses, np.array([end * 1e-3, end * 0.05, end * 0.25, end * 0.3, end * 0.5, end])


def _happenings(model: Model, doses: Sequence[Dose]) -> list[tuple[float, int, float, float]]:
    """Return time, state, jump and change of rate of everything that is given."""
    found: list[tuple[float, int, float, float]] = []
    for d in doses:
        state = list(model.equations).index(model.doses[d.route])
        for k in range(d.additional + 1):
            begin = d.time + k * d.interval
            if d.duration > 0:
                rate = d.amount / d.duration
                found += [(begin, state, 0.0, rate), (begin + d.duration, state, 0.0, -rate)]
            else:
                found.append((begin, state, d.amount, 0.0))
    return sorted(found)


def reference(model: Model, doses: Sequence[Dose], times: np.ndarray, signed: bool) -> np.ndarray:
    """Return the states at the times (times × states, in the order of the equations), by LSODA from dose to dose."""
    values = {expressions.symbol(p.name): sympy.Float(p.value, 17) for p in model.parameters}
    states = [expressions.symbol(s) for s in model.equations]
    rates = [expressions.parse(e).xreplace(values) for e in model.equations.values()]
    rhs: Callable[..., list[float]] = sympy.lambdify([expressions.symbol("t"), states], rates, modules=["math"])
    y = np.array([float(expressions.parse(model.initial.get(s, "0")).xreplace(values)) for s in model.equations])
    largest, given, out = max(*np.abs(y), *(d.amount for d in doses), 1e-6), np.zeros(len(y)), []
    happenings, now, calls = _happenings(model, doses), 0.0, 0

    def dydt(t: float, y: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > MOST:
            raise TimeoutError
        return np.asarray(rhs(t, y if signed else np.maximum(y, 0.0))) + given

    for until in sorted({*times, *(h[0] for h in happenings if h[0] <= times[-1])}):
        if until > now:
            found = solve_ivp(dydt, (now, until), y, method="LSODA", rtol=1e-12, atol=1e-15 * largest)
            assert found.status == 0
            y, now = found.y[:, -1], until
        out += [y] if until in times else []
        y = y.copy()
        for _, state, jump, rate in (h for h in happenings if h[0] == until):
            y[state] += jump
            given = given.copy()
            given[state] += rate
    return np.array(out)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_finished_is_right(family: str) -> None:
    faults, compared = [], 0
    for k in range(DRAWS):
        model, doses, times = draw(family, np.random.default_rng([SEED, k, *family.encode()]))
        try:
            exact = reference(model, doses, times, family in SIGNED)
        except TimeoutError:
            continue
        compared += 1
        peak = np.maximum(np.abs(exact).max(axis=0), max((d.amount for d in doses), default=0.0))
        code, values = compile_model(model), np.array([[p.value for p in model.parameters]])
        plan = code.schedule(values, [doses], [times], [np.zeros(len(times), bool)])
        for how in HOW:
            found = code.run(values, plan, how)
            states = found.states[:, [code.states.index(s) for s in model.equations]]
            error = np.abs(states - exact) / (30 * how.rtol * np.abs(exact) + REFERENCE * peak)
            below = family not in SIGNED and (states < 0).any()
            if found.status[0] or not (error <= 1).all() or below:
                faults.append((k, how.method, how.rtol, int(found.status[0]), float(error.max()), bool(below)))
    assert not faults
    assert compared >= DRAWS // 2
