"""What can be saved: one verb for every class that is data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pkpd.errors import InputError, shown
from pkpd.files.plain import TAG, Writer
from pkpd.files.sealed import Contents, write

RESULTS = ("dataset", "tree", "labelled", "table", "series")


class Saved:
    """A class of immutable data that can be written to a file."""

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
        A study, a model, a population, a fit, or a result of xarray or pandas.
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
        known = "a study, a model, a population, a fit or a result"
        problems = writer.problems or [f"it is {shown(value)}; expected {known}"]
        raise InputError(problems, f"the {kind} cannot be written to a file")
    hashed, key = data_hash(value), model_key(value)
    name = getattr(getattr(value, "model", value), "name", "")
    title = f"{kind} {name}" if isinstance(name, str) and name else kind
    return write(Contents(kind, about, writer.arrays, hashed, key), path, title)


def data_hash(value: Any) -> str:
    """Return the hash of the data that a value is, or says it comes from; empty if it says none."""
    own = getattr(value, "data_hash", None)
    if isinstance(own, str):
        return own
    attrs = getattr(value, "attrs", None)
    if attrs is None and hasattr(value, "fits"):
        attrs = next((one.attrs for one in value.fits.values()), {})
    found = dict(attrs or {}).get("data_hash", "")
    return found if isinstance(found, str) else ""


def model_key(value: Any) -> str:
    """Return the digest of the equations of a value that is a model or has one; else empty."""
    if isinstance(getattr(value, "fits", None), dict):
        value = next(iter(value.fits.values()), None)
    key = getattr(getattr(value, "model", value), "key", "")
    return key if isinstance(key, str) else ""
