"""Simon's designs: published ones, brute force, simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy.stats import binom

from pkpd import InputError
from pkpd.trial import simon_two_stage, single_stage, two_stage_characteristics

# Simon R. Control Clin Trials 1989;10:1-10, as in figures/trial/numbers.json: (p₀, p₁, α, β) → optimal, minimax, EN.
PUBLISHED = {
    (0.05, 0.25, 0.05, 0.2): ("0/9 2/17", "0/12 2/16", 11.96, None),
    (0.1, 0.3, 0.05, 0.2): ("1/10 5/29", "1/15 5/25", 15.01, 19.51),
    (0.1, 0.3, 0.05, 0.1): ("2/18 6/35", "2/22 6/33", None, None),
    (0.2, 0.4, 0.05, 0.2): ("3/13 12/43", "4/18 10/33", 20.58, None),
    (0.05, 0.2, 0.05, 0.2): ("0/10 3/29", "0/13 3/27", None, None),
}


def written(row: object) -> str:
    return f"{row.r1}/{row.n1} {row.r}/{row.n}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("case", PUBLISHED)
def test_published_designs(case: tuple[float, float, float, float]) -> None:
    p0, p1, alpha, beta = case
    optimal, minimax, expected, expected_minimax = PUBLISHED[case]
    table = simon_two_stage(p0, p1, alpha=alpha, power=1 - beta)
    rows = {row.kind: row for row in table.itertuples()}
    assert table.attrs["proved"]
    assert written(rows["optimal"]) == optimal
    assert written(rows["minimax"]) == minimax
    assert expected is None or round(rows["optimal"].expected, 2) == expected
    assert expected_minimax is None or round(rows["minimax"].expected, 2) == expected_minimax
    if optimal == "1/10 5/29":
        assert round(rows["optimal"].pet, 3) == 0.736


# By every r₁, n₁, r, n up to a size in R 4.2.2, another program: of the designs with sum(dbinom(x, n1, p0) *
# pbinom(r - x, n - n1, p0, lower.tail = FALSE)) <= alpha and the like of p1 >= power those of least EN and of least n
# (then EN): r₁, n₁, r, n, EN, PET, alpha, power.
BY_R = {
    (0.05, 0.20, 0.10, 0.9): ((0, 12, 3, 37, 23.490998, 0.540360, 0.093470, 0.902374),
                              (0, 18, 3, 32, 26.439000, 0.397214, 0.072148, 0.901470)),
    (0.20, 0.45, 0.05, 0.8): ((2, 10, 7, 22, 13.866406, 0.677800, 0.049174, 0.806464),
                              (2, 13, 7, 21, 16.986783, 0.501652, 0.042707, 0.800898)),
    (0.30, 0.60, 0.05, 0.9): ((3, 10, 12, 28, 16.307007, 0.649611, 0.041910, 0.912166),
                              (7, 18, 10, 23, 18.703417, 0.859317, 0.049909, 0.904933)),
    (0.50, 0.75, 0.05, 0.8): ((6, 11, 16, 25, 14.841797, 0.725586, 0.045793, 0.800512),
                              (7, 14, 15, 23, 17.557373, 0.604736, 0.046161, 0.801597)),
    (0.60, 0.85, 0.10, 0.9): ((7, 11, 16, 23, 14.555411, 0.703716, 0.099579, 0.908087),
                              (5, 9, 15, 21, 14.791316, 0.517390, 0.090462, 0.904004)),
    (0.70, 0.90, 0.05, 0.8): ((4, 6, 22, 27, 14.823675, 0.579825, 0.049237, 0.804179),
                              (19, 23, 21, 26, 23.161531, 0.946156, 0.045259, 0.800963)),
    (0.10, 0.35, 0.01, 0.9): ((2, 15, 8, 37, 19.049344, 0.815939, 0.007753, 0.900847),
                              (2, 18, 8, 35, 22.525468, 0.733796, 0.006049, 0.902789)),
}  # fmt: skip


@pytest.mark.parametrize("case", BY_R)
def test_designs_by_a_search_in_r(case: tuple[float, float, float, float]) -> None:
    p0, p1, alpha, power = case
    table = simon_two_stage(p0, p1, alpha=alpha, power=power)
    for kind, theirs in zip(("optimal", "minimax"), BY_R[case], strict=True):
        row = table[table["kind"] == kind].iloc[0]
        assert row[["r1", "n1", "r", "n"]].tolist() == list(theirs[:4])
        ours = [float(row[name]) for name in ("expected", "pet", "alpha", "power")]
        assert ours == pytest.approx(theirs[4:], abs=6e-7)


def every_design(p0: float, p1: float, alpha: float, power: float, most: int) -> list[tuple[int, float, str]]:
    """By brute force over all r₁, n₁, r, n: those that keep both limits, with n and EN."""
    found = []
    for n in range(2, most + 1):
        for n1, r1 in itertools.product(range(1, n), range(n)):
            if r1 >= n1:
                continue
            x = np.arange(r1 + 1, n1 + 1)
            first, second = binom.pmf(x, n1, p0), binom.pmf(x, n1, p1)
            if second.sum() < power:
                continue
            r = np.arange(n)
            tail = r[:, None] - x
            a, b = (binom.sf(tail, n - n1, p0) * first).sum(axis=1), (binom.sf(tail, n - n1, p1) * second).sum(axis=1)
            for k in np.flatnonzero((a <= alpha) & (b >= power))[:1]:
                expected = n1 + (1 - binom.cdf(r1, n1, p0)) * (n - n1)
                found.append((n, float(expected), f"{r1}/{n1} {max(k, r1)}/{n}"))
    return found


@pytest.mark.parametrize("case", [(0.1, 0.45, 0.1, 0.8), (0.3, 0.7, 0.05, 0.8), (0.05, 0.4, 0.05, 0.9)])
def test_against_brute_force(case: tuple[float, float, float, float]) -> None:
    """And no design with up to 8 patients more than the optimal one is better."""
    p0, p1, alpha, power = case
    table = simon_two_stage(p0, p1, alpha=alpha, power=power)
    designs = every_design(*case, most=int(table["n"].max()) + 8)
    optimal = min(designs, key=lambda one: (one[1], one[0]))
    minimax = min(designs)
    assert written(list(table.itertuples())[-1]) == optimal[2]
    assert written(next(iter(table.itertuples()))) == minimax[2]
    for row in table.itertuples():  # none is better in n and EN; each is best for the middle of its weights
        low, high = map(float, row.weights.split(" to "))
        q = (low + high) / 2
        cost = q * row.n + (1 - q) * row.expected
        assert cost <= min(q * n + (1 - q) * expected for n, expected, _ in designs) + 1e-9


def test_neighbours_are_equally_good_where_their_weights_meet() -> None:
    rows = list(simon_two_stage(0.1, 0.3).itertuples())
    assert rows[0].weights.endswith("to 1.000")
    assert rows[-1].weights.startswith("0.000")
    for one, other in itertools.pairwise(rows):
        q = float(one.weights.split(" to ")[0])
        costs = [q * row.n + (1 - q) * row.expected for row in (one, other)]
        assert costs[0] == pytest.approx(costs[1], abs=0.0005 * (one.expected - other.expected + other.n - one.n))


@given(some.floats(0.05, 0.6), some.floats(0.2, 0.35))
@settings(max_examples=20, deadline=None)
def test_limits_are_kept_and_one_stage_is_a_bound(p0: float, more: float) -> None:
    table = simon_two_stage(p0, p0 + more)
    again = [
        two_stage_characteristics(*row, [p0, p0 + more]) for row in table[["r1", "n1", "r", "n"]].to_numpy().tolist()
    ]
    for row, known in zip(table.itertuples(), again, strict=True):
        assert known["success"].tolist() == pytest.approx([row.alpha, row.power])
        assert row.alpha <= 0.05
        assert row.power >= 0.8 - 1e-9
        assert known["expected"][0] == pytest.approx(row.expected)
    assert (np.diff(table["n"]) > 0).all()
    assert (np.diff(table["expected"]) < 0).all()
    assert table["expected"].iloc[-1] < single_stage(p0, p0 + more).n


def test_characteristics_by_drawing_trials() -> None:
    rng, p = np.random.default_rng(3), 0.3
    first = rng.binomial(10, p, 40_000)
    total = first + rng.binomial(19, p, 40_000)
    row = two_stage_characteristics(1, 10, 5, 29, p).iloc[0]
    assert np.mean((first > 1) & (total > 5)) == pytest.approx(row["success"], abs=0.01)
    assert np.mean(first <= 1) == pytest.approx(row["pet"], abs=0.01)
    assert two_stage_characteristics(1, 10, 5, 29, [0.0, 1.0])["success"].tolist() == [0, 1]


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError, match="no design has up to 12"):
        simon_two_stage(0.1, 0.3, most=12)
    assert not simon_two_stage(0.1, 0.3, most=25).attrs["proved"]
    with pytest.raises(InputError) as error:
        two_stage_characteristics(10, 10, 5, 9, [1.5])
    assert len(error.value.problems) == 2
    with pytest.raises(InputError, match="expected 0 < p0 < p1 < 1"):
        simon_two_stage(0.3, 0.3)
    with pytest.raises(InputError, match="more than alpha"):
        simon_two_stage(0.1, 0.3, alpha=0.5, power=0.4)
