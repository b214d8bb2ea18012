"""Omega: vectors, patterns of zeros, what is fixed, levels, draws."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from pkpd.errors import InputError
from pkpd.population import Omega, block
from pkpd.population.blocks import OmegaBlock

NAMES = ("a", "b", "c", "d")
PAIRS = [(i, j) for i in range(4) for j in range(i)]
ORDERS = [tuple(range(4)), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1), (3, 0, 1, 2)]


def patterned(pattern: int, order: tuple[int, ...], fixed_variances: bool = False) -> OmegaBlock:
    """A 4 × 4 block whose structural zeros are the bits of `pattern`, its names in some order."""
    rng = np.random.default_rng(pattern)
    matrix = np.diag(rng.uniform(0.5, 2.0, 4))
    fixed = np.zeros((4, 4), dtype=bool)
    for bit, (i, j) in enumerate(PAIRS):
        if pattern >> bit & 1:
            fixed[i, j] = fixed[j, i] = True
        else:
            matrix[i, j] = matrix[j, i] = rng.uniform(-0.15, 0.15)
    if fixed_variances:
        np.fill_diagonal(fixed, True)
    where = np.ix_(order, order)
    return OmegaBlock(tuple(NAMES[k] for k in order), matrix[where], fixed[where])


def differences(omega: Omega, occasions: int = 1) -> np.ndarray:
    """Sixth-order differences of the matrix in its free numbers."""
    x, step = omega.to_vector(), 1e-3
    weights = {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    columns = []
    if not x.size:
        return np.zeros((*omega.matrix(occasions).shape, 0))
    for k in range(x.size):
        unit = np.eye(x.size)[k] * step
        parts = [w * omega.from_vector(x + n * unit).matrix(occasions) for n, w in weights.items()]
        columns.append(np.sum(parts, axis=0) / step)
    return np.stack(columns, axis=2)


@pytest.mark.parametrize("fixed_variances", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_every_pattern_of_zeros_round_trips(order: tuple[int, ...], fixed_variances: bool) -> None:
    """Vector → Ω → vector to 1e-12, zeros exactly 0, wherever in the vector's space one stands."""
    for pattern in range(64):
        omega = Omega((patterned(pattern, order, fixed_variances),))
        own = omega.blocks[0]
        x = omega.to_vector()
        assert x.size == len(omega.free) == int(np.tril(~own.fixed).sum())
        np.testing.assert_allclose(omega.from_vector(x).matrix(), own.matrix, rtol=0, atol=1e-13)
        elsewhere = np.random.default_rng(pattern).normal(size=x.size)
        there = omega.from_vector(elsewhere)
        matrix = there.matrix()
        assert np.array_equal(matrix[own.fixed], own.matrix[own.fixed])
        assert np.linalg.eigvalsh(matrix).min() > 0
        np.testing.assert_allclose(there.to_vector(), elsewhere, rtol=0, atol=1e-9)


@pytest.mark.parametrize("pattern", range(0, 64, 7))
@pytest.mark.parametrize("fixed_variances", [False, True])
def test_derivatives_against_differences(pattern: int, fixed_variances: bool) -> None:
    for order in ORDERS[:3]:
        omega = Omega((patterned(pattern, order, fixed_variances),))
        np.testing.assert_allclose(omega.derivative(), differences(omega), rtol=0, atol=1e-9)


