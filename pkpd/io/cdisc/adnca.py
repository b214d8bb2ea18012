"""Read the ADaM data set ADNCA (also ADPC) into a checked `Study`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pkpd import units as unit_tools
from pkpd.arguments import checked
from pkpd.decimals import product
from pkpd.errors import unknown_names
from pkpd.io import columns as names
from pkpd.io.blq import reading
from pkpd.io.cdisc import iso
from pkpd.io.cdisc.excluded import exclusions, note_others
from pkpd.io.cdisc.people import carried
from pkpd.io.cdisc.reference_doses import reconstructed
from pkpd.io.cdisc.spelling import from_cdisc
from pkpd.io.cdisc.tabular import Cells, elapsed, mark, moments, opened, required, results, text, with_specimens
from pkpd.io.cdisc.visits import visit_column, with_visits
from pkpd.io.cdisc.volumes import in_one_volume_unit
from pkpd.io.cells import flag, is_missing, number
from pkpd.io.declared import declared_units, unit_is_good
from pkpd.io.empty_results import result_rules
from pkpd.io.findings import Findings
from pkpd.io.job import Job
from pkpd.io.table import Table, load
from pkpd.io.tables import to_study
from pkpd.io.treatments import NAMES
from pkpd.study import Study

COLUMNS = {
    "USUBJID": ("subjid",), "PARAM": (), "PARAMCD": (), "AVAL": (), "AVALC": (), "AVALU": (),
    "ALLOQ": ("pclloq", "lloq"), "AULOQ": ("pculoq", "uloq"), "AFRLT": (), "ARRLT": (), "NFRLT": (), "NRRLT": (),
    "AEFRLT": (), "AERRLT": (), "RELTMU": ("rrltu", "frltu"), "ADTM": (), "FANLDTM": ("trtsdtm", "fanldtm"),
    "PCSPEC": ("spec",), "VOLUME": ("pcvol",), "VOLUMEU": ("pcvolu",), "DOSEA": (), "DOSEP": (), "DOSEU": (),
    "ROUTE": ("exroute",), "ADOSEDUR": (), "AVISIT": ("visit",), "ATPT": ("pctpt",), "NCAXFL": ("exclfl",),
    "NCAXRS": ("exclrs", "exclreas", "ncaxreas"), "METABFL": (), "DTYPE": (), "PCSTAT": (), "APERIOD": (),
    "APERIODC": (), "ATPTREF": (), "PCREASND": (), "ANL01FL": (), "PKSUMXF": (),
    "AVALCAT1": (), "EVID": (),
}  # fmt: skip
PEOPLE = {
    "weight": ("weightbl", "wtbl", "wt", "bodyweight"), "height": ("heightbl", "htbl", "ht"), "age": ("aage",),
    "sex": (), "bmi": ("bmibl",), "bsa": ("bsabl",),
}  # fmt: skip
_NEEDED = {
    "USUBJID": "the identifier of every record's subject",
    "AVAL": "the results",
}
_HEADINGS = {
    "subject": "USUBJID", "time": "AFRLT", "value": "AVAL", "unit": "AVALU", "lloq": "ALLOQ", "uloq": "AULOQ",
    "until": "AEFRLT", "nominal_time": "NFRLT", "mark": "ATPT", "occasion": "visit", "excluded": "NCAXFL",
    "reason": "NCAXRS", "blq": "AVALC", "alq": "AVALC", "volume": "VOLUME",
}  # fmt: skip


@checked
def read_adnca(
    table: Any,
    doses: Any = None,
    *,
    units: Mapping[str, str] | None = None,
    analytes: Iterable[str] | None = None,
    covariates: Iterable[str] = (),
    columns: Mapping[str, str] | None = None,
    duplicates: str | None = None,
    missing: str | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Study:
    """Read an ADaM data set for non-compartmental analysis (ADNCA, ADPC) into a study.

    Parameters
    ----------
    table : DataFrame or path
        USUBJID, PARAM or PARAMCD, AVAL, AFRLT (or ADTM with FANLDTM or TRTSDTM). Used when present: AVALC, AVALU,
        ALLOQ (PCLLOQ), AULOQ, ARRLT, NFRLT, AEFRLT, RELTMU, PCSPEC, VOLUME, VOLUMEU, DOSEA (else DOSEP), DOSEU, ROUTE,
        ADOSEDUR, APERIOD (or APERIODC, AVISIT, ATPTREF: the first that differs within a subject is the occasion, and
        tells periods apart whose AFRLT starts anew), ATPT, NCAXFL with NCAXRS and NCA1XRS …, ANL01FL, METABFL, DTYPE (a
        ``COPY`` is left out), TRTA or TRTP (where it differs within a subject), WEIGHTBL, HEIGHTBL, AGE, SEX and their
        units (AGEU and so on).
    doses : DataFrame or path, optional
        Doses as in `read_study`, on the clock of AFRLT. Without it every record tells its reference dose: DOSEA
        was given at AFRLT − ARRLT; a dose to which no record refers is then not known.
    units : mapping, optional
        Units to have by name: ``"time"`` (else that of RELTMU, else ``"h"``), ``"dose"``, ``"volume"``, analytes and
        covariates; ``"duration"`` is that of ADOSEDUR when it is not the unit of time.
    analytes : iterable of str, optional
        The analytes to read, by PARAM (else PARAMCD); by default all.
    covariates : iterable of str
        Further columns, constant in every subject, to read as covariates.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "AFRLT"}``.
    duplicates : {"mean", "first", "last"}, optional
        As in `read_study`.
    missing : {"drop", "exclude"}, optional
        What to do with records that have no result, as in `read_study`.
    attrs : mapping, optional
        Provenance.

    Returns
    -------
    Study
        Time is AFRLT, the actual time since the first dose; where it starts anew in every period, see `read_study`.

    Raises
    ------
    InputError
        If anything is wrong; `problems` lists all of it.

    Warns
    -----
    DataWarning
        For everything that was left out or altered, with its count.

    References
    ----------
    CDISC, ADaM Implementation Guide for Non-compartmental Analysis Input Data, version 1.0 (2021).
    """
    findings = Findings()
    job = Job(declared_units({} if units is None else units, findings), findings)
    job.results = result_rules(missing, None, None, findings)
    more = _names(covariates, "covariates", findings)
    known = {**COLUMNS, **PEOPLE}
    records = opened("ADNCA", table, known, columns, findings)
    if records is None:
        return to_study(job, (None, None), duplicates, attrs)
    _time_unit(records, job)
    if "AFRLT" not in records and not ("ADTM" in records and "FANLDTM" in records) and "NFRLT" not in records:
        names.missing_column(records, "AFRLT", "the time of every sample since the first dose, or ADTM with FANLDTM",
                             findings)  # fmt: skip
    elif required(records, _NEEDED, findings) and ("PARAM" in records or _codes_instead(records, findings)):
        records = Table(records.name, {**records.columns, "start": _starts(records, job)}, records.rows,
                        records.headings, (*records.extras, *(k for k in PEOPLE if k in records)))  # fmt: skip
        records = with_visits(records, [i for i in range(len(records)) if not _left_out(records, i)])
        if doses is None:
            given = reconstructed(records, job)
            if given is not None:
                job.tables["doses"], job.heading_units["doses"] = given, {}
        else:
            _dose_table(job, doses, columns, "DOSEA" in records)
        _observations(job, records, _names(analytes, "analytes", findings) if analytes is not None else None, more)
    return to_study(job, (None, None), duplicates, attrs)


def _names(given: object, what: str, findings: Findings) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        findings.problem(f"{what}: {given!r}; expected a list of names")
        return []
    return [str(name) for name in given]


def _codes_instead(records: Table, findings: Findings) -> bool:
    return required(records, {} if "PARAMCD" in records else {"PARAM": "the name of what was measured"}, findings)


def _time_unit(records: Table, job: Job) -> None:
    """Settle the study's unit of time; the records' own stands under "relative time" while they are read."""
    counts = Counter(from_cdisc(text(records, "RELTMU", i)) for i in range(len(records)))
    counts.pop("", None)
    unit = next(iter(counts), job.units.get("time", "h"))
    if len(counts) > 1:
        job.findings.problem(f"{records.name}, column 'RELTMU': {', '.join(sorted(counts))}; expected one unit")
    if not unit_is_good("time", unit, job.findings):
        unit = "h"
    job.units.setdefault("time", unit)
    job.own_time = unit


def _in_time(records: Table, column: str, job: Job) -> list[object]:
    """Return a column of relative times in the study's unit; what is no number is left for the checks to come."""
    ratio = unit_tools.factor(job.own_time, job.units["time"])
    cells = list(records.columns.get(column, [None] * len(records)))
    if ratio == 1.0:
        return cells
    return [
        cell if (time := number(cell)) is None or is_missing(cell) else float(product(time, ratio)) for cell in cells
    ]


