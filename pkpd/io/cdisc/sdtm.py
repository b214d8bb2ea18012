"""Read the SDTM domains PC, EX and DM into a checked `Study`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from pkpd.arguments import checked
from pkpd.errors import unknown_names
from pkpd.io.cdisc import exposure, iso
from pkpd.io.cdisc.dose_times import DoseTimes, known_times
from pkpd.io.cdisc.people import carried, complete, demographics
from pkpd.io.cdisc.tabular import (
    Cells,
    mark,
    opened,
    required,
    results,
    text,
    with_specimens,
)  # fmt: skip
from pkpd.io.cdisc.times import only_planned, sample_times
from pkpd.io.cdisc.volumes import join_volumes
from pkpd.io.declared import declared_units
from pkpd.io.empty_results import result_rules
from pkpd.io.findings import Findings
from pkpd.io.job import Job
from pkpd.io.table import Table
from pkpd.io.tables import to_study
from pkpd.study import Study

PC_COLUMNS = {
    "USUBJID": ("subjid",), "PCTESTCD": (), "PCTEST": (), "PCORRES": (), "PCORRESU": (), "PCSTRESC": (),
    "PCSTRESN": (), "PCSTRESU": (), "PCSTAT": (), "PCREASND": (), "PCLLOQ": (), "PCULOQ": (), "PCSPEC": (),
    "PCDTC": (), "PCENDTC": (), "PCTPT": (), "PCTPTNUM": (), "PCELTM": (), "PCTPTREF": (), "PCRFTDTC": (),
    "PCGRPID": (), "PCDY": (), "VISITDY": (), "PCEXCLFL": (), "PCREASEX": (), "VISIT": (),
    "VOLUME": ("pcvol", "pcvolume"), "VOLUMEU": ("pcvolu", "pcvolumeu"),
}  # fmt: skip
_SOURCES = (("PCSTRESN", "PCSTRESC", "PCSTRESU"), ("", "PCORRES", "PCORRESU"))
_HEADINGS = {
    "subject": "USUBJID", "time": "PCDTC", "unit": "PCSTRESU", "lloq": "PCLLOQ", "uloq": "PCULOQ", "until": "PCENDTC",
    "nominal_time": "PCELTM", "mark": "PCTPT", "occasion": "VISIT", "excluded": "PCEXCLFL", "reason": "PCREASEX",
    "blq": "PCSTRESC", "alq": "PCSTRESC", "volume": "VOLUME",
}  # fmt: skip


@checked
def read_sdtm(
    pc: Any,
    ex: Any = None,
    dm: Any = None,
    *,
    units: Mapping[str, str] | None = None,
    analytes: Iterable[str] | None = None,
    treatment: str | None = None,
    dose_time: str | None = None,
    columns: Mapping[str, str] | None = None,
    duplicates: str | None = None,
    missing: str | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Study:
    """Read concentrations (PC), doses (EX) and subjects (DM) of the SDTM into a study.

    Each table is a pandas or polars DataFrame, the path of a CSV file or of a SAS transport file (``.xpt``).

    Parameters
    ----------
    pc : DataFrame or path
        USUBJID, PCTESTCD or PCTEST, results (PCSTRESN, PCSTRESC, PCSTRESU; else PCORRES, PCORRESU), PCDTC. Used when
        present: PCSTAT, PCLLOQ, PCULOQ, PCSPEC, PCENDTC, PCTPT, PCELTM with PCRFTDTC, PCGRPID, VISIT, PCEXCLFL with
        PCREASEX, VOLUME with VOLUMEU.
    ex : DataFrame or path, optional
        USUBJID, EXDOSE, EXDOSU, EXROUTE, EXSTDTC, EXENDTC (or EXDUR). A row that lasts for days with EXDOSFRQ (``QD``)
        is spread into doses, which is counted; a day without a time of day is good where the samples have planned
        times only (PCELTM).
    dm : DataFrame or path, optional
        USUBJID and covariates; AGEU is the unit of AGE, WEIGHTU that of WEIGHT and so on.
    units : mapping, optional
        Units to have by name: ``"time"`` (else ``"h"``), ``"dose"``, ``"volume"``, analytes and covariates. An analyte
        that is not named takes the unit of most of its records; the others are converted.
    analytes : iterable of str, optional
        The analytes to read, by PCTEST (else PCTESTCD); by default all.
    treatment : str, optional
        The value of EXTRT to read, needed when there are several. Where each is the name of an analyte (PCTEST or
        PCTESTCD) all are read without it, and every analyte has the doses of its own name (column `into`).
    dose_time : str, optional
        Time of day of doses of which EX knows the day alone, ``"08:00"``; where PCRFTDTC says it, that is taken.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "PCSTRESN"}``.
    duplicates : {"mean", "first", "last"}, optional
        As in `read_study`.
    missing : {"drop", "exclude"}, optional
        What to do with records that have no result, as in `read_study`.
    attrs : mapping, optional
        Provenance.

    Returns
    -------
    Study
        Time zero is the subject's first dose; without a dose RFSTDTC of DM; without that the first sample.

    Raises
    ------
    InputError
        If anything is wrong; `problems` lists all of it with table, row (counted from 1 below the header), subject,
        column, cell and what was expected.

    Warns
    -----
    DataWarning
        For everything that was left out (``NOT DONE``) or altered, with its count.

    References
    ----------
    CDISC, Study Data Tabulation Model Implementation Guide: Human Clinical Trials, version 3.4 (2021), domains PC,
    EX and DM.
    """
    findings = Findings()
    job = Job(declared_units({} if units is None else units, findings), findings)
    job.results = result_rules(missing, None, None, findings)
    job.units.setdefault("time", "h")
    per = iso.per_unit(job.units["time"])
    samples = opened("PC", pc, PC_COLUMNS, columns, findings)
    known = known_times(samples, dose_time, findings)
    clock = (per, known, samples is not None and only_planned(samples))
    asked = exposure.Treatment(treatment, {} if samples is None else _called(samples))
    given = _exposure(ex, asked, clock, columns, findings)
    people, started = demographics(dm, columns, job)
    zero = dict(started)
    if given is not None:
        zero.update(given.first)
    if samples is not None:
        _observations(job, samples, (zero, per), analytes, given)
    if given is not None:
        timed = given.timed(zero, per, job)
        if len(timed) or not findings.problems:
            job.tables["doses"], job.heading_units["doses"] = timed, {}
    if people is not None:
        job.tables["subjects"] = people
        complete(job)
    return to_study(job, (None, None), duplicates, attrs)


def _exposure(
    ex: object,
    treatment: exposure.Treatment,
    clock: tuple[Fraction, DoseTimes, bool],
    columns: object,
    findings: Findings,
) -> exposure.Exposure | None:
    empty = getattr(ex, "shape", (1,))
    if ex is None or (isinstance(empty, tuple) and len(empty) == 2 and empty[0] == 0 and empty[1] > 0):
        return None  # a study without doses may well have a table of them without rows
    table = opened("EX", ex, exposure.COLUMNS, columns, findings)
    return None if table is None else exposure.read_exposure(table, treatment, clock[:2], findings, clock[2])


def _observations(
    job: Job, pc: Table, clock: tuple[dict[str, Fraction], Fraction], wanted: object, given: exposure.Exposure | None
) -> None:
    """Put the table of observations into the job; rows whose time cannot be read are reported and left out."""
    findings = job.findings
    needed = {"USUBJID": "the identifier of every record's subject"}
    if "PCDTC" not in pc and "PCELTM" not in pc:
        needed["PCDTC"] = "the date and time of every sample"
    if not any(c in pc for c in ("PCSTRESN", "PCSTRESC", "PCORRES")):
        needed["PCSTRESN"] = "the results"
    if "PCTEST" not in pc and "PCTESTCD" not in pc:
        needed["PCTEST"] = "the name of what was measured"
    if not required(pc, needed, findings):
        return
    pc = _done(pc, findings)
    pc, volumes = join_volumes(pc, job)
    pc, names = _wanted(pc, with_specimens(_names(pc, findings), [text(pc, "PCSPEC", i) for i in range(len(pc))]),
                        wanted, findings)  # fmt: skip
    columns: Cells = {"subject": list(pc.columns["USUBJID"]), "analyte": list(names)}
    columns |= results(pc, _SOURCES, ("PCLLOQ", "PCULOQ"), findings)
    for ours, theirs in (("occasion", "VISIT"), ("excluded", "PCEXCLFL"), ("reason", "PCREASEX")):
        if theirs in pc:
            columns[ours] = list(pc.columns[theirs])
    if "PCTPT" in pc:
        columns["mark"] = [mark(cell) for cell in pc.columns["PCTPT"]]
    columns |= sample_times(pc, clock, given, findings)
    columns["volume"] = [volumes.get(row) for row in pc.rows]
    headings = {ours: pc.headings.get(theirs, theirs) for ours, theirs in _HEADINGS.items()}
    headings["analyte"] = next(pc.headings[c] for c in ("PCTEST", "PCTESTCD") if c in pc)
    headings["value"] = next(pc.headings[c] for c in ("PCSTRESN", "PCSTRESC", "PCORRES") if c in pc)
    table = carried(pc, Table("PC", columns, pc.rows, headings), job)
    timed = [i for i, time in enumerate(columns["time"]) if time is not None]
    if timed or not findings.problems:
        job.tables["observations"], job.heading_units["observations"] = table.take(timed), {}


def _done(pc: Table, findings: Findings) -> Table:
    """Leave out the records of samples that were not taken or not measured."""
    kept = []
    reasons: Counter[str] = Counter()
    for i in range(len(pc)):
        if text(pc, "PCSTAT", i).upper() == "NOT DONE":
            reasons[text(pc, "PCREASND", i) or "no reason given"] += 1
        else:
            kept.append(i)
    if reasons:
        told = ", ".join(f"{count} × {why}" for why, count in sorted(reasons.items()))
        findings.altered(f"{pc.name}: {sum(reasons.values())} records are NOT DONE and were left out ({told})")
    return pc.take(kept)


def _names(pc: Table, findings: Findings) -> list[str]:
    """Return PCTEST of every record, PCTESTCD where there is none; one code with two names is a problem."""
    tests = [text(pc, "PCTEST", i) or text(pc, "PCTESTCD", i) for i in range(len(pc))]
    by_code: dict[str, str] = {}
    for i, name in enumerate(tests):
        code = text(pc, "PCTESTCD", i)
        if code and by_code.setdefault(code, name) != name:
            findings.problem(f"{pc.place('PCTEST', i)}: {name!r}, but PCTESTCD {code!r} is {by_code[code]!r} before; "
                             "expected one name")  # fmt: skip
    return tests


def _called(pc: Table) -> dict[str, str]:
    """The analytes by what they are called, name or code in small letters."""
    found: dict[str, str] = {}
    for i in range(len(pc)):
        name = text(pc, "PCTEST", i) or text(pc, "PCTESTCD", i)
        for spelled in (name, text(pc, "PCTESTCD", i)):
            if spelled:
                found.setdefault(spelled.casefold(), name)
    return found


def _wanted(pc: Table, names: Sequence[str], wanted: object, findings: Findings) -> tuple[Table, list[str]]:
    """Return the records of the wanted analytes and their names."""
    if wanted is None:
        return pc, list(names)
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        findings.problem(f"analytes: {wanted!r}; expected a list of names such as ['DRUG']")
        return pc, list(names)
    chosen = list(wanted)
    findings.problems += unknown_names(chosen, sorted(set(names)), "analyte")
    keep = [i for i, name in enumerate(names) if name in chosen]
    if len(keep) < len(names):
        others = ", ".join(sorted(set(names) - set(map(str, chosen))))
        findings.altered(f"{pc.name}: {len(names) - len(keep)} records of {others} were left out")
    return pc.take(keep), [names[i] for i in keep]
