"""Saving and loading: studies, models, populations, fits, and results of NCA and simulation, one NetCDF file each.

No pickle: a file holds arrays and one JSON text, with the version of the package, the hash of the data, the digest of
the model and a digest of all contents. It comes back bit for bit. Results that are lazy are read into memory; for what
is larger than that, `pkpd.simulate` has ``store=``.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.files.loaded import load_value
from pkpd.files.saved import save_value
from pkpd.population import ResidualError
from pkpd.population.residual import error_of
from pkpd.study import Study

__all__ = ["load", "save"]

HOMES = {
    "pkpd.dosing": ("Dose", "Regimen"),
    "pkpd.engine": ("Settings",),
    "pkpd.fit": ("Fit", "Fits", "Options", "PopulationOptions"),
    "pkpd.model": ("Model",),
    "pkpd.nca.after.attainment": ("Attainment", "TroughFit"),
    "pkpd.nca.after.compare": ("Comparison",),
    "pkpd.nca.after.criterion": ("Criterion",),
    "pkpd.nca.after.proportionality": ("PowerModel",),
    "pkpd.nca.after.superposition": ("SteadyState",),
    "pkpd.nca.response.rules": ("ResponseRules",),
    "pkpd.nca.rules": ("Rules",),
    "pkpd.nca.settings": ("NcaSettings", "Points"),
    "pkpd.nca.sparse.result": ("SparseResult",),
    "pkpd.nca.sparse.rules": ("SparseRules",),
    "pkpd.nca.sparse.sides": ("SparseComparison",),
    "pkpd.parameters": ("Parameter", "Parameters"),
    "pkpd.population": ("ErrorCorrelation", "InverseWishart", "NormalPrior", "Omega", "Population"),
    "pkpd.population.blocks": ("OmegaBlock",),
    "pkpd.study": ("Study",),
}
"""Where the classes stand that a file may hold; those of population fits are in `pkpd.fit.mixed.result.store`."""
_HOME = {name: home for home, names in HOMES.items() for name in names}


def save(value: Any, path: str | Path) -> Path:
    """Write a value to one NetCDF file.

    Written are a study, a model, parameters, a population, a fit, a regimen, a dose, rules or settings, a result of
    NCA or simulation, and any Dataset, DataTree, DataArray, DataFrame or Series. The same value gives the same bytes.
    A text, number, tuple, list or mapping of a class of its own comes back as the plain one; ``encoding`` of xarray
    (how another file was written) and ``freq`` of an index of dates are not kept.

    Parameters
    ----------
    value : object
        What to write.
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
    return save_value(value, path)


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
    value = load_value(path, class_of, error_of(kinds), None if study is None else study.data_hash)
    if study is None or type(value).__name__ != "PopulationFit":
        return value
    from pkpd.fit.mixed.result.resume import with_data

    return with_data(value, study)


def class_of(name: str) -> type:
    """Return the class that a file means.

    Raises
    ------
    InputError
        If a file may hold none of that name.
    """
    if name in _HOME:
        found: type = getattr(import_module(_HOME[name]), name)
        return found
    from pkpd.fit.mixed.result.store import CLASSES

    if name not in CLASSES:
        raise InputError(f"class {name!r} is none that a file may hold", "load")
    return CLASSES[name]
