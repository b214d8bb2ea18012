"""Whatever stands in a value comes back bit for bit: drawn values, and the edges of every type, through plain data."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pkpd.files.plain import Writer
from pkpd.files.rebuild import Reader
from pkpd.population.residual import error_of
from pkpd.saving import class_of
from tests.files import kept

DTYPES = (
    "<f8", ">f8", "<f4", "<f2", "<i1", "<i8", ">u4", "<u8", "|b1", "<c16", "<c8", "<U3", ">U2", "<M8[ns]", "<M8[D]",
    "<m8[s]", "O", "T",
)  # fmt: skip


def through(value: Any) -> Any:
    """The value as it comes back from plain data that went through JSON."""
    writer = Writer()
    about = json.loads(json.dumps(writer.plain(value, "it"), allow_nan=False))
    assert writer.problems == []
    return Reader(writer.arrays, class_of, error_of()).value(about)


def same(value: Any) -> bool:
    """Whether it comes back as it was; if not, the differences are said."""
    found = kept.differences(value, through(value))
    assert found == []
    return True


def of_bits(bits: int) -> float:
    """A double by its bits: NaN with what it carries, denormal, −0 …"""
    return float(np.array([bits], dtype=np.uint64).view(np.float64)[0])


ZONES = st.sampled_from([None, UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("Europe/Berlin")])
TEXTS = st.text(max_size=5) | st.sampled_from(["", "µg/mL", "\ud800", "a\0b", "!", "中", "nan"])
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.integers(2**2000, 2**2001) | TEXTS
    | st.integers(0, 2**64 - 1).map(of_bits) | st.integers(0xFFF8 << 48, 2**64 - 1).map(of_bits) | st.floats()
    | st.complex_numbers()
    | st.integers(0, 2**32 - 1).map(lambda bits: np.array([bits], dtype=np.uint32).view(np.float32)[0])
    | st.integers(0, 255).map(np.uint8) | st.booleans().map(np.bool_) | st.text(max_size=3).map(np.str_)
    | st.datetimes(timezones=ZONES) | st.dates() | st.times() | st.timedeltas()
    | st.sampled_from([pandas.NA, pandas.NaT, np.datetime64("NaT"), np.timedelta64(5, "D")])
    | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=ZONES).map(pandas.Timestamp)
)  # fmt: skip
HASHED = st.none() | st.booleans() | st.integers() | TEXTS | st.dates() | st.tuples(st.integers(), TEXTS)


def array_of(name: str) -> st.SearchStrategy[Any]:
    """Arrays of one type, of any shape, those without elements too."""
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    if name in "OT":
        kind: Any = object if name == "O" else np.dtypes.StringDType()
        inside = st.text(max_size=4) if name == "T" else LEAVES | st.lists(st.integers(), max_size=2)

        def of_shape(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
            size = int(np.prod(shape))
            return st.lists(inside, min_size=size, max_size=size).map(partial(filled, shape, kind))

        return shapes.flatmap(of_shape)
    return arrays.arrays(np.dtype(name), shapes)


def filled(shape: tuple[int, ...], kind: Any, values: list[Any]) -> np.ndarray[Any, Any]:
    """An array of objects, each as it is."""
    made = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        made[k] = value
    return made.reshape(shape).astype(kind)


NESTED = st.recursive(
    LEAVES | st.sampled_from(DTYPES).flatmap(array_of),
    lambda inside: st.lists(inside, max_size=3) | st.lists(inside, max_size=3).map(tuple)
    | st.dictionaries(HASHED, inside, max_size=3) | st.sets(HASHED, max_size=3) | st.frozensets(HASHED, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(NESTED)
@settings(max_examples=120, deadline=None)
def test_nested_values_come_back(value: Any) -> None:
    assert same(value)


COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "float64": st.integers(0, 2**64 - 1).map(of_bits), "int8": st.integers(-128, 127), "bool": st.booleans(),
    "uint64": st.integers(0, 2**64 - 1), "object": LEAVES | st.lists(st.integers(), max_size=2),
    "str": st.none() | st.text(max_size=3), "string": st.none() | st.text(max_size=3),
    "Int64": st.none() | st.integers(-(2**63), 2**63 - 1), "UInt8": st.none() | st.integers(0, 255),
    "Float64": st.none() | st.floats(allow_nan=False), "boolean": st.none() | st.booleans(),
    "category": st.none() | st.sampled_from("abc"), "datetime64[ns]": st.none() | st.integers(0, 2**62),
    "datetime64[s, Europe/Berlin]": st.none() | st.integers(0, 2**32),
    "timedelta64[us]": st.none() | st.integers(0, 2**40),
    "interval[float64, right]": st.none() | st.integers(0, 9).map(lambda k: pandas.Interval(k, k + 0.5)),
    "period[M]": st.none() | st.integers(0, 600).map(lambda k: pandas.Period(ordinal=k, freq="M")),
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> pandas.DataFrame:
    """Tables with columns of any type, names of any type, twice the same ones too, and rows with any labels."""
    rows = draw(st.integers(0, 4))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), max_size=4))
    held = {}
    for k, kind in enumerate(kinds):
        values = draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows))
        held[k] = pandas.Series(filled((rows,), object, values), dtype=object) if kind == "object" else pandas.Series(
            pandas.array(values, dtype=kind))  # fmt: skip
    table = pandas.DataFrame(held, index=range(rows))
    names = draw(st.lists(TEXTS | st.integers(0, 9) | st.none(), min_size=len(kinds), max_size=len(kinds)))
    table.columns = pandas.Index(names, dtype=object, name=draw(st.none() | TEXTS))
    labels = draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))
    return table if draw(st.booleans()) else table.set_axis(pandas.Index(labels, name="row"), axis=0)


@given(tables())
@settings(max_examples=50, deadline=None)
def test_tables_come_back(table: pandas.DataFrame) -> None:
    assert same(table)


def stacked() -> pandas.DataFrame:
    """Two levels of labels in both directions, one with a missing label and a name that is a tuple."""
    rows = pandas.MultiIndex.from_tuples([("a", 1.5), ("a", np.nan), ("b", 1.5)], names=[("x", 1), None])
    columns = pandas.MultiIndex.from_product([["mean", "sd"], [1, 2]])
    return pandas.DataFrame(np.arange(12.0).reshape(3, 4), rows, columns)


def with_attrs() -> pandas.Series:
    """A column that knows more than its values."""
    found = pandas.Series([1, 2], name=("a", 1), index=pandas.Index([True, False]))
    found.attrs = {"unit": "µg", "limits": (np.float32(0.1), None)}
    return found


def coordinates() -> xarray.Dataset:
    """A dimension without an index, an index beside the dimension, a coordinate without dimension, odd names."""
    found = xarray.Dataset(
        {"x": (("a", 3), np.zeros((2, 2), dtype=">f4")), "when": ("a", np.array(["2024-01-01", "NaT"], "<M8[s]")),
         "flag": ((), True), "text": ("a", ["é", ""]), "empty": (("none", "a"), np.empty((0, 2))),
         ("t", 1): ("a", [1j, 2]), "kind": ("a", pandas.Categorical(["u", None], ["v", "u"]))},
        {"a": [7, 5], "label": ("a", ["p", "q"]), 3: ("b", [1, 2]), "alone": 4.0, "note": ("a", ["m", "n"])}
        | {"zone": ("a", pandas.DatetimeIndex(["2024-01-01", "2024-07-01"], tz="Europe/Berlin"))},
        {"source": "a", "number": np.int16(4), "list": [1, (2, [3])], "nothing": None},
    ).drop_indexes("a").set_xindex("label")  # fmt: skip
    found["x"].encoding = {"dtype": "int16", "scale_factor": 0.5, "zlib": True}  # how a file was written: not a value
    return found


def tree() -> xarray.DataTree:
    """Nodes without variables, nodes that inherit coordinates."""
    top = xarray.Dataset(coords={"a": [1, 2]}, attrs={"n": 1})
    below = xarray.Dataset({"x": ("a", [0.5, np.nan])})
    return xarray.DataTree.from_dict({"/": top, "/one": below, "/deep/er": below * 2}, name="all")


EDGES: dict[str, Callable[[], Any]] = {
    "numbers that are none": lambda: [of_bits(b) for b in (0x7FF8_0000_0000_0007, 0xFFF8_0000_0000_0000, 2**63, 1)],
    "levels": stacked,
    "column with attributes": with_attrs,
    "coordinates": coordinates,
    "tree": tree,
    "array without a name": lambda: xarray.DataArray([1, 2], dims="q"),
    "array with its name as a coordinate": lambda: xarray.DataArray([1.0, 2], {"q": [1, 2]}, "q", name="q"),
    "nothing": pandas.DataFrame,
    "rows without columns": lambda: pandas.DataFrame(index=["a", "b"]),
    "columns without rows": lambda: pandas.DataFrame({"a": pandas.array([], "Int8"), "b": filled((0,), object, [])}),
    "an empty dataset": xarray.Dataset,
    "an empty column": lambda: pandas.Series([], dtype="datetime64[us, UTC]"),
    "ranges": lambda: pandas.DataFrame({"x": [1, 2]}, index=pandas.RangeIndex(10, 4, -3, name="r")),
    "cut": lambda: pandas.Series(pandas.cut([1.0, 5.0, np.nan], [0, 2, 6])),
    "lists of one length in an array": lambda: filled((2,), object, [[1, 2], [3, 4]]),
    "arrays in an array": lambda: filled((2,), object, [np.arange(2), np.arange(2.0)]),
    "hours around the change of the clock": lambda: [
        datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin")) for fold in (0, 1)
    ],
    "moments": lambda: [
        time(1, 2, 3, 4), date(1, 1, 1), timedelta(-1, 5, 7), pandas.Timestamp("2024-01-01 00:00:00.123456789"),
        pandas.Timestamp(5, unit="s", tz="Asia/Kathmandu"), pandas.Timedelta("1ns"), pandas.Period("2024-02", "M"),
        pandas.Interval(1, 2.5, closed="both"), np.datetime64("2024-05", "M"),
    ],
    "a mapping that looks like a tag": lambda: {"!": "object", "class": "Study", "fields": {}},
    "keys that are no texts": lambda: {1: "a", "1": "b", None: {(): [-0.0]}, 2.5: np.float64(-0.0)},
}  # fmt: skip


@pytest.mark.parametrize("edge", EDGES)
def test_edges_come_back(edge: str) -> None:
    assert same(EDGES[edge]())


def subclass_of(kind: type) -> Any:
    """A class of the user's own that is a number, a text or a sequence."""
    return type("Own", (kind,), {})


@pytest.mark.parametrize("value", [
    np.ma.masked_array([1.0, 2.0], [True, False]), np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    np.array([b"bytes"]), b"bytes", object(), len, Exception, np.dtype("f8"), 10**5000,
    np.array(["a"], dtype=np.dtypes.StringDType(na_object=None)), xarray.Variable("a", [1]), range(3), iter([]),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_what_would_lose_something_is_refused(value: Any) -> None:
    writer = Writer()
    writer.plain({"deep": [value]}, "it")
    assert len(writer.problems) == 1
    assert writer.problems[0].startswith("it.deep.0 is a")


def test_a_class_of_ones_own_comes_back_as_the_plain_one() -> None:
    for kind, value in ((int, 5), (float, -0.0), (str, "µ"), (list, [1]), (tuple, (1,)), (dict, {"a": 1})):
        assert kept.differences(value, through(subclass_of(kind)(value))) == []
