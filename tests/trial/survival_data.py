"""Public survival data of R's package survival (tests/reference/survival), under our names of columns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
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


def colon() -> pandas.DataFrame:
    """929 patients; time until death."""
    return _read("colon").rename(columns={"time": "duration", "status": "event"})


def pbc() -> pandas.DataFrame:
    """418 patients; status 2 is death, 1 a transplant."""
    table = _read("pbc").rename(columns={"time": "duration"})
    return table.assign(event=table["status"] == 2, log_bili=np.log(table["bili"])).drop(columns="status")


def jasa() -> pandas.DataFrame:
    """103 patients accepted for a heart; since is the day of the transplant."""
    return _read("jasa").rename(columns={"futime": "duration", "fustat": "event", "wait.time": "since"})
