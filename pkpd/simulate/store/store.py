"""Results on disk: a Zarr group that grows piece by piece, knows what it holds, and can be continued.

Beside the arrays, ``.pkpd/`` holds ``call.json`` (what is computed), ``pieces`` (one line per finished piece, appended
after its data) and ``lock``.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError, warn
from pkpd.simulate.layout import Layout
from pkpd.simulate.pieces import Part, Piece
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
    layout : Layout
        Of the whole result.
    arrays : mapping
        Variable → array on disk.
    done : mapping
        Pieces that were there when it was opened → subjects that could not be solved, and why.
    log : file
        Where finished pieces are noted.
    """

    layout: Layout
    arrays: Mapping[str, Any]
    done: Mapping[int, tuple[int, str]]
    log: IO[bytes]

    def write(self, piece: Piece, part: Part) -> None:
        """Write a piece, then note that it is there."""
        for name, values in part.arrays.items():
            self.arrays[name][self.layout.where(name, piece)] = values
        line = json.dumps({"piece": piece.number, "failed": part.failed, "advice": part.advice})
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
        if problems := differences(_read(notes)["call"], call):
            problems.append(f"{path} holds another simulation; repeat its call to continue it, or choose another store")
            raise InputError(problems, "store")
        group = zarr.open_group(str(path), mode="r+", use_consolidated=False)
        with (notes / _PIECES).open("a+b") as log:
            done = _finished(log)
            yield Store(layout, {name: group[name] for name in layout.variables}, done, log)


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
        If there is no simulation, or zarr is not installed.

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
    with (notes / _PIECES).open("rb") as log:
        done, pieces = len(_lines(log.read())), int(_read(notes)["pieces"])
    if done < pieces:
        text = f"{path}: {pieces - done} of {pieces} pieces are missing and NaN; the same call of simulate continues it"
        warn(text)
    # "days" is the unit of a clock here, not of a date
    result: xarray.Dataset = xarray.open_zarr(str(path), decode_times=False)
    return result


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
        (new / _NOTES / _CALL).write_text(json.dumps(about, indent=1), encoding="utf-8")
        (new / _NOTES / _PIECES).touch()
        try:
            os.replace(new, path)
        except OSError:
            if not (path / _NOTES / _CALL).is_file():  # otherwise another run was faster: it is judged like any store
                raise


def _read(notes: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((notes / _CALL).read_text(encoding="utf-8"))
    return about


def _finished(log: IO[bytes]) -> dict[int, tuple[int, str]]:
    """Read which pieces are there; a last line that was not finished is cut off, its piece will be computed again."""
    log.seek(0)
    text = log.read()
    log.truncate(text.rfind(b"\n") + 1)
    log.seek(0, os.SEEK_END)
    return _lines(text)


def _lines(text: bytes) -> dict[int, tuple[int, str]]:
    rows = [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]
    return {row["piece"]: (row["failed"], row["advice"]) for row in rows}
