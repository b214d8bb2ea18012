"""A value again, and whether it is what its file says it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pkpd.errors import InputError, shown
from pkpd.files.rebuild import Reader
from pkpd.files.saved import data_hash, model_key
from pkpd.files.sealed import Contents, read

ErrorOf = Callable[[str, str, str], Any]
"""Output, kind and label of a residual error → the error."""


def load_value(
    path: str | Path, class_of: Callable[[str], type], error_of: ErrorOf, data: str | None = None,
    expected: type | None = None,
) -> Any:  # fmt: skip
    """Return what a file holds.

    Parameters
    ----------
    path : path
        The file.
    class_of : callable
        Name of a class → the class; raises `KeyError` if there is none.
    error_of : callable
        Output, kind and label of a residual error → the error.
    data : str, optional
        Hash of the data that it must come from.
    expected : class, optional
        What it must be.

    Raises
    ------
    InputError
        If the file is damaged, was altered, was written by a newer version, holds what cannot be, or belongs to other
        data.

    Warns
    -----
    DataWarning
        If an older version of the package wrote it.
    """
    path = Path(path)
    contents = read(path)
    if expected is not None and contents.kind != expected.__name__:
        wanted = f"expected a {expected.__name__}; `pkpd.saving.load` reads everything"
        raise InputError(f"{str(path)!r} holds a {contents.kind}; {wanted}", "load")
    try:
        value = Reader(contents.arrays, class_of, error_of).value(contents.about)
        problems = _problems(value, contents)
    except InputError as found:
        raise InputError([*found.problems], f"{str(path)!r} holds what cannot be") from None
    except Exception as found:  # whatever is wrong with a file is told as one kind of error
        why = f"{type(found).__name__}: {shown(str(found))}"
        raise InputError(f"{str(path)!r} holds what cannot be read ({why})", "load") from None
    if problems:
        raise InputError(problems, f"{str(path)!r} was altered")
    if data is not None:
        _same_data(contents, data, path)
    return value


def _problems(value: Any, contents: Contents) -> list[str]:
    """What a value is that its file does not say it is."""
    problems = []
    if type(value).__name__ != contents.kind:
        problems.append(f"it holds a {type(value).__name__} and says {contents.kind!r}")
    if data_hash(value) != contents.data_hash:
        problems.append("the hash of its data is not the one that was written")
    if model_key(value) != contents.model_key:
        problems.append("its model is not the one that was written")
    return problems


def _same_data(contents: Contents, data: str, path: Path) -> None:
    if not contents.data_hash:
        why = f"holds a {contents.kind}, which says nothing of its data; leave out study"
        raise InputError(f"{str(path)!r} {why}", "load")
    if contents.data_hash != data:
        raise InputError(
            f"what {str(path)!r} holds is of other data: theirs have the hash {contents.data_hash[:12]}…, this study "
            f"{data[:12]}…", "load",
        )  # fmt: skip
