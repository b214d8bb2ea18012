"""Values that nobody wants and somebody hands in."""
# ruff: noqa: E501

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import xarray


class Unspeakable:
    """An object that cannot say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


def nested(depth: int) -> list[Any]:
    """A list in a list in a list …"""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ODD: dict[str, Callable[[], Any]] = {
    "None": lambda: None, "nan": lambda: float("nan"), "inf": lambda: float("inf"), "-inf": lambda: float("-inf"),
    "-1": lambda: -1, "0": lambda: 0, "1": lambda: 1, "2.5": lambda: 2.5, "1e308": lambda: 1e308,
    "-1e-300": lambda: -1e-300, "10**12": lambda: 10**12, "10**400": lambda: 10**400, "10**5000": lambda: 10**5000,
    "-(10**5000)": lambda: -(10**5000), "True": lambda: True, "''": lambda: "", "'a'": lambda: "a",
    "'C'": lambda: "C", "'1'": lambda: "1", "'nan'": lambda: "nan", "'nan mg'": lambda: "nan mg",
    "'1e400 mg'": lambda: "1e400 mg", "'-1 mg'": lambda: "-1 mg", "'1 h'": lambda: "1 h", "'5' * 5000": lambda: "5" * 5000,
    "'x' * 100000": lambda: "x" * 100_000, "'\\ud800'": lambda: "\ud800", "'\\0'": lambda: "\0", "'\n'": lambda: "\n",
    "'１２'": lambda: "１２", "'../..'": lambda: "../..", "b'bytes'": lambda: b"bytes", "1j": lambda: 1j,
    "Decimal": lambda: Decimal("1.5"), "Decimal nan": lambda: Decimal("sNaN"), "Decimal huge": lambda: Decimal("1e9999"),
    "Fraction": lambda: Fraction(1, 3), "Fraction huge": lambda: Fraction(10**400, 3),
    "timedelta64": lambda: np.timedelta64(1, "h"), "timedelta64 ns": lambda: np.timedelta64(5, "ns"),
    "datetime64": lambda: np.datetime64("2020-01-01"), "NaT": lambda: pandas.NaT, "NA": lambda: pandas.NA,
    "Timestamp": lambda: pandas.Timestamp("2020-01-01"), "datetime": lambda: datetime.datetime(2020, 1, 1),
    "timedelta": lambda: datetime.timedelta(1), "float32": lambda: np.float32(1.5), "int8": lambda: np.int8(3),
    "np.bool_": lambda: np.bool_(True), "complex64": lambda: np.complex64(1j), "np.str_": lambda: np.str_("a"),
    "np.bytes_": lambda: np.bytes_(b"a"), "0-d": lambda: np.array(1.0), "0-d text": lambda: np.array("a"),
    "empty array": lambda: np.array([]), "array": lambda: np.array([1.0, 2.0]), "array nan": lambda: np.array([np.nan]),
    "array of texts": lambda: np.array(["a", "b"]), "array of objects": lambda: np.array([None, "a"], dtype=object),
    "2-d": lambda: np.ones((2, 2)), "structured": lambda: np.zeros(2, dtype="i4,f4"), "[]": lambda: [],
    "[None]": lambda: [None], "['a']": lambda: ["a"], "[nan]": lambda: [float("nan")], "[1, 'a']": lambda: [1, "a"],
    "[10**5000]": lambda: [10**5000], "[[1, 2], [3]]": lambda: [[1, 2], [3]], "[(0, 24)]": lambda: [(0, 24)],
    "[(24, 0)]": lambda: [(24, 0)], "[1, 1]": lambda: [1, 1], "nested": lambda: nested(3000), "()": lambda: (),
    "(1, 2, 3)": lambda: (1, 2, 3), "('a', 'b')": lambda: ("a", "b"), "{}": lambda: {}, "{'a': 1}": lambda: {"a": 1},
    "{1: 2}": lambda: {1: 2}, "{'C': None}": lambda: {"C": None}, "{'C': 'x'}": lambda: {"C": "x"},
    "{None: []}": lambda: {None: []}, "set()": lambda: set(), "{1}": lambda: {1}, "frozenset": lambda: frozenset("ab"),
    "object": lambda: object(), "unspeakable": Unspeakable, "[unspeakable]": lambda: [Unspeakable()],
    "function": lambda: lambda *a, **k: None, "type": lambda: int, "range": lambda: range(3),
    "generator": lambda: (x for x in (1, "a")), "iterator": lambda: iter([1.0, 2.0]), "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented, "exception": lambda: ValueError("x"), "Path": lambda: Path("/nowhere/x"),
    "folder": lambda: Path("/"), "DataFrame": lambda: pandas.DataFrame(), "DataFrame a": lambda: pandas.DataFrame({"a": [1]}),
    "DataFrame odd": lambda: pandas.DataFrame({1: ["x", None], (2, 3): [1j, b""]}),
    "Series": lambda: pandas.Series([1.0, 2.0]), "Series NA": lambda: pandas.Series([1, pandas.NA], dtype="Int64"),
    "Dataset": lambda: xarray.Dataset(), "Dataset a": lambda: xarray.Dataset({"a": ("profile", [1.0])}),
    "DataArray": lambda: xarray.DataArray([1.0, 2.0]), "DataArray 0": lambda: xarray.DataArray(1.0),
    "DataTree": lambda: xarray.DataTree() if hasattr(xarray, "DataTree") else None, "memoryview": lambda: memoryview(b"ab"),
}  # fmt: skip
