r"""Residuals of a population fit: PRED, IPRED, IWRES, CWRES, CWRESI.

On the scale of the error, with m the mean, :math:`a = \partial m/\partial\eta` and V the residual variance, a subject's
measurements have, by linearisation at its conditional mode :math:`\hat\eta`,

.. math:: E = m(\hat\eta) - a\hat\eta, \qquad C = a\,\Omega\,a^T + V,

and CWRES = :math:`C^{-1/2}(y - E)`. V is that at the mode, under FOCE too. For CWRESI the residual SD is linearised as
well: a part h of it adds :math:`(h - h'\hat\eta)^2 + h'\Omega h'^T` to V; the parts of ``sqrt(a**2 + b**2)`` are a and
b, as two independent errors have them, and any other SD is one part. Random effects of residual
SDs are linearised with them; correlated errors of one sample stand in V with their covariance.

References
----------
Hooker AC, Staatz CE, Karlsson MO. Conditional weighted residuals (CWRES): a model diagnostic for the FOCE method. Pharm
Res 2007;24:2187-2197. The linearised SD is what NONMEM prints as CWRESI (checked against its table for the data of Wang
Y, J Pharmacokinet Pharmacodyn 2007;34:575-593).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError, ModelError, nearest
from pkpd.fit.densities import Spread, group_starts
from pkpd.fit.mixed.modes.modes import UNSOLVED, Modes
from pkpd.fit.mixed.problem.problem import Point, Problem
from pkpd.model import derivative_text, evaluate_text
from pkpd.observed import ABOVE, BELOW, INTERVAL, MEASURED
from pkpd.population import ResidualError

if TYPE_CHECKING:
    import pandas

ROOTS = ("symmetric", "Cholesky")
"""Which root of a subject's covariance makes its residuals independent."""
_SINGULAR = 1e-14  # smallest eigenvalue of a covariance, relative to the largest, that counts as above 0
_CENSORED = {BELOW: "below the limit", ABOVE: "above the limit", INTERVAL: "between two limits"}


def residuals(problem: Problem, point: Point, modes: Modes, root: str = "symmetric") -> pandas.DataFrame:
    """Return predictions and residuals of every row.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    point : Point
        Estimates.
    modes : Modes
        Conditional modes there.
    root : {"symmetric", "Cholesky"}
        Which root of a subject's covariance makes its residuals independent. NONMEM takes the symmetric one unless told
        otherwise.

    Returns
    -------
    DataFrame
        One row per observation: ``subject``, ``occasion`` (NaN without any), ``output``, ``time``, ``value`` (the limit
        where censored), ``PRED`` (without random effects), ``IPRED``, ``SD`` (residual, on the error's scale, at the
        mode), ``IWRES``, ``CWRES``, ``CWRESI``, ``note`` (why there are no residuals: NaN) and ``unit`` (of value, PRED
        and IPRED).
    """
    import pandas

    if root not in ROOTS:
        raise InputError(f"unknown root {root!r}; {nearest(str(root), ROOTS)}")
    data, here = problem.data, modes.at
    typical = problem.respond(point, np.zeros_like(modes.eta), 0)
    mean, spread = problem.densities.mean_and_sd(here.response.f, point.errors, False)
    factor = np.ones(spread.sd.shape) if here.response.spread is None else np.exp(here.response.spread)
    sd = factor * spread.sd
    with np.errstate(all="ignore"):
        away = np.where(data.kind == MEASURED, problem.densities.limits[0] - mean[0], np.nan)
        individual = away / sd
    slopes = mean[1][:, None] * (here.response.first @ problem.shifts.effects)
    plain, interacting = np.full(away.size, np.nan), np.full(away.size, np.nan)
    moving = np.sqrt(_linearised_variance(problem, point, modes, spread, factor))
    for subjects, rows in _alike(problem, modes):  # all subjects with so many measured rows at once
        own = slopes[rows]
        shifted = away[rows] + (own @ modes.eta[subjects][:, :, None])[:, :, 0]
        between = own @ point.matrix @ own.transpose(0, 2, 1)
        correlation = _correlations(problem, point, rows)
        for found, size in ((plain, sd[rows]), (interacting, moving[rows])):
            found[rows] = _whitened(between + correlation * size[:, :, None] * size[:, None, :], shifted, root)
    names = np.array(data.subjects, dtype=object)
    occasions = np.array([*data.occasions, np.nan], dtype=object)
    outputs = np.array(data.outputs, dtype=object)
    return pandas.DataFrame({
        "subject": names[data.subject], "occasion": occasions[data.occasion], "output": outputs[data.output],
        "time": data.time, "value": data.value, "PRED": typical.f, "IPRED": here.response.f, "SD": sd,
        "IWRES": individual, "CWRES": plain, "CWRESI": interacting, "note": _notes(problem, modes, plain),
        "unit": np.array([data.model.units.get(name, "") for name in data.outputs], dtype=object)[data.output],
    })  # fmt: skip


