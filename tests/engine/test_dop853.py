"""The coefficients of Dormand–Prince 8(5,3) are SciPy's, and satisfy what the method's order asks for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate._ivp import dop853_coefficients as published

from pkpd.engine.machine.steps import dop853_coefficients as ours

STAGES = 12


def padded(rows: tuple[tuple[float, ...], ...], width: int) -> np.ndarray:
    return np.array([[*row, *[0.0] * (width - len(row))] for row in rows])


def test_the_coefficients_are_the_published_ones() -> None:
    np.testing.assert_array_equal(padded(ours.A, 16), published.A)
    for mine, theirs in ((ours.B, published.B), (ours.E3, published.E3[:STAGES]), (ours.E5, published.E5[:STAGES])):
        np.testing.assert_array_equal(mine, theirs[:STAGES])
    np.testing.assert_array_equal(ours.C, published.C)
    np.testing.assert_array_equal(padded(ours.D, 16), published.D)


@pytest.mark.parametrize("order", range(1, 9))
def test_quadrature_conditions(order: int) -> None:
    """Σ b·c^(q−1) = 1/q for q up to the order 8 (Hairer, Nørsett & Wanner, II.2)."""
    b, c = np.array(ours.B), np.array(ours.C[:STAGES])
    assert b @ c ** (order - 1) == pytest.approx(1 / order, abs=1e-14)


def test_rows_add_up_to_the_nodes() -> None:
    np.testing.assert_allclose(padded(ours.A, 16).sum(axis=1), ours.C, atol=1e-14)
