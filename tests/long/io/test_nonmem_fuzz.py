"""Ten thousand event tables with cells spoilt at random: each is read, or refused with the row of every bad cell."""

from __future__ import annotations

import pytest

from tests.io.spoilt_tables import check_predictions, check_spoilt_tables


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_ten_thousand_spoilt_tables() -> None:
    check_spoilt_tables(10_000)


@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning", "ignore::RuntimeWarning")
def test_what_was_read_can_be_predicted_or_is_refused_with_a_reason() -> None:
    check_predictions(1500)
