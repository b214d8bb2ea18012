"""A population fit as one NetCDF file: no pickle, read by any program that reads NetCDF 4.

The root holds the estimates with R and S; the groups ``individuals`` and ``predictions`` hold what their names say, as
arrays. The population and everything in words stand as one JSON text in the variable ``fit``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.about import package_version
from pkpd.errors import InputError, warn
from pkpd.fit.mixed.result.convergence import Convergence
from pkpd.fit.mixed.result.estimate import Exact, Tried
from pkpd.fit.mixed.result.fit_parts import Counts, Kept
from pkpd.fit.mixed.result.plain import population_from
from pkpd.fit.mixed.result.population_fit import PopulationFit
from pkpd.fit.mixed.result.rebuild import with_data
from pkpd.fit.mixed.result.uncertainty import Uncertainty
from pkpd.fit.mixed.result.writing import ENGINE, FORMAT, WORDS, save
from pkpd.fit.mixed.search.objective import Step
from pkpd.population import ResidualError
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas
    import xarray

__all__ = ["load", "save"]


def load(path: str | Path, study: Study | None = None, kinds: Iterable[type[ResidualError]] = ()) -> PopulationFit:
    """Read a fit that `save` wrote.

    Parameters
    ----------
    path : path
        The file.
    study : Study, optional
        The data of the fit: the fit is then as it was, with its problem, and its objective is computed again and
        compared. Without it everything that was reported is there, but nothing new can be computed from the data.
    kinds : iterable of class, optional
        Residual errors of the user's own.

    Raises
    ------
    InputError
        If the file is none of a fit, its model is not what it was, or the study is another one.

    Warns
    -----
    DataWarning
        If another version of the package wrote it.
    """
    import xarray

    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r}", "load")
    try:
        with xarray.open_dataset(path, engine=ENGINE) as opened:
            root = opened.load()
        parts = {}
        for group in ("individuals", "predictions"):
            with xarray.open_dataset(path, group=group, engine=ENGINE) as opened:
                parts[group] = opened.load()
        about = json.loads(str(root["fit"].item()))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{str(path)!r} is no saved population fit ({error})", "load") from None
    _check(root, study, path)
    people = population_from(about["population"], kinds)
    if people.model.key != root.attrs["model_key"]:
        raise InputError(f"the model in {str(path)!r} is not the one that was fitted", "load")
    kept = Kept(parts["individuals"], _frame(parts["predictions"]), str(root.attrs["data_hash"]))
    fit = _fit(about, root, people, kept)
    return fit if study is None else with_data(fit, about["problem"], study)


def _check(root: xarray.Dataset, study: Study | None, path: Path) -> None:
    found = root.attrs.get("format")
    if found != FORMAT:
        raise InputError(f"{str(path)!r} has format {found}; this version reads {FORMAT}", "load")
    if root.attrs["pkpd_version"] != package_version():
        warn(f"{path.name} was written by pkpd {root.attrs['pkpd_version']}; this is {package_version()}")
    stated = root.attrs["data_hash"]
    if study is not None and stated and study.data_hash != stated:
        raise InputError(
            f"the fit in {str(path)!r} is of other data: its study has the hash {stated[:12]}…, this one "
            f"{study.data_hash[:12]}…", "load",
        )  # fmt: skip


def _fit(about: dict[str, Any], root: xarray.Dataset, people: Any, kept: Kept) -> PopulationFit:
    names = tuple(map(str, root["free"].to_numpy())) if "free" in root.coords else ()
    nothing = np.empty((0, 0))
    r, s = (root["R"].to_numpy(), root["S"].to_numpy()) if names else (nothing, nothing)
    ends = about["convergence"]
    convergence = Convergence(**{
        **ends,
        "exact": None if ends["exact"] is None else Exact(**ends["exact"]),
        "failed_modes": dict(ends["failed_modes"]), "unsolved": dict(ends["unsolved"]),
        "boundary": tuple(ends["boundary"]), "others": tuple((label, value) for label, value in ends["others"]),
    })  # fmt: skip
    trace = tuple(
        Step(count, value, gradient, tuple(vector), seconds)
        for count, value, gradient, vector, seconds in about["trace"]
    )
    tried = tuple(
        Tried(label, np.array(start, dtype=float), np.array(end, dtype=float), first, last, status)
        for label, start, end, first, last, status in about["tried"]
    )
    return PopulationFit(
        people=people, vector=root["vector"].to_numpy() if names else np.empty(0),
        uncertainty=Uncertainty(names, r, s), counts=Counts(**about["counts"]), cautions=tuple(about["cautions"]),
        notes=tuple(about["notes"]), convergence=convergence, secondary=about["secondary"], trace=trace, tried=tried,
        tables=kept, attrs=about["attrs"], **{name: about[name] for name in WORDS},
    )  # fmt: skip


def _frame(rows: xarray.Dataset) -> pandas.DataFrame:
    """The table again; a text column without any text was missing."""
    import pandas

    columns = {}
    for name, variable in rows.data_vars.items():
        values = variable.to_numpy()
        if name == "occasion" and values.dtype.kind in "OUT":
            values = np.array([v if v else np.nan for v in values.tolist()], dtype=object)
        columns[str(name)] = values
    return pandas.DataFrame(columns)
