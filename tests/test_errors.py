"""Errors that speak: every problem at once, with the nearest name that exists."""

from __future__ import annotations

import math
import pickle
import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

import pkpd
from pkpd import define, read_study
from pkpd.errors import (
    DataWarning,
    DoseError,
    FitWarning,
    InputError,
    ModelError,
    PkpdError,
    UnitError,
    few,
    nearest,
    shown,
    unknown_names,
    warn,
)


def test_one_problem_is_a_sentence() -> None:
    error = InputError("dose is -1; expected a number ≥ 0")
    assert str(error) == "dose is -1; expected a number ≥ 0"
    assert error.problems == ("dose is -1; expected a number ≥ 0",)
    assert str(InputError("too low", "row 3")) == "row 3: too low"


def test_many_problems_are_a_list() -> None:
    error = InputError(iter(["first", "second", "third"]), "observations")
    assert error.problems == ("first", "second", "third")
    assert error.where == "observations"
    assert str(error) == "observations: 3 problems\n  - first\n  - second\n  - third"
    assert str(InputError(["a", "b"])) == "2 problems\n  - a\n  - b"


@pytest.mark.parametrize("kind", [InputError, UnitError, ModelError])
def test_one_type_catches_all(kind: type[InputError]) -> None:
    """Documented: every error raised on purpose is a PkpdError, and a wrong input is a ValueError too."""
    with pytest.raises(PkpdError):
        raise kind("x")
    assert issubclass(kind, ValueError)
    assert issubclass(kind, InputError)


def test_warnings_can_be_turned_into_errors_apart() -> None:
    assert issubclass(DataWarning, UserWarning)
    assert issubclass(FitWarning, UserWarning)
    assert not issubclass(FitWarning, DataWarning)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        warnings.simplefilter("ignore", FitWarning)
        warnings.warn("left open", FitWarning, stacklevel=1)
        with pytest.raises(DataWarning):
            warnings.warn("2 samples left out", DataWarning, stacklevel=1)


def test_nearest() -> None:
    known = ["CL", "V1", "V2", "kout"]
    assert nearest("Kout", known) == "did you mean 'kout'?"
    assert nearest("cl", known) == "did you mean 'CL'?"
    assert nearest("zebra", known) == "known: CL, V1, V2, kout"
    assert nearest("x", []) == "none exist"
    assert nearest("12", [11, 121]) == "did you mean 121?"  # identifiers may be numbers


def test_unknown_names() -> None:
    assert unknown_names(["CL", "V1"], ["V1", "CL"], "parameter") == []
    found = unknown_names(["cl", "V1", "zzz"], ["CL", "V1"], "parameter")
    assert found == ["unknown parameter 'cl'; did you mean 'CL'?", "unknown parameter 'zzz'; known: CL, V1"]


@given(st.lists(st.text("abcde", min_size=1, max_size=6), max_size=30), st.text("abcde", max_size=6))
def test_few_of_many_names(names: list[str], like: str) -> None:
    """At most five, each one that exists, and the count of the rest; the wanted one is always among them."""
    different = list(dict.fromkeys(names))
    text, _, more = few(names, like).partition(" and ")
    shown = text.split(", ") if text else []
    assert len(shown) == min(5, len(different))
    assert set(shown) <= set(different)
    assert len(shown) + int(more.removesuffix(" more") or 0) == len(different)
    if like in different:
        assert like in shown


def test_hundreds_of_names_are_not_listed() -> None:
    known = [f"subject-{k}" for k in range(500)]
    assert nearest("zzz", known).endswith(" and 495 more")
    assert len(nearest("zzz", known)) < 100
    model = define({"A": "-k0*A"}, {f"k{k}": 1.0 for k in range(40)})
    with pytest.raises(InputError, match="and 35 more"):
        model.parameters["zzz"]
    table = pandas.DataFrame({f"x{k}": [1] for k in range(40)})
    with pytest.raises(InputError, match=r"no column 'subject'.*and 35 more"):
        read_study(table, units={"time": "h"})


