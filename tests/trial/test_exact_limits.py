"""A laboratory value exactly on a printed limit has the milder grade, one step beyond it the worse."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.trial.toxicity import GRADES, grade

NORMAL = st.integers(1, 99_999).map(lambda k: Decimal(k) / 100)
EVERY = sorted(GRADES)


def by_hand(test: str, value: Decimal, normal: Decimal) -> int:
    """The grade by decimal arithmetic."""
    rule = GRADES[test]
    limits = [normal] + [None if e is None else Decimal(repr(e)) * (normal if rule.relative else 1) for e in rule.edges]
    found = 0
    for level, limit in enumerate(limits, start=1):
        if limit is not None and (value < limit if rule.falling else value > limit):
            found = level
    return found


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


@pytest.mark.parametrize("test", EVERY)
@given(data=st.data())
def test_on_above_and_below_every_limit(test: str, data: st.DataObject) -> None:
    normal, rule = data.draw(NORMAL), GRADES[test]
    edge = data.draw(st.sampled_from([1.0, *(e for e in rule.edges if e is not None)]))
    limit = Decimal(repr(edge)) * normal if rule.relative or edge == 1.0 else Decimal(repr(edge))
    step = Decimal("0.000001")
    for value in (limit - step, limit, limit + step):
        assert grade(test, float(value), limit=float(normal)) == by_hand(test, value, normal)


@given(st.sampled_from(EVERY), NORMAL, st.lists(st.integers(0, 10**7), min_size=2, max_size=30))
def test_a_worse_value_never_has_a_milder_grade(test: str, normal: Decimal, values: list[int]) -> None:
    rule = GRADES[test]
    worse = np.sort(np.array(values) / 1e4)[:: -1 if rule.falling else 1]
    usual = max(float(normal), 500.0) if rule.falling else float(normal)
    assert (np.diff(grade(test, worse, limit=usual)) >= 0).all()