def _starts(records: Table, job: Job) -> list[object]:
    """Return the time since the first dose; NaN cells and texts stay, so that the reading of times reports them."""
    findings = job.findings
    if "AFRLT" in records:
        return _in_time(records, "AFRLT", job)
    if "ADTM" in records and "FANLDTM" in records:
        when, first = (moments(records, column, findings) for column in ("ADTM", "FANLDTM"))
        per = iso.per_unit(job.units["time"])
        return [elapsed(moment, None if zero is None else zero.seconds, per)
                for moment, zero in zip(when, first, strict=True)]  # fmt: skip
    findings.altered(f"{records.name}: no actual times; NFRLT stands for {len(records)} records")
    return _in_time(records, "NFRLT", job)


def _dose_table(job: Job, doses: object, columns: object, beside: bool) -> None:
    table = load("doses", doses, job.findings)
    if table is None:
        return
    words = names.vocabulary(names.KINDS_OF_DOSES, names.DOSES, names.CLOCK)
    folded = {names.fold(h) for h in table[0]}
    mine = {t: o for t, o in columns.items() if names.fold(t) in folded} if isinstance(columns, Mapping) else None
    renamed = names.check_renamed(mine, table[0], words, job.findings)
    job.tables["doses"], job.heading_units["doses"] = names.match("doses", table, words, renamed, job.findings)
    if beside:
        job.findings.fact("ADNCA: DOSEA is not used, since there is a table of doses")


