"""The virtual trial of the IL-21 case under other assumptions, 5000 patients each."""

from __future__ import annotations

import pytest

from tests.test_il21 import VARIANTS, check_variant


@pytest.mark.parametrize("what", VARIANTS)
def test_what_it_depends_on(what: str) -> None:
    check_variant(what, 5000)
