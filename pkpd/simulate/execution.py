"""Carrying out a simulation, piece by piece: here or by an executor, into memory or into a store."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkpd.errors import InputError, PkpdError, warn
from pkpd.progress import progress_bar
from pkpd.simulate.pieces import Part, Piece
from pkpd.simulate.resources import Resources, in_words
from pkpd.simulate.task import SimulationJob, Task

if TYPE_CHECKING:
    import xarray


@dataclass
class Failures:
    """Subjects that could not be solved, counted over all pieces."""

    failed: int = 0
    advice: str = ""

    def add(self, failed: int, advice: str) -> None:
        """Count those of one piece."""
        self.failed += failed
        self.advice = self.advice or advice

    def report(self, subjects: int) -> None:
        """Warn how many there were, if there were any."""
        if self.failed:
            warn(f"{self.failed} of {subjects} subjects could not be solved and are NaN: {self.advice}")


def into_memory(task: Task, resources: Resources) -> xarray.Dataset:
    """Carry out a simulation and return its result.

    Raises
    ------
    InputError
        If the result is larger than the memory that may be used.
    """
    layout = task.layout
    if not resources.allow(layout.nbytes):
        names = sorted(layout.variables, key=lambda n: -len(layout.variables[n].dims))
        raise InputError(
            f"the result would take {in_words(layout.nbytes)}, more than the {in_words(resources.budget)} that may be "
            f"used; write it to disk with store='simulation.zarr', keep less of it (keep=[{names[0]!r}]), or allow "
            f"more (memory='{in_words(1.2 * layout.nbytes)}')", "simulate",
        )  # fmt: skip
    arrays, failures = layout.blank(), Failures()

    def receive(piece: Piece, part: Part) -> None:
        for name, values in part.arrays.items():
            arrays[name][layout.where(name, piece)] = values
        failures.add(part.failed, part.advice)

    _execute(task, range(len(task.cut)), receive, resources)
    failures.report(task.cut.replicates * task.cut.subjects)
    return layout.dataset(arrays)


def into_store(task: Task, resources: Resources, path: Path, call: Mapping[str, str]) -> xarray.Dataset:
    """Carry out what is missing of a simulation in a store, and open it."""
    from pkpd.simulate.store.store import open_simulation, writing

    failures = Failures()
    with writing(path, task.layout, call, len(task.cut)) as store:
        for failed, advice in store.done.values():
            failures.add(failed, advice)

        def receive(piece: Piece, part: Part) -> None:
            store.write(piece, part)
            failures.add(part.failed, part.advice)

        missing = [k for k in range(len(task.cut)) if k not in store.done]
        _execute(task, missing, receive, resources)
    failures.report(task.cut.replicates * task.cut.subjects)
    return open_simulation(path)


def _execute(task: Task, numbers: Sequence[int], receive: Callable[[Piece, Part], None], resources: Resources) -> None:
    pieces = (task.cut[k] for k in numbers)
    if resources.executor is None:
        results = _here(task.job, pieces)
    else:
        results = _submitted(task.job, pieces, resources.executor, resources.in_flight(task.layout.piece_nbytes))
    total = len(task.cut)
    with closing(results):  # whatever happens, what is still waiting is called off at once
        for piece, part in _with_bar(results, total, total - len(numbers), resources.progress):
            _named(piece, partial(receive, piece, part))


def _here(job: SimulationJob, pieces: Iterator[Piece]) -> Generator[tuple[Piece, Part], None, None]:
    for piece in pieces:
        yield piece, _named(piece, partial(job.compute, piece))


def _with_bar(results: Any, total: int, done: int, progress: bool) -> Any:
    if total == 1:  # nothing to show before it is over
        return results
    about = {"desc": "simulation", "unit": "piece", "delay": 2, "mininterval": 0.5}
    return progress_bar(results, total=total, initial=done, disable=not progress, **about)


def _submitted(
    job: SimulationJob, pieces: Iterator[Piece], executor: Executor, limit: int
) -> Generator[tuple[Piece, Part], None, None]:
    """Hand pieces to an executor, never more than `limit` at once, and yield their results as they come."""
    running: dict[Future[Part], Piece] = {}
    try:
        while True:
            for piece in islice(pieces, limit - len(running)):
                running[_named(piece, partial(executor.submit, job.compute, piece))] = piece
            if not running:
                return
            done = wait(running, return_when=FIRST_COMPLETED).done
            ready = [future for future in running if future in done]  # in their order: the first failure is named
            del done
            while ready:
                future = ready.pop(0)
                piece = running.pop(future)
                yield piece, _named(piece, future.result)
                del future  # its result may be large
    finally:
        for future in running:
            future.cancel()


def _named(piece: Piece, work: Callable[[], Any]) -> Any:
    """Do something for a piece; an error says which one it was."""
    try:
        return work()
    except InputError as error:
        raise InputError([f"{piece}: {problem}" for problem in error.problems], error.where) from error
    except Exception as error:
        raise PkpdError(f"{piece} failed: {type(error).__name__}: {error}") from error