def _observations(job: Job, records: Table, wanted: list[str] | None, more: list[str]) -> None:
    findings = job.findings
    lost = {i: why for i in range(len(records)) if (why := _left_out(records, i))}
    if lost:
        told = ", ".join(f"{count} × {why}" for why, count in sorted(Counter(lost.values()).items()))
        findings.altered(f"{records.name}: {len(lost)} records that are no sample of their own were left out ({told})")
    records = records.take([i for i in range(len(records)) if i not in lost])
    note_others(records, findings)
    records = _with_categories(records, findings)
    analytes = [text(records, "PARAM", i) or text(records, "PARAMCD", i) for i in range(len(records))]
    analytes = with_specimens(analytes, [text(records, "PCSPEC", i) for i in range(len(records))])
    if wanted is not None:
        findings.problems += unknown_names(wanted, sorted(set(analytes)), "analyte")
        keep = [i for i, name in enumerate(analytes) if name in wanted]
        if len(keep) < len(analytes):
            others = ", ".join(sorted(set(analytes) - set(wanted)))
            findings.altered(f"{records.name}: {len(analytes) - len(keep)} records of {others} were left out")
        records, analytes = records.take(keep), [analytes[i] for i in keep]
    _note_metabolites(records, analytes, findings)
    if "AFRLT" not in records and "ADTM" in records:  # a date that cannot be read was reported
        keep = [i for i in range(len(records)) if records.cell("start", i) is not None]
        records, analytes = records.take(keep), [analytes[i] for i in keep]
        if not keep:
            return
    columns: Cells = {"subject": list(records.columns["USUBJID"]), "analyte": list(analytes),
                      "time": list(records.columns["start"])}  # fmt: skip
    columns |= results(records, (("AVAL", "AVALC", "AVALU"),), ("ALLOQ", "AULOQ"), findings)
    if "visit" in records:
        columns["occasion"] = list(records.columns["visit"])
    columns |= exclusions(records, findings)
    if treatment := next((key for key in records.extras if names.fold(key) in NAMES), ""):
        columns["treatment"] = list(records.columns[treatment])
    if "ATPT" in records:
        columns["mark"] = [mark(cell) for cell in records.columns["ATPT"]]
    for ours, theirs in (("nominal_time", "NFRLT"), ("until", "AEFRLT")):
        if theirs in records:
            columns[ours] = _in_time(records, theirs, job)
    volumes_here = {i: (records.cell("VOLUME", i), text(records, "VOLUMEU", i)) for i in range(len(records))
           if not is_missing(records.cell("VOLUME", i))}  # fmt: skip
    volumes = in_one_volume_unit(records, volumes_here, job)
    columns["volume"] = [volumes.get(row) for row in records.rows]
    if "until" in columns:
        columns["until"] = _ends(records, columns)
    headings = {ours: records.headings.get(theirs, theirs) for ours, theirs in _HEADINGS.items()}
    headings["occasion"] = visit_column(records) or "AVISIT"
    headings["analyte"] = "PARAM" if "PARAM" in records else "PARAMCD"
    job.tables["observations"] = carried(
        records, Table("ADNCA", columns, records.rows, headings), job, [*more, *PEOPLE]
    )
    job.heading_units["observations"] = {}


