"""Prints a digest of results of every kind of computing: run as a module, on a machine as it is told to be."""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.solve.matrix_exponential import multiply
from pkpd.model import Model, define

DOSES = (Dose(0.0, 100.0, "oral"), Dose(24.0, 50.0, "infusion", duration=2.0), Dose(48.0, 30.0))
TIMES = np.concatenate([np.arange(0.0, 24.0, 0.5), [30.0, 47.0, 48.0, 60.0, 96.0]])


def models() -> list[tuple[Model, tuple[str, ...], str]]:
    """Return models, sensitivities and methods: closed form, series, Runge–Kutta, stiff; with and without slopes."""
    pk = {"G": "-ka*G", "A": "ka*G - CL/V*A - Q/V*A + Q/V2*P", "P": "Q/V*A - Q/V2*P"}
    doses = {"oral": "G", "infusion": "A", "bolus": "A"}
    values = {"ka": 0.9, "CL": 3.0, "V": 20.0, "Q": 2.0, "V2": 40.0}
    linear = define(pk, values, outputs={"C": "A/V"}, doses=doses)
    effect = {**pk, "E": "kin*(1 + Emax*(A/V)**h/(EC**h + (A/V)**h)) - kout*E"}
    more = {**values, "kin": 1.0, "Emax": 3.0, "EC": 1.5, "h": 1.4, "kout": 0.3}
    driven = define(effect, more, outputs={"C": "A/V", "E": "E"}, initial={"E": "kin/kout"}, doses=doses)
    corner = {**pk, "E": "kin - kout*max(A/V, EC)*E"}
    few = {name: more[name] for name in (*values, "kin", "kout", "EC")}
    cornered = define(corner, few, outputs={"E": "E"}, initial={"E": "kin/kout"}, doses=doses)
    binding = {"A": "-CL/V*A - V*(kon*A/V*R - koff*B)", "R": "ksyn - kdeg*R - kon*A/V*R + koff*B",
               "B": "kon*A/V*R - (koff + kint)*B"}  # fmt: skip
    rates = {"CL": 2.0, "V": 15.0, "kon": 60.0, "koff": 0.1, "kint": 0.5, "ksyn": 1.0, "kdeg": 0.2}
    bound = define(binding, rates, outputs={"C": "A/V", "R": "R"}, initial={"R": "ksyn/kdeg"},
                   doses=dict.fromkeys(doses, "A"))  # fmt: skip
    return [
        (linear, (), "automatic"), (linear, ("ka", "CL", "V", "Q", "V2"), "automatic"), (driven, (), "automatic"),
        (driven, ("ka", "CL", "EC", "h"), "automatic"), (cornered, (), "explicit"), (bound, (), "stiff"),
        (bound, ("kon", "CL"), "automatic"),
    ]  # fmt: skip


def digest(crowd: int = 11) -> str:
    """Return the digest of everybody's outputs and slopes."""
    found = hashlib.sha256()
    for model, sensitivities, method in models():
        code = compile_model(model, sensitivities)
        rng = np.random.default_rng(4)
        values = model.parameters.values * np.exp(0.3 * rng.standard_normal((crowd, len(model.parameters))))
        late = np.zeros(TIMES.size, dtype=bool)
        plan = code.schedule(values, [DOSES] * crowd, [TIMES] * crowd, [late] * crowd)
        solution = code.run(values, plan, Settings(method=method))
        assert not solution.status.any(), (method, solution.status)
        found.update(solution.outputs.tobytes())
        found.update(solution.slopes.tobytes())
    return found.hexdigest()


def loop_digest() -> str:
    """Return the digest of what one of numba's loops makes, all products and sums."""
    a, b, out = np.random.default_rng(3).normal(size=(3, 40, 40))
    multiply(a, b, out, 38, 40)
    return hashlib.sha256(out.tobytes()).hexdigest()


if __name__ == "__main__":
    assert library  # the whole package is there
    print(loop_digest() if sys.argv[1:] == ["loop"] else digest())
