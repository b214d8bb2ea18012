"""Write a study as an ADaM data set for non-compartmental analysis."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
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
    warn_lost,
    words,
)
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    "STUDYID", "USUBJID", "ASEQ", "PARAM", "PARAMCD", "PCSPEC", "AVAL", "AVALC", "AVALU", "ALLOQ", "AULOQ", "AFRLT",
    "ARRLT", "NFRLT", "AEFRLT", "RELTMU", "VOLUME", "VOLUMEU", "DOSEA", "DOSEU", "ROUTE", "ADOSEDUR", "APERIOD",
    "AVISIT", "ATPT", "NCAXFL", "NCAXRS",
)  # fmt: skip
_OPTIONAL = ("PCSPEC", "ALLOQ", "AULOQ", "NFRLT", "AEFRLT", "VOLUME", "VOLUMEU", "DOSEA", "DOSEU", "ROUTE", "ARRLT",
             "ADOSEDUR", "APERIOD", "AVISIT", "ATPT", "NCAXFL", "NCAXRS")  # fmt: skip


@checked
def adnca_table(
    study: Study,
    *,
    study_id: str,
    specimens: Mapping[str, str] | None = None,
    routes: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return a study as an ADNCA table, one row per sample with its reference dose; `read_adnca` reads it back.

    The reference dose is the last one at or before the sample, the first one for samples before it. What cannot be
    carried: doses to which no sample refers (give ``doses=study.doses`` to `read_adnca`), occasions of doses, subjects
    without a sample, notes and attrs.

    Parameters
    ----------
    study : Study
        The study.
    study_id : str
        STUDYID.
    specimens : mapping, optional
        PCSPEC by analyte; else ``"URINE"`` for collections and ``"PLASMA"`` for the others.
    routes : mapping, optional
        ROUTE by our route, such as ``{"oral": "SUBCUTANEOUS"}``.

    Raises
    ------
    InputError
        If an argument is of the wrong kind.

    Warns
    -----
    DataWarning
        For doses and subjects that the table cannot carry, with their numbers.

    References
    ----------
    CDISC, ADaM Implementation Guide for Non-compartmental Analysis Input Data, version 1.0 (2021).
    """
    spelled = check(study, study_id, routes)
    tests = measured(study, specimens)
    more, people = covariate_cells(study)
    doses = _doses_by_subject(study)
    referred: set[tuple[Any, float]] = set()
    rows: list[Row] = []
    count: dict[Any, int] = {}
    tell = _unlabelled_periods(study)
    for row in records_of(study.observations):
        name = row["subject"]
        count[name] = count.get(name, 0) + 1
        dose = _reference(doses.get((name, row.get("period", 1)), []), row["time"])
        if dose is not None:
            referred.add((name, dose["time"]))
        test, code, specimen = tests[row["analyte"]]
        shown, value = result(row)
        rows.append({
            "STUDYID": study_id, "USUBJID": words(name), "ASEQ": count[name], "PARAM": test, "PARAMCD": code,
            "PCSPEC": specimen, "AVAL": value, "AVALC": shown, "AVALU": to_cdisc(study.units.get(row["analyte"], "")),
            "ALLOQ": row["lloq"], "AULOQ": row["uloq"], "NFRLT": row["nominal_time"],
            "AEFRLT": row.get("clock_until", row["until"]), "APERIOD": row["period"] if tell else None,
            "RELTMU": to_cdisc(study.units["time"]), "VOLUME": row["volume"],
            "VOLUMEU": to_cdisc(study.units["volume"]) if known(row["volume"]) else "",
            "AVISIT": words(row["occasion"]), "ATPT": MARKS[row["mark"]], "NCAXFL": "Y" if row["excluded"] else "",
            "NCAXRS": row["reason"], "AFRLT": row.get("clock", row["time"]), **_dose_cells(dose, row, study, spelled),
            **people[name],
        })  # fmt: skip
    flagged = any(row["NCAXRS"] for row in rows)
    _warn_of_losses(study, referred, set(count))
    return frame(rows, [*_COLUMNS, *more], [c for c in _OPTIONAL if not (flagged and c == "NCAXFL")])


def _doses_by_subject(study: Study) -> dict[tuple[Any, int], list[Row]]:
    """Doses in their order by subject and period."""
    by_subject: dict[tuple[Any, int], list[Row]] = {}
    for row in records_of(given_to_write(study)):
        by_subject.setdefault((row["subject"], row.get("period", 1)), []).append(row)
    return by_subject


def _unlabelled_periods(study: Study) -> bool:
    """Whether a subject has several periods that their occasions do not tell apart."""
    if not study.several_periods:
        return False
    table = study.observations
    periods = table.groupby(["subject", "occasion"])["period"].nunique()
    return bool(table["occasion"].isna().any() or (periods > 1).any())


def _reference(doses: list[Row], time: float) -> Row | None:
    if not doses:
        return None
    return doses[max(bisect.bisect_right([dose["time"] for dose in doses], time) - 1, 0)]


def _dose_cells(dose: Row | None, sample: Row, study: Study, routes: Mapping[str, str]) -> Row:
    if dose is None:
        return {}
    clock = "clock" if "clock" in sample else "time"
    since = Decimal(repr(float(sample[clock]))) - Decimal(repr(float(dose[clock])))
    return {
        "ARRLT": float(since), "DOSEA": dose["amount"], "DOSEU": to_cdisc(study.units["dose"]),
        "ROUTE": routes[dose["route"]], "ADOSEDUR": dose["duration"] or None,
    }  # fmt: skip


def _warn_of_losses(study: Study, referred: set[tuple[Any, float]], sampled: set[Any]) -> None:
    doses = study.given_doses()[0]
    lost = sum((s, t) not in referred for s, t in zip(doses["subject"], doses["time"], strict=True))
    lost += int(doses.duplicated(["subject", "time"]).sum())
    absent = len(set(study.subject_ids) - sampled)
    sentences = []
    if lost:
        sentences.append(f"{lost} doses stand beside no sample; read the table with doses=study.doses to keep them")
    if absent:
        sentences.append(f"{absent} subjects have no sample and are not in the table")
    warn_lost(sentences)
