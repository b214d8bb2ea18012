"""CDISC tables in and out: SDTM (PC, EX, DM), ADaM ADNCA, and the PP domain of an analysis."""

from __future__ import annotations

from pkpd.io.cdisc.adnca import read_adnca
from pkpd.io.cdisc.pp import pp_table
from pkpd.io.cdisc.read_adtte import read_adtte
from pkpd.io.cdisc.read_events import read_adae, read_ae
from pkpd.io.cdisc.read_labs import read_adlb, read_lb
from pkpd.io.cdisc.read_pp import read_pp
from pkpd.io.cdisc.read_responses import read_adrs, read_rs
from pkpd.io.cdisc.read_tumours import read_tumours
from pkpd.io.cdisc.sdtm import read_sdtm
from pkpd.io.cdisc.write_adnca import adnca_table
from pkpd.io.cdisc.write_sdtm import sdtm_tables

__all__ = [
    "adnca_table",
    "pp_table",
    "read_adae",
    "read_adlb",
    "read_adnca",
    "read_adrs",
    "read_adtte",
    "read_ae",
    "read_lb",
    "read_pp",
    "read_rs",
    "read_sdtm",
    "read_tumours",
    "sdtm_tables",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
