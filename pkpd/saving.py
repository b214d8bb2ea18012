"""Saving and loading: studies, models, populations, fits, and results of NCA and simulation, one NetCDF file each.

No pickle: a file holds arrays and one JSON text, with the version of the package, the hash of the data, the digest of
the model and a digest of all contents. It comes back bit for bit. Results that are lazy are read into memory; for what
is larger than that, `pkpd.simulate` has ``store=``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pkpd.arguments import checked
from pkpd.errors import InputError, shown
from pkpd.files.rebuild import Reader
from pkpd.files.saved import data_hash, model_key, save_value
from pkpd.files.sealed import Contents, read, unbroken
from pkpd.fit import Fit, Fits
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters
from pkpd.population import KINDS, InverseWishart, NormalPrior, Omega, Population, ResidualError
from pkpd.population.blocks import OmegaBlock
from pkpd.population.correlation import ErrorCorrelation
from pkpd.study import Study

__all__ = ["load", "save"]

CLASSES = {
    one.__name__: one
    for one in (
        ErrorCorrelation, Fit, Fits, InverseWishart, Model, NormalPrior, Omega, OmegaBlock, Parameter, Parameters,
        Population, Study,
    )
}  # fmt: skip
"""Classes that a file may hold."""


def save(value: Any, path: str | Path) -> Path:
    """Write a study, a model, a population, a fit, or a result of NCA or simulation to one NetCDF file.

    Parameters
    ----------
    value : object
        What to write: one of `CLASSES`, a population fit, or a Dataset, DataTree, DataArray, DataFrame or Series.
    path : path
        Where; a file that is there is replaced, as a whole or not at all.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    InputError
        Listing everything in it that is no data (a function, a class of the user's own), or if it cannot be written.

    Examples
    --------
    >>> import tempfile, pkpd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(pkpd.library.one_compartment(), f"{folder}/model.nc")
    ...     load(path) == pkpd.library.one_compartment()
    True
    """
    from pkpd.fit import PopulationFit

    return value.save(path) if isinstance(value, PopulationFit) else save_value(value, path)


@checked
def load(path: str | Path, study: Study | None = None, kinds: Iterable[type[ResidualError]] = ()) -> Any:
    """Read what `save` wrote, bit for bit as it was.

    Parameters
    ----------
    path : path
        The file.
    study : Study, optional
        The data that it must come from; their hash is compared. A population fit gets its problem again
        (`pkpd.fit.load`).
    kinds : iterable of class, optional
        Residual errors of the user's own that it may hold.

    Raises
    ------
    InputError
        If the file is damaged, was altered, is of another kind, was written by a newer version of the package, or
        belongs to other data.

    Warns
    -----
    DataWarning
        If an older version of the package wrote it.
    """
    path = Path(path)
    unbroken(path)
    if _is_population_fit(path):
        from pkpd.fit import load as load_fit

        return load_fit(path, study, kinds)
    contents = read(path)
    own = tuple(kinds)

    def error(output: str, kind: str, label: str) -> ResidualError:
        for one in (*own, *KINDS.values()):
            if one.kind == kind and (made := one(output)).label == label:
                return made
        raise InputError(f"residual error {label!r} of {output} is none of the package's; give its class by kinds=")

    try:
        value = Reader(contents.arrays, CLASSES, error).value(contents.about)
        problems = _problems(value, contents)
    except InputError as found:
        raise InputError([*found.problems], f"{str(path)!r} holds what cannot be") from None
    except Exception as found:  # whatever is wrong with a file is told as one kind of error
        why = f"{type(found).__name__}: {shown(str(found))}"
        raise InputError(f"{str(path)!r} holds what cannot be read ({why})", "load") from None
    if problems:
        raise InputError(problems, f"{str(path)!r} was altered")
    if study is not None:
        _same_data(contents, study, path)
    return value


def _problems(value: Any, contents: Contents) -> list[str]:
    """What a value is that its file does not say it is."""
    problems = []
    if type(value).__name__ != contents.kind:
        problems.append(f"it holds a {type(value).__name__} and says {contents.kind!r}")
    if data_hash(value) != contents.data_hash:
        problems.append("the hash of its data is not the one that was written")
    if model_key(value) != contents.model_key:
        problems.append("its model is not the one that was written")
    return problems


def _same_data(contents: Contents, study: Study, path: Path) -> None:
    if not contents.data_hash:
        why = f"holds a {contents.kind}, which says nothing of its data; leave out study"
        raise InputError(f"{str(path)!r} {why}", "load")
    if contents.data_hash != study.data_hash:
        raise InputError(
            f"what {str(path)!r} holds is of other data: theirs have the hash {contents.data_hash[:12]}…, this study "
            f"{study.data_hash[:12]}…", "load",
        )  # fmt: skip


def _is_population_fit(path: Path) -> bool:
    """Whether a file has the layout of `pkpd.fit.PopulationFit.save`, which is one of its own."""
    import h5netcdf

    try:
        with h5netcdf.File(path, "r") as file:
            return "fit" in file.variables and "about" not in file.variables
    except Exception:  # what it is instead, `read` says
        return False