def _alike(problem: Problem, modes: Modes) -> Iterator[tuple[Integers, Integers]]:
    """Subjects with the same number of measured rows, and these rows, shape (subjects, measured)."""
    data = problem.data
    measured = np.flatnonzero((data.kind == MEASURED) & (modes.status != UNSOLVED)[data.subject])
    starts = group_starts(data.subject[measured], problem.subjects)
    counts = np.diff(starts)
    for count in np.unique(counts[counts > 0]):
        subjects = np.flatnonzero(counts == count)
        yield subjects, measured[starts[subjects][:, None] + np.arange(count)]


def _correlations(problem: Problem, point: Point, rows: Integers) -> Array:
    """Return the correlation matrices of the residual errors of some subjects, shape (1 or subjects, rows, rows)."""
    count = rows.shape[1]
    pairs = problem.pairs
    if pairs is None:
        return np.eye(count)[None]
    result = np.zeros((len(rows), count, count)) + np.eye(count)
    place = np.full(problem.data.time.size, -1)
    place[rows.ravel()] = np.arange(rows.size)
    one, two, rho = place[pairs.first], place[pairs.second], point.errors[pairs.column]
    here = (one >= 0) & (two >= 0)
    who, i, j = one[here] // count, one[here] % count, two[here] % count
    result[who, i, j] = result[who, j, i] = rho[here]
    return result


def _whitened(covariance: Array, away: Array, root: str) -> Array:
    """Return C^(−1/2) times the deviations of every subject; NaN where C is no covariance."""
    result = np.full(away.shape, np.nan)
    good: Flags = np.asarray(np.isfinite(covariance).all(axis=(1, 2)))
    size, vectors = np.linalg.eigh(covariance[good])
    sound = size[:, 0] > _SINGULAR * size[:, -1]
    good[good] = sound
    if root == "Cholesky":
        factor = np.linalg.cholesky(covariance[good])
        result[good] = np.linalg.solve(factor, away[good][:, :, None])[:, :, 0]
        return result
    vectors = vectors[sound]
    turned = (vectors.transpose(0, 2, 1) @ away[good][:, :, None]) / np.sqrt(size[sound])[:, :, None]
    result[good] = (vectors @ turned)[:, :, 0]
    return result


def _notes(problem: Problem, modes: Modes, found: Array) -> list[str]:
    """Why a row has no conditional residual."""
    data = problem.data
    notes = np.full(data.time.size, "", dtype=object)
    notes[~np.isfinite(found)] = "the covariance of the subject's measurements is singular"
    notes[(modes.status == UNSOLVED)[data.subject]] = "the subject's equations could not be solved"
    for kind, text in _CENSORED.items():
        notes[data.kind == kind] = text
    return list(notes.tolist())


def _linearised_variance(problem: Problem, point: Point, modes: Modes, spread: Spread, factor: Array) -> Array:
    """Return the expected residual variance of every row when the SD's parts are linear in η, shape (rows,).

    `factor` is what random effects of the SD make of it, shape (rows,).
    """
    data, here, effects = problem.data, modes.at, problem.shifts.effects
    variance = np.full(data.time.size, np.nan)
    values = dict(zip(problem.densities.names, point.errors.tolist(), strict=True))
    slopes = here.response.first @ effects  # of predictions, by η
    own = np.zeros(slopes.shape)  # of the logarithm of the factor, by η
    if here.response.spread is not None:
        scaled = np.flatnonzero(problem.spread_places >= 0)
        own[scaled] = effects[problem.spread_places[scaled]]
    for error in problem.densities.errors:
        rows = np.flatnonzero(data.of(error.output))
        known = {short.name: values[name] for short, name in zip(error.parameters, error.names, strict=True)}
        known = {**known, "f": here.response.f[rows], "y": data.value[rows]}
        parts = [(evaluate_text(h, known), evaluate_text(by_f, known)) for h, by_f in sd_parts(error)]
        total = np.zeros(rows.size)
        for h, steep in parts or [(spread.sd[rows], spread.f[rows])]:
            level = np.broadcast_to(factor[rows] * h, rows.shape)
            slope = (factor[rows] * steep)[:, None] * slopes[rows] + level[:, None] * own[rows]
            away = level - np.einsum("jq,jq->j", slope, modes.eta[data.subject[rows]])
            total += away**2 + np.einsum("jq,qr,jr->j", slope, point.matrix, slope)
        variance[rows] = total
    return variance


def sd_parts(error: ResidualError) -> list[tuple[str, str]]:
    """Return the SDs of the independent errors that ``sqrt(a**2 + b**2 …)`` is made of, each with its derivative by f.

    Empty where the SD is no such root, or has a part whose derivative cannot be written.
    """
    tree = ast.parse(error.sd, mode="eval").body
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "sqrt"):
        return []
    try:
        return [(text, derivative_text(text, "f")) for text in _squares(tree.args[0]) or ()]
    except ModelError:
        return []


def _squares(node: ast.AST) -> list[str] | None:
    """The bases of a sum of squares; None if a term is none."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _squares(node.left), _squares(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
        return [ast.unparse(node.left)] if node.right.value == 2 else None
    return None
