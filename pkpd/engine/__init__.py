"""From symbols to numbers: code, closed form, solver, time line, each replaceable."""

from pkpd.engine.compiled import Compiled, Solution, compile_model
from pkpd.engine.machine.text_function import TextFunction, text_function
from pkpd.engine.settings import Settings
from pkpd.engine.spread import sd_function, sd_of
from pkpd.engine.timeline.schedule import Schedule, schedule

__all__ = [
    "Compiled",
    "Schedule",
    "Settings",
    "Solution",
    "TextFunction",
    "compile_model",
    "schedule",
    "sd_function",
    "sd_of",
    "text_function",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
