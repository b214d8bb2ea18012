"""Arithmetic on several subjects at once, written as LLVM IR: what steps and closed forms are made of.

A function takes pointers to doubles. Entry k of lane l of an array stands at ``k * LANES + l``, so that one load brings
an entry of all lanes. Every operation is elementwise and strict but where `fma` says so: a lane's bits depend neither
on the other lanes nor on how wide the machine's registers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pkpd.engine.machine.jit import LANES
from pkpd.engine.machine.numbers import constant, whole_constant

Value = Any
"""A vector of one double per lane, as llvmlite has it."""


class LaneWriter:
    """A function of a module, and the arithmetic with which its body is written.

    Parameters
    ----------
    module : llvmlite.ir.Module
        Where the function is written.
    name : str
        Its name.
    arguments : int
        How many pointers to doubles it takes. None of them may overlap.
    private : bool
        Whether only other functions of the module call it.
    """

    def __init__(self, module: Any, name: str, arguments: int, private: bool = False) -> None:
        from llvmlite import ir

        self.ir, self.module = ir, module
        self.double, self.int64 = ir.DoubleType(), ir.IntType(64)
        self.kind, self.integers = ir.VectorType(self.double, LANES), ir.VectorType(self.int64, LANES)
        self.pointer = ir.PointerType(self.double)
        self.function = ir.Function(module, ir.FunctionType(self.int64, [self.pointer] * arguments), name=name)
        for argument in self.function.args:
            argument.add_attribute("noalias")
        if private:
            self.function.linkage = "internal"
        self.build = ir.IRBuilder(self.function.append_basic_block("entry"))

    # --- numbers, loads and stores ---

    def number(self, value: float) -> Value:
        """Return the same number in every lane."""
        return constant(self.kind, value, LANES)

    def index(self, value: int) -> Any:
        """Return a whole number that counts entries or loops."""
        return whole_constant(64, int(value))

    def at(self, argument: int, entry: Any) -> Any:
        """Return the address of an entry's first lane; `entry` is a number or an index of a loop."""
        if isinstance(entry, int):
            place = self.index(entry * LANES)
        else:
            place = self.build.mul(entry, self.index(LANES))
        return self.build.gep(self.function.args[argument], [place])

    def load(self, argument: int, entry: Any) -> Value:
        """Load an entry of all lanes."""
        return self.build.load(self.build.bitcast(self.at(argument, entry), self.ir.PointerType(self.kind)), align=8)

    def store(self, argument: int, entry: Any, value: Value) -> None:
        """Store an entry of all lanes."""
        place = self.build.bitcast(self.at(argument, entry), self.ir.PointerType(self.kind))
        self.build.store(value, place, align=8)

    def spread(self, argument: int, entry: Any) -> Value:
        """Load the first lane of an entry into every lane; whoever calls moves the pointer to another lane."""
        return self._everywhere(self.build.load(self.at(argument, entry)), self.kind)

    def scalar(self, argument: int, place: int) -> Value:
        """Load one double, at ``place`` counted in doubles, into every lane."""
        one = self.build.load(self.build.gep(self.function.args[argument], [self.index(place)]))
        return self._everywhere(one, self.kind)

    def plus(self, start: int, index: Any) -> Any:
        """Return the entry that stands ``index`` behind a place."""
        return self.build.add(self.index(start), index) if not isinstance(index, int) else start + index

    def counted(self, index: Any) -> Value:
        """Return an index of a loop as a number in every lane."""
        return self._everywhere(self.build.sitofp(index, self.double), self.kind)

    def _everywhere(self, one: Any, kind: Any) -> Any:
        nothing = self.ir.Constant(kind, self.ir.Undefined)
        first = self.build.insert_element(nothing, one, whole_constant(32, 0))
        zeros = self.ir.Constant(self.ir.VectorType(self.ir.IntType(32), LANES), [0] * LANES)
        return self.build.shuffle_vector(first, nothing, zeros)

    # --- arithmetic ---

    def add(self, a: Value, b: Value) -> Value:
        return self.build.fadd(a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self.build.fsub(a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self.build.fmul(a, b)

    def div(self, a: Value, b: Value) -> Value:
        return self.build.fdiv(a, b)

    def minus(self, a: Value) -> Value:
        return self.build.fneg(a)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """Return a·b + c, rounded once."""
        return self._intrinsic("fma", a, b, c)

    def sqrt(self, a: Value) -> Value:
        return self._intrinsic("sqrt", a)

    def abs(self, a: Value) -> Value:
        return self._intrinsic("fabs", a)

    def max(self, a: Value, b: Value) -> Value:
        """Return the larger; b where either is no number."""
        return self.choose(self.compare(">", a, b), a, b)

    def min(self, a: Value, b: Value) -> Value:
        """Return the smaller; b where either is no number."""
        return self.choose(self.compare("<", a, b), a, b)

    def combine(self, terms: Iterable[tuple[float, Value]]) -> Value:
        """Return Σ c·v, a number times a vector each; terms whose number is 0 are left out."""
        total = None
        for c, v in terms:
            if c:
                total = self.mul(self.number(c), v) if total is None else self.fma(self.number(c), v, total)
        return self.number(0.0) if total is None else total

    def _intrinsic(self, name: str, *values: Value) -> Value:
        full = f"llvm.{name}.v{LANES}f64"
        kind = self.ir.FunctionType(self.kind, [self.kind] * len(values))
        function = self.module.globals.get(full) or self.ir.Function(self.module, kind, name=full)
        return self.build.call(function, list(values))

    def library(self, name: str, value: Value) -> Value:
        """Call a function of the C library lane by lane."""
        kind = self.ir.FunctionType(self.double, [self.double])
        function = self.module.globals.get(name) or self.ir.Function(self.module, kind, name=name)
        result = self.ir.Constant(self.kind, self.ir.Undefined)
        for lane in range(LANES):
            index = whole_constant(32, lane)
            one = self.build.call(function, [self.build.extract_element(value, index)])
            result = self.build.insert_element(result, one, index)
        return result

    def rough_power(self, x: Value, power: float) -> Value:
        """Return x**power to a few percent from the bits of x > 0: all that the size of a step needs."""
        one = self.ir.Constant(self.integers, [0x3FF0000000000000] * LANES)
        bits = self.build.sitofp(self.build.sub(self.build.bitcast(x, self.integers), one), self.kind)
        whole = self.build.fptosi(self.mul(bits, self.number(power)), self.integers)
        return self.build.bitcast(self.build.add(whole, one), self.kind)

    # --- conditions ---

    def compare(self, how: str, a: Value, b: Value) -> Any:
        """Compare lane by lane; false where either is no number."""
        return self.build.fcmp_ordered(how, a, b)

    def choose(self, condition: Any, yes: Value, no: Value) -> Value:
        return self.build.select(condition, yes, no)

    def both(self, a: Any, b: Any) -> Any:
        return self.build.and_(a, b)

    def either(self, a: Any, b: Any) -> Any:
        return self.build.or_(a, b)

    def negate(self, a: Any) -> Any:
        return self.build.not_(a)

    def not_finite(self, a: Value) -> Any:
        """Whether a number is infinite or none at all."""
        return self.build.fcmp_unordered("!=", self.sub(a, a), self.number(0.0))

    def flag(self, condition: Any) -> Value:
        """Return 1 where a condition holds, else 0."""
        return self.choose(condition, self.number(1.0), self.number(0.0))

    def lanes_where(self, condition: Any) -> Any:
        """Return the lanes in which a condition holds as the bits of a whole number."""
        return self.build.zext(self.build.bitcast(condition, self.ir.IntType(LANES)), self.int64)

    # --- loops, calls, the end ---

    def loop(
        self, count: Any, body: Callable[[Any, list[Value]], Sequence[Value] | None], starts: Sequence[Value] = ()
    ) -> list[Value]:
        """Write a loop; ``body(index, carried)`` returns what is carried to the next turn.

        `count` is a number or an index and at least 1; `starts` is what the first turn is given. Returns what the last
        turn returned.
        """
        before, turn = self.build.block, self.function.append_basic_block("turn")
        after = self.function.append_basic_block("after")
        self.build.branch(turn)
        self.build.position_at_end(turn)
        index = self.build.phi(self.int64)
        carried = [self.build.phi(start.type) for start in starts]
        made = list(body(index, carried) or ())
        following = self.build.add(index, self.index(1))
        index.add_incoming(self.index(0), before)
        index.add_incoming(following, self.build.block)
        for phi, start, last in zip(carried, starts, made, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(last, self.build.block)
        stop = self.index(count) if isinstance(count, int) else count
        self.build.cbranch(self.build.icmp_signed("<", following, stop), turn, after)
        self.build.position_at_end(after)
        return made

    def when_any(self, condition: Any, body: Callable[[], Sequence[Value]], otherwise: Sequence[Value]) -> list[Value]:
        """Write something that is passed over where the condition holds in no lane; returns its values, else others.

        What it computes for lanes in which the condition does not hold must not be used.
        """
        some = self.build.icmp_unsigned("!=", self.lanes_where(condition), self.index(0))
        before, inside = self.build.block, self.function.append_basic_block("inside")
        after = self.function.append_basic_block("after")
        self.build.cbranch(some, inside, after)
        self.build.position_at_end(inside)
        made, last = list(body()), self.build.block
        self.build.branch(after)
        self.build.position_at_end(after)
        result = []
        for new, old in zip(made, otherwise, strict=True):
            phi = self.build.phi(new.type)
            phi.add_incoming(new, last)
            phi.add_incoming(old, before)
            result.append(phi)
        return result

    def call(self, function: Any, *pointers: Any) -> None:
        """Call another function of the module with addresses (see `at`)."""
        self.build.call(function, list(pointers))

    def finish(self, result: Any = None) -> None:
        """End the function; `result` is a whole number (0 by default)."""
        self.build.ret(self.index(0) if result is None else result)
