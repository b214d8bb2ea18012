"""One loop for all that is done again and again: here or by an executor, with a bar, in order, naming what failed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from contextlib import closing
from typing import Any, TypeVar

from pkpd.errors import InputError, PkpdError
from pkpd.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def mapped(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    names: Sequence[Any],
    *,
    executor: Executor | None = None,
    progress: bool = False,
    desc: str = "",
    unit: str = "",
) -> list[Result]:
    """Return what a function makes of every item, in their order, whoever computes it.

    Parameters
    ----------
    function : callable
        Of one item; a process needs one that can be pickled.
    items : sequence
        What it is called with.
    names : sequence
        What each item is called in an error.
    executor : Executor, optional
        Who computes; here and one after the other if none is given.
    progress : bool
        Show a progress bar after two seconds.
    desc, unit : str
        What the bar says.

    Raises
    ------
    InputError
        That of the first item that raised one, with its name before every problem.
    PkpdError
        If an item failed by anything else, naming it; what is still waiting is called off.
    """
    results = _here(function, items) if executor is None else _submitted(function, items, executor)
    found: list[Result] = []
    about: dict[str, Any] = {"total": len(items), "desc": desc, "unit": unit, "delay": 2, "disable": not progress}
    with closing(results), progress_bar(**about) as bar:
        while len(found) < len(items):
            try:
                found.append(next(results))
            except InputError as error:
                name = names[len(found)]
                raise InputError([f"{name}: {problem}" for problem in error.problems], error.where) from error
            except PkpdError as error:
                raise PkpdError(f"{names[len(found)]}: {error}") from error
            except Exception as error:
                raise PkpdError(f"{names[len(found)]} failed: {type(error).__name__}: {error}") from error
            bar.update()
    return found


def _here(function: Callable[[Item], Result], items: Sequence[Item]) -> Generator[Result, None, None]:
    for item in items:
        yield function(item)


def _submitted(
    function: Callable[[Item], Result], items: Sequence[Item], executor: Executor
) -> Generator[Result, None, None]:
    waiting = [executor.submit(function, item) for item in items]
    try:
        for future in waiting:
            yield future.result()
    finally:
        for future in waiting:
            future.cancel()
