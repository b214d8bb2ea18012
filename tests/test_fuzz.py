"""A thin fuzz of every public call: about 10 000 inputs, none of which ends in an undocumented exception.

The full set is `tests/long/test_fuzz.py`; by hand, ``python -m tests.fuzz``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import SLOWEST, TEXTS, arguments, stores, texts, trial_tables
from tests.fuzz.tally import Tally

EVERY = {"dosing": 3, "units": 3, "values": 4, "models": 4, "readers": 41, "nca": 23, "simulations": 23, "fits": 37,
         "pictures": 43, "escalation": 17, "responses": 41, "toxicity": 41,
         "exposures": 23, "virtual": 43}  # fmt: skip
COUNTS = {"rerun settings": 250, "units": 400, "equations": 2500}


def nothing_undocumented(found: Tally, least: int) -> None:
    """Enough was tried, and everything else was an answer or a documented error."""
    print(found)
    assert found.inputs >= least
    assert found.documented + found.accepted == found.inputs, str(found)
    assert found.documented > 0
    assert found.worst < SLOWEST, str(found)


@pytest.mark.parametrize("group", EVERY)
def test_spoilt_arguments(group: str) -> None:
    nothing_undocumented(arguments(group, EVERY[group], 1), 15)


@pytest.mark.parametrize("name", TEXTS)
def test_damaged_texts(name: str) -> None:
    nothing_undocumented(texts(name, COUNTS[name], 1), COUNTS[name])


def test_malformed_tables_of_a_trial() -> None:
    """Every planted fault is named; `tests/long/test_fuzz.py` tries 5 000."""
    nothing_undocumented(trial_tables(240, 1), 240)


def test_damaged_stores(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    nothing_undocumented(stores(tmp_path, 25, 1), 25)
