"""One row per patient out of several sources: exposures, covariates, outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError, few, nearest, warn
from pkpd.io.cells import is_missing
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import read_all, read_table

if TYPE_CHECKING:
    import pandas


@checked
def patients_of(*sources: Any, keep: Sequence[str] | None = None) -> pandas.DataFrame:
    """Return one row per patient with what several sources say of the patients, for exposure-response and survival.

    Parameters
    ----------
    *sources : Study, Dataset, DataFrame, path, or mapping of column to values
        A study gives its covariates and ``dose`` (the first), a result of `pkpd.nca` its parameters, a simulation what
        does not change in time, a table its columns. Each must have one row per patient and a column ``subject``.
    keep : sequence of str, optional
        Which columns besides ``subject``; by default all.

    Returns
    -------
    DataFrame
        Every patient of any source, in the order in which they come; a cell is empty where a source does not have the
        patient. A column that several sources have is there once.

    Raises
    ------
    InputError
        Listing the problems of all sources; patients with several rows (a result of NCA with several profiles each:
        select one, ``result.isel(profile=result["interval"].to_numpy() == 1)``); patients of whom two sources say
        different things; columns to keep that nobody has.

    Warns
    -----
    DataWarning
        Counting patients whom a source does not have.
    """
    import pandas

    if not sources:
        raise InputError("there is no source; expected at least one", "patients_of")
    readers = [partial(_one, source, f"source {k}") for k, source in enumerate(sources, 1)]
    tables = [table.set_index("subject") for table in read_all("patients_of", *readers)]
    people = list(dict.fromkeys(name for table in tables for name in table.index))
    found: dict[str, pandas.Series] = {}
    problems: list[str] = []
    for k, table in enumerate(tables, 1):
        lacking = [name for name in people if name not in table.index]
        if lacking:
            warn(f"source {k} has no row of {len(lacking)} of {len(people)} patients ({few(lacking)})")
        for name in table:
            own = table[name].reindex(people)
            if name in found:
                problems += _different(found[name], own, str(name))
                own = found[name].where([not is_missing(cell) for cell in found[name]], own)
            found[name] = own
    wanted = list(found) if keep is None else list(dict.fromkeys(keep))
    problems += [f"no column {name!r}; {nearest(name, list(found))}" for name in wanted if name not in found]
    if problems:
        raise InputError(problems, "patients_of")
    columns = {name: found[name].to_numpy() for name in wanted}
    result = pandas.DataFrame({"subject": pandas.Series(people), **columns})
    for source in reversed(sources):
        result.attrs.update(provenance(source))
    return result


def _one(source: Any, what: str) -> pandas.DataFrame:
    """A source, one row per patient."""
    return read_table(source, (SUBJECT,), what, unique=("subject",)).drop(columns="row")


def _different(one: pandas.Series, other: pandas.Series, name: str) -> list[str]:
    """The problem that two sources disagree on patients."""
    differ = [who for who, a, b in zip(one.index, one, other, strict=True)
              if not is_missing(a) and not is_missing(b) and a != b]  # fmt: skip
    words = f"two sources differ in {name!r} of subject {few(differ)}; expected the same, or another name in one"
    return [words] if differ else []
