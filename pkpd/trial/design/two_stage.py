"""Simon's two-stage designs by exact search, which knows when nothing larger can be better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas

from pkpd.arguments import at_least, checked
from pkpd.arrays import Array
from pkpd.errors import InputError, shown
from pkpd.trial.design.sample_size import rate_problems

_LIMIT = 500
_EXACT = 1e-12


class _Design(NamedTuple):
    """r₁ of n₁ and r of n are not enough; EN at p₀."""

    expected: float
    r1: int
    n1: int
    r: int
    n: int


@checked(most=at_least(2, _LIMIT))
def simon_two_stage(
    p0: float, p1: float, *, alpha: float = 0.05, power: float = 0.8, most: int = 200
) -> pandas.DataFrame:
    r"""Return Simon's optimal, minimax and admissible two-stage designs.

    A trial ends after n₁ patients if at most r₁ respond, and is without success if at most r of n respond. Of all
    designs with :math:`P(\text{success} \mid p_0) \le \alpha` and :math:`P(\text{success} \mid p_1) \ge` power, the
    optimal one has the smallest expected number of patients at p₀,

    .. math:: EN = n_1 + (1 - PET)\,(n - n_1), \qquad PET = P(X_1 \le r_1 \mid p_0)

    and the minimax one the smallest n (of those the smallest EN). Admissible designs lie between: each has the smallest
    :math:`q\,n + (1 - q)\,EN` for some q.

    Parameters
    ----------
    p0, p1 : float
        0 < p₀ < p₁ < 1: a response probability that is not worth while, and one that must not be missed.
    alpha, power : float
        Limits of the two probabilities (power is 1 − β).
    most : int
        Largest n that is tried. The search ends earlier, as soon as n₁ + (1 − PET)(n − n₁) cannot fall below the best
        EN.

    Returns
    -------
    pandas.DataFrame
        One row per design: ``kind``, ``r1``, ``n1``, ``r``, ``n``, ``expected`` (EN), ``pet``, ``alpha``, ``power``
        (of the design itself), ``weights`` (the range of q). ``attrs["proved"]`` says whether no design with more
        patients can have a smaller EN; False if the search ended at `most`.

    Raises
    ------
    InputError
        If a number cannot be used, or no design has up to `most` patients.

    References
    ----------
    Simon R. Control Clin Trials 1989;10:1-10. Jung SH et al. Stat Med 2004;23:561-569 (admissible).
    """
    problems = rate_problems(p0, p1, alpha, power)
    if problems:
        raise InputError(problems, "simon_two_stage")
    best: dict[int, _Design] = {}
    proved = False
    for n in range(2, most + 1):
        smallest = min((one.expected for one in best.values()), default=np.inf)
        if best and _nothing_better(n, smallest, p0, p1, power):
            proved = True
            break
        if not best and _most_power(n, p0, p1, alpha) < power - _EXACT:
            continue  # not even a randomised test of all n patients is good enough
        found = min(_designs(n, p0, p1, alpha, power, smallest), default=None)
        if found is not None:
            best[n] = found
    if not best:
        raise InputError(f"no design has up to {most} patients; more patients (most=), or rates farther apart",
                         "simon_two_stage")  # fmt: skip
    rows = [
        {"kind": kind, **_row(one, p0, p1), "weights": f"{low:.3f} to {high:.3f}"}
        for kind, one, low, high in _admissible(list(best.values()))
    ]
    table = pandas.DataFrame(rows)
    table.attrs = {"p0": p0, "p1": p1, "alpha": alpha, "power": power, "proved": proved}
    return table


def _designs(n: int, p0: float, p1: float, alpha: float, power: float, below: float) -> Iterator[_Design]:
    """Designs of n patients that keep both limits and have EN below a number: the best r₁ for every n₁."""
    for n1 in range(1, min(n - 1, int(min(below, n))) + 1):
        pmf0, pmf1 = _pmf(n1, p0), _pmf(n1, p1)
        pet0 = np.cumsum(pmf0)
        expected = n1 + (1 - pet0) * (n - n1)
        possible = (np.cumsum(pmf1[::-1])[::-1][1:] >= power - _EXACT) & (expected[:-1] < below)  # r₁ = 0 … n₁ − 1
        if not possible.any():
            continue
        first = _passing(pmf0, _above(n - n1, p0))
        second = _passing(pmf1, _above(n - n1, p1))
        good = (first <= alpha + _EXACT * alpha) & (second >= power - _EXACT)  # r₁ × r
        good[: len(possible)] &= possible[:, None]
        good[len(possible) :] = False
        rows = np.flatnonzero(good.any(axis=1))
        if len(rows):
            r1 = int(rows[-1])  # EN falls as r₁ rises
            yield _Design(float(expected[r1]), r1, n1, max(r1, int(good[r1].argmax())), n)


def _passing(pmf: Array, above: Array) -> Array:
    """P(X₁ > r₁ and X₁ + X₂ > r), shape (n₁ + 1, n): rows r₁ = 0 … n₁, columns r = 0 … n − 1."""
    n1, n2 = len(pmf) - 1, len(above) - 1
    # above[k] = P(X₂ ≥ k); what is needed are k = r + 1 − x₁, from 1 − n₁ up to n.
    padded = np.concatenate([np.ones(n1), above, np.zeros(n1)])
    columns = np.arange(n1 + n2)
    x = np.arange(n1 + 1)
    joint = pmf[:, None] * padded[columns + 1 - x[:, None] + n1]
    tail = np.cumsum(joint[::-1], axis=0)[::-1]  # x₁ ≥ row
    return np.concatenate([tail[1:], np.zeros((1, n1 + n2))])


@lru_cache(maxsize=4096)
def _pmf(n: int, p: float) -> Array:
    from scipy.stats import binom

    found: Array = binom.pmf(np.arange(n + 1), n, p)
    return found


@lru_cache(maxsize=4096)
def _above(n: int, p: float) -> Array:
    """P(X ≥ k) for k = 0 … n."""
    from scipy.stats import binom

    found: Array = binom.sf(np.arange(n + 1) - 1, n, p)
    return found


def _nothing_better(n: int, smallest: float, p0: float, p1: float, power: float) -> bool:
    """Whether no design of n or more patients can have an EN below a number.

    r₁ must leave the first stage a probability of success of at least the power, which limits PET; EN then grows with
    n.
    """
    for n1 in range(1, min(n - 1, int(smallest)) + 1):
        enough = np.flatnonzero(_above(n1, p1)[1:] >= power - _EXACT)
        pet = float(np.cumsum(_pmf(n1, p0))[enough[-1]]) if len(enough) else 0.0
        if len(enough) and n1 + (1 - pet) * (n - n1) < smallest:
            return False
    return n > smallest


def _most_power(n: int, p0: float, p1: float, alpha: float) -> float:
    """The power of the randomised most powerful test of all n patients, which no two-stage design exceeds."""
    above0, above1 = np.append(_above(n, p0), 0.0), np.append(_above(n, p1), 0.0)
    k = int((above0 <= alpha).argmax())
    if k == 0:
        return 1.0
    share = (alpha - above0[k]) / (above0[k - 1] - above0[k])
    return float(above1[k] + share * (above1[k - 1] - above1[k]))


def _admissible(found: list[_Design]) -> list[tuple[str, _Design, float, float]]:
    """Minimax, admissible and optimal designs: the lower convex hull of EN over n, with the weights q of n."""
    kept: list[_Design] = []
    for one in found:
        if kept and one.expected >= min(other.expected for other in kept):
            continue
        while len(kept) > 1:
            a, b = kept[-2:]
            if (one.n - a.n) * (b.expected - a.expected) >= (one.expected - a.expected) * (b.n - a.n):
                kept.pop()
            else:
                break
        kept.append(one)
    # Two neighbours are equally good at slope/(1 + slope), slope = fall of EN per patient more.
    falls = [(a.expected - b.expected) / (b.n - a.n) for a, b in pairwise(kept)]
    edges = [1.0, *(fall / (1 + fall) for fall in falls), 0.0]
    names = ["admissible"] * len(kept)
    names[0], names[-1] = "minimax", "optimal"
    if len(kept) == 1:
        names = ["optimal and minimax"]
    return [(name, one, edges[k + 1], edges[k]) for k, (name, one) in enumerate(zip(names, kept, strict=True))]


def _row(one: _Design, p0: float, p1: float) -> dict[str, float]:
    under, above = (_characteristics(one.r1, one.n1, one.r, one.n, p) for p in (p0, p1))
    return {"r1": one.r1, "n1": one.n1, "r": one.r, "n": one.n, "expected": under["expected"], "pet": under["pet"],
            "alpha": under["success"], "power": above["success"]}  # fmt: skip


def _characteristics(r1: int, n1: int, r: int, n: int, p: float) -> dict[str, float]:
    from scipy.stats import binom

    pet = float(binom.cdf(r1, n1, p))
    x = np.arange(r1 + 1, n1 + 1)
    success = float(binom.pmf(x, n1, p) @ binom.sf(r - x, n - n1, p))
    return {"success": success, "pet": pet, "expected": n1 + (1 - pet) * (n - n1)}


@checked
def two_stage_characteristics(
    r1: int, n1: int, r: int, n: int, rates: Sequence[float] | Array | float
) -> pandas.DataFrame:
    r"""Return what a two-stage design does at given true response probabilities.

    .. math:: P(\text{success}) = \sum_{x > r_1} P(X_1 = x)\, P(X_2 > r - x)

    Parameters
    ----------
    r1, n1, r, n : int
        At most r₁ of n₁, and at most r of n responses are not enough.
    rates : sequence of float
        True response probabilities.

    Returns
    -------
    pandas.DataFrame
        One row a probability: ``rate``, ``success``, ``pet`` (probability of ending after the first stage),
        ``expected`` (number of patients).

    Raises
    ------
    InputError
        If not 0 ≤ r₁ < n₁ < n ≤ 100 000 and r₁ ≤ r < n, or a rate lies outside 0 to 1.
    """
    values = np.atleast_1d(np.asarray(rates, dtype=float))
    problems = []
    if not (0 <= r1 < n1 < n <= 100_000 and r1 <= r < n):
        problems.append(f"r1/n1 r/n is {r1}/{n1} {r}/{n}; expected 0 ≤ r1 < n1 < n ≤ 100000 and r1 ≤ r < n")
    good = (values >= 0) & (values <= 1)
    if values.ndim != 1 or not good.all():
        problems.append(f"rates is {shown(rates)}; expected numbers from 0 to 1")
    if problems:
        raise InputError(problems, "two_stage_characteristics")
    return pandas.DataFrame([{"rate": p, **_characteristics(r1, n1, r, n, p)} for p in values.tolist()])


__all__ = ["simon_two_stage", "two_stage_characteristics"]
