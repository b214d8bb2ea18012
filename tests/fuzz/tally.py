"""What a fuzzer counts: inputs, documented errors, answers, everything else, and the longest time of one input."""

from __future__ import annotations

import contextlib
import io
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pkpd.errors import DataWarning, FitWarning, PkpdError

UNREADABLE = re.compile(
    r"\b(?:np|numpy)\.|\barray\(|\bdtype\b|<(?:function|class|lambda|locals|built-in|bound|xarray)|Traceback|\b0x[0-9a-f]{6}"
    r"|\bTypeError\b|\bAttributeError\b|\bKeyError\b|\b(?:Timestamp|mappingproxy|frozenset|dict_keys)\("
)
"""How Python shows values to programmers: no message has it."""
Input = tuple[str, Callable[[], Any]]
"""What is tried, in words, and the call."""


@dataclass
class Tally:
    """Counts of one fuzzer."""

    inputs: int = 0
    documented: int = 0
    accepted: int = 0
    undocumented: list[str] = field(default_factory=list)
    worst: float = 0.0
    worst_input: str = ""

    def __str__(self) -> str:
        head = (
            f"{self.inputs} inputs: {self.documented} documented errors, {self.accepted} accepted, "
            f"{len(self.undocumented)} undocumented; longest {self.worst:.2f} s ({self.worst_input[:120]})"
        )
        return "\n".join([head, *self.undocumented[:40]])

    def read(self, what: str, message: str) -> None:
        """Look at a message: something must be said, and nothing that only programmers read."""
        if not message or len(message) > 50_000 or UNREADABLE.search(message):
            self.undocumented.append(f"{what}: a message that does not help: {message[:200]!r}")

    def add(self, what: str, call: Callable[[], Any]) -> None:
        """Try one input."""
        began = time.process_time()
        self.inputs += 1
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                call()
            self.accepted += 1
        except PkpdError as error:
            self.documented += 1
            self.read(what, str(error))
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{last.filename.rsplit('/', 2)[-2]}/{last.filename.rsplit('/', 1)[-1]}:{last.lineno}"
            self.undocumented.append(f"{what}: {type(error).__name__}: {str(error)[:120]} [{where}]")
        spent = time.process_time() - began
        if spent > self.worst:
            self.worst, self.worst_input = spent, what


def tally(inputs: Iterable[Input], strict: bool = False) -> Tally:
    """Try inputs one after the other; what the package warns about must be readable, too.

    Parameters
    ----------
    inputs : iterable
        What is tried.
    strict : bool
        Whether warnings of other libraries count as undocumented.
    """
    found = Tally()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for what, call in inputs:
            said.clear()  # what was warned of while the input was made
            found.add(what, call)
            for warning in said:
                if issubclass(warning.category, DataWarning | FitWarning):
                    found.read(what, str(warning.message))
                elif strict:
                    said_by = f"{warning.category.__name__} of {warning.filename.rsplit('/', 2)[-1]}:{warning.lineno}"
                    found.undocumented.append(f"{what}: {said_by}: {str(warning.message)[:120]}")
            said.clear()
    return found


def first(inputs: Iterator[Input], count: int) -> Iterator[Input]:
    """Yield so many."""
    for _, one in zip(range(count), inputs, strict=False):
        yield one
