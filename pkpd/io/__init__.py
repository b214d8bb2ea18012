"""Readers of other people's tables, each returning a checked `pkpd.study.Study`; writers of CDISC and NONMEM tables."""

from __future__ import annotations

from pkpd.io.cdisc import adnca_table, pp_table, read_adnca, read_pp, read_sdtm, sdtm_tables
from pkpd.io.nonmem import read_nonmem
from pkpd.io.nonmem_write import write_nonmem
from pkpd.io.tables import read_study

__all__ = [
    "adnca_table",
    "pp_table",
    "read_adnca",
    "read_nonmem",
    "read_pp",
    "read_sdtm",
    "read_study",
    "sdtm_tables",
    "write_nonmem",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
