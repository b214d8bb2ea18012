"""exp, log and power on several doubles at once, written as LLVM IR into the function that needs them.

LLVM has no vector code of its own for these: ``llvm.exp.v4f64`` becomes four calls of the C library. Here a value is
``double`` or ``<W x double>``, every operation is elementwise and strict (nothing may be contracted or reordered;
where a fused multiply-add is meant, it is written), so a result depends neither on W nor on the lane. There are no
branches: special values are selected at the end.

The methods are textbook ones: J.-M. Muller, *Elementary Functions: Algorithms and Implementation*, 3rd ed. (2016) –
Cody and Waite's two-part reduction, log through atanh, Dekker's sums and products in two parts. The polynomials
interpolate at Chebyshev nodes; the tests compute them again.

Largest errors at millions of random points: exp 0.97 ulp, log 0.84 ulp, power 1.03 ulp, also where arguments or results
are subnormal. At W = 1 the C library's log and pow are faster.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

from pkpd.engine.machine.numbers import constant

# (e^r - 1 - r) / r² for |r| <= ln(2) / 2 · 1.0001
EXP = (
    *(0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717),
    *(0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07),
    2.510038549551032e-08,
)
# (atanh(s) / s - 1 - z / 3) / z² with z = s² for 0 <= z <= (3 - √8)²: what the mantissas from √½ to √2 need
ATANH = (
    *(0.2, 0.14285714285714682, 0.11111111110828116, 0.09090909167657202, 0.07692297485447729),
    *(0.06667402119112673, 0.05853124270461193, 0.058615255140488765),
)
_LN2_HI, _LN2_LO = 0.6931471805598903, 5.497923018708371e-14  # 42 bits, so that k · hi is exact; and the rest
_THIRD_LO = 1.850371707708594e-17  # 1/3 - 0.333...
_ROUND = 1.5 * 2.0**52 + 2046  # added to a small number it leaves the nearest integer (and 2 biases) in the last bits
_MANTISSA = 2**52 - 1


def exp(builder: Any, x: Any) -> Any:
    """Return e^x; gradual underflow, never negative."""
    v = _Lanes(builder, x.type)
    return _exp(v, x, v.number(0.0))


def log(builder: Any, x: Any) -> Any:
    """Return the natural logarithm; -inf at 0, NaN below."""
    v = _Lanes(builder, x.type)
    k, f = _split(v, x)
    s = v.div(f, v.add(f, v.number(2.0)))
    z = v.mul(s, s)
    tail = v.mul(z, v.fma(z, v.polynomial(z, [2 * c for c in ATANH]), v.number(2 / 3)))
    square = v.mul(v.mul(f, f), v.number(0.5))
    # log(1 + f) = f - (f²/2 - s (f²/2 + tail)): f itself is exact, so nothing is lost near 1
    low = v.fma(s, v.add(square, tail), v.mul(k, v.number(_LN2_LO)))
    result = v.fma(k, v.number(_LN2_HI), v.sub(f, v.sub(square, low)))
    return _log_specials(v, x, v.choose("<", x, v.number(0.0), v.number(math.nan), result))


def power(builder: Any, x: Any, y: Any) -> Any:
    """Return x^y with the special values of C's ``pow``; meant for x >= 0, right for every x."""
    v = _Lanes(builder, x.type)
    zero, one, inf = v.number(0.0), v.number(1.0), v.number(math.inf)
    size = v.call("fabs", x)
    high, low = _log_two_part(v, size)
    high = _log_specials(v, size, high)
    product = v.mul(y, high)
    rest = v.fma(y, low, v.fma(y, high, v.minus(product)))
    rest = v.choose("<", v.call("fabs", product), v.number(1000.0), rest, zero)  # inf - inf is no correction
    result = _exp(v, product, rest)
    result = v.choose("==", size, one, one, result)  # also where y is infinite or NaN
    half = v.mul(y, v.number(0.5))
    whole = builder.fcmp_ordered("==", v.call("rint", y), y)
    odd = builder.and_(whole, builder.fcmp_ordered("!=", v.call("rint", half), half))
    result = builder.select(odd, v.call("copysign", result, x), result)
    finite_negative = builder.and_(builder.fcmp_ordered("<", x, zero), builder.fcmp_ordered("<", size, inf))
    result = builder.select(builder.and_(finite_negative, builder.not_(whole)), v.number(math.nan), result)
    return v.choose("==", y, zero, one, result)  # even where x is NaN


def _exp(v: _Lanes, high: Any, low: Any) -> Any:
    """e^(high + low), where low is small beside high."""
    for sign, limit in ((">", 710.0), ("<", -746.0)):  # inf and 0 from here on; NaN passes
        high = v.choose(sign, high, v.number(limit), v.number(limit), high)
    shifted = v.fma(high, v.number(1 / math.log(2)), v.number(_ROUND))
    k = v.sub(shifted, v.number(_ROUND))
    reduced = v.fma(k, v.number(-_LN2_HI), high)  # exact
    r, r_low = v.two_sum(reduced, v.fma(k, v.number(-_LN2_LO), low))
    tail = v.fma(v.mul(r, r), v.polynomial(r, EXP), r_low)
    result = v.add(v.number(1.0), v.add(r, tail))
    # 2^k in two factors: one alone would overflow before the product does, or underflow twice. The last 12 bits of
    # `shifted` are k + 2 · 1023, so both halves are biased already; the shift to the exponent drops the other bits.
    b = v.builder
    bits = v.to_bits(shifted)
    first = b.lshr(bits, v.bits(1))
    for part in (first, b.sub(bits, first)):
        result = v.mul(result, v.to_double(b.shl(part, v.bits(52))))
    return result


