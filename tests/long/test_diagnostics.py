"""Must be shown: what sparse sampling does to NCA (il21.md, section 4), all eight designs, 4000 patients."""

from __future__ import annotations

import pytest

from tests.sampling_designs import TABLE, check_design, check_width


@pytest.mark.parametrize("name", TABLE)
def test_table_of_section_4(name: str) -> None:
    check_design(name, 4000)


@pytest.mark.parametrize("name", TABLE)
def test_the_errors_are_small_enough_to_tell_designs_apart(name: str) -> None:
    check_width(name, 4000)
