"""Public survival data of R's package survival (tests/reference/survival), under our names of columns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas

FOLDER = Path(__file__).resolve().parents[1] / "reference" / "survival"


@cache
def _read(name: str) -> pandas.DataFrame:
    return pandas.read_csv(FOLDER / f"{name}.csv")


def lung() -> pandas.DataFrame:
    """228 patients; status 2 is death."""
    table = _read("lung")
    return table.assign(duration=table["time"], event=table["status"] == 2).drop(columns=["time", "status"])


def ovarian() -> pandas.DataFrame:
    """26 patients."""
    return _read("ovarian").rename(columns={"futime": "duration", "fustat": "event"})


def veteran() -> pandas.DataFrame:
    """137 patients."""
    return _read("veteran").rename(columns={"time": "duration", "status": "event"})