def _split(v: _Lanes, x: Any) -> tuple[Any, Any]:
    """k and f with x = 2^k (1 + f) and √½ <= 1 + f < √2; both exact, for x > 0 and finite."""
    b = v.builder
    subnormal = b.fcmp_ordered("<", x, v.number(2.0**-1022))
    x = b.select(subnormal, v.mul(x, v.number(2.0**54)), x)
    root = _bits(math.sqrt(0.5))
    bits = b.add(v.to_bits(x), v.bits(_bits(1.0) - root))
    exponent = v.to_double(b.or_(b.lshr(bits, v.bits(52)), v.bits(_bits(2.0**52))))  # 2^52 + biased exponent
    bias = 2.0**52 + 1023
    k = v.sub(exponent, b.select(subnormal, v.number(bias + 54), v.number(bias)))
    mantissa = v.to_double(b.add(b.and_(bits, v.bits(_MANTISSA)), v.bits(root)))
    return k, v.sub(mantissa, v.number(1.0))


def _log_specials(v: _Lanes, x: Any, result: Any) -> Any:
    """The logarithm of 0, inf and NaN in place of what the arithmetic made of them."""
    result = v.choose("==", x, v.number(0.0), v.number(-math.inf), result)
    return v.builder.select(v.builder.fcmp_unordered(">=", x, v.number(math.inf)), x, result)


def _log_two_part(v: _Lanes, x: Any) -> tuple[Any, Any]:
    """log x as a sum, to a relative 2^-63 or so: power multiplies its error by y · log x."""
    k, f = _split(v, x)
    two = v.number(2.0)
    below = v.add(two, f)
    inverse = v.div(v.number(1.0), below)
    s = v.mul(f, inverse)
    left = v.fma(v.minus(s), below, f)  # s · (2 + f) - f, with what rounding took from 2 + f
    s_low = v.mul(v.fma(v.minus(s), v.sub(f, v.sub(below, two)), left), inverse)
    z, z_low = v.product(s, s_low, s, s_low)
    # atanh(s) = s + s z (1/3 + z q(z)): in two parts except for z q
    u, u_low = v.two_sum(v.number(1 / 3), v.mul(z, v.polynomial(z, ATANH)))
    w, w_low = v.product(z, z_low, u, v.add(u_low, v.number(_THIRD_LO)))
    p, p_low = v.product(s, s_low, w, w_low)
    high, low = v.two_sum(s, p)
    low = v.add(low, v.add(s_low, p_low))
    total, rest = v.two_sum(v.mul(k, v.number(_LN2_HI)), v.mul(high, two))
    return v.two_sum(total, v.add(rest, v.fma(low, two, v.mul(k, v.number(_LN2_LO)))))


def _bits(value: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", value))[0])


class _Lanes:
    """The instructions used here, for one type of value."""

    def __init__(self, builder: Any, kind: Any) -> None:
        from llvmlite import ir

        self.ir, self.builder, self.kind = ir, builder, kind
        vector = isinstance(kind, ir.VectorType)
        self.lanes = kind.count if vector else 0
        self.integers = ir.VectorType(ir.IntType(64), kind.count) if vector else ir.IntType(64)
        self.suffix = f"v{kind.count}f64" if vector else "f64"
        self.add, self.sub, self.mul, self.div = builder.fadd, builder.fsub, builder.fmul, builder.fdiv
        self.minus = builder.fneg

    def number(self, value: float) -> Any:
        return constant(self.kind, value, self.lanes)

    def bits(self, value: int) -> Any:
        return self.ir.Constant(self.integers, value)

    def to_bits(self, x: Any) -> Any:
        return self.builder.bitcast(x, self.integers)

    def to_double(self, bits: Any) -> Any:
        return self.builder.bitcast(bits, self.kind)

    def choose(self, comparison: str, a: Any, b: Any, yes: Any, no: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(comparison, a, b), yes, no)

    def call(self, name: str, *values: Any) -> Any:
        """Call an intrinsic that is exact or rounded once, so the same everywhere."""
        name, module = f"llvm.{name}.{self.suffix}", self.builder.module
        kind = self.ir.FunctionType(self.kind, [self.kind] * len(values))
        return self.builder.call(module.globals.get(name) or self.ir.Function(module, kind, name=name), values)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self.call("fma", a, b, c)

    def two_sum(self, a: Any, b: Any) -> tuple[Any, Any]:
        """a + b and its rounding error, for |a| >= |b| or a = 0."""
        total = self.add(a, b)
        return total, self.add(self.sub(a, total), b)

    def product(self, a: Any, a_low: Any, b: Any, b_low: Any) -> tuple[Any, Any]:
        """(a + a_low) · (b + b_low) in two parts."""
        high = self.mul(a, b)
        cross = self.fma(a, b_low, self.fma(a_low, b, self.fma(a, b, self.minus(high))))
        return high, cross

    def polynomial(self, x: Any, coefficients: Sequence[float]) -> Any:
        """Estrin's scheme: pairs, then pairs of pairs; shorter to wait for than Horner's."""
        terms = [self.number(c) for c in coefficients]
        while len(terms) > 1:
            pairs = [self.fma(x, b, a) for a, b in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + terms[2 * len(pairs) :]
            x = self.mul(x, x)
        return terms[0]
