"""Symbols to machine code: SymPy → LLVM IR → object code, in milliseconds and without a compiler.

A function has the signature ``void f(const double *t, const double *y, const double *q, double *out)`` and works on
`width` subjects at once: entry k of lane l stands at ``k * width + l``. Whatever the width, a lane's result has the
same bits: every operation is elementwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pkpd.engine.machine import vector_math
from pkpd.engine.machine.numbers import constant, whole_constant
from pkpd.engine.symbolic.formulas import Formula
from pkpd.errors import ModelError

_CALLS = {"sin": "sin", "cos": "cos", "Abs": "fabs", "floor": "floor"}
_VECTOR = {"exp": vector_math.exp, "log": vector_math.log}
_keep: list[Any] = []  # an execution engine frees its code when it is collected


@cache
def _target() -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    cpu, features = _processor()
    return target.create_target_machine(cpu=cpu, features=features, opt=2, codemodel="jitdefault", jit=True)


def _processor() -> tuple[str, str]:
    """Return name and features of the processor: this machine's, or what numba is told by its own variables."""
    from llvmlite import binding

    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if name or features is not None:
        return name or "generic", features or ""
    return binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


def machine() -> str:
    """Return what decides on the instructions: the processor, its features and the version of LLVM."""
    from llvmlite import binding

    version = ".".join(str(n) for n in binding.llvm_version_info)
    return f"{' '.join(_processor())} {version} {_target().triple}"


Piece = Callable[[Any], None]
"""Something that writes functions into a module."""


def formula_piece(name: str, time: Any, formula: Formula, width: int, private: bool = False) -> Piece:
    """Return what writes a formula as a function of so many lanes; a private one is seen by its module only."""

    def write(module: Any) -> None:
        writer = _Writer(module, name, width, time, formula.y, formula.q)
        if private:
            writer.function.linkage = "internal"
            writer.function.attributes.add("noinline")
        writer.write(formula.values)

    return write


def object_code(pieces: Iterable[Piece]) -> bytes:
    """Return the object code of everything that the pieces write, one after the other, into one module."""
    from llvmlite import binding, ir

    module = ir.Module(name="pkpd")
    module.triple = _target().triple
    for piece in pieces:
        piece(module)
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    code: bytes = _target().emit_object(parsed)
    return code


def load_code(code: bytes, names: Sequence[str]) -> dict[str, int]:
    """Bring object code into memory and return the address of every function.

    Raises
    ------
    RuntimeError
        If a function is missing or the code cannot be loaded.
    """
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    addresses = {name: int(engine.get_function_address(name)) for name in names}
    if missing := [name for name, address in addresses.items() if not address]:
        raise RuntimeError(f"no machine code for {missing}")
    _keep.append(engine)
    return addresses


def whole_number(address: int) -> int:
    """Return what a function of lanes (`lanes.LaneWriter`) returns that reads none of its arguments."""
    import ctypes

    return int(ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3)(address)(None, None, None))


