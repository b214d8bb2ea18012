"""Symbols to machine code: SymPy → LLVM IR → a function pointer, in milliseconds and without a compiler.

The function has the signature ``void f(double t, const double *y, const double *q, double *dy)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pkpd.errors import ModelError

_CALLS = {"exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "Abs": "fabs"}
_keep: list[Any] = []  # an execution engine frees its code when it is collected


@cache
def _target() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    features = binding.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=binding.get_host_cpu_name(), features=features, opt=2)


def compile_rhs(time: Any, y: Sequence[Any], q: Sequence[Any], rhs: Sequence[Any]) -> int:
    """Return the address of a compiled function that writes `rhs` to ``dy``.

    Parameters
    ----------
    time : sympy.Symbol
        The independent variable.
    y, q : sequence of sympy.Symbol
        States and everything else, in the order of their arrays.
    rhs : sequence of sympy.Expr
        Derivatives in the order of `y`.
    """
    return compile_values(time, y, q, dict(enumerate(rhs)))


def compile_values(time: Any, y: Sequence[Any], q: Sequence[Any], values: Mapping[int, Any]) -> int:
    """Return the address of a compiled function that writes each value to its place and leaves the others alone.

    Parameters
    ----------
    time, y, q
        As for `compile_rhs`.
    values : mapping
        Place in the result → sympy.Expr; of a Jacobian only what is not zero by structure.
    """
    from llvmlite import binding

    module = binding.parse_assembly(str(_Writer(time, y, q).module(values)))
    module.verify()
    engine = binding.create_mcjit_compiler(module, _target())
    engine.finalize_object()
    _keep.append((module, engine))
    address: int = engine.get_function_address("rhs")
    return address


class _Writer:
    """Walks expressions and writes IR; one visit per distinct subexpression."""

    def __init__(self, time: Any, y: Sequence[Any], q: Sequence[Any]) -> None:
        from llvmlite import ir

        self.ir = ir
        self.double = ir.DoubleType()
        pointer = ir.PointerType(self.double)
        self._module = ir.Module(name="pkpd")
        self._module.triple = _target().triple
        kind = ir.FunctionType(ir.VoidType(), [self.double, pointer, pointer, pointer])
        self.function = ir.Function(self._module, kind, name="rhs")
        self.build = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.seen: dict[Any, Any] = {time: self.function.args[0]}
        self.places = {s: (1, k) for k, s in enumerate(y)} | {s: (2, k) for k, s in enumerate(q)}

    def module(self, values: Mapping[int, Any]) -> Any:
        import sympy
        from sympy.logic.boolalg import Boolean

        shared, reduced = sympy.cse(list(values.values()), symbols=sympy.numbered_symbols("_c"))
        for name, expression in shared:
            self.seen[name] = self._condition(expression) if isinstance(expression, Boolean) else self.value(expression)
        for k, expression in zip(values, reduced, strict=True):
            self.build.store(self.value(expression), self._at(3, k))
        self.build.ret_void()
        return self._module

    def _at(self, argument: int, k: int) -> Any:
        index = self.ir.Constant(self.ir.IntType(64), k)
        return self.build.gep(self.function.args[argument], [index])

    def number(self, value: float) -> Any:
        return self.ir.Constant(self.double, float(value))

    def call(self, name: str, *values: Any) -> Any:
        function = self._module.declare_intrinsic(f"llvm.{name}", [self.double])
        return self.build.call(function, values)

    def _library(self, name: str) -> Any:
        kind = self.ir.FunctionType(self.double, [self.double])
        return self._module.globals.get(name) or self.ir.Function(self._module, kind, name=name)

    def value(self, e: Any) -> Any:
        if e not in self.seen:
            if e in self.places:
                self.seen[e] = self.build.load(self._at(*self.places[e]))
            else:
                self.seen[e] = self._new(e)
        return self.seen[e]

    def _new(self, e: Any) -> Any:
        if e.is_number:
            return self.number(float(e))
        name = type(e).__name__
        if e.is_Add:
            return self._chain(e.args)
        if e.is_Mul:
            return self._product(e)
        if e.is_Pow:
            return self._power(*e.args)
        if name in _CALLS:
            return self.call(_CALLS[name], self.value(e.args[0]))
        if name == "tanh":  # not an intrinsic: the C library's
            return self.build.call(self._library("tanh"), [self.value(e.args[0])])
        if name in ("sign", "Heaviside"):  # what Abs, Max and Min leave behind in a derivative
            x, zero = self.value(e.args[0]), self.number(0)
            below = self.number(-1 if name == "sign" else 0)
            at_most = self.build.select(
                self.build.fcmp_ordered("<", x, zero), below, self.number(0 if name == "sign" else 0.5)
            )
            return self.build.select(self.build.fcmp_ordered(">", x, zero), self.number(1), at_most)
        if name in ("Max", "Min"):
            best = self.value(e.args[0])
            for other in map(self.value, e.args[1:]):
                better = self.build.fcmp_ordered(">" if name == "Max" else "<", other, best)
                best = self.build.select(better, other, best)
            return best
        if name == "Piecewise":
            return self._piecewise(e)
        raise ModelError(f"{name} in an equation has no machine code: {e}")

    def _chain(self, terms: Sequence[Any]) -> Any:
        """Sum with subtractions where a term is negative."""
        plus = [t for t in terms if not t.could_extract_minus_sign()]
        minus = [-t for t in terms if t.could_extract_minus_sign()]
        total = self.value(plus[0]) if plus else self.build.fneg(self.value(minus.pop(0)))
        for t in plus[1:]:
            total = self.build.fadd(total, self.value(t), flags=("contract",))
        for t in minus:
            total = self.build.fsub(total, self.value(t), flags=("contract",))
        return total

    def _product(self, e: Any) -> Any:
        top: list[Any] = []
        bottom: list[Any] = []
        for factor in e.args:
            below = factor.is_Pow and factor.exp.is_number and factor.exp.is_negative
            (bottom if below else top).append(1 / factor if below else factor)
        result = self._times(top) if top else self.number(1)
        return self.build.fdiv(result, self._times(bottom)) if bottom else result

    def _times(self, factors: Sequence[Any]) -> Any:
        result = self.value(factors[0])
        for factor in factors[1:]:
            result = self.build.fmul(result, self.value(factor), flags=("contract",))
        return result

    def _power(self, base: Any, exponent: Any) -> Any:
        import sympy

        if exponent == sympy.Rational(1, 2):
            return self.call("sqrt", self.value(base))
        if exponent.is_Integer and abs(int(exponent)) <= 16:
            result = self._integer_power(self.value(base), abs(int(exponent)))
            return result if exponent > 0 else self.build.fdiv(self.number(1), result)
        if base == sympy.E:
            return self.call("exp", self.value(exponent))
        return self.call("pow", self.value(base), self.value(exponent))

    def _integer_power(self, base: Any, n: int) -> Any:
        result = None
        while n:
            if n & 1:
                result = base if result is None else self.build.fmul(result, base)
            n >>= 1
            if n:
                base = self.build.fmul(base, base)
        return result

    def _piecewise(self, e: Any) -> Any:
        *cases, (last, _) = e.args
        result = self.value(last)
        for expression, condition in reversed(cases):
            result = self.build.select(self._condition(condition), self.value(expression), result)
        return result

    def _condition(self, c: Any) -> Any:
        if c in self.seen:
            return self.seen[c]
        if c.is_Relational:
            return self.build.fcmp_ordered(c.rel_op, self.value(c.lhs), self.value(c.rhs))
        if c in (True, False):
            return self.ir.Constant(self.ir.IntType(1), int(bool(c)))
        join = self.build.and_ if type(c).__name__ == "And" else self.build.or_
        result = self._condition(c.args[0])
        for other in c.args[1:]:
            result = join(result, self._condition(other))
        return result
