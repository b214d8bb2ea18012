"""Public data of this room, one row per patient."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas

FOLDER = Path(__file__).resolve().parents[2] / "reference" / "exposure_response"


@cache
def _repeated(name: str, count: str) -> pandas.DataFrame:
    table = pandas.read_csv(FOLDER / f"{name}.csv")
    return table.loc[table.index.repeat(table[count])].reset_index(drop=True).drop(columns=count)


def sex2() -> pandas.DataFrame:
    """239 women; case is a urinary tract infection."""
    return _repeated("sex2", "count").copy()


def housing() -> pandas.DataFrame:
    """1681 householders and their satisfaction."""
    return _repeated("housing", "Freq").copy()


def birthwt() -> pandas.DataFrame:
    """189 births; low is a weight below 2.5 kg."""
    return pandas.read_csv(FOLDER / "birthwt.csv")


def infert() -> pandas.DataFrame:
    """248 women; case is secondary infertility."""
    return pandas.read_csv(FOLDER / "infert.csv")
