"""Occasions of a plan: kept right by everything that moves doses."""

from __future__ import annotations

import math

import pytest

from pkpd.dosing import Regimen, bolus
from pkpd.errors import InputError


def test_occasions_move_with_the_plan() -> None:
    plan = Regimen(bolus("10 mg", at=[0, 24, 48]).doses, "mg", "h", occasions=(48, 24, 24.0))
    assert plan.occasions == (24.0, 48.0)
    assert plan.in_units("ug", "day").occasions == (1.0, 2.0)
    assert plan.delayed("1 day").occasions == (48.0, 72.0)
    assert plan.scaled(2.0).occasions == plan.occasions
    assert plan.written_out().occasions == plan.occasions
    assert str(plan).endswith("0 to 48 h, 3 occasions")
    later = Regimen((), "ug", "day", occasions=(3.0,))
    assert (plan + later).occasions == (24.0, 48.0, 72.0)


def test_courses_are_occasions_when_asked() -> None:
    plan = bolus("10 mg", days=[2, 3])
    assert plan.repeated(3, "1 week").occasions == ()
    assert plan.repeated(3, "1 week", occasions=True).occasions == (24 + 168.0, 24 + 336.0)
    within = Regimen(plan.doses, "mg", "h", occasions=(48.0,))
    assert within.repeated(2, "1 week").occasions == (48.0, 48 + 168.0)
    assert within.repeated(2, "1 week", occasions=True).occasions == (48.0, 24 + 168.0, 48 + 168.0)
    with pytest.raises(InputError, match="expected finite times"):
        Regimen((), "mg", "h", occasions=(math.nan,))
