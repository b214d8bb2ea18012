"""One NetCDF 4 file with a seal: arrays by name, everything else as one JSON text, a digest of all of it.

The arrays are variables that any program reads that knows NetCDF. After the last byte of HDF5 stands one line with the
SHA-256 of the bytes before it. It is looked at before any of them is trusted, because the HDF5 library does not survive
every damaged file. A program that rewrites the file loses the line; then the file is first read by another process
(`probe`), and the digest among the attributes, which is of contents and not of bytes, still says whether they are what
was written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pkpd.about import package_version
from pkpd.errors import InputError, shown, warn
from pkpd.files.probe import require_readable

FORMAT = 1
"""Raised whenever this version's files cannot be read by those before."""
ABOUT, DIMENSION = "about", "size_"
"""Name of the text, and how names of dimensions begin; no array's name does."""
_SEAL = b"\npkpd seal 1 "
_LENGTH = len(_SEAL) + 64 + 1
_STATED = ("format", "kind", "pkpd_version", "data_hash", "model_key")
_DIRECT = frozenset(f"{kind}{size}" for kind, sizes in {"f": (4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8)}.items()
                    for size in sizes)  # fmt: skip
_OLD = ("fit", "vector")  # variables of population fits in the format before 0.2.0


@dataclass(frozen=True, eq=False)
class Contents:
    """What a file holds.

    Attributes
    ----------
    kind : str
        Name of the class, e.g. ``"Study"``.
    about : object
        Plain data, as `pkpd.files.plain.Writer` returns them.
    arrays : dict
        Name → array; plain data refer to them by name.
    data_hash, model_key : str
        Of the study and of the model that it belongs to; empty where there is none.
    """

    kind: str
    about: Any
    arrays: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    data_hash: str = ""
    model_key: str = ""


def write(contents: Contents, path: str | Path, title: str) -> Path:
    """Write a file; it is there as a whole or not at all.

    Parameters
    ----------
    contents : Contents
        What to write.
    path : path
        Where; a file that is there is replaced.
    title : str
        What it is, for people.

    Raises
    ------
    InputError
        If there is no such folder, or the file cannot be written.
    """
    import h5netcdf
    import h5py

    path = checked_place(path)
    text = json.dumps(contents.about, allow_nan=False, separators=(",", ":"))
    attrs = {
        "format": str(FORMAT), "kind": contents.kind, "pkpd_version": package_version(),
        "data_hash": contents.data_hash, "model_key": contents.model_key,
    }  # fmt: skip
    attrs["digest"] = _digest(attrs, text, contents.arrays)
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with h5netcdf.File(part, "w") as file:
            file.attrs.update({**attrs, "title": title.encode(errors="replace").decode().replace("\0", " ")})
            file.create_variable(ABOUT, (), dtype=h5py.string_dtype(), data=np.array(text, dtype=object))
            for name, array in contents.arrays.items():
                sizes = array.shape
                dims = tuple(f"{DIMENSION}{n}{'_again' * sizes[:k].count(n)}" for k, n in enumerate(sizes))
                for dim, size in zip(dims, array.shape, strict=True):
                    if dim not in file.dimensions:
                        file.dimensions[dim] = size
                file.create_variable(name, dims, data=np.ascontiguousarray(array))
        seal(part)
        part.replace(path)
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written ({error})", "save") from None
    finally:
        with suppress(OSError):  # its name, longer than the file's, may be too long
            part.unlink(missing_ok=True)
    return path


def checked_place(path: str | Path) -> Path:
    """Return the path if a file can stand there.

    Raises
    ------
    InputError
        If there is no such folder, the path is one, or no file can be called so.
    """
    path = Path(path)
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:  # too long, a character that no name has
        raise InputError(f"{shown(str(path))} is no name for a file ({error})", "save") from None
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {str(path.parent)!r}", "save")
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder; expected the name of a file in it", "save")
    return path


