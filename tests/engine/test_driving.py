"""Second derivatives of what drives, in its modes, against SciPy's exponential of one larger matrix."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy.linalg import expm

from pkpd.engine.machine.lapack import geev_address
from pkpd.engine.solve.modes import Driven, Modal, ModesRoom, Segments, find_modes
from pkpd.engine.solve.modes_second import Bending, Bent, second_numbers, turn

N, P = 3, 2
PAIRS = list(combinations_with_replacement(range(P), 2))
TAUS = np.array([0.0, 0.03, 0.7, 4.0, 30.0])


def block(kind: str, seed: int, gap: float = 0.5) -> dict[str, np.ndarray]:
    """A block with random derivatives: three states in a row, or two that exchange behind an input."""
    rng = np.random.default_rng(seed)
    ka, k, a, b = 1.0, 1.0 - gap, 0.7, 0.4
    chain = [[-ka, 0, 0], [ka, -k, 0], [0, k, -0.1]]
    exchange = [[-2.5, 0, 0], [2.5, -k - a, b], [0, a, -b]]
    shape = np.array(chain if kind == "chain" else exchange)
    mask = shape != 0
    return {
        "matrix": shape, "constant": rng.uniform(0, 1, N), "starts": rng.uniform(0, 5, N),
        "dmatrix": rng.normal(size=(P, N, N)) * mask, "dconstant": rng.normal(size=(P, N)),
        "dstarts": rng.normal(size=(P, N)), "d2matrix": rng.normal(size=(len(PAIRS), N, N)) * mask,
        "d2constant": rng.normal(size=(len(PAIRS), N)), "d2starts": rng.normal(size=(len(PAIRS), N)),
        "rates": rng.uniform(0, 3, N), "drates": rng.normal(size=(P + len(PAIRS), N)),
    }  # fmt: skip


def by_modes(given: dict[str, np.ndarray]) -> tuple[bool, np.ndarray]:
    """Second derivatives (times × pairs × states) from the numbers that the right-hand side reads, or that none can."""
    up, one = np.arange(N), {name: value[None] for name, value in given.items()}
    driven = Driven(
        one["matrix"], one["constant"], one["starts"], one["dmatrix"], one["dconstant"], one["d2constant"],
        np.array([0, 1]), one["starts"], one["dstarts"], one["rates"], one["drates"], up, up, np.arange(P),
        np.zeros((0, 2), dtype=np.int64),
    )  # fmt: skip
    modal = Modal(
        np.zeros((1, N)), *np.zeros((3, 1, N, N)), np.zeros((1, P, N, N)), np.zeros(1, dtype=bool),
        np.zeros(1, dtype=bool), np.zeros(1),
    )  # fmt: skip
    room = ModesRoom(
        np.frombuffer(b"NV", dtype=np.uint8).copy(), np.array([N, 8 * N, 0], dtype=np.int32), np.zeros(N * N),
        np.zeros(2 * N), np.zeros(N * N), np.zeros(8 * N), np.zeros((5, N)),
    )  # fmt: skip
    nothing = np.zeros(1, dtype=np.int64)
    lines = Segments(nothing, np.array([0, 1]), np.zeros(1), nothing, np.array([0, 1]))
    find_modes(geev_address(), driven, lines, 2, modal, room)
    wanted = np.array([(p, q, k, P + k) for k, (p, q) in enumerate(PAIRS)])
    asked = np.array([(state, w) for state in range(N) for w in range(len(PAIRS))])
    bent = Bent(one["d2matrix"], one["d2constant"], one["d2starts"], wanted, asked)
    bending = Bending(
        np.zeros((1, len(PAIRS), N, N)), np.zeros((5, N)), np.zeros((P, N)), np.zeros((P, N, N)), np.zeros((P, N)),
        np.zeros((2, N)), np.zeros((2, N, N)),
    )  # fmt: skip
    out = np.zeros((1, len(asked) * (1 + 3 * N)))
    turn(driven, modal, bent, bending)
    second_numbers(driven, modal, lines, bent, bending, out)
    offset, *weights = np.split(out.reshape(N, len(PAIRS), 1 + 3 * N), [1, 1 + N, 1 + 2 * N], axis=2)
    decay, tau = np.exp(modal.lam[0] * TAUS[:, None]), TAUS[:, None, None, None]
    grown = weights[0] + tau * (weights[1] + tau * weights[2])
    found = offset[..., 0] + (grown * decay[:, None, None, :]).sum(axis=-1)
    return bool(modal.sound[0]), found.transpose(0, 2, 1)


def by_exponential(given: dict[str, np.ndarray]) -> np.ndarray:
    """The same: the states, both first derivatives, the second one and a constant are one linear system."""
    found = np.zeros((len(TAUS), len(PAIRS), N))
    k = given["matrix"]
    for w, (p, q) in enumerate(PAIRS):
        zero = np.zeros((N, N))
        large = np.block([
            [k, zero, zero, zero], [given["dmatrix"][p], k, zero, zero], [given["dmatrix"][q], zero, k, zero],
            [given["d2matrix"][w], given["dmatrix"][q], given["dmatrix"][p], k],
        ])  # fmt: skip
        inputs = [
            given["constant"] + given["rates"], *(given["dconstant"][j] + given["drates"][j] for j in (p, q)),
            given["d2constant"][w] + given["drates"][P + w],
        ]  # fmt: skip
        whole = np.zeros((4 * N + 1, 4 * N + 1))
        whole[: 4 * N, : 4 * N], whole[: 4 * N, -1] = large, np.concatenate(inputs)
        start = np.concatenate([given["starts"], given["dstarts"][p], given["dstarts"][q], given["d2starts"][w], [1.0]])
        found[:, w] = [(expm(whole * tau) @ start)[3 * N : 4 * N] for tau in TAUS]
    return found


@pytest.mark.parametrize("kind", ["chain", "exchange"])
@pytest.mark.parametrize("seed", range(4))
def test_second_derivatives_of_what_drives(kind: str, seed: int) -> None:
    given = block(kind, seed)
    sound, found = by_modes(given)
    expected = by_exponential(given)
    assert sound
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("gap", [0.3, 0.1, 0.05, 0.03, 0.01, 1e-3, 1e-6, 0.0])
def test_rates_that_are_close_are_refused_before_digits_are_lost(gap: float) -> None:
    """Cancellation grows with the square of the distance; where modes are used, eleven digits are left."""
    given = block("chain", 1, gap)
    sound, found = by_modes(given)
    if sound:
        expected = by_exponential(given)
        assert np.abs(found - expected).max() <= 1e-11 * np.abs(expected).max()
    assert sound == (gap >= 0.1) or 0.01 < gap < 0.1
