"""Errors that speak: every problem at once, with the nearest name that exists."""

from __future__ import annotations

import pickle
import warnings

import pytest

from pkpd.errors import DataWarning, FitWarning, InputError, ModelError, PkpdError, UnitError, nearest, unknown_names


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


def test_errors_cross_processes() -> None:
    """A worker's error reaches the caller whole (executor= may be a process pool)."""
    error = pickle.loads(pickle.dumps(UnitError(["a", "b"], "units")))
    assert type(error) is UnitError
    assert error.problems == ("a", "b")
    assert str(error) == "units: 2 problems\n  - a\n  - b"
