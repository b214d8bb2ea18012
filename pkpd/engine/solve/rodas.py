"""One step of Rodas5P: eight linear solves with one factored matrix, order 5(4), stiffly accurate, L-stable.

With J = ∂f/∂y and the factored matrix W = I/(γh) − J the stages are

    W·k_i = f(t + c_i·h, y + Σ a_ij·k_j) + Σ c_ij·k_j/h + h·d_i·∂f/∂t

The vector may hold sensitivities behind its n states. Their Jacobian is block triangular with the same J on the
diagonal, so that only n × n numbers are factored, whatever the number of parameters; the result is that of the whole.

References: Steinebach, BIT Numer Math 2023;63:27 (the coefficients, as OrdinaryDiffEq.jl prints them); Hairer & Wanner,
Solving Ordinary Differential Equations II, 2nd ed. 1996, IV.7.
"""

from __future__ import annotations

from pkpd.engine.machine.jit import jit
from pkpd.engine.machine.pointer import call

STAGES = 8
GAMMA = 0.21193756319429014
A = (
    (0.0,),
    (3.0,),
    (2.849394379747939, 0.45842242204463923),
    (-6.954028509809101, 2.489845061869568, -10.358996098473584),
    (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
    (-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
)  # the rows of stages 7 and 8 and the weights are row 6, followed by ones
C = (
    (0.0,),
    (-14.155112264123755,),
    (-17.97296035885952, -2.859693295451294),
    (147.12150275711716, -1.41221402718213, 71.68940251302358),
    (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
    (24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
    (
        *(30.91273214028599, -3.1208243349937974, 77.79954646070892),
        *(34.28646028294783, -19.097331116725623, -28.087943162872662),
    ),
    (
        *(37.80277123390563, -3.2571969029072276, 112.26918849496327),
        *(66.9347231244047, -40.06618937091002, -54.66780262877968, -9.48861652309627),
    ),
)
NODES = (0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0)
D = (GAMMA, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069, 0.0, 0.0, 0.0)
H = (
    (
        *(25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204),
        *(0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493),
    ),
    (
        *(-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796),
        *(20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372),
    ),
    (
        *(11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643),
        *(-52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722),
    ),
)


@jit
def lu_factor(h, jac, lu, order):  # type: ignore[no-untyped-def]
    """Factor I/(γh) − J with partial pivoting; return whether it is regular.

    The factors are stored by columns (``lu[column, row]``, so that the innermost loops run along memory), their
    diagonal inverted.

    Parameters
    ----------
    h : float
        Step.
    jac : array, components × (states + 1)
        Its corner of states × states is J.
    lu, order : arrays, states × states and (states,) of int
        The factors and the order of the rows, written.
    """
    n = lu.shape[0]
    for j in range(n):
        order[j] = j
        for i in range(n):
            lu[j, i] = -jac[i, j]
        lu[j, j] += 1.0 / (GAMMA * h)
    for c in range(n):
        best, top = c, abs(lu[c, c])
        for i in range(c + 1, n):
            if abs(lu[c, i]) > top:
                best, top = i, abs(lu[c, i])
        if not top > 0.0:
            return False
        if best != c:
            order[c], order[best] = order[best], order[c]
            for j in range(n):
                lu[j, c], lu[j, best] = lu[j, best], lu[j, c]
        inverse = 1.0 / lu[c, c]
        lu[c, c] = inverse
        for i in range(c + 1, n):
            lu[c, i] *= inverse
        for j in range(c + 1, n):
            top = lu[j, c]
            if top != 0.0:  # a model's Jacobian is mostly zeros
                for i in range(c + 1, n):
                    lu[j, i] -= lu[c, i] * top
    return True


@jit
def lu_substitute(lu, x):  # type: ignore[no-untyped-def]
    """Solve for one right side ``x`` (states,) in place; it stands in the order that `lu_factor` chose.

    ``lu`` (states × states) is what `lu_factor` left.
    """
    n = lu.shape[0]
    for j in range(n - 1):
        known = x[j]
        for i in range(j + 1, n):
            x[i] -= lu[j, i] * known
    for j in range(n - 1, -1, -1):
        known = x[j] * lu[j, j]
        x[j] = known
        for i in range(j):
            x[i] -= lu[j, i] * known


@jit
def lu_substitute_many(lu, x):  # type: ignore[no-untyped-def]
    """Solve for every column of ``x`` (states × parameters) in place, with the factors ``lu`` (states × states).

    The innermost loop runs over the columns, several per instruction.
    """
    n, count = x.shape
    for j in range(n - 1):
        for i in range(j + 1, n):
            ratio = lu[j, i]
            if ratio != 0.0:
                for p in range(count):
                    x[i, p] -= ratio * x[j, p]
    for j in range(n - 1, -1, -1):
        inverse = lu[j, j]
        for p in range(count):
            x[j, p] *= inverse
        for i in range(j):
            ratio = lu[j, i]
            if ratio != 0.0:
                for p in range(count):
                    x[i, p] -= ratio * x[j, p]


@jit
def solve_factored(g, out, jac, lu, order, places, side):  # type: ignore[no-untyped-def]
    """Solve for the states, then for the sensitivities to all parameters with the same factors.

    Parameters
    ----------
    g, out : arrays, shape (components,)
        Right side and solution (written).
    jac : array, components × (states + 1)
        ∂f/∂(states), and ∂f/∂t in the last column.
    lu, order : arrays, states × states and (states,) of int
        What `lu_factor` left.
    places : array of int, parameters × states
        Where each sensitivity stands; -1 where it is zero by structure.
    side : array, states × parameters
        Scratch.
    """
    n, count = lu.shape[0], places.shape[0]
    for i in range(n):
        out[i] = g[order[i]]
    lu_substitute(lu, out)
    if count == 0:
        return
    # Block by block: the sensitivities' right side takes in what the states' part of the solution does to them.
    for i in range(n):
        for p in range(count):
            place, total = places[p, order[i]], 0.0
            if place >= 0:
                total = g[place]
                for j in range(n):
                    total += jac[place, j] * out[j]
            side[i, p] = total
    lu_substitute_many(lu, side)
    for i in range(n):
        for p in range(count):
            if places[p, i] >= 0:
                out[places[p, i]] = side[i, p]


@jit
def rodas_stages(rhs, t, h, y, new, k, work, jac, lu, order, places, side, q, clock):  # type: ignore[no-untyped-def]
    """Fill the eight stages and write the fifth-order result to ``new``; stage 8 is the embedded error.

    Parameters
    ----------
    rhs : int
        Address of the right-hand side.
    t, h : float
        Time and step.
    y, new : arrays, shape (components,)
        State before the step, and after it (written).
    k : array, 8 × components
        The stages, written.
    work : array, 3 × components
        Row 0 holds dy/dt at (t, y), which is given; the others are scratch.
    jac, lu, order, places, side
        As for `solve_factored`.
    q, clock : arrays, (arguments,) and (1,)
        What the right-hand side reads; scratch.
    """
    f, w, g = work[0], work[1], work[2]
    n, last, r = y.shape[0], jac.shape[1] - 1, 1.0 / h
    for i in range(n):
        g[i] = f[i] + h * D[0] * jac[i, last]
    solve_factored(g, k[0], jac, lu, order, places, side)
    for i in range(n):
        w[i] = y[i] + A[1][0] * k[0, i]
    clock[0] = t + NODES[1] * h
    call(rhs, clock, w, q, g)
    for i in range(n):
        g[i] += r * (C[1][0] * k[0, i]) + h * D[1] * jac[i, last]
    solve_factored(g, k[1], jac, lu, order, places, side)
    for i in range(n):
        w[i] = y[i] + A[2][0] * k[0, i] + A[2][1] * k[1, i]
    clock[0] = t + NODES[2] * h
    call(rhs, clock, w, q, g)
    for i in range(n):
        g[i] += r * (C[2][0] * k[0, i] + C[2][1] * k[1, i]) + h * D[2] * jac[i, last]
    solve_factored(g, k[2], jac, lu, order, places, side)
    for i in range(n):
        w[i] = y[i] + A[3][0] * k[0, i] + A[3][1] * k[1, i] + A[3][2] * k[2, i]
    clock[0] = t + NODES[3] * h
    call(rhs, clock, w, q, g)
    for i in range(n):
        g[i] += r * (C[3][0] * k[0, i] + C[3][1] * k[1, i] + C[3][2] * k[2, i]) + h * D[3] * jac[i, last]
    solve_factored(g, k[3], jac, lu, order, places, side)
    for i in range(n):
        w[i] = y[i] + A[4][0] * k[0, i] + A[4][1] * k[1, i] + A[4][2] * k[2, i] + A[4][3] * k[3, i]
    clock[0] = t + NODES[4] * h
    call(rhs, clock, w, q, g)
    for i in range(n):
        total = C[4][0] * k[0, i] + C[4][1] * k[1, i] + C[4][2] * k[2, i] + C[4][3] * k[3, i]
        g[i] += r * total + h * D[4] * jac[i, last]
    solve_factored(g, k[4], jac, lu, order, places, side)
    for i in range(n):
        total = A[5][0] * k[0, i] + A[5][1] * k[1, i] + A[5][2] * k[2, i] + A[5][3] * k[3, i]
        new[i] = y[i] + (total + A[5][4] * k[4, i])
    clock[0] = t + h
    call(rhs, clock, new, q, g)
    for i in range(n):
        total = C[5][0] * k[0, i] + C[5][1] * k[1, i] + C[5][2] * k[2, i] + C[5][3] * k[3, i]
        g[i] += r * (total + C[5][4] * k[4, i])
    solve_factored(g, k[5], jac, lu, order, places, side)
    for s in range(6, STAGES):
        for i in range(n):
            new[i] += k[s - 1, i]
        clock[0] = t + h
        call(rhs, clock, new, q, g)
        row = C[6] if s == 6 else C[7][:6]
        for i in range(n):
            total = row[0] * k[0, i] + row[1] * k[1, i] + row[2] * k[2, i] + row[3] * k[3, i]
            g[i] += r * (total + row[4] * k[4, i] + row[5] * k[5, i])
            if s == 7:
                g[i] += r * C[7][6] * k[6, i]
        solve_factored(g, k[s], jac, lu, order, places, side)
    for i in range(n):
        new[i] += k[7, i]


@jit
def rodas_dense(k, f):  # type: ignore[no-untyped-def]
    """Write the coefficients ``f`` (3 × components) of the fourth-order interpolant from the stages ``k`` (8 ×
    components)."""
    for i in range(k.shape[1]):
        for m in range(3):
            row = H[m]
            total = row[0] * k[0, i] + row[1] * k[1, i] + row[2] * k[2, i] + row[3] * k[3, i]
            f[m, i] = total + row[4] * k[4, i] + row[5] * k[5, i] + row[6] * k[6, i] + row[7] * k[7, i]


@jit
def rodas_interpolate(f, y, new, x, out):  # type: ignore[no-untyped-def]
    """Write the interpolant at the share x of the step to ``out``.

    ``f`` (3 × components) are its coefficients; ``y``, ``new`` and ``out`` are (components,): the states before and
    after the step, and the result.
    """
    for i in range(y.shape[0]):
        bend = f[0, i] + x * (f[1, i] + x * f[2, i])
        out[i] = (1.0 - x) * y[i] + x * (new[i] + (1.0 - x) * bend)
