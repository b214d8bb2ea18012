"""What a result looks like before anything of it is computed: dimensions, units, what is kept."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pkpd.errors import InputError, unknown_names
from pkpd.simulate.pieces import Piece

if TYPE_CHECKING:
    import xarray

_SHORT = 100_000  # bytes of labels
_PLAIN = "biufU"  # kinds of values that xarray takes as they are
NOT_COMPUTED = {"f": math.nan, "i": -1, "b": False, "U": ""}


@dataclass(frozen=True, eq=False)
class Variable:
    """One variable that is computed in pieces: its dimensions, kind of number, attributes."""

    dims: tuple[str, ...]
    attrs: Mapping[str, Any]
    dtype: str = "float64"

    @property
    def blank(self) -> Any:
        """What stands where nothing was computed."""
        return NOT_COMPUTED[np.dtype(self.dtype).kind]


@dataclass(frozen=True, eq=False)
class Layout:
    """The frame of a result.

    Attributes
    ----------
    sizes, chunks : mapping
        Dimension → its length, and its length in one piece.
    variables : mapping
        What is computed in pieces.
    coords : xarray.Coordinates
        Labels of the dimensions.
    data : mapping of str to xarray.Variable
        What does not differ between pieces.
    attrs : mapping
        Attributes of the result.
    """

    sizes: Mapping[str, int]
    chunks: Mapping[str, int]
    variables: Mapping[str, Variable]
    coords: xarray.Coordinates
    data: Mapping[str, xarray.Variable] = field(default_factory=dict)
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fixed(self) -> xarray.Dataset:
        """Everything but what is computed in pieces."""
        import xarray

        return xarray.Dataset(self.data, self.coords, self.attrs)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a variable."""
        return tuple(self.sizes[d] for d in self.variables[name].dims)

    def chunk(self, name: str) -> tuple[int, ...]:
        """Shape of a variable in one piece."""
        return tuple(self.chunks[d] for d in self.variables[name].dims)

    def where(self, name: str, piece: Piece) -> tuple[slice, ...]:
        """Where a piece's values of a variable belong."""
        return tuple(piece.region.get(d, slice(None)) for d in self.variables[name].dims)

    @property
    def nbytes(self) -> int:
        """Size of the whole result."""
        beside: int = sum(own.nbytes for own in (*self.coords.variables.values(), *self.data.values()))
        return sum(self._size(n) * math.prod(self.shape(n)) for n in self.variables) + beside

    @property
    def piece_nbytes(self) -> int:
        """Size of one piece of the result."""
        return sum(self._size(n) * math.prod(self.chunk(n)) for n in self.variables)

    def _size(self, name: str) -> int:
        return np.dtype(self.variables[name].dtype).itemsize

    def blank(self) -> dict[str, NDArray[Any]]:
        """Arrays for the whole result, with nothing computed yet."""
        return {n: np.full(self.shape(n), v.blank, dtype=v.dtype) for n, v in self.variables.items()}

    def dataset(self, arrays: Mapping[str, NDArray[Any]]) -> xarray.Dataset:
        """Join the computed arrays and what is fixed."""
        import xarray

        data: dict[str, Any] = {n: plain_variable(v.dims, arrays[n], v.attrs) for n, v in self.variables.items()}
        return xarray.Dataset({**data, **self.data}, self.coords, self.attrs)

    def with_attrs(self, attrs: Mapping[str, Any]) -> Layout:
        """Return the same layout with the attributes of the result."""
        return replace(self, attrs={**self.attrs, **attrs})


def plain_variable(
    dims: tuple[str, ...], values: NDArray[Any], attrs: Mapping[str, Any] | None = None
) -> xarray.Variable:
    """Return an array with names and attributes, as plain as it is.

    xarray asks of every array whether it is one of dask or pint, and loads them for that: half a second, once.

    Parameters
    ----------
    dims : tuple of str
        One name per dimension.
    values : array
        Of numbers, truth values or texts.
    attrs : mapping, optional
        Its attributes.
    """
    import xarray

    return xarray.Variable(dims, values, dict(attrs or {}), fastpath=values.dtype.kind in _PLAIN)


class Labels(NamedTuple):
    """Numbers along one dimension: its labels if it has their name."""

    dim: str
    values: NDArray[Any]
    attrs: Mapping[str, Any] = {}


def coordinates_of(labels: Mapping[str, Labels]) -> xarray.Coordinates:
    """Return labels as coordinates; those of the last few short simulations are kept, for xarray makes them slowly."""
    parts = tuple(
        (name, own.dim, own.values.dtype.str, own.values.tobytes(), tuple(own.attrs.items()))
        for name, own in labels.items()
    )
    made = _kept if sum(own.values.nbytes for own in labels.values()) < _SHORT else _kept.__wrapped__
    return made(parts)


@lru_cache(maxsize=16)
def _kept(parts: tuple[tuple[str, str, str, bytes, tuple[tuple[str, Any], ...]], ...]) -> xarray.Coordinates:
    import pandas
    import xarray

    found = {}
    for name, dim, kind, content, attrs in parts:
        values: Any = np.frombuffer(content, dtype=kind)
        found[name] = xarray.Variable(
            (dim,), pandas.Index(values) if name == dim else values, dict(attrs), fastpath=True
        )
    return xarray.Dataset(coords=found).coords  # Coordinates(found) would ask pint again


def chosen(possible: Mapping[str, Variable], default: Iterable[str], keep: Iterable[str] | str | None,
           always: Iterable[str] = ()) -> dict[str, Variable]:  # fmt: skip
    """Return the variables that are kept: the default ones, or those asked for; and in any case those of `always`.

    Raises
    ------
    InputError
        Listing every name that cannot be kept.
    """
    if keep is None:
        wanted = [*default]
    else:
        wanted = [keep] if isinstance(keep, str) else list(keep)
        if problems := unknown_names(wanted, possible, "name to keep"):
            raise InputError(problems, "keep")
        if not wanted:
            raise InputError("it is empty; name outputs, '<output>_measured' or parameters", "keep")
    names = {*wanted, *always}
    return {name: variable for name, variable in possible.items() if name in names}
