"""Taylor coefficients of expressions along the solution, order by order, as code.

Coefficient k of every node of an expression follows from those of its parts up to order k by a recurrence (Jorba & Zou,
Exp Math 2005;14:99-117, section 2; Griewank & Walther, Evaluating Derivatives, 2nd ed. 2008, table 13.1). What is zero
by structure is None and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pkpd.engine.machine import vector_math
from pkpd.engine.machine.lanes import LaneWriter, Value
from pkpd.engine.symbolic.analytic import PERIODIC

Coefficient = Value | None
_OF_PARAMETERS = ("Max", "Min", "Abs", "sign", "Heaviside")
_HIGHEST = 16  # whole powers up to here are products
_TRACE = 1e-250  # what is washed out moves by less than this, and begins nowhere
_NOTHING = 1e-290  # below, a base counts as zero: its inverse may be infinite


class Series:
    """Coefficients of everything that stands in some expressions.

    Parameters
    ----------
    b : LaneWriter
        The function in which they are computed.
    given : mapping
        Symbol → its coefficients known so far; those of the states grow while they are computed.
    named : mapping
        Symbol → the expression for which it stands, in order: one may use those before it.
    moving : set of sympy.Symbol
        What changes within a step: time and the states, of which time alone is known to all orders from the start.
    blink, instant : vectors
        A time in which nothing but rounding happens; one in which no step can be taken.
    """

    def __init__(
        self, b: LaneWriter, given: Mapping[Any, list[Coefficient]], named: Mapping[Any, Any], moving: set[Any],
        blink: Value, instant: Value,
    ) -> None:  # fmt: skip
        self.b, self.named, self.moving, self.blink = b, dict(named), set(moving), blink
        self.instant = instant
        self.states = {s for s in moving if len(given[s]) == 1}
        for name, e in named.items():
            if e.free_symbols & self.moving:
                self.moving.add(name)
            if e.free_symbols & self.states:
                self.states.add(name)
        self.of: dict[Any, list[Coefficient]] = dict(given)
        self.corners: list[tuple[Any, Value]] = []
        """Where a power has no series: the lanes, and a time in which its base changes by its own size."""
        self._inverses: dict[Any, Value] = {}
        self._still: dict[Any, bool] = {}
        self._conditions: dict[Any, Any] = {}

    def coefficient(self, e: Any, k: int) -> Coefficient:
        """Return coefficient k of an expression, None where it is zero by structure."""
        if e in self.named:
            return self.coefficient(self.named[e], k)
        known = self.of.setdefault(e, [])
        while len(known) <= k:
            known.append(self._next(e, len(known)))
        return known[k]

    def _next(self, e: Any, k: int) -> Coefficient:
        if e.is_number:
            return self.b.number(float(e)) if k == 0 else None
        name = type(e).__name__
        if e.is_Symbol:
            assert e not in self.moving, f"coefficient {k} of {e} is asked for before it is known"
            return None
        if e.is_Add:
            return self._total([self.coefficient(a, k) for a in e.args])
        if e.is_Mul:
            return self._product(e, k)
        if e.is_Pow:
            base, exponent = e.args
            return self._power(e, base, exponent, k)
        if name == "exp":
            return self._exp(e, e.args[0], k)
        if name == "log":
            return self._log(e, e.args[0], k)
        if name in PERIODIC:
            return self._periodic(name, e, k)
        if name in _OF_PARAMETERS and self._steady(e):
            return self._fixed(name, e) if k == 0 else None
        if name == "Max":
            one, other = e.args
            return self._larger(one, other, k)
        assert name == "Piecewise", e
        *cases, (last, _) = e.args
        result = self.coefficient(last, k)
        for value, condition in reversed(cases):
            result = self._chosen(self._condition(condition), self.coefficient(value, k), result)
        return result

    # --- sums and products ---

    def _total(self, parts: Sequence[Coefficient]) -> Coefficient:
        total: Coefficient = None
        for part in parts:
            if part is not None:
                total = part if total is None else self.b.add(total, part)
        return total

    def _sum(self, pairs: Sequence[tuple[Coefficient, Coefficient]]) -> Coefficient:
        """Return Σ a·b in two chains, so that no addition waits for all before it."""
        chains: list[Coefficient] = [None, None]
        both = [(x, z) for x, z in pairs if x is not None and z is not None]
        for j, (x, z) in enumerate(both):
            c = chains[j % 2]
            chains[j % 2] = self.b.mul(x, z) if c is None else self.b.fma(x, z, c)
        return self._total(chains)

    def _times(self, value: Coefficient, number: float) -> Coefficient:
        return None if value is None else self.b.mul(self.b.number(number), value)

    def _steady(self, e: Any) -> bool:
        """Whether an expression does not change within a step."""
        known = self._still.get(e)
        if known is None:
            known = self._still[e] = not e.free_symbols & self.moving
        return known

    def _product(self, e: Any, k: int) -> Coefficient:
        below = [a for a in e.args if a.is_Pow and a.exp == -1 and not self._steady(a)]
        if below:  # u/v: (u_k − Σ v_j·w_(k−j))/v_0
            v = below[0].base
            top = self.coefficient(_product([a for a in e.args if a is not below[0]]), k)
            rest = self._sum([(self.coefficient(v, j), self.of[e][k - j]) for j in range(1, k + 1)])
            if top is None and rest is None:
                return None
            left = top if rest is None else self.b.minus(rest) if top is None else self.b.sub(top, rest)
            return self.b.mul(left, self._inverse(v))
        steady = [a for a in e.args if self._steady(a)]
        moving = [a for a in e.args if not self._steady(a)]
        if not moving:
            if k:
                return None
            value = self._at_start(steady[0])
            for a in steady[1:]:
                value = self.b.mul(value, self._at_start(a))
            return value
        if steady:
            return self._sum([(self.coefficient(_product(steady), 0), self.coefficient(_product(moving), k))])
        u, v = moving[0], _product(moving[1:])
        return self._sum([(self.coefficient(u, j), self.coefficient(v, k - j)) for j in range(k + 1)])

    def _inverse(self, v: Any) -> Value:
        if v not in self._inverses:
            first = self.coefficient(v, 0)
            self._inverses[v] = self.b.div(self.b.number(1.0), self.b.number(0.0) if first is None else first)
        return self._inverses[v]

    # --- powers, exponentials ---

    def _power(self, e: Any, base: Any, exponent: Any, k: int) -> Coefficient:
        import sympy

        if exponent == -1:
            if k == 0:
                return self._inverse(base)
            rest = self._sum([(self.coefficient(base, j), self.of[e][k - j]) for j in range(1, k + 1)])
            return None if rest is None else self.b.mul(self.b.minus(rest), self._inverse(base))
        if exponent.is_Integer and abs(int(exponent)) <= _HIGHEST:
            if exponent < 0:
                base = sympy.Pow(base, -1, evaluate=False)
            return self._whole_power(base, abs(int(exponent)), k)
        if base == sympy.E:
            return self._exp(e, exponent, k)
        u0, a = self._at_start(base), self._at_start(exponent)
        none = self.b.both(self._begins(base, u0, k), self.b.compare(">", a, self.b.number(0.0)))
        if not self._steady(exponent):
            found = self.coefficient(sympy.exp(_product([exponent, sympy.log(base)]), evaluate=False), k)
            if k == 2:
                self._corner(base, none)
            zero = self.b.choose(self.b.compare(">", u0, self.b.number(0.0)), found or u0, self.b.number(0.0))
            return self._chosen(none, zero if k == 0 else None, found)
        u0 = self.b.choose(none, self.b.max(u0, self.b.number(0.0)), u0)
        if k == 0:
            if exponent == sympy.Rational(1, 2):
                return self.b.sqrt(u0)
            return vector_math.power(self.b.build, u0, a)
        # w_k = Σ (a·j − (k − j))·u_j·w_(k−j) / (k·u_0)
        parts = []
        for j in range(1, k + 1):
            u, w = self.coefficient(base, j), self.of[e][k - j]
            if u is not None and w is not None:
                weight = self.b.sub(self.b.mul(a, self.b.number(j / k)), self.b.number((k - j) / k))
                parts.append((self.b.mul(weight, u), w))
        total = self._sum(parts)
        if total is None:
            return None
        # At zero there is no series (but for the power 1): the power is taken not to move, and the step is short.
        itself = self.b.compare("==", a, self.b.number(1.0))
        if k == 2:
            self._corner(base, self.b.both(none, self.b.negate(itself)))
        there = self._chosen(itself, self.coefficient(base, k), None)
        found = self.b.mul(total, self._inverse(base))
        return self._chosen(none, there, found)

    def _begins(self, base: Any, u0: Value, k: int) -> Any:
        """Whether a base is zero, or was, but for rounding, a blink ago (of a state, that is known from order 1 on)."""
        late = bool(base.free_symbols & self.states)
        key = base, late and k > 0
        if key not in self._conditions:
            first = self.coefficient(base, 1) if k or not late else None
            least = self.b.number(_NOTHING)
            if first is not None:
                least = self.b.max(least, self.b.mul(self.instant if late else self.blink, self.b.abs(first)))
            self._conditions[key] = self.b.compare("<=", self.b.abs(u0), least)
        return self._conditions[key]

    def _corner(self, base: Any, where: Any) -> None:
        """Note a base that begins at zero."""
        b = self.b
        first, second = (self.coefficient(base, k) for k in (1, 2))
        if first is None:
            return
        moving = b.both(where, b.compare(">", b.abs(first), b.number(_TRACE)))
        slow = b.number(1e300) if second is None else b.div(b.abs(first), b.max(b.abs(second), b.number(1e-290)))
        self.corners.append((moving, slow))

    def _whole_power(self, base: Any, n: int, k: int) -> Coefficient:
        """Coefficient of base**n by squaring; the parts are nodes of their own."""
        import sympy

        if n == 1:
            return self.coefficient(base, k)
        half = sympy.Pow(base, n // 2, evaluate=False) if n // 2 > 1 else base
        square = [self.coefficient(half, j) for j in range(k + 1)]
        if n % 2 == 0:
            return self._sum([(square[j], square[k - j]) for j in range(k + 1)])
        rest = sympy.Pow(base, n - 1, evaluate=False)
        return self._sum([(self.coefficient(base, j), self.coefficient(rest, k - j)) for j in range(k + 1)])

    def _at_start(self, e: Any) -> Value:
        value = self.coefficient(e, 0)
        return self.b.number(0.0) if value is None else value

    def _exp(self, e: Any, u: Any, k: int) -> Coefficient:
        if k == 0:
            return vector_math.exp(self.b.build, self._at_start(u))
        return self._sum([(self._times(self.coefficient(u, j), j / k), self.of[e][k - j]) for j in range(1, k + 1)])

    def _log(self, e: Any, u: Any, k: int) -> Coefficient:
        if k == 0:
            return vector_math.log(self.b.build, self._at_start(u))
        rest = self._sum([(self._times(self.of[e][j], j / k), self.coefficient(u, k - j)) for j in range(1, k)])
        top = self.coefficient(u, k)
        if top is None and rest is None:
            return None
        left = top if rest is None else self.b.minus(rest) if top is None else self.b.sub(top, rest)
        return self.b.mul(left, self._inverse(u))

    def _periodic(self, name: str, e: Any, k: int) -> Coefficient:
        """sin, cos and tanh: their rate is u' times another function of u."""
        import sympy

        u = e.args[0]
        if k == 0:
            return self.b.library(name, self._at_start(u))
        other = sympy.cos(u) if name == "sin" else sympy.sin(u) if name == "cos" else 1 - sympy.Pow(e, 2)
        rate = self._sum(
            [(self._times(self.coefficient(u, j), j / k), self.coefficient(other, k - j)) for j in range(1, k + 1)]
        )
        return self._times(rate, -1.0) if name == "cos" else rate

    def _fixed(self, name: str, e: Any) -> Value:
        """The value of a corner, or of its derivative, of what does not move."""
        b, values = self.b, [self._at_start(a) for a in e.args]
        if name in ("Max", "Min"):
            return reduce(b.max if name == "Max" else b.min, values)
        x, zero = values[0], b.number(0.0)
        if name == "Abs":
            return b.abs(x)
        above, below = b.flag(b.compare(">", x, zero)), b.flag(b.compare("<", x, zero))
        if name == "sign":
            return b.sub(above, below)
        return b.choose(b.compare("==", x, zero), b.number(0.5), above)

    # --- what is chosen at the start of a step ---

    def _larger(self, a: Any, b: Any, k: int) -> Coefficient:
        """The larger of two, of which one does not move (a floor); the moving one where it rises through the floor."""
        moving, floor = (b, a) if self._steady(a) else (a, b)
        start, least = self._at_start(moving), self._at_start(floor)
        if k == 0:
            return self.b.max(start, least)
        if moving not in self._conditions:
            rises, first = self.b.compare(">=", start, least), self.coefficient(moving, 1)
            if first is not None:
                rises = self.b.either(rises, self.b.compare(">", first, self.b.number(0.0)))
            self._conditions[moving] = rises
        return self._chosen(self._conditions[moving], self.coefficient(moving, k), None)

    def _chosen(self, condition: Any, yes: Coefficient, no: Coefficient) -> Coefficient:
        if yes is None and no is None:
            return None
        zero = self.b.number(0.0)
        return self.b.choose(condition, zero if yes is None else yes, zero if no is None else no)

    def _condition(self, c: Any) -> Any:
        """A condition that does not change within a step (see `is_analytic`)."""
        if c in self.named:
            return self._condition(self.named[c])
        if c in self._conditions:
            return self._conditions[c]
        if c in (True, False):
            return self.b.compare("==" if c else "!=", self.b.number(0.0), self.b.number(0.0))
        b, name = self.b.build, type(c).__name__
        if c.is_Relational:
            how = b.fcmp_unordered if c.rel_op == "!=" else b.fcmp_ordered
            made = how(c.rel_op, self._at_start(c.lhs), self._at_start(c.rhs))
        elif name == "Not":
            made = b.not_(self._condition(c.args[0]))
        elif name == "ITE":
            made = b.select(*(self._condition(part) for part in c.args))
        else:
            assert name in ("And", "Or"), c
            made = self._condition(c.args[0])
            for other in c.args[1:]:
                made = (b.and_ if name == "And" else b.or_)(made, self._condition(other))
        self._conditions[c] = made
        return made


def _product(factors: Sequence[Any]) -> Any:
    """The product of some factors as a node; SymPy would rewrite it."""
    import sympy

    return factors[0] if len(factors) == 1 else sympy.Mul(*factors, evaluate=False)
