"""Several analytes and matrices of a study in one call."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from pkpd.errors import InputError, unknown_names
from pkpd.nca.settings import NcaSettings
from pkpd.nca.study.excretion import excretion, is_excreted, partner
from pkpd.study import Study


def analyse_several(
    study: Study, analytes: list[str], settings: NcaSettings, one: Callable[[NcaSettings], xr.Dataset]
) -> xr.DataTree:
    """Return one dataset per analyte, collections as excretion.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analytes : list of str
        What to analyse.
    settings : NcaSettings
        What is asked for, without an analyte.
    one : callable
        The analysis of one analyte that is not collected.

    Raises
    ------
    InputError
        If an analyte does not exist, is named twice, or none is named.
    """
    problems = unknown_names(analytes, study.analytes, "analyte")
    problems += [f"{name!r} is named twice" for name in dict.fromkeys(analytes) if analytes.count(name) > 1]
    if not analytes:
        problems.append("no analyte was named; expected one of " + ", ".join(study.analytes))
    problems += [f"{name!r} holds a '/', which a tree of results cannot; rename it" for name in analytes if "/" in name]
    if problems:
        raise InputError(problems, "nca")
    collected = [name for name in analytes if is_excreted(study, name)]
    sampled = [name for name in analytes if name not in collected]
    found = {name: one(settings.changed(analyte=name)) for name in sampled}
    for name in collected:
        found[name] = excretion(study, settings.changed(analyte=name, plasma=partner(study, name, sampled)))
    return xr.DataTree.from_dict({name: found[name] for name in analytes})