def test_fixed_elements_of_every_kind() -> None:
    """A fixed variance with free covariances, a fixed covariance with free variances, a fixed corner, a variance 0."""
    matrix = np.array([[1.0, 0.2, 0.1, 0.0], [0.2, 0.5, -0.1, 0.05], [0.1, -0.1, 0.8, 0.3], [0.0, 0.05, 0.3, 0.9]])
    full = block(*NAMES, omega=matrix)
    cases = {
        "variance": (full.fix("b"), [(1, 1)]),
        "two variances": (full.fix("b", "d"), [(1, 1), (3, 3)]),
        "covariance": (full.fix(("b", "c")), [(1, 2)]),
        "corner": (full.fix("a", "b", ("a", "b")), [(0, 0), (1, 1), (0, 1)]),
        "corner that is last": (full.fix("c", "d", ("c", "d")), [(2, 2), (3, 3), (2, 3)]),
        "everything": (full.fix(), [(i, j) for i in range(4) for j in range(4)]),
    }
    for what, (omega, places) in cases.items():
        x = omega.to_vector()
        np.testing.assert_allclose(omega.from_vector(x).matrix(), matrix, atol=1e-14, err_msg=what)
        there = omega.from_vector(x + np.random.default_rng(3).normal(size=x.size))
        for i, j in places:
            assert there.matrix()[i, j] == matrix[i, j], what
        assert there.matrix()[0, 3] == 0.0
        assert np.linalg.eigvalsh(there.matrix()).min() > 0, what
        np.testing.assert_allclose(omega.derivative(), differences(omega), rtol=0, atol=1e-9, err_msg=what)
    gone = full.fix(b=0)
    assert gone.free == tuple(n for n in full.free if "eta_b" not in n)
    assert not gone.matrix()[1].any()
    np.testing.assert_allclose(gone.inverse()[np.ix_([0, 2, 3], [0, 2, 3])],
                               np.linalg.inv(matrix[np.ix_([0, 2, 3], [0, 2, 3])]), rtol=1e-12)  # fmt: skip
    assert gone.log_determinant() == pytest.approx(np.linalg.slogdet(matrix[np.ix_([0, 2, 3], [0, 2, 3])])[1])
    assert not gone.draw(np.random.default_rng(1), 5)[:, 1].any()
    assert gone.release("b").free[:2] == ("var(eta_a)", "var(eta_b)")


def test_what_has_no_exact_parametrisation_is_refused() -> None:
    full = block("a", "b", "c", omega=[[1.0, 0.2, 0.1], [0.2, 0.5, -0.1], [0.1, -0.1, 0.8]])
    stuck = full.fix("a", "b", "c", ("a", "b"), ("b", "c"))
    for call in (stuck.to_vector, stuck.derivative, lambda: stuck.free):
        with pytest.raises(InputError, match=r"the variance of . is fixed beside its fixed covariance with"):
            call()
    assert full.fix("c", ("c", "a")).to_vector().size == 4  # c first, then a free variance and a fixed covariance
    with pytest.raises(InputError, match="not positive semi-definite"):
        full.fix(a=0.01)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_names_does_not_matter(order: tuple[int, ...]) -> None:
    """The same set of matrices: what one order can reach, the other can."""
    names, matrix = ("a", "b", "c"), np.array([[1.0, 0.0, 0.1], [0.0, 0.5, -0.1], [0.1, -0.1, 0.8]])
    other = block(*(names[k] for k in order), omega=matrix[np.ix_(order, order)])
    back = np.argsort(order)
    there = block(*names, omega=matrix).from_vector(np.array([0.3, -0.2, 0.4, 0.1, -0.5])).matrix()
    moved = there[np.ix_(order, order)]
    same = block(*(names[k] for k in order), omega=moved)
    assert same.free == other.free
    reached = other.from_vector(same.to_vector()).matrix()
    np.testing.assert_allclose(reached[np.ix_(back, back)], there, atol=1e-14)


def test_occasions_stand_after_subjects() -> None:
    omega = (
        block("CL", "V", omega=[[0.09, 0.02], [0.02, 0.04]])
        + Omega.independent(CL=0.1, ka=0.2).at_occasion()
        + block("x", omega=[[0.3]]).same("y")
    )
    assert omega.names(2) == (
        "eta_CL", "eta_V", "eta_x", "eta_y", "kappa_CL_1", "kappa_ka_1", "kappa_CL_2", "kappa_ka_2"
    )  # fmt: skip
    assert omega.free == (
        "var(eta_CL)", "cov(eta_CL, eta_V)", "var(eta_V)", "var(kappa_CL)", "var(kappa_ka)", "var(eta_x)"
    )  # fmt: skip
    matrix = omega.matrix(2)
    np.testing.assert_allclose(np.diag(matrix), [0.09, 0.04, 0.3, 0.3, 0.01, 0.04, 0.01, 0.04])
    assert np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 2
    np.testing.assert_allclose(omega.inverse(2), np.linalg.inv(matrix), rtol=1e-12, atol=1e-12)
    assert omega.log_determinant(2) == pytest.approx(np.linalg.slogdet(matrix)[1])
    np.testing.assert_allclose(omega.derivative(2), differences(omega, 2), rtol=0, atol=1e-9)
    there = omega.from_vector(np.linspace(-1, 1, 6)).matrix(2)
    assert there[2, 2] == there[3, 3]
    assert there[4, 4] == there[6, 6]
    with pytest.raises(InputError, match="both levels"):
        omega.fix("CL")
    assert omega.fix("kappa_CL").free == tuple(n for n in omega.free if n != "var(kappa_CL)")