def read(path: str | Path) -> Contents:
    """Read a file that `write` wrote.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    InputError
        If there is none, it is none of these, a newer version wrote it, or it is not what was written.

    Warns
    -----
    DataWarning
        If an older version of the package wrote it.
    """
    import h5py

    path = Path(path)
    if not unbroken(path):
        require_readable(path)
    try:
        with h5py.File(path, "r") as file:
            attrs = {name: _one(file.attrs[name]) for name in (*_STATED, "digest") if name in file.attrs}
            if "format" in attrs:
                check_version(path, attrs["format"], attrs.get("pkpd_version"), FORMAT)
            if ABOUT not in file and set(_OLD) & set(file) and "pkpd_version" in file.attrs:
                old = f"{path.name} was written by pkpd {shown(file.attrs['pkpd_version'])} in a format"
                raise InputError(f"{old} that is no longer read; fit and save it again", "load")
            text = file[ABOUT][()]
            text = text.decode() if isinstance(text, bytes) else str(text)
            names = [name for name in file if name != ABOUT and not name.startswith(DIMENSION)]
            arrays = {name: np.array(file[name][...]) for name in names}
    except InputError:
        raise
    except Exception as error:  # a damaged file may raise anything: that it cannot be read is all there is to say
        raise InputError(f"{str(path)!r} is no file that pkpd saved ({shown(str(error))})", "load") from None
    lacking = [name for name in (*_STATED, "digest") if name not in attrs]
    if lacking:
        raise InputError(f"{str(path)!r} was altered: it lacks {', '.join(map(repr, lacking))}", "load")
    stated = {name: str(attrs[name]) for name in _STATED}
    if _digest(stated, text, arrays) != str(attrs["digest"]):
        raise InputError(f"{str(path)!r} was altered: its contents are not those that were written", "load")
    say_version(path, stated["pkpd_version"])
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{str(path)!r} holds a text that is no JSON", "load") from None
    return Contents(stated["kind"], about, arrays, stated["data_hash"], stated["model_key"])


def _one(value: Any) -> Any:
    """An attribute; a number of NetCDF is an array of one."""
    return value.item() if isinstance(value, np.ndarray) and value.size == 1 else value


def seal(path: Path) -> None:
    """Add the line that says what the bytes of a file were."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with path.open("ab") as file:
        file.write(_SEAL + digest.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())  # else a loss of power may leave a new name on an empty file


def unbroken(path: Path) -> bool:
    """Refuse a file whose bytes are not those that were sealed; return whether it has a seal.

    Raises
    ------
    InputError
        If there is no such file, or it is damaged.
    """
    try:
        if not path.is_file():
            raise InputError(f"there is no file {str(path)!r}", "load")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read ({error})", "load") from None
    end = data[-_LENGTH:]
    if not end.startswith(_SEAL):
        return False
    if hashlib.sha256(data[:-_LENGTH]).hexdigest().encode() != end[len(_SEAL) : -1]:
        raise InputError(f"{str(path)!r} is damaged: its bytes are not those that were written", "load")
    return True


def check_version(path: Path, form: Any, version: Any, newest: int) -> None:
    """Refuse a file of a format or a version of the package that is newer than this one.

    Parameters
    ----------
    path : path
        The file.
    form, version : object
        What the file says of itself.
    newest : int
        The newest format that is known.

    Raises
    ------
    InputError
        With the version that is needed.
    """
    try:
        number = int(form)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{str(path)!r} has format {shown(form)}; expected a number up to {newest}", "load") from None
    here = package_version()
    if number > newest or _release(version) > _release(here):
        raise InputError(
            f"{path.name} was written by a newer version of pkpd ({shown(version)}, format {number}); this is {here}, "
            f"which reads up to format {newest}: update pkpd to read it", "load",
        )  # fmt: skip


def say_version(path: Path, version: Any) -> None:
    """Warn if another version of the package wrote a file."""
    if version != package_version():
        warn(f"{path.name} was written by pkpd {version}; this is {package_version()}")


def _release(version: Any) -> tuple[int, ...]:
    """The numbers of a version, for comparison; of what is none, none."""
    found = re.match(r"\d{1,9}(\.\d{1,9})*", version) if isinstance(version, str) else None
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _digest(attrs: Mapping[str, str], text: str, arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """SHA-256 of contents, whatever their order in the file and the machine's order of bytes."""
    total = hashlib.sha256(json.dumps([[name, attrs[name]] for name in _STATED]).encode())
    total.update(text.encode(errors="backslashreplace"))
    for name in sorted(arrays):
        array = arrays[name]
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        total.update(json.dumps([name, little.dtype.str, list(array.shape)]).encode())
        total.update(np.ascontiguousarray(little).tobytes())
    return total.hexdigest()


def direct(array: np.ndarray[Any, Any]) -> bool:
    """Whether NetCDF holds an array as it is: numbers of a usual size, at least one."""
    return f"{array.dtype.kind}{array.dtype.itemsize}" in _DIRECT and array.size > 0 and array.ndim > 0
