"""Write event records, or a study, as a NONMEM data set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.io.nonmem_checks import DOSE_ITEMS
from pkpd.records import DOSE, OTHER, RESET, RESET_DOSE
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("ID", "TIME", "EVID", "AMT", "RATE", "CMT", "II", "ADDL", "SS", "DV", "MDV")


@checked
def write_nonmem(
    study: Study, path: str | Path | None = None, *, compartments: Mapping[str, int] | None = None
) -> pandas.DataFrame:
    """Return a study as a NONMEM data set, and write it if a path is given.

    Parameters
    ----------
    study : Study
        What `read_nonmem` or `read_study` returned.
    path : path, optional
        Where to write a CSV file whose empty cells are ``.`` (NONMEM reads it with ``IGNORE=@``).
    compartments : mapping of str to int, optional
        Number of the compartment of a state, of a route and of an analyte. Of a study that was no event table, oral
        doses enter compartment 1, and all else stands in 2 if there are oral doses, otherwise in 1.

    Returns
    -------
    pandas.DataFrame
        Columns ID, TIME, EVID, AMT, RATE, CMT, II, ADDL, SS, DV, MDV, then covariates. Records that are read again are
        the same. There are also BLQ (1: below the limit, and DV holds that limit), LLOQ and, with several analytes,
        DVID (of an event table only if it has any); ``attrs["subjects"]`` and ``attrs["analytes"]`` say what the
        numbers mean. Excluded samples and those without a value have MDV 1.

    Raises
    ------
    InputError
        If a compartment has a name and no number, or a study holds collections (urine, faeces).
    """
    numbers = dict(compartments or {})
    table = _of_records(study, numbers) if study.in_order else _of_samples(study, numbers)
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


_EVID = {DOSE: 1, OTHER: 2, RESET: 3, RESET_DOSE: 4}
_SS = {"": 0, "instead": 1, "added": 2}
_RATE = {"rate": -1.0, "duration": -2.0}


def _of_records(study: Study, numbers: Mapping[str, int]) -> pandas.DataFrame:
    """Every record of an event table as it was, in its order."""
    import pandas

    records, people = study.records, study.subjects
    ids, analytes = _ids(list(people["subject"])), list(study.analytes)
    own_numbers = all(name.isdigit() for name in analytes)
    codes = {name: int(name) if own_numbers else k for k, name in enumerate(analytes, start=1)}
    given = study._doses[study._doses["switch"] == ""].set_index(["subject", "row"])
    seen: dict[tuple[Any, int], list[Any]] = {}
    for sample in study.observations.itertuples():
        seen.setdefault((sample.subject, sample.row), []).append(sample)
    lines = []
    for record in records.to_dict("records"):
        key = record["subject"], record["row"]
        line = dict.fromkeys(_COLUMNS, 0.0) | {"subject": key[0], "TIME": record["clock"], "DV": math.nan, "MDV": 1}
        line |= {"BLQ": 0, "LLOQ": math.nan, "DVID": 0, "OCC": record["occasion"]}
        line |= {"EVID": _EVID.get(record["kind"], 0), "CMT": _number(record, numbers)}
        if record["kind"] in (DOSE, RESET_DOSE):
            line |= _dose_items(given.loc[[key]].iloc[0])
        line |= {name: record[name] for name in study.changing}
        for sample in seen.get(key, ()):
            lines.append(line | _value_items(sample) | {"DVID": codes[sample.analyte]})
        if key not in seen:
            lines.append(line)
    table = pandas.DataFrame(lines)
    table["ID"] = [ids[subject] for subject in table["subject"]]
    fixed = people.set_index("subject").select_dtypes("number")
    for name in fixed:
        table[name] = fixed[name].loc[table["subject"]].to_numpy(dtype=float)
    extra = ["BLQ", "LLOQ"] if (table["BLQ"] > 0).any() else []
    extra += (["DVID"] if len(analytes) > 1 else []) + (["OCC"] if table["OCC"].notna().any() else [])
    extra = [name for name in extra if name not in {*fixed, *study.changing}]
    return _described(table[[*_COLUMNS, *extra, *fixed, *study.changing]], ids, codes)


def _dose_items(dose: Any) -> dict[str, float]:
    rate = dose["amount"] / dose["duration"] if dose["duration"] > 0 else dose["rate"]
    return {
        "AMT": dose["amount"], "RATE": _RATE.get(dose["modelled"], rate), "II": dose["interval"],
        "ADDL": dose["additional"], "SS": _SS[dose["steady_state"]],
    }  # fmt: skip


def _value_items(sample: Any) -> dict[str, Any]:
    """DV, MDV, BLQ and LLOQ of an observation; below the limit DV holds that limit."""
    below = bool(sample.blq) and math.isfinite(sample.lloq)
    value = sample.lloq if below else sample.value
    silent = bool(sample.excluded) or not math.isfinite(value)
    return {"DV": value, "MDV": int(silent), "BLQ": int(below), "LLOQ": sample.lloq}


def _described(table: pandas.DataFrame, ids: Mapping[Any, float], codes: Mapping[str, int]) -> pandas.DataFrame:
    """The table with what its numbers mean."""
    table = table.reset_index(drop=True)
    table.attrs["subjects"] = {number: subject for subject, number in ids.items()}
    table.attrs["analytes"] = {code: name for name, code in codes.items()}
    return table


def _number(record: Mapping[str, Any], numbers: Mapping[str, int]) -> float:
    """Number of a compartment, negative where it is turned off."""
    name = record["compartment"].lstrip("-")
    sign = -1.0 if record["compartment"].startswith("-") else 1.0
    if name.isdigit() or not name:
        return sign * float(name or 0)
    if name not in numbers:
        known = ", ".join(map(repr, numbers)) or "none"
        place = f"row {record['row']}, column CMT: {record['compartment']!r}"
        raise InputError(f"{place} has no number; compartments has {known}", "write_nonmem")
    return sign * float(numbers[name])


def _of_samples(study: Study, numbers: dict[str, int]) -> pandas.DataFrame:
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
    for dose in study._doses.to_dict("records"):
        place = numbers.get(dose["route"], 1 if dose["route"] == "oral" else central)
        alone = dose["reset"] and dose["amount"] == 0
        new = {"subject": dose["subject"], "TIME": dose.get("clock", dose["time"]), "AMT": dose["amount"], "CMT": place}
        new |= {**_dose_items(dose), "EVID": 3 if alone else 4 if dose["reset"] else 1, "OCC": dose["occasion"]}
        rows.append({**nothing, **new, "at": dose["time"], "order": 1})
    for sample in seen.itertuples():
        new = {"subject": sample.subject, "EVID": 0, "CMT": numbers.get(sample.analyte, central)}
        new |= {"TIME": getattr(sample, "clock", sample.time), "OCC": sample.occasion, "at": sample.time}
        new |= {**_value_items(sample), "DVID": analytes.index(sample.analyte) + 1}
        rows.append({**nothing, **new, "order": 2 if sample.mark == "post" else 0})
    place_of = {subject: k for k, subject in enumerate(subjects)}
    rows.sort(key=lambda row: (place_of[row["subject"]], row["at"], row["order"]))
    table = pandas.DataFrame(rows)
    table["ID"] = [ids[subject] for subject in table["subject"]]
    for name in DOSE_ITEMS:
        if name not in table:
            table[name] = 0.0
    extra = ["BLQ", "LLOQ", *(["DVID"] if len(analytes) > 1 else []), *(["OCC"] if study.several_periods else [])]
    known = study.subjects.set_index("subject").select_dtypes("number")
    for name in known:
        table[name] = known[name].loc[table["subject"]].to_numpy(dtype=float)
    for name in study.changing:
        table[name] = _last_given(study.records, name, table)
    return _described(
        table[[*_COLUMNS, *extra, *known, *study.changing]], ids, {name: k for k, name in enumerate(analytes, start=1)}
    )


def _last_given(records: pandas.DataFrame, name: str, table: pandas.DataFrame) -> list[float]:
    """The value of a covariate given last at or before each row, before the first one that, shape (rows,)."""
    given = records[records[name].notna()]
    by_subject = {subject: (part["time"].to_numpy(float), part[name].to_numpy(float))
                  for subject, part in given.groupby("subject", sort=False)}  # fmt: skip
    values = []
    for subject, time in zip(table["subject"], table["at"], strict=True):
        times, known = by_subject.get(subject, (np.zeros(1), np.full(1, math.nan)))
        values.append(float(known[max(int(np.searchsorted(times, time, side="right")) - 1, 0)]))
    return values


def _ids(subjects: list[Any]) -> dict[Any, float]:
    """The subjects' own numbers, if all have one and none comes twice; else 1, 2, 3 …"""
    try:
        own = [float(subject) for subject in subjects]
    except (TypeError, ValueError):
        own = []
    if not own or len(set(own)) < len(own) or not np.isfinite(own).all():
        own = [float(k) for k in range(1, len(subjects) + 1)]
    return dict(zip(subjects, own, strict=True))
