"""With what a simulation is carried out: workers, a progress bar, memory; and sizes in words."""

from __future__ import annotations

import math
import os
import re
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from pkpd.engine import Settings
from pkpd.errors import InputError

_UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_UNKNOWN = 4e9  # assumed where the machine does not say
_SMALL = 16e6  # bytes that are there wherever this runs
_MOST_IN_FLIGHT = 256
_BESIDE = 4  # a piece needs about so many times the memory of its result while it is solved


@dataclass(frozen=True, eq=False)
class Resources:
    """With what a simulation is carried out.

    Attributes
    ----------
    executor : concurrent.futures.Executor or None
        Who computes pieces; None means here, one after the other.
    progress : bool
        Whether to show a progress bar after two seconds.
    memory : float or None
        Bytes that may be used; by default half of what is available.
    """

    executor: Executor | None = None
    progress: bool = True
    memory: float | None = None

    def allow(self, nbytes: float) -> bool:
        """Say whether so much may be used; what is small need not be asked for."""
        return (self.memory is None and nbytes <= _SMALL) or nbytes <= self.budget

    def require(self, nbytes: float, what: str, where: str) -> None:
        """Refuse, before anything is made, what takes more memory than may be used.

        Parameters
        ----------
        nbytes : float
            How much it takes.
        what : str
            Beginning of the sentence, up to "take".
        where : str
            The verb.

        Raises
        ------
        InputError
            If it takes more.
        """
        if not self.allow(nbytes):
            raise InputError(
                f"{what} {in_words(nbytes)}, more than the {in_words(self.budget)} that may be used", where
            )

    @property
    def budget(self) -> float:
        """Bytes that may be used."""
        return self.memory if self.memory is not None else available() / 2

    def in_flight(self, size: int) -> int:
        """How many pieces of this size may be on their way at once."""
        workers = getattr(self.executor, "_max_workers", None)  # not every executor knows
        wanted = 2 * workers if isinstance(workers, int) else max(_MOST_IN_FLIGHT, 2 * (os.cpu_count() or 1))
        return int(max(1, min(wanted, self.budget // (_BESIDE * max(size, 1)))))


def size(text: str | float) -> float:
    """Return a size in bytes from a number of bytes or a text such as ``"2 GB"``.

    Raises
    ------
    InputError
        If it is not a size > 0.
    """
    match = re.fullmatch(r"\s*([0-9.eE+]+)\s*([A-Za-z]*)\s*", str(text))
    unit = {name.casefold(): value for name, value in _UNITS.items()}.get((match[2] or "B").casefold()) if match else 0
    try:
        value = float(match[1]) * (unit or math.nan) if match else math.nan
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"memory is {text!r}; expected a size such as '2 GB'")
    return value


def in_words(nbytes: float) -> str:
    """Return a size as text."""
    unit = next((u for u in ("TB", "GB", "MB", "kB") if nbytes >= _UNITS[u]), "B")
    return f"{nbytes / _UNITS[unit]:.3g} {unit}"


def available() -> float:
    """Return how many bytes of memory are free for new things, as far as the machine says."""
    return min(_of_machine(), _of_container())


def _of_machine() -> float:
    try:  # Linux
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return 1024.0 * float(re.findall(r"MemAvailable:\s+(\d+) kB", text)[0])
    except (OSError, IndexError):
        pass
    try:  # elsewhere only the whole is known
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


def _of_container() -> float:
    try:
        return float(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max"
        return math.inf


def one_each(settings: Settings | None, executor: Executor | None) -> Settings:
    """Return the settings of what an executor's workers do: one thread each, for they share the cores already."""
    settings = settings or Settings()
    return replace(settings, workers=1) if executor is not None and settings.workers is None else settings
