"""Volumes of collections: a column, or records of their own that belong to the same collection."""

from __future__ import annotations

from collections import Counter

from pkpd import units as unit_tools
from pkpd.decimals import product
from pkpd.errors import UnitError
from pkpd.io.cdisc import iso
from pkpd.io.cdisc.spelling import from_cdisc
from pkpd.io.cdisc.tabular import text
from pkpd.io.cells import is_missing, number
from pkpd.io.declared import unit_is_good
from pkpd.io.job import Job
from pkpd.io.table import Table

TESTS = ("VOLUME", "VOL")
"""PCTESTCD of records that hold the volume of a collection."""


def join_volumes(pc: Table, job: Job) -> tuple[Table, dict[int, object]]:
    """Return the records without those that hold volumes, and the volume of every record by its row.

    A volume belongs to the records of the same subject and PCGRPID; without PCGRPID to those with the same specimen,
    PCDTC and PCENDTC. The column VOLUME comes first. Volumes are converted to one unit.
    """
    held = [i for i in range(len(pc)) if text(pc, "PCTESTCD", i).upper() in TESTS]
    rest = [i for i in range(len(pc)) if i not in set(held)]
    beside = {i: (pc.cell("VOLUME", i), text(pc, "VOLUMEU", i)) for i in rest if not is_missing(pc.cell("VOLUME", i))}
    groups: dict[tuple[object, ...], int] = {}
    for i in held:
        for key in _keys(pc, i):
            groups.setdefault(key, i)
    used = set()
    taken: dict[int, tuple[object, str]] = {}
    for i in rest:
        holder = next((groups[key] for key in _keys(pc, i) if key in groups), None)
        if holder is not None and iso.moment(pc.cell("PCENDTC", i)) != "missing":
            used.add(holder)
            taken[i] = _result(pc, holder)
    lost = len(held) - len(used)
    if lost:
        job.findings.altered(f"{pc.name}: {lost} records of volumes belong to no other record and were left out")
    return pc.take(rest), in_one_volume_unit(pc, {**taken, **beside}, job)


def _keys(pc: Table, i: int) -> list[tuple[object, ...]]:
    subject, group = text(pc, "USUBJID", i), text(pc, "PCGRPID", i)
    when = tuple(text(pc, column, i) for column in ("PCSPEC", "PCDTC", "PCENDTC"))
    return [(subject, group)] if group else [(subject, *when)]


def _result(pc: Table, i: int) -> tuple[object, str]:
    for value, unit in (("PCSTRESN", "PCSTRESU"), ("PCSTRESC", "PCSTRESU"), ("PCORRES", "PCORRESU")):
        if not is_missing(pc.cell(value, i)):
            return pc.cell(value, i), text(pc, unit, i)
    return None, ""


def in_one_volume_unit(pc: Table, given: dict[int, tuple[object, str]], job: Job) -> dict[int, object]:
    """Return the volumes in one unit, the declared one or that of most."""
    counts = Counter(from_cdisc(unit) for _, unit in given.values() if unit)
    if counts and "volume" not in job.units:
        commonest = min(counts, key=lambda unit: (-counts[unit], unit))
        if unit_is_good("volume", commonest, job.findings):
            job.units["volume"] = commonest
    volumes: dict[int, object] = {}
    for i, (value, unit) in given.items():
        row, given_unit, amount = pc.rows[i], from_cdisc(unit), number(value)
        volumes[row] = value
        if given_unit and amount is not None and given_unit != job.units.get("volume", given_unit):
            try:
                volumes[row] = float(product(amount, unit_tools.factor(given_unit, job.units["volume"])))
            except UnitError as error:
                job.findings.problem(f"{pc.place('VOLUMEU', i)}: {'; '.join(error.problems)}")
    return volumes
