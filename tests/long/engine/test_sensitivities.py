"""Sensitivities of every response with the drug given."""

from __future__ import annotations

import pytest

from tests.engine.test_sensitivities import RESPONSES, check_response


@pytest.mark.parametrize("kind", list(RESPONSES))
def test_response_with_the_drug_given(kind: str) -> None:
    check_response(kind)
