"""One writer at a time: a lock that the operating system takes back when its holder dies."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pkpd.errors import InputError

_mine: set[str] = set()  # a process cannot shut itself out by the system's lock
_guard = threading.Lock()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock in a file, or say that somebody else does.

    Raises
    ------
    InputError
        If another run holds it.
    """
    name = str(path.resolve())
    busy = InputError(f"{path.parent.parent} is being written by another run; wait for it or choose another store")
    with _guard:
        if name in _mine:
            raise busy
        _mine.add(name)
    try:
        with path.open("a+b") as file:
            if not _take(file.fileno()):
                raise busy
            yield
    finally:
        with _guard:
            _mine.discard(name)


if sys.platform == "win32":
    import msvcrt

    def _take(number: int) -> bool:
        try:
            os.lseek(number, 0, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(number: int) -> bool:
        try:
            fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, not inherited by forked workers
        except (BlockingIOError, PermissionError):
            return False
        return True
