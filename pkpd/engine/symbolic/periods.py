"""Whether equations that change with time come back: time stands in sines and cosines alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pkpd.engine.symbolic.event_times import dosed_symbol
from pkpd.model import expressions
from pkpd.model.functions import wholes


def time_dependence(rhs: Sequence[Any], time: Any, inputs: set[Any]) -> tuple[bool, bool, tuple[str, ...]]:
    """Return whether equations change with time, whether in sines and cosines alone, and how fast these turn.

    Parameters
    ----------
    rhs : sequence of sympy.Expr
        The equations.
    time : sympy.Symbol
        Time.
    inputs : set of sympy.Symbol
        What the angular frequencies, returned as texts, may depend on.
    """
    import sympy

    after = sympy.Max(time - dosed_symbol(), 0)  # the time after dose comes back by itself
    rhs = [e.xreplace({after: sympy.Dummy()}) for e in rhs]
    if not any(time in e.free_symbols for e in rhs):
        return False, True, ()
    waves = {w for e in rhs for w in e.atoms(sympy.sin, sympy.cos) if time in w.free_symbols}
    if any(time in e.free_symbols for each in rhs for e in wholes(each)):
        return True, False, ()
    rates = {sympy.diff(w.args[0], time) for w in waves}
    hidden = {w: sympy.Dummy() for w in waves}
    others = any(time in e.xreplace(hidden).free_symbols for e in rhs)
    known = all(rate.free_symbols <= inputs for rate in rates)
    if others or not known:
        return True, False, ()
    return True, True, tuple(sorted(expressions.text_of(rate) for rate in rates))
