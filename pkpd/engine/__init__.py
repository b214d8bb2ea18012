"""From symbols to numbers: code, closed form, solver, time line, each replaceable (floor 3)."""

from pkpd.engine.compiled import Compiled, Solution, compile_model
from pkpd.engine.settings import Settings
from pkpd.engine.timeline.schedule import Schedule, schedule

__all__ = ["Compiled", "Schedule", "Settings", "Solution", "compile_model", "schedule"]