class _Writer:
    """Walks expressions and writes IR; one visit per distinct subexpression."""

    def __init__(self, module: Any, name: str, width: int, time: Any, y: Sequence[Any], q: Sequence[Any]) -> None:
        from llvmlite import ir

        self.ir, self.width, self._module = ir, width, module
        self.double = ir.DoubleType()
        self.type = self.double if width == 1 else ir.VectorType(self.double, width)
        kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(self.double)] * 4)
        self.function = ir.Function(module, kind, name=name)
        for argument in self.function.args:
            argument.add_attribute("noalias")
        self.build = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.places = {time: (0, 0)} | {s: (1, k) for k, s in enumerate(y)} | {s: (2, k) for k, s in enumerate(q)}
        self.seen: dict[Any, Any] = {}

    def write(self, values: Mapping[int, Any]) -> None:
        import sympy
        from sympy.logic.boolalg import Boolean

        shared, reduced = sympy.cse(list(values.values()), symbols=sympy.numbered_symbols("_c"), order="none")
        for name, expression in shared:
            self.seen[name] = self._condition(expression) if isinstance(expression, Boolean) else self.value(expression)
        for k, expression in zip(values, reduced, strict=True):
            self.build.store(self.value(expression), self._at(3, k), align=8)
        self.build.ret_void()

    def _at(self, argument: int, k: int) -> Any:
        index = whole_constant(64, k * self.width)
        place = self.build.gep(self.function.args[argument], [index])
        return place if self.width == 1 else self.build.bitcast(place, self.ir.PointerType(self.type))

    def number(self, value: float) -> Any:
        return constant(self.type, value, 0 if self.width == 1 else self.width)

    def call(self, name: str, value: Any) -> Any:
        full = f"llvm.{name}.f64" if self.width == 1 else f"llvm.{name}.v{self.width}f64"
        kind = self.ir.FunctionType(self.type, [self.type])
        return self.build.call(
            self._module.globals.get(full) or self.ir.Function(self._module, kind, name=full), [value]
        )

    def _library(self, name: str, value: Any) -> Any:
        """Call a function of the C library, lane by lane."""
        kind = self.ir.FunctionType(self.double, [self.double])
        function = self._module.globals.get(name) or self.ir.Function(self._module, kind, name=name)
        if self.width == 1:
            return self.build.call(function, [value])
        result = self.ir.Constant(self.type, self.ir.Undefined)
        for lane in range(self.width):
            index = whole_constant(32, lane)
            result_of_lane = self.build.call(function, [self.build.extract_element(value, index)])
            result = self.build.insert_element(result, result_of_lane, index)
        return result

    def value(self, e: Any) -> Any:
        if e not in self.seen:
            if e in self.places:
                self.seen[e] = self.build.load(self._at(*self.places[e]), align=8)
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
        if name in _VECTOR:
            return _VECTOR[name](self.build, self.value(e.args[0]))
        if name in _CALLS:
            return self.call(_CALLS[name], self.value(e.args[0]))
        if name == "WholePart":
            return self.call("floor", self.build.fdiv(*(self.value(a) for a in e.args)))
        if name == "tanh":  # not an intrinsic: the C library's
            return self._library("tanh", self.value(e.args[0]))
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
        """Sum with subtractions where a term is negative; a product is added without being rounded.

        The compiler must not choose which: what it joins depends on the processor and on the number of lanes.
        """
        plus = [t for t in terms if not t.could_extract_minus_sign()]
        minus = [-t for t in terms if t.could_extract_minus_sign()]
        total = self.value(plus[0]) if plus else self.build.fneg(self.value(minus.pop(0)))
        for t, negative in [*((t, False) for t in plus[1:]), *((t, True) for t in minus)]:
            if t.is_Mul and t not in self.seen and t not in self.places:
                parts = [self.value(t.args[0]), self._times(t.args[1:])] if self._is_plain(t) else None
                if parts is not None:
                    first = self.build.fneg(parts[0]) if negative else parts[0]
                    total = self._fma(first, parts[1], total)
                    continue
            total = (self.build.fsub if negative else self.build.fadd)(total, self.value(t))
        return total

    def _is_plain(self, product: Any) -> bool:
        """Whether nothing is divided by."""
        return not any(a.is_Pow and a.exp.is_number and a.exp.is_negative for a in product.args)

    def _fma(self, a: Any, b: Any, c: Any) -> Any:
        suffix = "f64" if self.width == 1 else f"v{self.width}f64"
        kind, full = self.ir.FunctionType(self.type, [self.type] * 3), f"llvm.fma.{suffix}"
        function = self._module.globals.get(full) or self.ir.Function(self._module, kind, name=full)
        return self.build.call(function, [a, b, c])

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
            result = self.build.fmul(result, self.value(factor))
        return result

    def _power(self, base: Any, exponent: Any) -> Any:
        import sympy

        if exponent == sympy.Rational(1, 2):
            return self.call("sqrt", self.value(base))
        if exponent.is_Integer and abs(int(exponent)) <= 16:
            result = self._integer_power(self.value(base), abs(int(exponent)))
            return result if exponent > 0 else self.build.fdiv(self.number(1), result)
        if base == sympy.E:
            return vector_math.exp(self.build, self.value(exponent))
        return vector_math.power(self.build, self.value(base), self.value(exponent))

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
            compare = self.build.fcmp_unordered if c.rel_op == "!=" else self.build.fcmp_ordered
            return compare(c.rel_op, self.value(c.lhs), self.value(c.rhs))
        if c in (True, False):
            bit = self.ir.IntType(1)
            if self.width == 1:
                return self.ir.Constant(bit, int(bool(c)))
            return self.ir.Constant(self.ir.VectorType(bit, self.width), [int(bool(c))] * self.width)
        name = type(c).__name__
        if name == "Not":
            return self.build.not_(self._condition(c.args[0]))
        if name == "ITE":
            return self.build.select(*(self._condition(part) for part in c.args))
        if name not in ("And", "Or"):
            raise ModelError(f"{name} in a condition has no machine code: {c}")
        join = self.build.and_ if name == "And" else self.build.or_
        result = self._condition(c.args[0])
        for other in c.args[1:]:
            result = join(result, self._condition(other))
        return result
