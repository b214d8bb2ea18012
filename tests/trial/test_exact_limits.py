"""A laboratory value exactly on a printed limit has the grade that is printed, one step beyond it the worse."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.trial import criteria, grade, grades
from pkpd.trial.toxicity.criteria import Limit
from pkpd.trial.toxicity.judging import Known, judge

TERMS = {
    (version, term, direction): limits
    for version in ("CTCAE v3.0", "CTCAE v4.03", "CTCAE v5.0", "CTCAE v6.0")
    for test in criteria(version).tests
    for (term, direction), limits in criteria(version).terms(test).items()
}
STEP = Decimal("0.000001")


def by_hand(limits: list[Limit], falling: bool, column: int, value: Decimal, given: dict[str, Decimal],
            flags: bool) -> int:  # fmt: skip
    """The grade by decimal arithmetic, everything known."""
    found = 0
    abnormal = given["baseline"] > given["ULN"]
    for limit in limits:
        edge = Decimal(repr(limit.limits[column])) * given.get(limit.basis, Decimal(1))
        beyond = value < edge if falling else value > edge
        beyond = beyond or (limit.inclusive and value == edge)
        holds = limit.baseline in ("", "abnormal" if abnormal else "normal")
        if beyond and holds and (flags or not limit.needs):
            found = max(found, limit.grade)
    return found


def judged(limits: list[Limit], falling: bool, column: int, values: list[Decimal], given: list[dict[str, Decimal]],
           flag: float) -> tuple[list[float], list[float]]:  # fmt: skip
    n = len(values)
    lln, uln, base = (np.array([float(one[name]) for one in given]) for name in ("LLN", "ULN", "baseline"))
    flags = {limit.needs: np.full(n, flag) for limit in limits if limit.needs}
    known = Known(np.array([float(v) for v in values]), lln, uln, base, (base > uln).astype(float), flags)
    low, high, _, _ = judge(limits, falling, column, known)
    return low.tolist(), high.tolist()


@pytest.mark.parametrize("which", TERMS, ids=" ".join)
def test_on_above_and_below_every_limit(which: tuple[str, str, str]) -> None:
    """Limits of normal 0.5 to 6.0 by 0.1, each with every limit of the term, in both columns."""
    limits, falling = TERMS[which], which[2] == "low"
    ways = [("0.9", 0.0, 1), ("1.7", 0.0, 7)] + [("0.9", 1.0, 7)] * any(limit.needs for limit in limits)
    for baseline, flag, every in ways:
        for column in (0, 1):
            values: list[Decimal] = []
            given: list[dict[str, Decimal]] = []
            for tenths in range(5, 61, every):
                normal = Decimal(tenths) / 10
                known = {"LLN": normal, "ULN": normal, "baseline": Decimal(baseline) * normal}
                edges = {Decimal(repr(one.limits[column])) * known.get(one.basis, Decimal(1)) for one in limits}
                own = [edge + k * STEP for edge in edges for k in (-1, 0, 1)]
                values, given = values + own, given + [known] * len(own)
            expected = [by_hand(limits, falling, column, *pair, bool(flag)) for pair in zip(values, given, strict=True)]
            low, high = judged(limits, falling, column, values, given, flag)
            assert low == high == expected


def test_the_example_and_others_of_its_kind() -> None:
    """Creatinine 2.1 at 0.7 is 3 × the limit; 4.2 is 6 ×; ALT 2.75 at 1.1 is 2.5 ×; lipase 4.5 at 2.25 is 2 ×."""
    assert grade("creatinine", 2.1, limit=0.7) == 2
    assert grade("creatinine", 2.1000001, limit=0.7) == 3
    assert grade("creatinine", 4.2, limit=0.7) == 3
    assert grade("creatinine", 1.65, limit=1.1) == 1
    assert grade("ALT", 2.75, limit=1.1) == 1
    assert grade("amylase", 0.45, limit=0.3) == 1
    assert grade("AST", 102.5, limit=20.5) == 2
    assert grade("ALT", 5.5, limit=1.1) == 2


NORMAL = st.integers(1, 99_999).map(lambda k: Decimal(k) / 100)


@given(st.sampled_from(sorted(TERMS)), NORMAL, st.integers(1, 300), st.sampled_from([0.0, 1.0, np.nan]),
       st.lists(st.integers(0, 10**7), min_size=2, max_size=30))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_a_worse_value_never_has_a_milder_grade(
    which: tuple[str, str, str], normal: Decimal, percent: int, flag: float, values: list[int]
) -> None:
    """Neither at least nor at most, whatever is known besides."""
    given = {"LLN": normal, "ULN": normal, "baseline": normal * percent / 100}
    worse = [Decimal(k) / 10**4 for k in sorted(values, reverse=which[2] == "low")]
    for found in judged(TERMS[which], which[2] == "low", 0, worse, [given] * len(worse), flag):
        assert all(a <= b for a, b in pairwise(found))


@given(st.sampled_from(sorted(TERMS)), NORMAL, st.integers(1, 300), st.booleans(), st.integers(0, 10**7), st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_not_known_widens_the_range_and_never_moves_it(
    which: tuple[str, str, str], normal: Decimal, percent: int, flags: bool, value: int, data: st.DataObject
) -> None:
    limits, falling = TERMS[which], which[2] == "low"
    given = {"LLN": normal, "ULN": normal, "baseline": normal * percent / 100}
    truth = by_hand(limits, falling, 0, Decimal(value) / 10**4, given, flags)
    hidden = data.draw(st.sets(st.sampled_from(["LLN", "ULN", "baseline", "flags"])))
    nan = np.array([np.nan])
    lln, uln, base = (nan if name in hidden else np.array([float(given[name])]) for name in ("LLN", "ULN", "baseline"))
    abnormal = nan if np.isnan(base[0] + uln[0]) else (base > uln).astype(float)
    own = {} if "flags" in hidden else {one.needs: np.array([float(flags)]) for one in limits if one.needs}
    low, high, _, _ = judge(limits, falling, 0, Known(np.array([value / 1e4]), lln, uln, base, abnormal, own))
    assert low[0] <= truth <= high[0]


def test_versions_end_grade_1_of_transaminases_elsewhere() -> None:
    """2.5 × ULN in v3, 3 × in v4.03 and v5."""
    row = {"subject": [1], "day": [5], "test": ["ALT"], "value": [110.0], "unit": ["U/L"], "uln": [40.0]}
    before = {"subject": [1], "day": [1], "test": ["ALT"], "value": [20.0], "unit": ["U/L"], "uln": [40.0]}
    table = pandas.concat([pandas.DataFrame(before), pandas.DataFrame(row)])
    found = {v: grades(table, v)["grade"].tolist()[-1] for v in ("CTCAE v3.0", "CTCAE v4.03", "CTCAE v5.0")}
    assert found == {"CTCAE v3.0": 2, "CTCAE v4.03": 1, "CTCAE v5.0": 1}
