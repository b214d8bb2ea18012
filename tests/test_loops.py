"""The one loop: order, bits and names of what failed, whoever computes."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import xarray

import pkpd
from pkpd.errors import InputError, PkpdError
from pkpd.loops import mapped
from pkpd.simulate.locate import verb
from tests.fit.test_fit_covariates import fitted

POOLS = [None, ThreadPoolExecutor, ProcessPoolExecutor]


def root(x: float) -> float:
    """Something that fails in two ways."""
    if x < 0:
        raise InputError("x is negative; expected x ≥ 0", "root")
    return 1 / x**0.5


def halved(now: Any) -> pkpd.Regimen:
    """Half the dose where more than 60 ng/mL is left; a rule that processes can have."""
    return pkpd.bolus("1000 ug" if now.now["C"].iloc[0] > 60 else "2000 ug", at=[now.time])


@pytest.mark.parametrize("pool", POOLS)
def test_results_are_in_order_and_errors_name_their_item(pool: type[Executor] | None) -> None:
    executor = None if pool is None else pool(2)
    names = ["a", "b", "c"]
    assert mapped(root, [4.0, 1.0, 16.0], names, executor=executor) == [0.5, 1.0, 0.25]
    with pytest.raises(InputError, match="root: b: x is negative"):
        mapped(root, [4.0, -1.0, 0.0], names, executor=executor)
    with pytest.raises(PkpdError, match="c failed: ZeroDivisionError"):
        mapped(root, [4.0, 1.0, 0.0], names, executor=executor)
    assert mapped(root, [], [], executor=executor) == []


@pytest.mark.parametrize("pool", POOLS[1:])
def test_simulations_by_an_executor_are_the_same_bits(pool: type[Executor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "TOGETHER", 2)  # three parts
    fit, plan = fitted("pooled"), pkpd.bolus("2000 ug")
    calls = [
        lambda **by: pkpd.simulate(fit, plan, subjects=3, replicates=3, times=[1.0], uncertain=True, **by),
        lambda **by: pkpd.locate(fit, plan, "C", thresholds=40.0, subjects=5, **by),
        lambda **by: pkpd.simulate_adaptive(
            fit, halved, [0.0, 6.0], each=True, subjects=2, replicates=3, times=[8.0], **by
        ),
    ]
    with pool(2) as executor:
        for call in calls:
            xarray.testing.assert_identical(call(executor=executor, progress=False), call())


def test_an_error_of_a_rule_names_the_replicate() -> None:
    def wrong(now: Any) -> pkpd.Regimen:
        raise ValueError("no idea")

    with pytest.raises(PkpdError, match="decision 1"), ThreadPoolExecutor(1) as executor:
        pkpd.simulate_adaptive(fitted("pooled"), wrong, [0.0], replicates=2, executor=executor)
    assert np.isfinite(root(1.0))
