"""RECIST on thousands of random histories, and 5 000 malformed tables of scans and of times."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests.trial import test_recist, test_survival


@given(*test_recist.HISTORIES)
@settings(max_examples=3000)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_histories(
    history: list[dict[str, Any]],
    baseline: float,
    lesions: bool,
    version: str,
    confirm: bool,
    between: int,
    unknown: int,
) -> None:
    test_recist.agrees(history, baseline, lesions, version, confirm, between, unknown)


@given(test_recist.ROWS)
@settings(max_examples=2500)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
def test_malformed_scans(rows: list[tuple[Any, ...]]) -> None:
    test_recist.read_or_refused(rows)


@given(test_survival.ROWS)
@settings(max_examples=2500)
@pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning", "ignore::pkpd.errors.FitWarning")
def test_malformed_times(rows: list[tuple[Any, ...]]) -> None:
    test_survival.read_or_refused(rows)
