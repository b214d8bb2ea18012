"""Densities of all observations of a study, as functions of predictions and of the residual errors' parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine import sd_function
from pkpd.fit.row_density import RowDensity, conditioned, row_density
from pkpd.observed import ABOVE, BELOW, INTERVAL, MEASURED
from pkpd.parameters.scale import NATURAL
from pkpd.population import ResidualError


class ObservedRows(Protocol):
    """What densities must know of the observations, one row each.

    Rows are sorted by subject, and those of one record (samples drawn at once) stand side by side, so that sums over
    a subject or a record are reductions of neighbours.

    Attributes
    ----------
    subject, output, record : arrays of int, shape (rows,)
        Place of the subject, of the output in the model, and of the record; the first and the last never decrease.
    lower, upper : arrays, shape (rows,)
        Limits in the output's unit: both the value where measured, −∞ to LLOQ below, ULOQ to ∞ above.
    kind : array of int, shape (rows,)
        0 measured, 1 below, 2 above, 3 between two limits.
    """

    @property
    def subject(self) -> Integers: ...
    @property
    def output(self) -> Integers: ...
    @property
    def record(self) -> Integers: ...
    @property
    def lower(self) -> Array: ...
    @property
    def upper(self) -> Array: ...
    @property
    def kind(self) -> Integers: ...


def group_starts(groups: Integers, count: int) -> Integers:
    """Return where the rows of each group begin, and where the last ends, shape (count + 1,); groups may be empty."""
    return np.searchsorted(groups, np.arange(count + 1)).astype(np.int64)


def group_sums(values: Array, starts: Integers) -> Array:
    """Return the sums of groups of neighbouring rows.

    Parameters
    ----------
    values : array, shape (rows, ...)
        What is added up.
    starts : array of int, shape (groups + 1,)
        As `group_starts` returns them; an empty group has the sum 0.
    """
    full = starts[:-1] < starts[1:]
    if full.all() and full.size:
        whole: Array = np.add.reduceat(values, starts[:-1], axis=0)
        return whole
    sums = np.zeros((len(starts) - 1, *values.shape[1:]))
    if full.any():
        sums[full] = np.add.reduceat(values, starts[:-1][full], axis=0)
    return sums


@dataclass(frozen=True, eq=False)
class Density:
    """−2 log density of every row with its derivatives by the prediction f and by the errors' parameters p.

    Attributes
    ----------
    value : array, shape (rows,)
        Without log 2π and without what a change of scale adds (`Densities.jacobian`).
    f : array, shape (rows,)
        First derivative by the prediction, in the output's unit.
    p : array, shape (rows, parameters)
        By the parameters (`Densities.names`), on their natural scale.
    ff, fp, pp : arrays, shapes (rows,), (rows, parameters), (rows, parameters, parameters)
        Second derivatives; None unless asked for.
    expected : tuple of three arrays
        What replaces these in an information matrix that is never indefinite; shapes as theirs.
    sd : array, shape (rows,)
        On the error's scale.
    """

    value: Array
    f: Array
    p: Array
    ff: Array | None
    fp: Array | None
    pp: Array | None
    expected: tuple[Array, Array, Array]
    sd: Array


@dataclass(frozen=True, eq=False)
class _Error:
    """One residual error where it acts, with what does not change between evaluations."""

    error: ResidualError
    rows: Integers  # rows of its output
    columns: slice  # its parameters among those of all errors
    reading: Array  # rows × 2: place for the prediction, and what was measured (the limit, or the middle of two)


@dataclass(frozen=True, eq=False)
class Densities:
    """The errors' half of a likelihood.

    Parameters
    ----------
    rows : ObservedRows
        What was observed.
    errors : tuple of ResidualError
        One for each observed output.
    outputs : sequence of str
        Names of the model's outputs, in order.
    window : tuple of two arrays, shape (rows,) each, optional
        Limits in the output's unit between which an observation had to lie to be observed at all: every row's density
        is divided by that probability (M2, M4). −∞ and ∞ where there is none.
    correlations : tuple of str
        Parameters that couple rows of one record; they come last, and no density of a row knows them.
    """

    rows: ObservedRows
    errors: tuple[ResidualError, ...]
    outputs: Sequence[str]
    window: tuple[Array, Array] | None = None
    correlations: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters of all errors, in the order of the columns of `Density.p`."""
        return (*(name for error in self.errors for name in error.names), *self.correlations)

    @cached_property
    def jacobian(self) -> Array:
        """What the change to the error's scale adds to −2 log density of each row: 2 log y on the log scale."""
        extra = np.zeros(self.rows.lower.shape)
        with np.errstate(all="ignore"):
            for each in self._errors:
                mine = each.rows[self.rows.kind[each.rows] == MEASURED]
                extra[mine] = 2 * np.log(each.error.transform.slope(self.rows.lower[mine]))
        return extra

    @cached_property
    def limits(self) -> tuple[Array, Array]:
        """Lower and upper limits on the errors' scales, shape (rows,) each."""
        low, high = self._on_scale(self.rows.lower), self._on_scale(self.rows.upper)
        return np.where(self.rows.kind == BELOW, -np.inf, low), high

    def _on_scale(self, limit: Array) -> Array:
        """Bring limits in the outputs' units to the errors' scales."""
        limit = limit.copy()
        with np.errstate(all="ignore"):
            for each in self._errors:
                limit[each.rows] = each.error.transform.to(limit[each.rows])
        return limit

    @cached_property
    def _window(self) -> tuple[Array, Array, Integers] | None:
        """Ends of every row's window on the error's scale, and its kind; `MEASURED` where there is none."""
        if self.window is None:
            return None
        low, high = (self._on_scale(np.where(np.isfinite(limit), limit, np.nan)) for limit in self.window)
        bounded, capped = np.isfinite(low), np.isfinite(high)
        kind = np.select([bounded & capped, bounded, capped], [INTERVAL, ABOVE, BELOW], MEASURED)
        return np.where(bounded, low, -np.inf), np.where(capped, high, np.inf), kind.astype(np.int64)

    @cached_property
    def windowed(self) -> Flags:
        """Rows whose density is conditioned on a window, shape (rows,)."""
        if self._window is None:
            return np.zeros(self.rows.kind.shape, dtype=bool)
        found: Flags = self._window[2] != MEASURED
        return found

    def row(self, mean: Array, sd: Array, places: Integers | slice = slice(None)) -> RowDensity:
        """Return the densities of some rows as functions of mean and SD on the error's scale.

        Parameters
        ----------
        mean, sd : arrays, shape (places,)
            Of these rows.
        places : array of int, optional
            Which rows; all by default.
        """
        lower, upper = self.limits
        found = row_density(lower[places], upper[places], self.rows.kind[places], mean, sd)
        if self._window is None:
            return found
        low, high, kind = self._window[0][places], self._window[1][places], self._window[2][places]
        within = np.flatnonzero(kind != MEASURED)
        if not within.size:
            return found
        window = row_density(low[within], high[within], kind[within], mean[within], sd[within])
        return conditioned(found, within, window)

    @cached_property
    def _errors(self) -> tuple[_Error, ...]:
        rows, found, first = self.rows, [], 0
        low, high = rows.lower, rows.upper
        seen = np.where(rows.kind == BELOW, high, np.where((rows.kind == ABOVE) | (rows.kind == MEASURED), low, np.nan))
        between = np.isnan(seen)
        seen[between] = 0.5 * (low[between] + high[between])
        for error in self.errors:
            mine = np.flatnonzero(rows.output == list(self.outputs).index(error.output))
            size = len(error.parameters)
            reading = np.column_stack([np.zeros(mine.size), seen[mine]])
            found.append(_Error(error, mine, slice(first, first + size), reading))
            first += size
        return tuple(found)

    def at(self, f: Array, parameters: Array, second: bool = False) -> Density:
        """Return the density of every row.

        Parameters
        ----------
        f : array, shape (rows,)
            Predictions in the outputs' units.
        parameters : array, shape (parameters,)
            Values of the errors' parameters, in the order of `names`.
        second : bool
            Whether second derivatives are wanted, too.
        """
        with np.errstate(all="ignore"):
            mean, spread = self.mean_and_sd(f, parameters, second)
            row = self.row(mean[0], spread.sd)
            return _chained(row, mean, spread)

    def mean_and_sd(self, f: Array, parameters: Array, second: bool) -> tuple[Array, Spread]:
        """Return the mean on the error's scale with two derivatives by f (3 × rows), and the SD with its own."""
        count, size = f.size, len(parameters)
        mean, sd = np.zeros((3, count)), np.full(count, np.nan)
        mean[0], mean[1] = f, 1.0
        sf, sp = np.zeros(count), np.zeros((count, size))
        curved = (np.zeros(count), np.zeros((count, size)), np.zeros((count, size, size))) if second else None
        for each in self._errors:
            rows, scale = each.rows, each.error.transform
            own = f[rows]
            reading = each.reading.copy()
            reading[:, 0] = own
            function = sd_function(each.error, 2 if second else 1)
            found = function(reading, parameters[each.columns])
            n = 1 + len(each.error.parameters)
            derivatives = found[:, 1:]
            flat = found[:, 0] == 0
            if flat.any():  # 0/0 where there is no spread
                derivatives[flat[:, None] & ~np.isfinite(derivatives)] = 0.0
            sd[rows], sf[rows], sp[rows, each.columns] = found[:, 0], derivatives[:, 0], derivatives[:, 1:n]
            if scale is not NATURAL:
                slope = 1 / scale.slope(own)
                mean[0, rows], mean[1, rows] = scale.to(own), slope
                mean[2, rows] = -scale.curvature(own) * slope**3
            if curved is not None:
                _place_second(curved, each, function.pairs, derivatives[:, n:])
        return mean, Spread(sd, sf, sp, curved)


