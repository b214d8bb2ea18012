"""Write event records, or a study, as a NONMEM data set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.errors import InputError
from pkpd.io.nonmem_checks import DOSE_ITEMS
from pkpd.records import Records
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("ID", "TIME", "EVID", "AMT", "RATE", "CMT", "II", "ADDL", "SS", "DV", "MDV")


def write_nonmem(
    source: Records | Study, path: str | Path | None = None, *, compartments: Mapping[str, int] | None = None
) -> pandas.DataFrame:
    """Return records or a study as a NONMEM data set, and write it if a path is given.

    Parameters
    ----------
    source : Records or Study
        What `read_nonmem` or `read_study` returned.
    path : path, optional
        Where to write a CSV file whose empty cells are ``.`` (NONMEM reads it with ``IGNORE=@``).
    compartments : mapping of str to int, optional
        Number of the compartment of a state (records), of a route and of an analyte (study). Of a study, oral doses
        enter compartment 1, and all else stands in 2 if there are oral doses, otherwise in 1.

    Returns
    -------
    pandas.DataFrame
        Columns ID, TIME, EVID, AMT, RATE, CMT, II, ADDL, SS, DV, MDV, then covariates. Records that are read again are
        the same. A study also has BLQ (1: below the limit, and DV holds that limit), LLOQ and, with several analytes,
        DVID; ``attrs["subjects"]`` and ``attrs["analytes"]`` say what the numbers mean. Excluded samples and those
        without a value have MDV 1.

    Raises
    ------
    InputError
        If a compartment has a name and no number, or a study holds collections (urine, faeces).
    """
    numbers = dict(compartments or {})
    table = _of_records(source, numbers) if isinstance(source, Records) else _of_study(source, numbers)
    for name in table:
        column = table[name]
        if (
            column.dtype == float
            and np.isfinite(column).all()
            and (column % 1 == 0).all()
            and (abs(column) < 2**53).all()
        ):
            table[name] = column.astype(np.int64)
    if path is not None:
        table.to_csv(path, index=False, na_rep=".")
    return table


def _of_records(records: Records, numbers: Mapping[str, int]) -> pandas.DataFrame:
    found = records.table.copy()
    found["CMT"] = [_number(cell, k, numbers) for k, cell in enumerate(found["CMT"])]
    if "DV" not in found:
        found["DV"] = np.nan
    if "MDV" not in found:
        found["MDV"] = ((found["EVID"] != 0) | found["DV"].isna()).astype(float)
    return found[[*_COLUMNS, *records.covariates]]


def _number(cell: Any, k: int, numbers: Mapping[str, int]) -> float:
    """Number of a compartment, negative where it is turned off."""
    if not isinstance(cell, str):
        return float(cell)
    name = cell.lstrip("-")
    if name not in numbers:
        known = ", ".join(map(repr, numbers)) or "none"
        raise InputError(f"row {k + 1}, column CMT: {cell!r} has no number; compartments has {known}", "write_nonmem")
    return float(-numbers[name] if cell.startswith("-") else numbers[name])


def _of_study(study: Study, numbers: dict[str, int]) -> pandas.DataFrame:
    import pandas

    seen, doses = study.observations, study.doses
    if (collected := int(seen["until"].notna().sum())) > 0:
        raise InputError(f"{collected} observations are collections; expected samples at a time", "write_nonmem")
    subjects = list(study.subjects["subject"])
    ids = _ids(subjects)
    analytes = list(dict.fromkeys(seen["analyte"]))
    central = 2 if (doses["route"] == "oral").any() else 1
    nothing = {"AMT": 0.0, "RATE": 0.0, "DV": math.nan, "MDV": 1, "BLQ": 0, "LLOQ": math.nan, "DVID": 0}
    rows: list[dict[str, Any]] = []
    for dose in doses.to_dict("records"):
        place = numbers.get(dose["route"], 1 if dose["route"] == "oral" else central)
        new = {"subject": dose["subject"], "TIME": dose["time"], "EVID": 1, "AMT": dose["amount"], "CMT": place}
        if dose["route"] == "infusion":
            new["RATE"] = dose["amount"] / dose["duration"]
        rows.append({**nothing, **new, "order": 1})
    for one in seen.to_dict("records"):
        blq = bool(one["blq"]) and math.isfinite(one["lloq"])
        value = one["lloq"] if blq else one["value"]
        new = {"subject": one["subject"], "TIME": one["time"], "EVID": 0, "CMT": numbers.get(one["analyte"], central)}
        new |= {"DV": value, "MDV": int(bool(one["excluded"]) or not math.isfinite(value)), "BLQ": int(blq)}
        new |= {"LLOQ": one["lloq"], "DVID": analytes.index(one["analyte"]) + 1}
        rows.append({**nothing, **new, "order": 2 if one["mark"] == "post" else 0})
    place_of = {subject: k for k, subject in enumerate(subjects)}
    rows.sort(key=lambda row: (place_of[row["subject"]], row["TIME"], row["order"]))
    table = pandas.DataFrame(rows)
    table["ID"] = [ids[subject] for subject in table["subject"]]
    for name in DOSE_ITEMS:
        if name not in table:
            table[name] = 0.0
    extra = ["BLQ", "LLOQ", *(["DVID"] if len(analytes) > 1 else [])]
    known = study.subjects.set_index("subject").select_dtypes("number")
    for name in known:
        table[name] = known[name].loc[table["subject"]].to_numpy(dtype=float)
    found = table[[*_COLUMNS, *extra, *known]].reset_index(drop=True)
    found.attrs["subjects"] = {number: subject for subject, number in ids.items()}
    found.attrs["analytes"] = dict(enumerate(analytes, start=1))
    return found


def _ids(subjects: list[Any]) -> dict[Any, float]:
    """The subjects' own numbers, if all have one and none comes twice; else 1, 2, 3 …"""
    try:
        own = [float(subject) for subject in subjects]
    except (TypeError, ValueError):
        own = []
    if not own or len(set(own)) < len(own) or not np.isfinite(own).all():
        own = [float(k) for k in range(1, len(subjects) + 1)]
    return dict(zip(subjects, own, strict=True))
