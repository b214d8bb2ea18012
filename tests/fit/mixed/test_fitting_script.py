"""The page of the fitting script is run as printed, and its numbers are those that are known."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pkpd.fit import steps

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fitting-script.md"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """What the script defines."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    assert len(blocks) == 1
    space: dict[str, Any] = {}
    exec(blocks[0], space)
    return space


def test_every_way_leads_to_the_known_optimum(script: dict[str, Any]) -> None:
    assert script["attempt"].objective == pytest.approx(116.8034, abs=1e-3)
    assert script["theirs"].fun == pytest.approx(116.8034, abs=1e-3)
    assert script["fit"].objective == pytest.approx(116.8034, abs=1e-3)
    # standard errors of log ka, log CL and log V by an independent evaluator (complex-step gradients)
    np.testing.assert_allclose(script["errors"]["R"][:3], [0.19184, 0.083523, 0.046613], rtol=5e-3)
    np.testing.assert_allclose(script["errors"]["S"][:3], [0.296233, 0.427027, 0.22326], rtol=5e-3)


def test_exact_values_agree_and_saem_ends_near_their_minimum(script: dict[str, Any]) -> None:
    problem, exact, drawn = script["problem"], script["exact"], script["drawn"]
    assert abs(exact.objective - drawn.objective) < 4 * drawn.error + 0.01
    there = steps.quadrature(problem, problem.at(script["run"].vector), nodes=9)
    assert there.objective == pytest.approx(118.1009, abs=0.1)


def test_gradients_are_those_of_the_objective(script: dict[str, Any]) -> None:
    problem, x, there = script["problem"], script["x"], script["there"]
    for k in range(x.size):
        step = 1e-5 * np.eye(x.size)[k]
        up, down = (steps.marginal(problem, problem.at(x + s), "FOCEI").objective for s in (step, -step))
        assert (up - down) / 2e-5 == pytest.approx(there.gradient[k], rel=1e-5, abs=1e-5)


def test_the_same_vector_is_worth_the_same_in_any_order(script: dict[str, Any]) -> None:
    objective = steps.MarginalObjective(script["problem"])
    vectors = [script["x"], script["attempt"].minimum.vector, script["run"].vector]
    forward = [objective(v).objective for v in vectors]
    back = [objective(v).objective for v in reversed(vectors)]
    np.testing.assert_allclose(forward, back[::-1], atol=1e-8)


def test_problems_and_runs_can_be_sent_to_workers(script: dict[str, Any]) -> None:
    problem = pickle.loads(pickle.dumps(script["problem"]))
    there = steps.marginal(problem, problem.at(script["x"]), "FOCEI")
    assert there.objective == script["there"].objective
    again = pickle.loads(pickle.dumps(script["run"]))
    np.testing.assert_array_equal(again.vector, script["run"].vector)
    assert pickle.loads(pickle.dumps(script["fit"])).objective == script["fit"].objective


def test_all_names_of_the_steps_are_there() -> None:
    assert [n for n in steps.__all__ if not hasattr(steps, n)] == []
    named = set(re.findall(r"steps\.(\w+)", PAGE.read_text(encoding="utf-8")))
    assert named <= set(steps.__all__)


def test_the_bootstrap_is_that_of_single_fits(script: dict[str, Any]) -> None:
    boot = script["boot"]
    assert boot["estimate"].sizes["replicate"] == 4
    assert set(boot["status"].values) <= {"converged", "on a bound", "not converged"}
    alone = script["again"](2)
    np.testing.assert_array_equal(boot["estimate"].isel(replicate=2).values, alone["estimate"].values)
    assert float(boot["estimate"].sel(parameter="CL").std("replicate")) > 0
