"""Whose doses are an analyte's: in a study of several drugs the doses of another one are not added to its own."""

from __future__ import annotations

from dataclasses import replace

from pkpd.errors import InputError, few, nearest
from pkpd.study import Study

ALL = "all"
"""What `drug` says where all doses are of one drug, whatever they go into."""


def of_drug(study: Study, analyte: str, drug: str | None = None) -> Study:
    """Return the study with the doses of an analyte's drug alone.

    Doses know their drug by what they go into (column `into`). If they go into several and one of these has the name of
    an analyte, they are doses of drugs: an analyte has the doses of its own name. Where no name is that of an analyte
    they go into compartments of one drug, and all count.

    Parameters
    ----------
    study : Study
        Observations and doses.
    analyte : str
        What is analysed.
    drug : str, optional
        What the doses go into that count; ``"all"``: all of them.

    Raises
    ------
    InputError
        If no dose goes into `drug`, or doses go into several drugs and none has the analyte's name.
    """
    doses = study.doses
    into = doses["into"].fillna("").astype(str) if "into" in doses else None
    names = [] if into is None else sorted(set(into))
    if drug == ALL or into is None or (drug is None and len(names) < 2):
        return study
    if drug is not None and drug not in names:
        raise InputError(f"drug: no dose goes into {drug!r}; {nearest(drug, names)}", "nca")
    if drug is None and not {name.casefold() for name in names} & {name.casefold() for name in study.analytes}:
        return study
    own = drug or next((name for name in names if name and name.casefold() == analyte.casefold()), "")
    if not own or "" in names:
        told = few(repr(name) if name else "nothing named" for name in names)
        raise InputError(
            f"the doses go into {told}; whose are they in the analysis of {analyte!r}? expected "
            f"drug={next(name for name in names if name)!r} and the like, or drug='all' if they are of one drug",
            "nca",
        )
    return replace(study, _doses=doses[into == own].reset_index(drop=True))
