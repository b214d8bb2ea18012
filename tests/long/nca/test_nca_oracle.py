"""The kernel against a slow scalar oracle: loops over samples, areas by numerical quadrature of the curve."""

from __future__ import annotations

import pytest

from tests.nca.oracle import check_agreement


@pytest.mark.parametrize("seed", range(1, 16))
def test_kernel_agrees_with_loops_and_quadrature(seed: int) -> None:
    check_agreement(seed, 200)
