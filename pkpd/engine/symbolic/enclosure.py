"""Between which values an expression of time stays while time goes from `lo` to `hi`: interval arithmetic as formulas.

The bounds are never too narrow, and become exact as the interval becomes short; so what they exclude does not happen.
Reference: Moore, Kearfott & Cloud, Introduction to Interval Analysis, SIAM 2009, chapters 2 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_ALL = 1e300  # instead of infinity: 0 · infinity has no value

Bounds = tuple[Any, Any]


class Enclosure:
    """Bounds of expressions of one symbol, each met once.

    Parameters
    ----------
    of, lo, hi : sympy.Symbol
        What moves, and between which values.
    """

    def __init__(self, of: Any, lo: Any, hi: Any) -> None:
        self.of = of
        self._known: dict[Any, Bounds] = {of: (lo, hi)}

    def __call__(self, e: Any) -> Bounds:
        """Return the smallest and the largest value that an expression may have."""
        if self.of not in e.free_symbols:
            return e, e
        if e not in self._known:
            self._known[e] = self._new(e)
        return self._known[e]

    def _new(self, e: Any) -> Bounds:
        import sympy

        name = type(e).__name__
        if e.is_Add:
            parts = [self(a) for a in e.args]
            return sympy.Add(*(a for a, _ in parts)), sympy.Add(*(b for _, b in parts))
        if e.is_Mul:
            total = self(e.args[0])
            for factor in e.args[1:]:
                total = _product(total, self(factor))
            return total
        if e.is_Pow:
            return self._power(*e.args)
        if name in ("exp", "tanh", "log"):
            lo, hi = self(e.args[0])
            return (e.func(lo), e.func(hi)) if name != "log" else (_log(lo), _log(hi))
        if name in ("sin", "cos"):
            lo, hi = self(e.args[0])
            return _cosine(lo, hi) if name == "cos" else _cosine(lo - sympy.pi / 2, hi - sympy.pi / 2)
        if name == "Abs":
            lo, hi = self(e.args[0])
            return _distance(lo, hi), _max(-lo, hi)
        if name in ("Max", "Min"):
            join = _max if name == "Max" else _min
            bounds = [self(a) for a in e.args]
            return join(*(a for a, _ in bounds)), join(*(b for _, b in bounds))
        if name == "WholePart":
            lo, hi = self(e.args[0] / e.args[1])
            return sympy.floor(lo), sympy.floor(hi)
        if name == "Piecewise" and not any(self.of in c.free_symbols for _, c in e.args):
            cases = [(self(value), c) for value, c in e.args]
            return tuple(sympy.Piecewise(*((bounds[k], c) for bounds, c in cases)) for k in range(2))
        return sympy.Float(-_ALL), sympy.Float(_ALL)

    def _power(self, base: Any, exponent: Any) -> Bounds:
        import sympy

        if exponent.is_Integer:
            return self._whole_power(base, int(exponent))
        if base == sympy.E:
            lo, hi = self(exponent)
            return sympy.exp(lo), sympy.exp(hi)
        if self.of not in exponent.free_symbols:  # monotone where it has a value
            ends = [sympy.Pow(_max(end, 0), exponent) for end in self(base)]
            return _min(*ends), _max(*ends)
        lo, hi = _product(self(exponent), tuple(_log(end) for end in self(base)))
        return sympy.exp(lo), sympy.exp(hi)

    def _whole_power(self, base: Any, n: int) -> Bounds:
        import sympy

        lo, hi = self(base)
        if n % 2:
            bounds = lo ** abs(n), hi ** abs(n)
        else:
            bounds = _distance(lo, hi) ** abs(n), _max(-lo, hi) ** abs(n)
        if n > 0:
            return bounds
        # 1/x of an interval with 0 in it may be anything.
        through = sympy.And(bounds[0] <= 0, bounds[1] >= 0)
        low = sympy.Piecewise((sympy.Float(-_ALL if n % 2 else 0), through), (1 / bounds[1], True))
        return low, sympy.Piecewise((sympy.Float(_ALL), through), (1 / bounds[0], True))


def waves_of(rhs: Sequence[Any], time: Any, states: set[Any]) -> tuple[Any, ...]:
    """Return the largest parts that see time through a function, and no state: what could have a narrow peak.

    Parameters
    ----------
    rhs : sequence of sympy.Expr
        Right-hand sides.
    time, states
        What moves within a step; whatever else these parts see does not.
    """
    found: dict[Any, None] = {}
    met: set[Any] = set()

    def walk(e: Any) -> None:
        if time not in e.free_symbols or e in met or type(e).__name__ == "WholePart":  # its jumps are switches
            return
        met.add(e)
        bends = e.is_Function or (e.is_Pow and not (e.exp.is_Integer and e.exp > 0))
        if bends and not e.free_symbols & states:
            found[e] = None
            return
        for part in e.args:
            walk(part)

    for e in rhs:
        walk(e)
    return tuple(found)


def _max(*values: Any) -> Any:
    import sympy

    return sympy.Max(*values, evaluate=False)


def _min(*values: Any) -> Any:
    import sympy

    return sympy.Min(*values, evaluate=False)


def _log(x: Any) -> Any:
    import sympy

    return sympy.log(_max(x, sympy.Float(1e-300)))


def _distance(lo: Any, hi: Any) -> Any:
    """The smallest absolute value."""
    import sympy

    return _max(lo, -hi, sympy.Integer(0))


def _product(a: Bounds, b: Bounds) -> Bounds:
    if a[0] is a[1] and b[0] is b[1]:
        return a[0] * b[0], a[0] * b[0]
    for one, other in ((a, b), (b, a)):
        if one[0] is one[1] and one[0].is_number:
            low, high = one[0] * other[0], one[0] * other[1]
            return (low, high) if one[0] >= 0 else (high, low)
    ends = a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]
    return _min(*ends), _max(*ends)


def _cosine(lo: Any, hi: Any) -> Bounds:
    """1 where a multiple of 2π lies between, −1 where an odd multiple of π does, else the ends."""
    import sympy

    turn = 2 * sympy.pi
    ends = sympy.cos(lo), sympy.cos(hi)
    top = turn * sympy.floor(hi / turn) >= lo
    bottom = turn * sympy.floor((hi - sympy.pi) / turn) + sympy.pi >= lo
    return (
        sympy.Piecewise((sympy.Integer(-1), bottom), (_min(*ends), True)),
        sympy.Piecewise((sympy.Integer(1), top), (_max(*ends), True)),
    )