@dataclass(frozen=True, eq=False)
class Spread:
    """SD of every row, its derivatives by f and by all errors' parameters, and the second ones (ff, fp, pp)."""

    sd: Array
    f: Array
    p: Array
    second: tuple[Array, Array, Array] | None


def _place_second(
    curved: tuple[Array, Array, Array], each: _Error, pairs: Sequence[tuple[int, int]], columns: Array
) -> None:
    """Write the second derivatives of one error's SD where its rows and parameters stand."""
    ff, fp, pp = curved
    first = each.columns.start - 1  # the first of the symbols is f
    for (i, j), column in zip(pairs, columns.T, strict=True):
        if j == 0:
            ff[each.rows] = column
        elif i == 0:
            fp[each.rows, first + j] = column
        else:
            pp[each.rows, first + i, first + j] = pp[each.rows, first + j, first + i] = column


def _chained(row: RowDensity, mean: Array, spread: Spread) -> Density:
    """Put derivatives by mean and SD together with those of mean and SD by f and p."""
    steep, bend = mean[1], mean[2]
    sf, sp = spread.f, spread.p
    emm, emg, egg = row.expected
    ff = fp = pp = None
    if spread.second is not None:
        sff, sfp, spp = spread.second
        ff = row.mm * steep**2 + 2 * row.mg * steep * sf + row.gg * sf**2 + row.m * bend + row.g * sff
        fp = (row.mg * steep + row.gg * sf)[:, None] * sp + row.g[:, None] * sfp
        pp = row.gg[:, None, None] * sp[:, :, None] * sp[:, None, :] + row.g[:, None, None] * spp
    expected = (
        emm * steep**2 + 2 * emg * steep * sf + egg * sf**2,
        (emg * steep + egg * sf)[:, None] * sp,
        egg[:, None, None] * sp[:, :, None] * sp[:, None, :],
    )
    density = Density(
        row.value, row.m * steep + row.g * sf, row.g[:, None] * sp, ff, fp, pp, expected, spread.sd
    )  # fmt: skip
    if row.certain.any():
        for part in (density.f, density.p, ff, fp, pp, *expected):
            if part is not None:
                part[row.certain] = 0.0  # an infinite slope (log of a prediction of 0) counts for nothing there
    return density


def measured_rows(rows: ObservedRows) -> Flags:
    """Return which rows are measured, not censored."""
    mask: Flags = rows.kind == MEASURED
    return mask
