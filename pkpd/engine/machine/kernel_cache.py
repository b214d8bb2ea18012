"""Where numba keeps the engine's compiled loops: named by the text of all that is compiled, wherever that is.

numba looks at the file of the function alone. Machine code also holds what the function calls in other files, the
numbers that it takes from them, and how NumPy lays out its arrays. So a digest of all these stands in the names of the
files and is written inside: code of another text is never loaded, in ``__pycache__``, under ``NUMBA_CACHE_DIR`` or in
numba's folder of the user. What the processor can do numba keeps apart itself.
"""

from __future__ import annotations

import hashlib
import time
from functools import cache
from pathlib import Path
from typing import Any

_ROOMS = ("machine", "solve")  # compiled functions stand here, and the numbers that they know
_CONSTANTS = ("status.py", "timeline/segments.py")  # and here
_WEEK = 7 * 24 * 3600.0  # code of other texts is kept so long: two versions may take turns


def kernel_sources() -> list[Path]:
    """Return the files whose text is compiled into the engine's loops."""
    engine = Path(__file__).parents[1]
    return [*(f for room in _ROOMS for f in sorted((engine / room).rglob("*.py"))), *(engine / n for n in _CONSTANTS)]


@cache
def kernel_digest() -> str:
    """Return a digest of these texts and of the versions of what compiles them."""
    import llvmlite
    import numba
    import numpy as np

    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
    for file in kernel_sources():
        text = file.read_bytes()
        digest.update(f"{file.name} {len(text)} ".encode() + text)
    return digest.hexdigest()


@cache
def _engine_files() -> frozenset[Path]:
    return frozenset(kernel_sources())


def digest_of(dispatcher: Any) -> str:
    """Return the digest that a function is kept by: the engine's, with the text of its own file if that is elsewhere.

    Loops of other rooms (a fit's sums) are whole in their file: what they call and the numbers that they know.
    """
    file = Path(dispatcher.py_func.__code__.co_filename)
    if file in _engine_files():
        return kernel_digest()
    text = file.read_bytes()
    return hashlib.sha256(f"{kernel_digest()} {file.name} {len(text)} ".encode() + text).hexdigest()


def keep_by_text(dispatcher: Any) -> bool:
    """Let numba keep a function under names that hold the digest; return whether it could be done.

    Parameters
    ----------
    dispatcher : numba.core.dispatcher.Dispatcher
        Made with ``cache=True``; nothing of it is compiled yet.
    """
    from numba.core.caching import IndexDataCacheFile

    try:
        kept, digest = dispatcher._cache, digest_of(dispatcher)
        base = kept._impl.filename_base
        kept._cache_file = IndexDataCacheFile(kept.cache_path, f"{base}-{digest[:16]}", digest)
    except (AttributeError, TypeError, OSError):  # numba from inside has changed, or a text cannot be read
        return False
    _drop_old(Path(kept.cache_path), base, digest[:16])
    return True


def is_kept(dispatcher: Any) -> bool | None:
    """Return whether machine code of a function is on disk; None where nothing is kept."""
    folder = getattr(getattr(dispatcher, "_cache", None), "cache_path", None)
    if folder is None:
        return None
    return any(Path(folder).glob(f"{dispatcher._cache._impl.filename_base}-{digest_of(dispatcher)[:16]}*.nbc"))


def _drop_old(folder: Path, base: str, digest: str) -> None:
    """Remove code of other texts that nobody has written for a week."""
    try:
        for file in folder.glob(f"{base}*.nb[ic]"):
            if f"-{digest}" not in file.name and time.time() - file.stat().st_mtime > _WEEK:
                file.unlink(missing_ok=True)
    except OSError:  # another process was faster, or the folder is not ours
        return