@given(st.floats(allow_nan=False), st.integers(-5, 5), st.booleans())
def test_messages_show_plain_numbers(number: float, whole: int, yes: bool) -> None:
    for value, plain in ((np.float64(number), number), (np.int32(whole), whole), (np.bool_(yes), yes)):
        assert str(InputError(f"k is {value!r}; {[value, value]!r}")) == f"k is {plain!r}; {[plain, plain]!r}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn(f"a value {np.float32(0.5)!r} of {np.str_('C')!r}")
    assert str(caught[0].message) == "a value 0.5 of 'C'"


def test_messages_of_the_package_show_plain_numbers() -> None:
    minus = np.float64(-1.0)
    for call in (lambda: pkpd.Rules(blq_run=np.float64(1.5)), lambda: define({"A": "-k*A"}, {"k": minus}),
                 lambda: pkpd.Dose(np.float64(1.0), minus), lambda: pkpd.bolus("1 mg").repeated(minus, 3),
                 lambda: read_study(pandas.DataFrame(), units=[minus])):  # fmt: skip
        with pytest.raises(InputError) as caught:
            call()
        assert "np." not in str(caught.value)


WORDS: list[tuple[Any, str]] = [
    (np.array([1.0, 2.0]), "[1.0, 2.0]"), (np.ones((300, 2)), "an array of 300 × 2 values"),
    (pandas.Series([1, 2]), "[1, 2]"), (pandas.DataFrame({"a": [1]}), "a table of 1 row and 1 column (a)"),
    (pandas.DataFrame(), "a table of 0 rows and no columns"), (xarray.Dataset({"a": 1.0}), "a Dataset of a"),
    (xarray.DataArray([1.0, 2.0]), "a DataArray of 2 values"),
    (pandas.Timestamp("2024-01-05"), "'2024-01-05 00:00:00'"),
    (np.datetime64("2024-01-05"), "'2024-01-05'"),
    (lambda: 1, "a function"), (len, "a function"), (int, "the class int"),
    ([int, print], "[the class int, a function]"), (iter([1]), "an object of type 'list_iterator'"),
    ({"a": np.array([1, 2])}, "{'a': [1, 2]}"), (Path("x.csv"), "'x.csv'"), (Decimal("1.5"), "1.5"),
    (frozenset({"a"}), "{'a'}"), ("np.exp(-k*t)", "'np.exp(-k*t)'"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "words"), WORDS)
def test_values_of_all_kinds_in_words(value: object, words: str) -> None:
    assert shown(value) == words


def test_a_negative_default_says_the_way_out() -> None:
    for make in (lambda: pkpd.Parameter("b", -3.0), lambda: define({"A": "b - A"}, {"b": -3}),
                 lambda: pkpd.Parameters((pkpd.Parameter("b", 3.0),)).with_values(b=-3.0)):  # fmt: skip
        with pytest.raises(InputError, match=r"b.* is -3, .*lower=-math\.inf"):
            make()
    assert pkpd.Parameter("b", -3.0, lower=-math.inf).value == -3.0
    with pytest.raises(InputError) as caught:
        pkpd.Parameter("b", 3.0, upper=2.0)
    assert "math.inf" not in str(caught.value)


def test_problems_of_doses_cross_processes() -> None:
    error = DoseError([(1, 0, "is late"), (None, None, "other")])
    assert error.problems == ("subject 2: is late", "other")
    assert error.named(["a", "b"], [[3], [8]]).problems == ("row 8, subject 'b': is late", "other")
    again = pickle.loads(pickle.dumps(error))
    assert again.problems == error.problems
    assert str(again) == str(error)


def test_errors_cross_processes() -> None:
    """A worker's error reaches the caller whole (executor= may be a process pool)."""
    error = pickle.loads(pickle.dumps(UnitError(["a", "b"], "units")))
    assert type(error) is UnitError
    assert error.problems == ("a", "b")
    assert str(error) == "units: 2 problems\n  - a\n  - b"
