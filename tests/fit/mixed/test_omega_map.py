"""The quick root of Ω against Ω itself: blocks, copies, occasions, zeros and fixed elements in any order."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd.fit.mixed.problem.omega_map import OmegaMap
from pkpd.population import Omega, block

THREE = [[0.3, 0.1, 0.05], [0.1, 0.2, 0.04], [0.05, 0.04, 0.4]]
PATTERNS: dict[str, Omega] = {
    "independent": Omega.independent(CL=0.3, V=0.2, ka=0.5),
    "full": block("CL", "V", "ka", omega=THREE),
    "a zero": block("CL", "V", "ka", omega=THREE, zeros=[("CL", "ka")]),
    "zeros in another order": block("CL", "V", "ka", omega=THREE, zeros=[("V", "ka")]),
    "the second variance fixed": block("CL", "V", omega=[[0.3, 0.1], [0.1, 0.2]]).fix("V"),
    "the last variance fixed beside zeros": block("CL", "V", "ka", omega=THREE, zeros=[("V", "ka")]).fix("ka"),
    "fixed rows behind free ones": block("CL", "V", "ka", omega=THREE).fix("V", "ka", ("V", "ka")),
    "one left out": block("CL", "V", "ka", omega=THREE).fix(V=0),
    "copies": block("k1", "V1", omega=[[0.3, 0.1], [0.1, 0.2]]).same("k2", "V2"),
    "occasions": block("CL", "V", omega=[[0.3, 0.1], [0.1, 0.2]]) + Omega.independent(CL=0.2, ka=0.1).at_occasion(),
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_root_is_one_of_omega_and_so_is_its_slope(pattern: str) -> None:
    omega, occasions = PATTERNS[pattern], 3 if pattern == "occasions" else 1
    active = np.flatnonzero(np.diag(omega.matrix(occasions)) > 0)
    quick, grid = OmegaMap(omega, occasions, active), np.ix_(active, active)
    rng = np.random.default_rng(5)
    for _ in range(3):
        vector = omega.to_vector() + 0.3 * rng.normal(size=len(omega.free))
        here = omega.from_vector(vector)
        root, change = quick.at(vector)
        np.testing.assert_allclose(root @ root.T, here.matrix(occasions)[grid], rtol=1e-12, atol=1e-14)
        half = np.einsum("ikp,jk->ijp", change, root)
        np.testing.assert_allclose(half + half.swapaxes(0, 1), here.derivative(occasions)[grid], rtol=1e-10, atol=1e-13)
