"""Results on disk: a Zarr group that grows piece by piece, knows what it holds, and can be continued.

Beside the arrays, ``.pkpd/`` holds ``call.json`` (what is computed, and the files that were there from the start),
``pieces`` (one line per finished piece with its files, appended after its data) and ``lock``.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pkpd.arguments import checked, from_json
from pkpd.errors import InputError, warn
from pkpd.simulate.layout import Layout
from pkpd.simulate.pieces import Part, Piece
from pkpd.simulate.store import files
from pkpd.simulate.store.call import differences
from pkpd.simulate.store.lock import locked

if TYPE_CHECKING:
    import xarray

_NOTES = ".pkpd"
_CALL, _PIECES, _LOCK = "call.json", "pieces", "lock"


def zarr_module() -> Any:
    """Return the module zarr.

    Raises
    ------
    InputError
        If it is not installed, with the command that does it.
    """
    try:
        import zarr
    except ImportError:
        text = 'results on disk need zarr (version 3), which is not installed: pip install "pkpd-toolkit[large]"'
        raise InputError(text, "store") from None
    if int(zarr.__version__.split(".")[0]) < 3:
        raise InputError(f'zarr {zarr.__version__} is too old: pip install "pkpd-toolkit[large]"', "store")
    return zarr


@dataclass(frozen=True, eq=False)
class Store:
    """A store that is being written.

    Attributes
    ----------
    path : Path
        Where it is.
    layout : Layout
        Of the whole result.
    arrays : mapping
        Variable → array on disk.
    done : mapping
        Pieces that were there when it was opened → subjects that could not be solved, and why.
    log : file
        Where finished pieces are noted.
    """

    path: Path
    layout: Layout
    arrays: Mapping[str, Any]
    done: Mapping[int, tuple[int, str]]
    log: IO[bytes]

    def write(self, piece: Piece, part: Part) -> None:
        """Write a piece, then note that it is there."""
        for name, values in part.arrays.items():
            self.arrays[name][self.layout.where(name, piece)] = values
        written = files.lengths(self.path, files.of_piece(self.layout, piece))
        note = {"piece": piece.number, "failed": part.failed, "advice": part.advice, "files": written}
        line = json.dumps(note)
        self.log.write(line.encode() + b"\n")
        self.log.flush()


@contextmanager
def writing(path: Path, layout: Layout, call: Mapping[str, str], pieces: int) -> Iterator[Store]:
    """Make a store, or open the one that is there if it is of the same call, and hold its lock.

    Raises
    ------
    InputError
        If there is something else, if its call differs (saying in what), or if another run is writing it.
    """
    zarr = zarr_module()
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        _create(zarr, path, layout, {"call": dict(call), "pieces": pieces})
    notes = path / _NOTES
    if not (notes / _CALL).is_file():
        raise InputError(f"{path} exists and is no simulation; choose another place", "store")
    with locked(notes / _LOCK):
        about = _read(notes)
        if problems := differences(about["call"], call):
            problems.append(f"{path} holds another simulation; repeat its call to continue it, or choose another store")
            raise InputError(problems, "store")
        _whole(path, about["files"])
        arrays = _opened(path, lambda: _arrays(zarr, path, layout))
        with (notes / _PIECES).open("a+b") as log:
            rows = _finished(log)
            done = {k: (r["failed"], r["advice"]) for k, r in rows.items() if not _lost(path, r)}
            yield Store(path, layout, arrays, done, log)


@checked
def open_simulation(path: str | Path) -> xarray.Dataset:
    """Open a simulation that was written with ``simulate(..., store=path)``; nothing is read before it is used.

    Parameters
    ----------
    path : str or Path
        The store.

    Returns
    -------
    xarray.Dataset
        The same as without a store. `xarray.open_zarr` opens it too.

    Raises
    ------
    InputError
        If there is no simulation, zarr is not installed, or the store is damaged: a file of it is gone or shorter
        than it was written. (Bytes that were changed are noticed by zarr when they are read.)

    Warns
    -----
    DataWarning
        If pieces are missing: they are NaN.
    """
    import xarray

    zarr_module()
    notes = Path(path) / _NOTES
    if not (notes / _CALL).is_file():
        raise InputError(f"there is no simulation at {path}", "open_simulation")
    about, root = _read(notes), Path(path)
    pieces = about["pieces"]
    with (notes / _PIECES).open("rb") if (notes / _PIECES).is_file() else io.BytesIO() as log:
        rows = _lines(log.read())
    if problems := [sentence for row in rows.values() for sentence in files.cut(root, row["files"])]:
        problems.append("the same call of simulate computes these pieces again")
        raise InputError(problems, f"{path} is damaged")
    _whole(root, about["files"])
    done = sum(not files.gone(root, row["files"]) for number, row in rows.items() if number < pieces)
    if done < pieces:
        text = f"{path}: {pieces - done} of {pieces} pieces are missing and NaN; the same call of simulate continues it"
        warn(text)
    # "days" is the unit of a clock here, not of a date
    result: xarray.Dataset = _opened(root, lambda: xarray.open_zarr(str(path), decode_times=False))
    return result


def _arrays(zarr: Any, path: Path, layout: Layout) -> dict[str, Any]:
    group = zarr.open_group(str(path), mode="r+", use_consolidated=False)
    return {name: group[name] for name in layout.variables}


def _opened(path: Path, opening: Callable[[], Any]) -> Any:
    """What zarr makes of a store; it and what it stands on fail in any of their own ways where bytes were changed."""
    try:
        return opening()
    except Exception as error:
        raise InputError(f"cannot be opened ({type(error).__name__}: {error})", f"{path} is damaged") from error


def _whole(path: Path, written: Mapping[str, int]) -> None:
    """Refuse a store of which something is gone that was there before the first piece."""
    problems = [f"{name} is missing" for name in files.gone(path, written)] + files.cut(path, written)
    if problems:
        raise InputError(problems, f"{path} is damaged")


def _lost(path: Path, row: Mapping[str, Any]) -> bool:
    return bool(files.gone(path, row["files"]) or files.cut(path, row["files"]))


def _create(zarr: Any, path: Path, layout: Layout, about: Mapping[str, Any]) -> None:
    """Make an empty store under another name and move it: whoever sees it sees all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        new = Path(folder) / "new"
        with warnings.catch_warnings():  # texts of fixed length and joined metadata are not yet in the Zarr 3 standard
            warnings.simplefilter("ignore")
            layout.fixed.to_zarr(new, mode="w-", zarr_format=3, consolidated=False)
            group = zarr.open_group(str(new), mode="r+")
            for name, variable in layout.variables.items():
                group.create_array(
                    name, shape=layout.shape(name), chunks=layout.chunk(name), dtype=variable.dtype,
                    fill_value=variable.blank, dimension_names=variable.dims, attributes=dict(variable.attrs),
                    compressors=[zarr.codecs.ZstdCodec(level=1, checksum=True)],
                )  # fmt: skip
            zarr.consolidate_metadata(str(new))
        (new / _NOTES).mkdir()
        noted = {**about, "files": files.everything(new)}
        (new / _NOTES / _CALL).write_text(json.dumps(noted, indent=1), encoding="utf-8")
        (new / _NOTES / _PIECES).touch()
        try:
            os.replace(new, path)
        except OSError:
            if not (path / _NOTES / _CALL).is_file():  # otherwise another run was faster: it is judged like any store
                raise


