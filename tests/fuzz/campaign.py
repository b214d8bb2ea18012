"""All fuzzers as one list: what the suite, the long run and a run by hand go through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import documents
from tests.fuzz.calls import GROUPS, spoilt
from tests.fuzz.tables import malformed
from tests.fuzz.tally import Tally, first, tally

TEXTS = {"rerun settings": documents.rerun_settings, "units": documents.unit_texts, "equations": documents.equations}
SLOWEST = 5.0
"""Seconds of one processor that no input may take."""


def arguments(group: str, every: int, seed: int) -> Tally:
    """Spoil every so-manyth argument of a group of calls; the seed says where to begin."""
    return tally(spoilt(group, every, seed % every))


def texts(name: str, count: int, seed: int) -> Tally:
    """Read so many damaged texts of a kind."""
    return tally(first(TEXTS[name](random.Random(seed)), count))


def stores(folder: Path, count: int, seed: int) -> Tally:
    """Open so many damaged stores."""
    return tally(first(documents.stores(random.Random(seed), folder), count))


def trial_tables(count: int, seed: int) -> Tally:
    """Read so many malformed tables of a trial; a warning of another library counts as undocumented."""
    return tally(malformed(count, seed), strict=True)


def everything(folder: Path, every: int, count: int, seed: int) -> Iterator[tuple[str, Tally]]:
    """Yield the tally of every fuzzer."""
    for group in GROUPS:
        yield f"arguments, {group}", arguments(group, every, seed)
    for name in TEXTS:
        yield name, texts(name, count, seed)
    yield "tables of a trial", trial_tables(count, seed)
    yield "stores", stores(folder, max(count // 50, 20), seed)
