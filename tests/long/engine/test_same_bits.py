"""The same bits on four lanes, and on a processor that joins no product and sum."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.same_bits import digest
from tests.engine.test_same_bits import told


@pytest.mark.parametrize(
    "variables", [{"PKPD_LANES": "4"}, {"NUMBA_CPU_NAME": "haswell"}, {"NUMBA_CPU_NAME": "nehalem"}]
)
def test_other_lanes_and_older_processors(tmp_path: Path, variables: dict[str, str]) -> None:
    assert told(tmp_path, **variables) == digest()