def _read(notes: Path) -> dict[str, Any]:
    """What a store says of itself: the call, how many pieces, and the files that were there from the start."""
    where = f"{notes / _CALL} is damaged"
    about = from_json((notes / _CALL).read_bytes(), where)
    if not (
        isinstance(about, dict)
        and isinstance(about.get("call"), dict)
        and all(isinstance(text, str) for text in about["call"].values())
        and type(about.get("pieces")) is int
        and _are_lengths(about.setdefault("files", {}))
    ):
        raise InputError("it is not what a simulation writes; choose another store", where)
    return about


def _finished(log: IO[bytes]) -> dict[int, dict[str, Any]]:
    """Read which pieces are there; a last line that was not finished is cut off, its piece will be computed again."""
    log.seek(0)
    text = log.read()
    log.truncate(text.rfind(b"\n") + 1)
    log.seek(0, os.SEEK_END)
    return _lines(text)


def _lines(text: bytes) -> dict[int, dict[str, Any]]:
    """The notes of finished pieces; one that cannot be read counts as none, its piece will be computed again."""
    found = {}
    for line in text[: text.rfind(b"\n") + 1].split(b"\n"):
        try:
            row = from_json(line, "")
        except InputError:
            continue
        if isinstance(row, dict) and type(row.get("piece")) is int and type(row.get("failed")) is int and isinstance(
            row.get("advice"), str) and _are_lengths(row.setdefault("files", {})):  # fmt: skip
            found[row["piece"]] = row
    return found


def _are_lengths(noted: Any) -> bool:
    return isinstance(noted, dict) and all(type(length) is int for length in noted.values())
