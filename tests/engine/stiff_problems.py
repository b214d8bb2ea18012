"""Stiff problems of the tests and the benchmark, with the answers of other people.

Reference values: Mazzia & Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008), problems ROBER,
VDPOL, HIRES and OREGO; the same problems stand in Hairer & Wanner, Solving Ordinary Differential Equations II, IV.10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy
from scipy.integrate import odeint

from pkpd.dosing import Dose
from pkpd.model import Model, define

NAMES = ["CL", "V1", "Q", "V2", "koutR", "R0", "EmaxR", "EC50R", "koutL", "L0", "kmarg", "EC50L", "kret",
         "kon", "koff", "kint", "ksyn", "kdeg"]  # fmt: skip
TARGET = [100.0, 0.1, 1.0, 1.0, 0.1]
# The first two rows of /work/shared/reference/figures/simulation/params_10000.csv.
ROWS = np.array([
    [11.2, 12.0, 3.0, 8.0, 0.03, 700.0, 8.0, 2.0, 0.005, 1.5, 0.8, 1.0, 0.05, *TARGET],
    [12.546025, 9.0946276, 2.7133992, 8.4441461, 0.0356273, 939.6662, 9.0042268, 1.2929475, 0.0051991617, 1.3605656,
     0.86163475, 0.78204896, 0.041880485, *TARGET],
])  # fmt: skip
DOSES = tuple(Dose(24.0 * d, 2100.0) for d in (0, 1, 2, 3, 4, 14, 15, 16, 17, 18))
TIMES = np.array([1, 24, 97, 120, 168, 240, 337, 433, 504, 672, 840, 1176], dtype=float)


def target_mediated() -> Model:
    """Return the model of figures/simulation whose drug also binds its target (fast on, slow off, internalized)."""
    return define(
        {
            "CENT": "-CL/V1*CENT - Q/V1*CENT + Q/V2*PERI - V1*(kon*C*T - koff*P)",
            "PERI": "Q/V1*CENT - Q/V2*PERI",
            "T": "ksyn - kdeg*T - kon*C*T + koff*P",
            "P": "kon*C*T - (koff + kint)*P",
            "RET": "koutR*R0*(1 + EmaxR*C/(EC50R + C)) - koutR*RET",
            "LYM": "koutL*L0 - koutL*LYM - kmarg*C/(EC50L + C)*LYM + kret*TIS",
            "TIS": "kmarg*C/(EC50L + C)*LYM - kret*TIS",
        },
        NAMES,
        outputs={"C": "CENT/V1"},
        initial={"RET": "R0", "LYM": "L0", "T": "10"},
        doses={"bolus": "CENT"},
    )


class Lsoda:
    """The target-mediated model by SciPy's odeint (LSODA), with a Jacobian: nothing of the engine is in it."""

    def __init__(self) -> None:
        m = target_mediated()
        y, p = sympy.symbols(" ".join(m.states), real=True), sympy.symbols(" ".join(NAMES), real=True)
        concentration = {sympy.Symbol("C", real=True): m.expression("C")}
        rhs = sympy.Matrix([m.expression(s).xreplace(concentration) for s in m.states])
        self.rhs = sympy.lambdify((y, p), list(rhs), cse=True)
        self.jacobian = sympy.lambdify((y, p), rhs.jacobian(y), cse=True)

    def __call__(self, row: np.ndarray, tolerance: float) -> np.ndarray:
        """Return the states at `TIMES` (after a dose)."""
        state = np.array([0, 0, 10.0, 0, row[NAMES.index("R0")], row[NAMES.index("L0")], 0])
        edges, found = [*(d.time for d in DOSES), TIMES[-1]], {}
        for dose, begin, end in zip(DOSES, edges[:-1], edges[1:], strict=True):
            state[0] += dose.amount
            found[begin] = state.copy()
            clock = np.unique([begin, *TIMES[(begin < TIMES) & (end > TIMES)], end])
            values = odeint(
                lambda s, t: self.rhs(s, row), state, clock, Dfun=lambda s, t: self.jacobian(s, row),
                rtol=tolerance, atol=tolerance, mxstep=1_000_000,
            )  # fmt: skip
            found |= dict(zip(clock[1:], values[1:], strict=True))
            state = values[-1].copy()
        return np.array([found[t] for t in TIMES])


@dataclass(frozen=True)
class Problem:
    """Equations with one parameter, an end, the values there, and how large what matters is."""

    equations: dict[str, str]
    parameter: tuple[str, float]
    initial: dict[str, str]
    end: float
    answer: tuple[float, ...]
    size: float

    def model(self) -> Model:
        """Return the model, every state an output."""
        return define(
            self.equations, dict([self.parameter]), outputs={s: s for s in self.equations}, initial=self.initial
        )


CLASSICS = {
    "Robertson": Problem(
        {"a": "-k*a + 1e4*b*c", "b": "k*a - 1e4*b*c - 3e7*b*b", "c": "3e7*b*b"}, ("k", 0.04), {"a": "1"}, 1e11,
        (0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050), 1e-6,
    ),
    "van der Pol": Problem(  # mu = 1000: eps = mu**-2 in scaled time
        {"y": "z", "z": "((1 - y*y)*z - y)/eps"}, ("eps", 1e-6), {"y": "2"}, 2.0,
        (0.1706167732170483e1, -0.8928097010247975), 1.0,
    ),
    "HIRES": Problem(
        {
            "y1": "-k*y1 + 0.43*y2 + 8.32*y3 + 0.0007", "y2": "k*y1 - 8.75*y2",
            "y3": "-10.03*y3 + 0.43*y4 + 0.035*y5", "y4": "8.32*y2 + k*y3 - 1.12*y4",
            "y5": "-1.745*y5 + 0.43*y6 + 0.43*y7", "y6": "-280*y6*y8 + 0.69*y4 + k*y5 - 0.43*y6 + 0.69*y7",
            "y7": "280*y6*y8 - 1.81*y7", "y8": "-280*y6*y8 + 1.81*y7",
        },
        ("k", 1.71), {"y1": "1", "y8": "0.0057"}, 321.8122,
        (0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
         0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2), 1e-2,
    ),
    "Oregonator": Problem(
        {"y1": "77.27*(y2 + y1*(1 - q*y1 - y2))", "y2": "(y3 - (1 + y1)*y2)/77.27", "y3": "0.161*(y1 - y3)"},
        ("q", 8.375e-6), {"y1": "1", "y2": "2", "y3": "3"}, 360.0,
        (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3), 1.0,
    ),
}  # fmt: skip


def chain(states: int = 20) -> Model:
    """Return a chain of compartments with rates from 1e-2 to 1e5, fast and slow ones in turn."""
    rates = 10 ** np.linspace(-2, 5, states)[np.argsort(np.arange(states) % 2, kind="stable")]
    names = [f"x{k}" for k in range(states)]
    flows = [f"{rate!r}*k*{name}" for rate, name in zip(rates.tolist(), names, strict=True)]
    into = ["", *(f" + {flow}" for flow in flows)]
    equations = {name: f"-{flow}{more}" for name, flow, more in zip(names, flows, into, strict=False)}
    return define(equations, {"k": 1.0}, outputs={n: n for n in names}, doses={"bolus": "x0", "infusion": "x3"})
