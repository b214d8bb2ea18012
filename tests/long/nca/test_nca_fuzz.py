"""Whatever somebody hands in: 20 000 profiles, 1 000 with Tobit, 200 studies."""

from __future__ import annotations

import pytest

from tests.nca.test_nca_fuzz import check_arrays, check_studies, check_tobit


@pytest.mark.parametrize("name", ["phoenix", "pknca"])
def test_arrays(name: str) -> None:
    check_arrays(name, 4000, 60)


def test_tobit() -> None:
    check_tobit(500)


def test_studies() -> None:
    check_studies(200)
