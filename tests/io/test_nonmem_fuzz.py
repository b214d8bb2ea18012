"""Three hundred event tables with cells spoilt at random: each is read, or refused with the row of every bad cell."""

from __future__ import annotations

import pytest

from tests.io.spoilt_tables import check_columns, check_predictions, check_spoilt_tables


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_three_hundred_spoilt_tables() -> None:
    check_spoilt_tables(300)


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning", "ignore::RuntimeWarning")
def test_what_was_read_can_be_predicted_or_is_refused_with_a_reason() -> None:
    check_predictions(150)


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_columns_that_lack_or_are_doubled() -> None:
    check_columns()
