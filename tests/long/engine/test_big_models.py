"""Chains of a number of states that the suite leaves out."""

from __future__ import annotations

import pytest

from tests.engine.test_big_models import METHODS, check_linear_chain, check_saturable_chain


@pytest.mark.parametrize("states", [30, 40])
def test_linear_chains(states: int) -> None:
    check_linear_chain(states)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("states", [30, 40])
def test_saturable_chains(states: int, method: str) -> None:
    check_saturable_chain(states, method)
