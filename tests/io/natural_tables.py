"""Invented tables of one known study, as different people would write it down: layouts, headings, units, order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas

LAYOUTS = (
    "long", "long in one table", "wide", "one column a time", "dose in every row", "nonmem", "days and clock times",
    "hours of a day", "workbook", "two analytes and a unit column",
)  # fmt: skip
SUBJECT = (
    "subject",
    "Subject ID",
    "ID",
    "USUBJID",
    "Patient",
    "patient no",
    "Animal",
    "Subject No.",
    "PtID",
    "Proband",
)
TIME = ("time_h", "Time (h)", "TIMEHR", "Time [hr]", "hours", "actual time (h)", "t (h)", "Zeit (h)", "Time_min")
KNOWN_TIME = ("time_h", "Time (h)", "TIMEHR", "Time [hr]", "actual time (h)")
VALUE = (
    "conc_ng_mL", "Conc (ng/mL)", "CONCNGML", "Concentration [ng/mL]", "DV (ng/mL)", "Result (ng/mL)", "Cp ng/mL",
    "plasma conc (ug/L)", "Konzentration (ng/mL)", "conc_ug_mL",
)  # fmt: skip
AMOUNT = ("dose_mg", "Dose (mg)", "DOSEMG", "AMT (mg)", "Amount [mg]", "Dosis (mg)", "dose_ug")
ROUTE = ("route", "Route", "ROA", "Administration")
WORDS_OF_ROUTE = ("po", "oral", "PO", "Oral")
EXTRAS = (
    ("Site", "A"),
    ("comment", ""),
    ("Sex", "F"),
    ("batch no", "B7"),
    ("BMI", 23.5),
    ("Arm", "low"),
    ("Dose group", "25 mg"),
    ("Body weight (kg)", 70),
    ("Age", 40),
    ("dose level", 1),
    ("Nominal dose (mg)", 25),
    ("Study", "T-1"),
    ("tube", "K2-EDTA"),
    ("Lab", "north"),
    ("Matrix", "plasma"),
)


@dataclass
class Written:
    """Tables (or paths) to read, and what they hold: (subject, time in h, ng/mL) and (subject, time in h, mg)."""

    tables: list[Any]
    samples: list[tuple[str, float, float]]
    doses: list[tuple[str, float, float]]
    options: dict[str, Any] = field(default_factory=dict)


def written(layout: str, seed: int, folder: Path) -> Written:
    """Return the study in a layout, spelled as the seed says."""
    rng = np.random.default_rng(seed)
    pick = lambda words: words[int(rng.integers(len(words)))]  # noqa: E731
    people = [f"{pick(('S-', 'P', ''))}{k}" for k in (1, 2, 3)] if rng.random() < 0.5 else ["1", "2", "3"]
    grid = [0.5, 1.0, 2.0, 4.0, 8.0]
    dosed = [0.0] if layout in ("one column a time", "dose in every row") else [0.0, 24.0]
    doses = [(who, t, 25.0 * (k + 1)) for k, who in enumerate(people) for t in dosed]
    samples = [
        (who, round(t0 + t, 4), round(float(10 * (k + 1) * np.exp(-0.2 * t) + 0.01 * t0), 3))
        for k, who in enumerate(people) for t0 in dosed for t in grid
    ]  # fmt: skip
    heads = {"subject": pick(SUBJECT), "time": pick(TIME), "value": pick(VALUE), "amount": pick(AMOUNT)}
    minutes = 60.0 if heads["time"] == "Time_min" else 1.0
    thousandth = 1e-3 if heads["value"] == "conc_ug_mL" else 1.0
    micro = 1e3 if heads["amount"] == "dose_ug" else 1.0
    one = pandas.DataFrame(
        [(who, t * minutes, v * thousandth) for who, t, v in samples], columns=["subject", "time", "value"]
    )
    two = pandas.DataFrame(
        [(who, t * minutes, a * micro) for who, t, a in doses], columns=["subject", "time", "amount"]
    )
    route = pick(ROUTE)
    two[route] = pick(WORDS_OF_ROUTE)
    if layout == "hours of a day":  # beside a day, 'hours' and the like are a question (tests/io/test_rivals.py)
        heads["time"] = "Time_min" if minutes > 1 else pick(KNOWN_TIME)
        for table in (one, two):
            table.insert(1, "day", (table["time"] // (24 * minutes) + 1).astype(int))
            table["time"] %= 24 * minutes
    if layout == "days and clock times":
        for table in (one, two):
            when = pandas.to_datetime("2031-05-02 08:00") + pandas.to_timedelta(table["time"] / minutes, unit="h")
            table.insert(1, "Date", when.dt.strftime(pick(("%Y-%m-%d", "%d%b%Y")).replace("%b", "MAY")))
            table["time"] = when.dt.strftime("%H:%M")
        heads["time"] = pick(("Time", "Clock time", "time of day"))
    if layout == "two analytes and a unit column":
        one = pandas.concat([one.assign(Analyte="X", Unit="ng/mL"), one.assign(Analyte="Y", Unit="IU/L")])
        one["value"] /= thousandth
        heads["value"] = pick(("Result", "Conc", "DV", "Value", "Measurement"))
        one = one.rename(columns={"Analyte": pick(("Analyte", "Parameter", "Compound", "PARAMCD")),
                                  "Unit": pick(("Unit", "Units", "conc unit", "uom"))})  # fmt: skip
    tables = [one, two]
    if layout == "dose in every row":
        first = {who: a * micro for who, _, a in doses}
        tables = [one.assign(amount=one["subject"].map(first), **{route: two[route].iloc[0]})]
    if layout in ("long in one table", "nonmem"):
        tables = [pandas.concat([one, two]).sort_values(["subject", "time"], kind="stable")]
    if layout == "nonmem":
        heads |= {"subject": "ID", "amount": "AMT", "value": "DV"} | ({"time": "TIME"} if minutes == 1 else {})
        tables[0] = tables[0].drop(columns=route).assign(MDV=tables[0]["value"].isna().astype(int))
        units = {"time": "min" if minutes > 1 else "h", "dose": "ug" if micro > 1 else "mg",
                 "DV": "ug/mL" if thousandth < 1 else "ng/mL"}  # fmt: skip
        return _finished(tables, heads, samples, doses, rng, folder, {"units": units})
    if layout == "one column a time":
        tables[0] = one.pivot(index="subject", columns="time", values="value").reset_index()
        unit = "min" if minutes > 1 else "h"
        name = f"conc_{'ug' if thousandth < 1 else 'ng'}_mL"
        tables[0].columns = ["subject", *(f"{name}_{t:g}{unit}" for t in tables[0].columns[1:])]
    found = _finished(tables, heads, samples, doses, rng, None if layout == "workbook" else folder, {})
    if layout == "workbook":
        book = folder / f"trial{seed}.xlsx"
        names = (pick(("PK", "Concentrations", "Samples", "PC data")), pick(("Dosing", "Doses", "EX")))
        with pandas.ExcelWriter(book) as file:
            for name, table in zip(names, found.tables, strict=True):
                table.to_excel(file, sheet_name=name, index=False)
        found.tables = [book]
    return found


def _finished(
    tables: list[Any], heads: dict[str, str], samples: list[Any], doses: list[Any], rng: Any, folder: Path | None,
    options: dict[str, Any],
) -> Written:  # fmt: skip
    """Rename, add columns that say nothing, shuffle rows and columns, and write some as files."""
    done: list[Any] = []
    for table in tables:
        table = table.rename(columns=heads)
        for name, cell in EXTRAS:
            if rng.random() < 0.15:
                table[name] = cell
        if rng.random() < 0.5:
            table = table.iloc[rng.permutation(len(table))]
        if rng.random() < 0.5:
            table = table[[table.columns[k] for k in rng.permutation(table.shape[1])]]
        table = table.reset_index(drop=True)
        if folder is not None and rng.random() < 0.4:
            path = folder / f"{rng.integers(1 << 40)}.csv"
            sep, comma = ((",", "."), (";", "."), ("\t", "."), (";", ","))[int(rng.integers(4))]
            text = table.to_csv(index=False, sep=sep, decimal=comma)
            above = ("", "", "Table 1: concentrations\n", "\ufeff")[int(rng.integers(4))]
            path.write_text(above + text, encoding="utf-8")
            done.append(path)
        else:
            done.append(table)
    return Written(done, samples, doses, options)
