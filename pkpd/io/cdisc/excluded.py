"""Which records of ADNCA are not for NCA, and why: NCAXFL, NCAXRS, NCA1XRS … and ANL01FL."""

from __future__ import annotations

import re
from collections import Counter

from pkpd.io.cdisc.tabular import Cells, text
from pkpd.io.cells import flag, is_missing
from pkpd.io.findings import Findings
from pkpd.io.table import Table, positions

_REASON = re.compile(r"NCA\d*XRS", re.IGNORECASE)
_FLAG = re.compile(r"NCA\d+XFL", re.IGNORECASE)  # of one of several reasons; not in the standard, but found


def exclusions(records: Table, findings: Findings) -> Cells:
    """Return the columns ``excluded`` and ``reason``; none where the table says nothing of exclusions.

    A record is excluded by NCAXFL, by a reason (NCAXRS, NCA1XRS, NCA2XRS …), or because others have ANL01FL and it has
    not. A reason beside NCAXFL "N" is a problem.
    """
    reasons = [key for key in records.columns if _REASON.fullmatch(key)]
    chosen = _of_analysis(records)
    flags = [key for key in records.columns if _FLAG.fullmatch(key)]
    if "NCAXFL" not in records and not reasons and not flags and chosen is None:
        return {}
    excluded: list[object] = []
    why: list[object] = []
    for i in range(len(records)):
        said = list(dict.fromkeys(filter(None, (text(records, key, i) for key in reasons))))
        cell = records.cell("NCAXFL", i)
        also = [key for key in flags if flag(records.cell(key, i))]
        said = said or [f"{records.headings.get(key, key)} is Y" for key in also]
        known = flag(cell)
        if said and known is False and not is_missing(cell):
            records.complain(findings, "NCAXFL", i, f"Y, since the reason is {'; '.join(said)!r}")
        if chosen is not None and not chosen[i] and not said and not known:
            said = [f"{records.headings.get('ANL01FL', 'ANL01FL')} is not Y"]
        excluded.append(cell if known is None else bool(said) or known)
        why.append("; ".join(said) or None)
    return {"excluded": excluded, "reason": why}


def _of_analysis(records: Table) -> list[bool] | None:
    """Which records are for analysis by ANL01FL; None where no record has the flag."""
    chosen = [text(records, "ANL01FL", i).upper() == "Y" for i in range(len(records))]
    return chosen if any(chosen) else None


def note_others(records: Table, findings: Findings) -> None:
    """Count records that are excluded from summaries only, and those that were derived; all are read."""
    summary = records.flags("PKSUMXF", findings)
    if summary.any():
        findings.altered(
            f"{records.name}: {len(positions(summary))} records are excluded from summaries (PKSUMXF), not from NCA; "
            "they are read like all others"
        )
    derived = Counter(text(records, "DTYPE", i).upper() for i in range(len(records)))
    for name, count in sorted((name, count) for name, count in derived.items() if name not in ("", "COPY")):
        findings.altered(f"{records.name}: {count} records are derived (DTYPE {name}) and read like all others")
