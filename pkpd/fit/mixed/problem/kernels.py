"""Loops over rows and subjects of a population fit, compiled.

D is the number of what predictions are differentiated by, q of random effects, P of the errors' parameters. The rows of
subject i are ``starts[i]`` to ``starts[i + 1]``.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.machine.jit import jit


@jit
def measured_terms(
    y: Array, mean: Array, g: Array, gf: Array, gff: Array, gp: Array, gfp: Array, out: Array, by_p: Array
) -> None:
    """Write the terms of measured rows and their derivatives.

    Shapes: y, g, gf, gff (rows,); mean (3, rows): m, dm/df, d²m/df²; gp, gfp (rows, P); out (5, rows): value, f, ff,
    e, de/df; by_p (3, rows, P): dl/dp, d²l/dfdp, de/dp.
    """
    for j in range(y.size):
        s, m1, m2 = g[j], mean[1, j], mean[2, j]
        per = 1.0 / s
        per2 = per * per
        z = (y[j] - mean[0, j]) * per
        a, b = m1 * per, gf[j] * per
        lm, lg = -2.0 * z * per, 2.0 * (1.0 - z * z) * per
        lmg, lgg = 4.0 * z * per2, (6.0 * z * z - 2.0) * per2
        out[0, j] = z * z + 2.0 * np.log(s)
        out[1, j] = lm * m1 + lg * gf[j]
        out[2, j] = 2.0 * a * a + 2.0 * lmg * m1 * gf[j] + lgg * gf[j] * gf[j] + lm * m2 + lg * gff[j]
        out[3, j] = 2.0 * a * a + 4.0 * b * b
        out[4, j] = 4.0 * a * m2 * per - 4.0 * a * a * b + 8.0 * b * gff[j] * per - 8.0 * b * b * b
        for k in range(gp.shape[1]):
            by_p[0, j, k] = lg * gp[j, k]
            by_p[1, j, k] = (lmg * m1 + lgg * gf[j]) * gp[j, k] + lg * gfp[j, k]
            by_p[2, j, k] = (-4.0 * a * a - 8.0 * b * b) * per * gp[j, k] + 8.0 * b * per * gfp[j, k]


@jit
def subject_sums(
    starts: Integers, first: Array, second: Array, lf: Array, lff: Array, w: Array, v: Array,
    gradient: Array, exact: Array, chosen: Array,
) -> None:  # fmt: skip
    """Add up over the rows of each subject: gradient and two curvatures by what predictions are differentiated by.

    Shapes: first (rows, D), second (rows, D, D), lf, lff, w, v (rows,); written: gradient (subjects, D) = Σ lf f',
    exact (subjects, D, D) = Σ lff f'f'ᵀ + lf f'', chosen (subjects, D, D) = Σ w f'f'ᵀ + v f''.
    """
    size = first.shape[1]
    for i in range(starts.size - 1):
        for a in range(size):
            gradient[i, a] = 0.0
            for b in range(a + 1):
                exact[i, a, b] = 0.0
                chosen[i, a, b] = 0.0
        for j in range(starts[i], starts[i + 1]):
            for a in range(size):
                fa = first[j, a]
                gradient[i, a] += lf[j] * fa
                for b in range(a + 1):
                    square = fa * first[j, b]
                    exact[i, a, b] += lff[j] * square + lf[j] * second[j, a, b]
                    chosen[i, a, b] += w[j] * square + v[j] * second[j, a, b]
        for a in range(size):
            for b in range(a):
                exact[i, b, a] = exact[i, a, b]
                chosen[i, b, a] = chosen[i, a, b]


@jit
def trace_slopes(
    starts: Integers, first: Array, second: Array, w: Array, wf: Array, v: Array, vf: Array, inner: Array,
    q: Array, s: Array, t: Array,
) -> None:  # fmt: skip
    """Differentiate tr(H⁻¹ Σ (w f'f'ᵀ + v f'')) by the shifts, but for the third derivatives that v goes with.

    Shapes: inner (subjects, D, D) = E H⁻¹ Eᵀ; written: q (rows,) = f'ᵀ inner f', s (rows,) = inner : f'',
    t (subjects, D).
    """
    size = first.shape[1]
    moved = np.empty(size)
    for i in range(starts.size - 1):
        for a in range(size):
            t[i, a] = 0.0
        for j in range(starts[i], starts[i + 1]):
            total = 0.0
            for a in range(size):
                part = 0.0
                for b in range(size):
                    part += inner[i, a, b] * first[j, b]
                moved[a] = part
                total += part * first[j, a]
            bent = 0.0
            if v[j] != 0.0 or vf[j] != 0.0:
                for a in range(size):
                    for b in range(size):
                        bent += inner[i, a, b] * second[j, a, b]
            q[j], s[j] = total, bent
            along = wf[j] * total + vf[j] * bent
            for a in range(size):
                part = 0.0
                for b in range(size):
                    part += moved[b] * second[j, b, a]
                t[i, a] += along * first[j, a] + 2.0 * w[j] * part


_ATTEMPTS = 20  # the last of them with 8¹⁷ times the prior


@jit
def newton_steps(
    effects: Array, white: Array, gradient: Array, exact: Array, chosen: Array, radius: Array,
    step: Array, gain: Array, decrement: Array, length: Array, flag: Integers,
) -> None:  # fmt: skip
    """Find the next step of every subject towards the mode of its random effects.

    Shapes: effects (D, q) = E L, white (subjects, q) = u, gradient (subjects, D), exact, chosen (subjects, D, D),
    radius (subjects,): longest step in prior SDs; written: step (subjects, q), gain (subjects,): what a quadratic model
    promises, decrement (subjects,): gᵀH⁻¹g, length (subjects,), flag (subjects,): 1 where the exact Hessian is positive
    definite, else 0: then the other one leads, or, if that is indefinite too (it can be where rows are censored), the
    exact one with as much more of the prior as it needs.
    """
    size, count = effects.shape
    half = np.empty((size, count))
    hessian = np.empty((count, count))
    lower = np.empty((count, count))
    g = np.empty(count)
    x = np.empty(count)
    for i in range(white.shape[0]):
        for k in range(count):
            part = 0.0
            for a in range(size):
                part += effects[a, k] * gradient[i, a]
            g[k] = part + 2.0 * white[i, k]
        found = False
        for attempt in range(_ATTEMPTS):
            for a in range(size):
                for k in range(count):
                    part = 0.0
                    for b in range(size):
                        part += (2.0 * chosen[i, a, b] if attempt == 1 else exact[i, a, b]) * effects[b, k]
                    half[a, k] = part
            # More of the prior until it is positive definite.
            prior = 2.0 if attempt < 2 else 2.0 * 8.0 ** (attempt - 2)
            for k in range(count):
                for m in range(count):
                    part = prior if k == m else 0.0
                    for a in range(size):
                        part += effects[a, k] * half[a, m]
                    hessian[k, m] = part
            found = True
            for k in range(count):
                for m in range(k + 1):
                    part = hessian[k, m]
                    for r in range(m):
                        part -= lower[k, r] * lower[m, r]
                    if m < k:
                        lower[k, m] = part / lower[m, m]
                    elif part > 1e-12 * abs(hessian[k, k]):
                        lower[k, k] = np.sqrt(part)
                    else:
                        found = False
                        lower[k, k] = 1.0
            if found:
                flag[i] = 1 if attempt == 0 else 0
                break
        if not found:  # only where something is not a number
            flag[i] = -1
            decrement[i] = np.nan
            length[i] = 0.0
            gain[i] = 0.0
            for k in range(count):
                step[i, k] = 0.0
            continue
        total = 0.0
        for k in range(count):
            part = g[k]
            for r in range(k):
                part -= lower[k, r] * x[r]
            x[k] = part / lower[k, k]
            total += x[k] * x[k]
        decrement[i] = total
        for k in range(count - 1, -1, -1):
            part = x[k]
            for r in range(k + 1, count):
                part -= lower[r, k] * x[r]
            x[k] = part / lower[k, k]
        away = 0.0
        for k in range(count):
            away += x[k] * x[k]
        away = np.sqrt(away)
        share = 1.0 if away <= radius[i] else radius[i] / away
        length[i] = share * away
        gain[i] = share * total - 0.5 * share * share * total
        for k in range(count):
            step[i, k] = -share * x[k]
