"""A folder of machine code that outlives the process: keyed by content, atomic, never trusted without its digest."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

FORMAT = 3
_MOST, _DROPPED = 4000, 1000  # files that are kept (10 kB each), and how many of the oldest go when there are more
_LOOKS = 100  # writes of a process between two counts of the files
_written = itertools.count()


@cache
def folder() -> Path | None:
    """Return where code is kept: ``PKPD_CACHE``, else the user's cache folder; None if that is empty text."""
    named = os.environ.get("PKPD_CACHE")
    if named is not None:
        return Path(named) if named else None
    from platformdirs import user_cache_path

    return user_cache_path("pkpd")


def sources() -> list[Path]:
    """Return the files that make code of a model: its text, everything symbolic, the writers of machine code, and the
    numbers that these take from elsewhere."""
    engine = Path(__file__).parents[1]
    rooms = (engine.parent / "model", engine / "symbolic", engine / "machine")
    return [*(file for room in rooms for file in sorted(room.rglob("*.py"))), engine / "status.py"]


@cache
def makers() -> str:
    """Return a digest of everything that turns equations into code, so that no other version's code is served."""
    import llvmlite

    digest = hashlib.sha256(f"{FORMAT} {llvmlite.__version__} {_sympy()}".encode())
    for file in sources():
        text = file.read_bytes()
        digest.update(f"{file.name} {len(text)} ".encode() + text)
    return digest.hexdigest()


def _sympy() -> str:
    from importlib.metadata import version

    return version("sympy")  # without importing it, which takes a second


def key_of(*parts: Any) -> str:
    """Return the name under which something made of these parts is kept."""
    return hashlib.sha256(json.dumps([makers(), *parts]).encode()).hexdigest()


def _digest(about: Any, payload: bytes) -> str:
    return hashlib.sha256(json.dumps(about).encode() + b"\n" + payload).hexdigest()


def read(key: str) -> tuple[Any, bytes] | None:
    """Return what was kept under a key, or None if there is nothing or it is not whole."""
    where = folder()
    if where is None:
        return None
    try:
        data = (where / f"{key}.code").read_bytes()
        head, payload = data.split(b"\n", 1)
        about = json.loads(head)
        if about["key"] != key or about["digest"] != _digest(about["about"], payload):
            return None
        return about["about"], payload
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(key: str, about: Any, payload: bytes) -> None:
    """Keep something; a reader sees all of it or nothing. Where nobody can write, nothing is kept."""
    where = folder()
    if where is None:
        return
    head = json.dumps({"key": key, "digest": _digest(about, payload), "about": about}).encode()
    try:
        where.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=where, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(head + b"\n" + payload)
            os.replace(name, where / f"{key}.code")
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        _prune(where)
    except OSError:
        return


def _prune(where: Path) -> None:
    if next(_written) % _LOOKS:
        return
    files = list(where.glob("*.code"))
    if len(files) <= _MOST:
        return
    for file in sorted(files, key=lambda f: f.stat().st_mtime)[:_DROPPED]:
        file.unlink(missing_ok=True)