def _with_categories(records: Table, findings: Findings) -> Table:
    """Take AVALCAT1 ("<BLQ") for the words of a record that has neither a number nor AVALC."""
    words = list(records.columns.get("AVALC", [None] * len(records)))
    count = 0
    for i, cell in enumerate(records.columns.get("AVALCAT1", ())):
        said = reading(cell)
        if is_missing(records.cell("AVAL", i)) and is_missing(words[i]) and said is not None and said.side:
            words[i], count = cell, count + 1
    if not count:
        return records
    findings.altered(f"{records.name}: {count} records without a result are beyond the limit by AVALCAT1")
    headings = {**records.headings}
    headings.setdefault("AVALC", records.headings.get("AVALCAT1", "AVALCAT1"))
    return replace(records, columns={**records.columns, "AVALC": words}, headings=headings)


def _left_out(records: Table, i: int) -> str:
    """Why a record is no sample, "" if it is one."""
    if text(records, "DTYPE", i).upper() == "COPY":
        return "COPY"
    if text(records, "PARAMCD", i).upper() == "DOSE" or (number(records.cell("EVID", i)) or 0.0) in (1.0, 4.0):
        return "of a dose"
    return (text(records, "PCREASND", i) or "NOT DONE") if text(records, "PCSTAT", i).upper() == "NOT DONE" else ""


def _ends(records: Table, columns: Cells) -> list[object]:
    """An end that equals the start is that of a sample at a point in time."""
    ends = []
    for start, end in zip(columns["time"], columns["until"], strict=True):
        a, b = number(start), number(end)
        ends.append(None if a is not None and a == b else end)
    return ends


def _note_metabolites(records: Table, analytes: list[str], findings: Findings) -> None:
    flagged = sorted({name for i, name in enumerate(analytes) if flag(records.cell("METABFL", i))})
    if flagged:
        findings.fact(f"{records.name}: metabolites (METABFL): {', '.join(flagged)}")
