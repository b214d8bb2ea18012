"""What can be saved: one verb for every class that is data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pkpd.errors import InputError, shown
from pkpd.files.part import Part
from pkpd.files.plain import TAG, Writer
from pkpd.files.sealed import Contents, write

RESULTS = ("dataset", "tree", "labelled", "table", "series")
WHAT = (
    "a study, a model, parameters, a population, a fit, a regimen, a dose, rules or settings, a result (of `pkpd.nca`, "
    "`simulate`, `locate` and the like), or a Dataset, DataTree, DataArray, DataFrame or Series"
)
"""What can be written, in words."""


class Saved(Part):
    """A class of immutable data that people keep by itself."""

    __slots__ = ()

    def save(self, path: str | Path) -> Path:
        """Write it to one NetCDF file (no pickle); `pkpd.saving.load` reads it, bit for bit the same.

        Parameters
        ----------
        path : path
            Where; a file that is there is replaced.

        Raises
        ------
        InputError
            If it holds what is no data, such as a function, or the file cannot be written.
        """
        return save_value(self, path)


def save_value(value: Any, path: str | Path) -> Path:
    """Write a value to a file.

    Parameters
    ----------
    value : object
        A `Part`, or a result of xarray or pandas.
    path : path
        Where.

    Raises
    ------
    InputError
        Listing everything in it that is no data.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"path is {shown(path)}; expected the name of a file", "save")
    writer = Writer()
    try:
        about = writer.plain(value, "")
    except RecursionError:
        raise InputError("it holds itself, or is nested without end", "save") from None
    kind = type(value).__name__
    tag = about.get(TAG) if isinstance(about, dict) else None
    if writer.problems or not (tag == "object" or tag in RESULTS):
        problems = writer.problems if writer.problems and tag else [f"it is {shown(value)}; expected {WHAT}"]
        raise InputError(problems, f"the {kind} cannot be written to a file")
    hashed, key = data_hash(value), model_key(value)
    name = getattr(getattr(value, "model", value), "name", "")
    title = f"{kind} {name}" if isinstance(name, str) and name else kind
    return write(Contents(kind, about, writer.arrays, hashed, key), path, title)


def data_hash(value: Any) -> str:
    """Return the hash of the data that a value is, or says it comes from; empty if it says none."""
    for one in _inside(value):
        own = getattr(one, "data_hash", None)
        found = own if isinstance(own, str) else dict(getattr(one, "attrs", None) or {}).get("data_hash", "")
        if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{8,128}", found):
            return found
    return ""


def model_key(value: Any) -> str:
    """Return the digest of the equations of a value that is a model or has one; else empty."""
    for one in _inside(value) if isinstance(value, Part) else ():
        key = getattr(getattr(getattr(one, "people", one), "model", one), "key", "")
        if isinstance(key, str) and key:
            return key
    return ""


def _inside(value: Any) -> list[Any]:
    """A value, and the first of those that it gathers: fits of subjects, results of analytes."""
    if isinstance(value, Part):
        fits = getattr(value, "fits", None)
        return [value, *list(fits.values())[:1]] if isinstance(fits, dict) else [value]
    subtree = getattr(value, "subtree", None)
    return [value] if subtree is None else list(subtree)
