"""Every response of the library on top of every drug."""

from __future__ import annotations

import pytest

from tests.library.test_library_every import DRUGS, check_responses


@pytest.mark.parametrize("call", list(DRUGS))
def test_every_response_goes_with_every_drug(call: str) -> None:
    check_responses(call)
