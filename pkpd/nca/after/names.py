"""Which columns of a result are meant by names that may be those of Phoenix, CDISC or PKNCA."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import xarray as xr

from pkpd.errors import InputError, nearest
from pkpd.nca.after.forms import columns_of
from pkpd.nca.kernel.parameters import ALIASES


def named(asked: Sequence[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the columns that are asked for, each once, and what is wrong with the names.

    Parameters
    ----------
    asked : sequence of str
        Names of columns, or names that others give to them (`pkpd.nca.ALIASES`).
    known : iterable of str
        The columns that there are.
    """
    columns = [*known]
    there = set(columns)
    found = [name if name in there else ALIASES.get(name, name) for name in asked]
    spelled = [*columns, *(alias for alias, name in ALIASES.items() if name in there)]
    lost = dict.fromkeys(name for name, own in zip(asked, found, strict=True) if own not in there)
    problems = [f"unknown parameter {name!r}; {nearest(name, spelled)}" for name in lost]
    if not asked:
        problems.append("parameters is empty; expected at least one, or None for all")
    return list(dict.fromkeys(own for own in found if own in there)), problems


def shared(asked: Sequence[str] | None, analytes: Mapping[str, xr.Dataset], verb: str) -> dict[str, list[str] | None]:
    """Return for every analyte of several which of the columns that are asked for it has; None: all.

    Raises
    ------
    InputError
        If a name is no column of any.
    """
    if asked is None:
        return dict.fromkeys(analytes)
    own = {name: [n for v in data.data_vars.values() for n in columns_of(v)] for name, data in analytes.items()}
    _, problems = named(asked, dict.fromkeys(n for columns in own.values() for n in columns))
    if problems:
        raise InputError(problems, verb)
    return {name: named(asked, columns)[0] for name, columns in own.items()}
