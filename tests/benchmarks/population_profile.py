"""Where the time of a population fit goes, by part: every function's own time belongs to the part that called it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import checkout  # noqa: F401

import pkpd.fit.mixed.marginal.laplacian as laplacian
import pkpd.fit.mixed.methods as methods
import pkpd.fit.mixed.modes.modes as modes
import pkpd.fit.mixed.plan as plan
import pkpd.fit.mixed.search.descent as descent
import pkpd.fit.mixed.search.objective as objective
import pkpd.fit.mixed.verb as verb
from pkpd.engine import Compiled
from pkpd.fit.mixed.problem.problem import Problem

PARTS: tuple[tuple[str, Any, str], ...] = (
    ("observe, units, starts by NCA", plan, "_prepared"),
    ("the problem (shifts, model's code)", plan, "problem_from"),
    ("table and rows around the engine", Problem, "respond"),
    ("engine", Compiled, "run"),
    ("what a vector means", Problem, "at"),
    ("terms of rows", modes, "terms_of"),
    ("sums over rows", modes, "assembled"),
    ("search for the modes, around these", laplacian, "conditional_modes"),
    ("objective, gradient, information", laplacian, "_at_modes"),
    ("objective, around these", objective, "marginal_by"),
    ("gradients for the Hessian", objective, "gradient_near"),
    ("SciPy and the search", descent, "minimize"),
    ("other starts", methods, "starts_of"),
    ("exact likelihood", methods, "checked_against_exact"),
    ("verdict", methods, "_judged"),
    ("result", verb, "population_fit"),
)


class Clock:
    """CPU seconds by part; a part that another calls stops that one's clock."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._open: list[str] = ["the rest"]
        self._since = time.process_time()

    def turn(self, to: str | None) -> None:
        """Begin a part, or end the one that is open."""
        now = time.process_time()
        here = self._open[-1]
        self.spent[here] = self.spent.get(here, 0.0) + now - self._since
        self._since = now
        if to is None:
            self._open.pop()
        else:
            self._open.append(to)
            self.calls[to] = self.calls.get(to, 0) + 1

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its clock."""

        def clocked(*args: Any, **kwargs: Any) -> Any:
            self.turn(name)
            try:
                return function(*args, **kwargs)
            finally:
                self.turn(None)

        return clocked


def profile(name: str, work: Callable[[], Any]) -> str:
    """Return the parts of a fit's time as text, once it has been done."""
    work()
    clock = Clock()
    with ExitStack() as stack:
        for words, owner, attribute in PARTS:
            stack.enter_context(patch.object(owner, attribute, clock.around(words, getattr(owner, attribute))))
        began = time.process_time()
        clock._since = began
        work()
        clock.turn("end")
        whole = time.process_time() - began
    lines = [f"{name}: {whole:.4f} CPU-s"]
    for words, seconds in sorted(clock.spent.items(), key=lambda p: -p[1]):
        calls = clock.calls.get(words, 1)
        each = f"{calls:6} calls  {1e6 * seconds / calls:10.1f} µs each"
        lines.append(f"  {words:<40}{100 * seconds / whole:5.1f} %  {1e3 * seconds:9.2f} ms  {each}")
    return "\n".join(lines)
