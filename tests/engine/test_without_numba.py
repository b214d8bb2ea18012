"""On a machine without numba everything is computed by NumPy and SciPy: a process in which numba cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pkpd.dosing import Dose
from pkpd.engine import compile_model
from pkpd.engine.machine.jit import AVAILABLE
from tests.engine.same_bits import models

ROOT = Path(__file__).parents[2]
DOSES = (Dose(0.0, 100.0, "oral"), Dose(4.0, 50.0, "infusion", duration=2.0), Dose(8.0, 30.0))
TIMES = np.array([0.5, 3.0, 5.0, 8.0, 12.0])


def results() -> list[list[float]]:
    """Return outputs, slopes and second derivatives of every kind of model, for two subjects."""
    found = []
    for model, sensitivities, _ in models():
        for order in (1, 2) if len(sensitivities) == 2 else (1,):
            code = compile_model(model, sensitivities, order=order)
            values = model.parameters.values * np.array([[1.0], [1.2]])
            late = np.zeros(TIMES.size, dtype=bool)
            solution = code.run(values, code.schedule(values, [DOSES] * 2, [TIMES] * 2, [late] * 2))
            assert not solution.status.any()
            found.append(np.concatenate([solution.outputs.ravel(), solution.slopes.ravel(), solution.second.ravel()]))
    return [part.tolist() for part in found]


def test_the_same_numbers() -> None:
    if not AVAILABLE:
        pytest.skip("this is the machine without numba")
    code = (
        "import sys, json; sys.modules['numba'] = None\n"
        "from pkpd.engine.machine.jit import AVAILABLE\n"
        "from tests.engine.test_without_numba import results\n"
        "assert not AVAILABLE\n"
        "print(json.dumps(results()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    for theirs, ours in zip(json.loads(done.stdout.splitlines()[-1]), results(), strict=True):
        largest = np.abs(ours).max()
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-7 * largest)