def test_draws_have_the_covariance() -> None:
    omega = block("a", "b", omega=[[0.09, 0.03], [0.03, 0.04]]) + Omega.independent(a=0.2, c=0.1).at_occasion()
    drawn = omega.draw(np.random.default_rng(1), 100_000)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), omega.matrix(0), atol=0.002)
    kappas = omega.draw_occasions(np.random.default_rng(1), 50_000, 3)
    assert kappas.shape == (50_000, 3, 2)
    np.testing.assert_allclose(np.cov(kappas.reshape(50_000, 6), rowvar=False), omega.matrix(3)[2:, 2:], atol=0.001)
    first = omega.draw_occasions(np.random.default_rng(1), 50_000, 1)
    assert np.array_equal(first[:, 0], kappas[:, 0])


def test_a_singular_omega_is_drawn_from_but_has_no_vector() -> None:
    omega = block("a", "b", omega=[[0.09, 0.06], [0.06, 0.04]])
    drawn = omega.draw(np.random.default_rng(1), 100)
    np.testing.assert_allclose(drawn[:, 1], drawn[:, 0] * 2 / 3, atol=1e-8)
    for call in (omega.to_vector, omega.inverse, omega.log_determinant):
        with pytest.raises(InputError, match="singular"):
            call()


def test_what_is_to_be_estimated_says_so() -> None:
    omega = block("CL", "V", "ka", zeros=[("CL", "ka")])
    assert omega.unstated == ("eta_CL", "eta_V", "eta_ka")
    assert "cov(eta_CL, eta_ka)" not in omega.free
    assert len(omega.free) == 5
    assert omega.from_vector(omega.to_vector()).unstated == ()
    assert "to be estimated" in repr(omega)


@pytest.mark.parametrize("omega", [
    [[0.1, 0.2], [0.2, 0.1]], [[0.1, 0.05], [0.04, 0.1]], [[0.1]], [[-0.1, 0], [0, 0.1]], [[np.nan, 0], [0, 1]],
    [[1, 2], [3]],
])  # fmt: skip
def test_blocks_that_cannot_be(omega: list[list[float]]) -> None:
    with pytest.raises(InputError):
        block("CL", "V", omega=omega)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: Omega.independent(CL=0.3) + Omega.independent(CL=0.1), "twice"),
    (lambda: Omega.independent(CL=np.nan), "finite"),
    (lambda: Omega.independent(CL="30 %"), "finite number"),
    (lambda: Omega.independent(CL=0.3).fix("cl"), "did you mean 'CL'"),
    (lambda: Omega.independent(CL=0.3, V=0.3).fix(("CL", "V")), "different blocks"),
    (lambda: Omega.independent(CL=0.3, V=0.3).same("CL2", "V2"), "only one block"),
    (lambda: block("CL", "V").same("CL2"), "expected 2 names"),
    (lambda: block("CL", "V", zeros=[("CL", "ka")]), "unknown random effect"),
    (lambda: block("CL", omega=[[0.1]], level="study"), "unknown level"),
    (lambda: block("CL", omega=[[0.1]]).from_vector(np.zeros(2)), "expected 1: var"),
])  # fmt: skip
def test_mistakes_get_a_sentence(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]


def test_matrices_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        block("CL", omega=[[0.1]]).blocks[0].matrix[0, 0] = 1.0
