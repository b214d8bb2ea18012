"""Prints pkpd/engine/machine/steps/radau_coefficients.py: run ``python tests/engine/generate_radau.py``.

Coefficients of Radau IIA with any odd number of stages, from the theory, in 40 digits and rounded once.

Nodes are the roots of P_s − P_(s−1), Legendre's polynomials moved to [0, 1]; A integrates the polynomials through them.
The eigenvectors of A⁻¹ split the stages' equations into one with a real shift and pairs with conjugate complex ones.
References: Hairer & Wanner, Solving Ordinary Differential Equations II, 2nd ed. 1996, IV.5 (the method), IV.8 (the
split and the error); Hairer & Wanner, J Comput Appl Math 1999;111:93 (more stages).
"""

from __future__ import annotations

from typing import Any

import mpmath

STAGES = (3, 5)
HEAD = '''"""Coefficients of Radau IIA, as ``tests/engine/generate_radau.py`` prints them from the theory."""

from __future__ import annotations

from typing import NamedTuple

Row = tuple[float, ...]


class Coefficients(NamedTuple):
    """A method with s stages.

    Attributes
    ----------
    nodes : tuple of float, s
        Where the stages stand; the last is 1.
    matrix : tuple of tuples, s × s
        A.
    into, out_of : tuples of tuples, s × s
        T⁻¹ and T. Columns of T are the real eigenvector of A⁻¹, then real and imaginary part of one of each pair; the
        last entry of every eigenvector is 1.
    real : float
        The real eigenvalue of A⁻¹.
    pairs : tuple of (float, float)
        Real and imaginary part, which is positive, of the others.
    error : tuple of float, s
        Weights of the stages' increments in the error, beside h·f(t, y)/real.
    ahead, behind : tuples of tuples, s × s
        The polynomial through the step's start and stages, about its end in powers of the time in steps: `behind` makes
        its coefficients of T⁻¹z, `ahead` T⁻¹z of the coefficients, for a step of the same length that follows.
    """

    nodes: Row
    matrix: tuple[Row, ...]
    into: tuple[Row, ...]
    out_of: tuple[Row, ...]
    real: float
    pairs: tuple[Row, ...]
    error: Row
    ahead: tuple[Row, ...]
    behind: tuple[Row, ...]


METHODS = {'''
_DIGITS = 40  # the eigenvectors lose some; what is left is rounded to a double


def coefficients(stages: int) -> dict[str, Any]:
    """Return the coefficients of the method with so many stages (odd: there is one real eigenvalue)."""
    with mpmath.workdps(_DIGITS):
        nodes = _nodes(stages)
        powers = mpmath.matrix([[c**k for k in range(stages)] for c in nodes])
        integrals = mpmath.matrix([[c ** (k + 1) / (k + 1) for k in range(stages)] for c in nodes])
        matrix = integrals * powers**-1
        inverse = matrix**-1
        values, vectors = mpmath.eig(inverse)
        real = next(k for k in range(stages) if abs(mpmath.im(values[k])) < mpmath.mpf(10) ** (-_DIGITS // 2))
        upper = [k for k in range(stages) if k != real and mpmath.im(values[k]) > 0]
        pairs = sorted(upper, key=lambda k: mpmath.re(values[k]))
        columns: list[list[Any]] = []
        for k in (real, *pairs):
            vector = [vectors[i, k] / vectors[stages - 1, k] for i in range(stages)]
            columns.append([mpmath.re(x) for x in vector])
            if k != real:
                columns.append([mpmath.im(x) for x in vector])
        out_of = mpmath.matrix(columns).T
        first = 1 / mpmath.re(values[real])
        # The quadrature with the same nodes and, with weight 1/real, the start of the step: of order s.
        moments = mpmath.matrix([1 / mpmath.mpf(k + 1) - (first if k == 0 else 0) for k in range(stages)])
        weights = mpmath.lu_solve(powers.T, moments)
        last = matrix[stages - 1, :]
        error = (weights.T - last) * inverse
        after = mpmath.matrix([[c ** (k + 1) for k in range(stages)] for c in nodes])
        # p(1 + x) = Σ d_k·x^k with p(1 + 0) = z_s: at the stages x = c − 1, and at the start of the step p = 0.
        places = [*(c - 1 for c in nodes[:-1]), mpmath.mpf(-1)]
        through = mpmath.matrix([[x ** (k + 1) for k in range(stages)] for x in places])
        lessened = mpmath.matrix(stages, stages)  # z of a stage (or 0 of the start) minus z of the last
        for k in range(stages):
            lessened[k, stages - 1] = -1
            if k < stages - 1:
                lessened[k, k] = 1
        return {
            "nodes": tuple(float(c) for c in nodes),
            "matrix": _rows(matrix),
            "into": _rows(out_of**-1),
            "out_of": _rows(out_of),
            "real": float(mpmath.re(values[real])),
            "pairs": tuple((float(mpmath.re(values[k])), float(mpmath.im(values[k]))) for k in pairs),
            "error": tuple(float(x) for x in error),
            "ahead": _rows(out_of**-1 * after),
            "behind": _rows(through**-1 * lessened * out_of),
        }


def _nodes(stages: int) -> list[Any]:
    # Powers of x in P_s − P_(s−1), the factor x − 1 taken out.
    whole = [_shifted(stages, k) - _shifted(stages - 1, k) for k in range(stages + 1)]
    rest, carried = [], mpmath.mpf(0)
    for k in range(stages, 0, -1):
        carried = whole[k] + carried
        rest.append(carried)
    roots = mpmath.polyroots(rest, maxsteps=200, extraprec=200)
    return [*sorted(mpmath.re(r) for r in roots), mpmath.mpf(1)]


def _shifted(degree: int, power: int) -> Any:
    """Return the coefficient of x**power in Legendre's polynomial on [0, 1]."""
    if power > degree:
        return mpmath.mpf(0)
    return (-1) ** (degree - power) * mpmath.binomial(degree, power) * mpmath.binomial(degree + power, power)


def _rows(matrix: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(matrix[i, j]) for j in range(matrix.cols)) for i in range(matrix.rows))


def _text(value: Any, indent: str = "    ") -> list[str]:
    """Return a nested tuple as lines of Python."""
    if isinstance(value, float):
        return [f"{value!r},"]
    if all(isinstance(v, float) for v in value):
        lines, line = [], "("
        for number in value:
            if len(line) + len(repr(number)) > 104:
                lines.append(line.rstrip())
                line = " "
            line += f"{number!r}, "
        return [*lines, line.rstrip() + "),"]
    return ["(", *(indent + line for v in value for line in _text(v)), "),"]


def printed() -> str:
    """Return the file."""
    lines = [HEAD]
    for stages in STAGES:
        lines.append(f"    {stages}: Coefficients(")
        for name, value in coefficients(stages).items():
            first, *more = _text(value)
            lines += [f"        {name}={first}", *(f"        {line}" for line in more)]
        lines.append("    ),")
    return "\n".join([*lines, "}  # fmt: skip", ""])


if __name__ == "__main__":
    print(printed(), end="")
