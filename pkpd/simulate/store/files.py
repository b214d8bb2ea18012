"""What was written into a store, file by file with its length: what is gone or cut later is noticed on opening."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pkpd.simulate.layout import Layout
from pkpd.simulate.pieces import Piece


def lengths(root: Path, names: Iterable[str]) -> dict[str, int]:
    """Return the length of every file that is there, by its name below the root."""
    return {name: (root / name).stat().st_size for name in names if (root / name).is_file()}


def everything(root: Path) -> dict[str, int]:
    """Return the length of all files below the root."""
    return lengths(root, sorted(f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_file()))


def of_piece(layout: Layout, piece: Piece) -> list[str]:
    """Return the files that hold the values of a piece: one chunk per variable."""
    found = []
    for name in layout.variables:
        starts = [part.start or 0 for part in layout.where(name, piece)]
        place = [begin // length for begin, length in zip(starts, layout.chunk(name), strict=True)]
        found.append("/".join([name, "c", *map(str, place)]))
    return found


def gone(root: Path, written: Mapping[str, int]) -> list[str]:
    """Return the names of the files that are no longer there."""
    return [name for name in written if not (root / name).is_file()]


def cut(root: Path, written: Mapping[str, int]) -> list[str]:
    """Return a sentence for every file that is there with another length."""
    now = lengths(root, written)
    wrong = [name for name in now if now[name] != written[name]]
    return [f"{name} has {now[name]} bytes, and {written[name]} were written" for name in wrong]
