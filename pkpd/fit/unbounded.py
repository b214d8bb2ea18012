"""Likelihoods without a maximum: a residual SD that may go to zero at a measured point.

Where a prediction meets a measured value and nothing keeps the SD from zero there, −2 log L falls for ever: by 2 log 10
for each such value and each power of ten. A search ends where the computer's numbers do, and what it ends at is no
result. Two cases are told apart:

* A prediction is 0 whatever the parameters (before the first dose), a 0 was measured there, and the SD of a prediction
  of 0 may vanish while that of the others stays (``add`` of a combined error). This is seen before the search.
* The model goes through measured values by itself (as many parameters as values, data without noise, one sample of an
  output, a lag time that makes a prediction 0). This is seen after the search.

Both ask how −2 log L goes on when the parameters of one residual error are lowered by powers of ten. Predictions do
not depend on these, so that densities alone are computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.errors import InputError
from pkpd.fit.densities import Density
from pkpd.fit.likelihood import Evaluation, Likelihood
from pkpd.observed import MEASURED, Observed
from pkpd.observed.naming import name_rows
from pkpd.parameters.scale import NATURAL
from pkpd.population import ResidualError

RESOLUTION = 1e-6
"""Part of a measured value that no assay can tell: an SD below it says that nothing scatters there."""
_TEN = float(np.log(10.0))
_NEAR, _FAR = 20, 40  # powers of ten between which a likelihood without a maximum still falls
_STEPS = 12  # powers of ten by which an SD is lowered after a search, from the size of the data to their last digit
_FALLS = 0.1  # −2 log L per power of ten that is a fall and not rounding
_FAR_BELOW = 0.01  # of an SD: a residual that is nothing beside it
_AWAY = 5.0  # how far parameters are moved, on the scale of estimation, to see whether a prediction stays 0


def refuse_vanishing(likelihood: Likelihood, starts: list[Array]) -> None:
    """Refuse data whose likelihood has no maximum because a prediction is always 0 where a 0 was measured.

    Parameters
    ----------
    likelihood : Likelihood
        Data, model and residual errors.
    starts : list of arrays, shape (free,) each
        Transformed vectors from which the search would begin.

    Raises
    ------
    InputError
        Naming the records of every such output, and what to do.
    """
    data = likelihood.data
    rows = (data.kind == MEASURED) & (data.value == 0)
    if not rows.any():
        return
    rows &= _always_zero(likelihood, starts)
    problems = []
    for error in likelihood.errors:
        own = rows & data.of(error.output)
        if own.any() and (names := _without_end(likelihood, error, starts[0])):
            problems.append(_refusal(data, error, names, own))
    if problems:
        raise InputError(problems, "error")


def search_ends(likelihood: Likelihood) -> Callable[[Evaluation], bool]:
    """Return what tells a search that it follows a likelihood without a maximum.

    That is where the SD of every measured value of some output, or of a measured 0, is below the data's resolution, and
    the residuals are far below that SD.
    """
    data, groups = likelihood.data, []
    for error in likelihood.errors:
        own = data.of(error.output) & (data.kind == MEASURED)
        finest = _finest(data, error, own)
        every = [own, *(np.arange(own.size) == k for k in np.flatnonzero(own & (data.value == 0)))]
        groups += [(error, rows, finest[rows], error.transform.to(data.value[rows])) for rows in every if rows.any()]

    def ends(value: Evaluation) -> bool:
        for error, rows, finest, seen in groups:
            sd = value.sd[rows]
            if (sd < finest).all() and (np.abs(error.transform.to(value.fitted[rows]) - seen) < _FAR_BELOW * sd).all():
                return True
        return False

    return ends


def vanished(likelihood: Likelihood, vector: Array, value: Evaluation) -> str:
    """Say why a minimum is none: at which records an SD goes to zero, and what to do; nothing if it is one.

    An output is named if −2 log L falls with every power of ten by which its error is lowered, down to an SD below
    `RESOLUTION` of a measured value; and if its SD at a measured 0 is already below that of the smallest other value.

    Parameters
    ----------
    likelihood : Likelihood
        What was minimised.
    vector : array, shape (free,)
        Where the search ended, transformed.
    value : Evaluation
        What the likelihood is there.
    """
    if not np.isfinite(value.objective):
        return ""
    data, found = likelihood.data, []
    for error in likelihood.errors:
        own = data.of(error.output) & (data.kind == MEASURED)
        free = [n for n in error.names if n in likelihood.parameters.free]
        if not (free and own.any()):
            continue
        rows, names = _gone(likelihood, error, (vector, value.fitted), _finest(data, error, own))
        if rows.any():
            found.append(_no_maximum(likelihood, error, names, rows))
    return "; ".join(found)


def _always_zero(likelihood: Likelihood, starts: list[Array]) -> Flags:
    """Return which rows are predicted to be exactly 0 at every start, and however far one parameter is moved."""
    vectors = [*starts]
    for k, name in enumerate(likelihood.parameters.free):
        if name in likelihood.code.sensitivities:
            for away in (-_AWAY, _AWAY):
                vectors.append(starts[0].copy())
                vectors[-1][k] += away
    found = (likelihood.predictions.at(likelihood.table(likelihood.values_at(vector))) for vector in vectors)
    zero = [predicted.f == 0 for predicted in found if predicted.failure() is None]  # what is not solved tells nothing
    always: Flags = np.all(zero, axis=0) if zero else np.zeros(likelihood.data.time.shape, dtype=bool)
    return always


def _without_end(likelihood: Likelihood, error: ResidualError, start: Array) -> str:
    """Return the parameters of an error that make −2 log L of its output fall for ever; nothing if there are none."""
    odd = np.where(np.arange(start.size) % 2, 0.3, -0.2)  # a start may be the truth of data without noise
    vector = start + np.where(np.isin(likelihood.parameters.free, likelihood.code.sensitivities), odd, 0.0)
    fitted = likelihood.predictions.at(likelihood.table(likelihood.values_at(vector))).f
    mine = likelihood.data.of(error.output)
    for names, lowered in _lowered(likelihood, error, vector, fitted):
        near, far = (float(lowered(k).value[mine].sum()) for k in (_NEAR, _FAR))
        if far - near < -_TEN * (_FAR - _NEAR):
            return names
    return ""


def _gone(likelihood: Likelihood, error: ResidualError, end: tuple[Array, Array], finest: Array) -> tuple[Flags, str]:
    """Return the measured rows at which an error's SD goes to zero from the end of a search, and by which parameters.

    Parameters
    ----------
    likelihood, error : Likelihood, ResidualError
        The error of one output.
    end : tuple of two arrays, shapes (free,) and (rows,)
        Transformed vector, and predictions there.
    finest : array, shape (rows,)
        The SD below which nothing scatters.
    """
    data = likelihood.data
    mine = data.of(error.output)
    measured = mine & (data.kind == MEASURED)
    for names, lowered in _lowered(likelihood, error, *end):
        density = lowered(0)
        last, zero = float(density.value[mine].sum()), measured & (data.value == 0) & (density.sd < finest)
        zero &= lowered(1).sd < 0.5 * density.sd  # not where a floor was set
        if zero.any():
            return zero, names
        for k in range(1, _STEPS + 1):
            density = lowered(k)
            here = float(density.value[mine].sum())
            if not here < last - _FALLS:
                break
            gone, last = measured & (density.sd < finest), here
            if gone.any():
                return gone, names
    return np.zeros(mine.shape, dtype=bool), ""


def _lowered(
    likelihood: Likelihood, error: ResidualError, vector: Array, fitted: Array
) -> Iterator[tuple[str, Callable[[int], Density]]]:
    """Every free parameter of an error, and all of them: the densities when they are lowered by powers of ten.

    A bound above zero is kept, because they are lowered on their scale of estimation.
    """
    names = likelihood.parameters.free
    free = [name for name in error.names if name in names]
    noise = [likelihood.parameters.names.index(name) for name in likelihood.densities.names]
    for group in [[name] for name in free] + ([free] if len(free) > 1 else []):
        which = np.isin(names, group)

        def densities(powers: int, which: Flags = which) -> Density:
            values = likelihood.values_at(vector - powers * _TEN * which)
            return likelihood.densities.at(fitted, values[noise])

        yield ", ".join(group), densities


def _finest(data: Observed, error: ResidualError, measured: Flags) -> Array:
    """Return the SD below which nothing scatters, shape (rows,): a part of the value, or of the smallest beside a 0."""
    if error.transform is not NATURAL:
        return np.full(data.time.shape, RESOLUTION)
    size = np.abs(data.value)
    positive = size[measured & (size > 0)]
    return RESOLUTION * np.where(size > 0, size, positive.min() if positive.size else 1.0)


def _refusal(data: Observed, error: ResidualError, names: str, rows: Flags) -> str:
    return (
        f"{_count(rows, error.output)} 0 where the prediction is 0 whatever the parameters "
        f"({name_rows(data, rows)}); with a {error.label} residual error the likelihood has no maximum, because "
        f"−2 log L falls for ever as {names} goes to 0; {_zero_advice(error.output, names)}"
    )


def _no_maximum(likelihood: Likelihood, error: ResidualError, names: str, rows: Flags) -> str:
    """Say in a sentence which records an SD vanishes at, and what to do."""
    data = likelihood.data
    measured = data.of(error.output) & (data.kind == MEASURED)
    head = f"the likelihood has no maximum: as {names} goes to 0, −2 log L falls for ever, because the prediction meets"
    if (data.value[rows] == 0).all():
        return f"{head} a measured 0 of {error.output} ({name_rows(data, rows)}); {_zero_advice(error.output, names)}"
    free = len(likelihood.code.sensitivities)
    every = "every measured value" if rows[measured].all() else f"{int(rows.sum())} measured values"
    return (
        f"{head} {every} of {error.output} ({name_rows(data, rows)}): {int(measured.sum())} measured "
        f"for {free} parameters of the model; fix parameters until fewer are free than values are measured, fix "
        f"{names}, or add data (data without noise have no residual error to estimate)"
    )


def _zero_advice(output: str, names: str) -> str:
    name = names.split(", ")[-1]
    return (
        f'give an LLOQ so that a 0 is BLQ (lloq={{"{output}": …}}), leave the 0 out (a column "excluded"), use '
        f'error={{"{output}": "additive"}}, or keep a floor under the SD: '
        f'start + Parameters((Parameter("{name}", 0.1, lower=0.01),)) or fixed=True'
    )


def _count(rows: Flags, output: str) -> str:
    count = int(rows.sum())
    return f"1 measured value of {output} is" if count == 1 else f"{count} measured values of {output} are"
