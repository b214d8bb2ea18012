"""Four hundred random regimens with every kind of dose: a linear model obeys superposition, however it is solved."""

from __future__ import annotations

import pytest

from tests.engine import random_regimens as regimens

SUBJECTS = 400


@pytest.fixture(scope="module")
def everything() -> regimens.Drawn:
    return regimens.draw(SUBJECTS, linear=False)


@pytest.fixture(scope="module")
def plain() -> regimens.Drawn:
    return regimens.draw(SUBJECTS, linear=True)


def test_closed_form_equals_ode(everything: regimens.Drawn) -> None:
    regimens.check_closed_form_equals_ode(everything)


def test_the_clock_does_not_matter(everything: regimens.Drawn) -> None:
    regimens.check_clock(everything)


def test_the_order_of_records_does_not_matter(everything: regimens.Drawn) -> None:
    regimens.check_order(everything)


def test_superposition(plain: regimens.Drawn) -> None:
    regimens.check_superposition(plain)


def test_splitting_doses(plain: regimens.Drawn) -> None:
    regimens.check_splitting(plain)
