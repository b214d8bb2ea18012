"""Write a study as the SDTM domains PC, EX and DM."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.io.cdisc import iso
from pkpd.io.cdisc.iso import Moment, write_duration, write_moment
from pkpd.io.cdisc.spelling import to_cdisc
from pkpd.io.cdisc.writing import (
    MARKS,
    Row,
    check,
    covariate_cells,
    frame,
    given_to_write,
    known,
    measured,
    records_of,
    result,
    seconds,
    warn_lost,
    words,
)
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

_PC = (
    "STUDYID", "DOMAIN", "USUBJID", "PCSEQ", "PCGRPID", "PCTESTCD", "PCTEST", "PCORRES", "PCORRESU", "PCSTRESC",
    "PCSTRESN", "PCSTRESU", "PCSPEC", "PCLLOQ", "PCULOQ", "PCEXCLFL", "PCREASEX", "VISIT", "PCDTC", "PCENDTC", "PCTPT",
    "PCELTM", "PCTPTREF", "PCRFTDTC",
)  # fmt: skip
_PC_OPTIONAL = ("PCGRPID", "PCLLOQ", "PCULOQ", "PCEXCLFL", "PCREASEX", "VISIT", "PCENDTC", "PCTPT", "PCELTM",
                "PCTPTREF", "PCRFTDTC")  # fmt: skip
_EX = ("STUDYID", "DOMAIN", "USUBJID", "EXSEQ", "EXTRT", "EXDOSE", "EXDOSU", "EXDOSFRQ", "EXROUTE", "VISIT", "EXSTDTC",
       "EXENDTC")  # fmt: skip


@checked
def sdtm_tables(
    study: Study,
    *,
    study_id: str,
    reference: str = "2000-01-01T00:00",
    treatment: str = "DRUG",
    specimens: Mapping[str, str] | None = None,
    routes: Mapping[str, str] | None = None,
) -> dict[str, pandas.DataFrame]:
    """Return a study as the SDTM domains ``PC``, ``EX`` and ``DM``; `read_sdtm` reads them back.

    Dates and times carry as many decimals of a second as it takes to give back the same number. What cannot be
    carried: a time zero other than the first dose (it becomes the first dose), notes and attrs, rows of the source
    tables, and units of names that have no record.

    Parameters
    ----------
    study : Study
        The study.
    study_id : str
        STUDYID.
    reference : str
        Date and time of day of the study's time zero, ISO 8601.
    treatment : str
        EXTRT.
    specimens : mapping, optional
        PCSPEC by analyte; else ``"URINE"`` for collections and ``"PLASMA"`` for the others.
    routes : mapping, optional
        EXROUTE by our route, such as ``{"oral": "SUBCUTANEOUS"}``.

    Returns
    -------
    dict of str to DataFrame
        ``"PC"``, ``"EX"`` and ``"DM"``. PCEXCLFL and PCREASEX (of SEND) stand only where a record is excluded;
        volumes of collections are records with PCTESTCD ``VOLUME`` in the same PCGRPID.

    Raises
    ------
    InputError
        If an argument is of the wrong kind, or a date would lie outside the years 1 to 9999.

    Warns
    -----
    DataWarning
        For subjects whose first dose is not at time 0, with their number.

    References
    ----------
    CDISC, Study Data Tabulation Model Implementation Guide: Human Clinical Trials, version 3.4 (2021).
    """
    spelled = check(study, study_id, routes)
    zero = iso.moment(reference)
    if not isinstance(zero, Moment) or zero.zoned:
        raise InputError(f"reference is {reference!r}; expected a date with a time of day such as '2000-01-01T00:00'")
    head = {"STUDYID": study_id}
    clock = (zero.seconds, iso.per_unit(study.units["time"]))
    first = study.given_doses()[0].groupby("subject")["time"].min()
    moved = int((first != 0.0).sum())
    if moved:
        warn_lost([f"{moved} subjects have their first dose not at time 0; in SDTM their time counts from it"])
    return {
        "PC": _samples(study, head, clock, specimens),
        "EX": _doses(study, {**head, "DOMAIN": "EX", "EXTRT": treatment}, clock, spelled),
        "DM": _people(study, head, clock, dict(first)),
    }


def _samples(
    study: Study, head: Row, clock: tuple[Fraction, Fraction], specimens: Mapping[str, str] | None
) -> pandas.DataFrame:
    tests = measured(study, specimens)
    origin, per = clock
    groups: dict[tuple[Any, ...], Row] = {}
    rows: list[Row] = []
    for row in records_of(study.observations):
        test, code, specimen = tests[row["analyte"]]
        shown, value = result(row)
        unit = to_cdisc(study.units.get(row["analyte"], ""))
        when = {"PCDTC": write_moment(origin + seconds(row["time"], per))}
        if known(row["until"]):
            when["PCENDTC"] = write_moment(origin + seconds(row["until"], per))
        if known(row["nominal_time"]):
            when |= {"PCELTM": write_duration(seconds(row["nominal_time"], per)), "PCTPTREF": "TIME ZERO",
                     "PCRFTDTC": write_moment(origin)}  # fmt: skip
        owner = {**head, "DOMAIN": "PC", "USUBJID": words(row["subject"]), "PCSPEC": specimen}
        group = ""
        if known(row["volume"]):
            key = (row["subject"], specimen, row["time"], row["until"], row["volume"])
            group = groups.setdefault(key, _volume(row, owner, when, study.units["volume"], len(groups) + 1))["PCGRPID"]
        rows.append({
            **owner, **when, "PCGRPID": group, "PCTESTCD": code, "PCTEST": test, "PCORRES": shown, "PCORRESU": unit,
            "PCSTRESC": shown, "PCSTRESN": value, "PCSTRESU": unit, "PCLLOQ": row["lloq"], "PCULOQ": row["uloq"],
            "PCEXCLFL": "Y" if row["excluded"] else "", "PCREASEX": row["reason"], "VISIT": words(row["occasion"]),
            "PCTPT": MARKS[row["mark"]],
        })  # fmt: skip
    numbered = _in_sequence([*rows, *groups.values()], "PCSEQ")
    flagged = any(row["PCREASEX"] for row in rows)
    return frame(numbered, _PC, [c for c in _PC_OPTIONAL if not (flagged and c == "PCEXCLFL")])


def _volume(row: Row, owner: Row, when: Mapping[str, str], unit: str, number: int) -> Row:
    text, spelled = repr(float(row["volume"])), to_cdisc(unit)
    return {
        **owner, **when, "PCGRPID": f"C{number}", "PCTESTCD": "VOLUME", "PCTEST": "Volume", "PCORRES": text,
        "PCORRESU": spelled, "PCSTRESC": text, "PCSTRESN": float(row["volume"]), "PCSTRESU": spelled,
        "PCREASEX": "", "VISIT": words(row["occasion"]),
    }  # fmt: skip


def _in_sequence(rows: list[Row], column: str) -> list[Row]:
    """Number the rows of each subject from 1."""
    count: dict[str, int] = {}
    for row in rows:
        count[row["USUBJID"]] = count.get(row["USUBJID"], 0) + 1
        row[column] = count[row["USUBJID"]]
    return rows


def _doses(study: Study, head: Row, clock: tuple[Fraction, Fraction], routes: Mapping[str, str]) -> pandas.DataFrame:
    origin, per = clock
    rows = []
    for row in records_of(given_to_write(study)):
        start = seconds(row["time"], per)
        lasting = seconds(row["duration"], per) if row["duration"] else Fraction(0)
        rows.append({
            **head, "USUBJID": words(row["subject"]), "EXDOSE": row["amount"], "EXDOSU": to_cdisc(study.units["dose"]),
            "EXDOSFRQ": "ONCE", "EXROUTE": routes[row["route"]], "VISIT": words(row["occasion"]),
            "EXSTDTC": write_moment(origin + start), "EXENDTC": write_moment(origin + start + lasting),
        })  # fmt: skip
    return frame(_in_sequence(rows, "EXSEQ"), _EX, ["VISIT"])


def _people(study: Study, head: Row, clock: tuple[Fraction, Fraction], first: Mapping[Any, float]) -> pandas.DataFrame:
    origin, per = clock
    columns, cells = covariate_cells(study)
    rows = [
        {**head, "DOMAIN": "DM", "USUBJID": words(name), "SUBJID": words(name), **cells[name],
         "RFSTDTC": write_moment(origin + seconds(float(first.get(name, 0.0)), per))}
        for name in study.subject_ids
    ]  # fmt: skip
    return frame(rows, ["STUDYID", "DOMAIN", "USUBJID", "SUBJID", "RFSTDTC", *columns])
