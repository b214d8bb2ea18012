"""What the readers know while they read: the matched tables, units, and how an event table is meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pkpd.dosing import Regimen
from pkpd.io.empty_results import ResultRules
from pkpd.io.findings import Findings
from pkpd.io.table import Table


@dataclass(frozen=True)
class EventRules:
    """How an event table is read.

    Attributes
    ----------
    strict : bool
        Whether rows must stand as NONMEM wants them (`read_nonmem`); otherwise they are put in order.
    carried : {"next", "last"}
        How covariates that change are carried between records.
    routes : str or mapping
        Route of the doses, or of those into a compartment, by its number or name.
    analytes : mapping
        What a value of DVID (or of CMT) measures.
    """

    strict: bool = False
    carried: str = "next"
    routes: str | Mapping[str, str] = field(default_factory=dict)
    analytes: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """What is known while the tables are read; `units` grows by what records and plans carry.

    `own_time` is the unit of relative times in a table that has one of its own; `assumed` holds units that nobody gave;
    `may_change` says whether numbers that vary within a subject are covariates that change in time;
    `results` is what the user says of results that are none.
    """

    units: dict[str, str]
    findings: Findings
    tables: dict[str, Table] = field(default_factory=dict)
    heading_units: dict[str, dict[str, str]] = field(default_factory=dict)
    plan: Regimen | None = None
    own_time: str = "h"
    events: EventRules = field(default_factory=EventRules)
    assumed: dict[str, str] = field(default_factory=dict)
    may_change: bool = False
    results: ResultRules = field(default_factory=ResultRules)
