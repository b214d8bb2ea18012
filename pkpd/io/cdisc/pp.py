"""Write the result of a non-compartmental analysis as the SDTM domain PP."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError, unknown_names
from pkpd.io.cdisc import iso
from pkpd.io.cdisc.iso import Moment, write_duration, write_moment
from pkpd.io.cdisc.spelling import code_of, to_cdisc
from pkpd.io.cdisc.terms import name_of_test
from pkpd.io.cdisc.writing import Row, frame, seconds

if TYPE_CHECKING:
    import pandas

_ROUTES = ("bolus", "infusion", "oral")
_COLUMNS = (
    "STUDYID", "DOMAIN", "USUBJID", "PPSEQ", "PPGRPID", "PPTESTCD", "PPTEST", "PPCAT", "PPORRES", "PPORRESU",
    "PPSTRESC", "PPSTRESN", "PPSTRESU", "PPSTAT", "PPREASND", "PPSPEC", "VISIT", "EPOCH", "PPDTC", "PPTPTREF",
    "PPRFTDTC", "PPSTINT", "PPENINT",
)  # fmt: skip
_OPTIONAL = ("PPSPEC", "VISIT", "EPOCH", "PPDTC", "PPRFTDTC", "PPSTINT", "PPENINT")
_NEEDED = ("subject", "interval", "dose_time", "route", "parameter", "reason")


@dataclass(frozen=True)
class _Row:
    """What is the same for one parameter of all profiles; the codes by route, in the order of `_ROUTES`."""

    name: str
    codes: tuple[str, str, str]
    sponsor: str
    unit: str
    words: str
    values: Sequence[float]
    reasons: Sequence[str]
    span: Row

    def code(self, route: str) -> str:
        """Return the code for a route; a profile without a dose takes the first there is."""
        chosen = self.codes[_ROUTES.index(route)] if route in _ROUTES else next(filter(None, self.codes), "")
        return chosen or self.sponsor


@checked
def pp_table(
    result: Any,
    *,
    study_id: str,
    specimen: str = "",
    parameters: Iterable[str] | None = None,
    reference: str | None = None,
    epoch: str = "",
    analysed: str = "",
) -> pandas.DataFrame:
    """Return the parameters of `pkpd.nca.nca` as the SDTM domain PP, one row per profile and parameter.

    A parameter that was not computed has PPSTAT ``NOT DONE`` and its reason as PPREASND. PPORRES and PPSTRESC hold the
    shortest text that gives back the same number. Units are spelled as CDISC spells them.

    Parameters
    ----------
    result : xarray.Dataset
        What `pkpd.nca.nca` returned for one analyte. Its windows become AUCINT with PPSTINT and PPENINT.
    study_id : str
        STUDYID.
    specimen : str
        PPSPEC, such as ``"PLASMA"``.
    parameters : iterable of str, optional
        The parameters to write, by default all.
    reference : str, optional
        Date and time of day of the study's time zero (ISO 8601); with it PPRFTDTC is the date of the dose.
    epoch, analysed : str
        EPOCH, and PPDTC: when the parameters were computed.

    Returns
    -------
    DataFrame
        The code of a parameter is that of its profile's route. A parameter without one stands under a sponsor's code:
        the words of its name, cut from the longest on until they have 8 characters, with a number at the end where
        that is taken. ``attrs["parameters"]`` holds our name by code, ``attrs["notes"]`` how many sponsor codes
        there are.

    Raises
    ------
    InputError
        If `result` is not the result of `nca`, or a parameter or the reference does not exist.

    References
    ----------
    CDISC, Study Data Tabulation Model Implementation Guide: Human Clinical Trials, version 3.4 (2021), domain PP;
    CDISC SDTM Controlled Terminology, code lists PKPARMCD and PKPARM.
    """
    zero = None if reference is None else iso.moment(reference)
    _check(result, study_id, zero, reference)
    names = [str(name) for name in result["parameter"].values]
    chosen = names if parameters is None else list(parameters)
    problems = unknown_names(chosen, names, "parameter")
    if problems:
        raise InputError(problems, "pp_table")
    known = {**_rows(result, names), **(_windows(result) if parameters is None else {})}
    head = {"STUDYID": study_id, "DOMAIN": "PP", "PPCAT": str(result.attrs.get("analyte", "")), "PPSPEC": specimen,
            "EPOCH": epoch, "PPDTC": analysed}  # fmt: skip
    rows: list[Row] = []
    meant: dict[str, str] = {}
    count: dict[str, int] = {}
    groups = _groups(result)
    for profile in range(result.sizes["profile"]):
        common = {**head, **_profile(result, profile, zero), "PPGRPID": groups[profile]}
        used: set[tuple[str, Any, Any]] = set()
        for row in (row for name, row in known.items() if name not in names or name in set(chosen)):
            code = row.code(str(result["route"].values[profile]))
            key = (code, row.span.get("PPSTINT"), row.span.get("PPENINT"))
            code = row.sponsor if key in used else code  # two of a profile must not share a code
            used.add((code, *key[1:]))
            meant.setdefault(code, row.name)
            count[common["USUBJID"]] = count.get(common["USUBJID"], 0) + 1
            rows.append({**common, **_cells(row, code, profile), "PPSEQ": count[common["USUBJID"]]})
    table = frame(rows, _COLUMNS, _OPTIONAL)
    sponsored = sorted({row.name for row in known.values() if meant.get(row.sponsor) == row.name})
    table.attrs["parameters"] = meant
    notes = [f"{len(sponsored)} parameters stand under a sponsor's code: {', '.join(sponsored)}"] if sponsored else []
    left = [name for name in ("aumc_window", "time_above", "auc_above") if name in result.variables]
    table.attrs["notes"] = notes + ([f"{len(left)} variables are not written: {', '.join(left)}"] if left else [])
    return table


def _check(result: object, study_id: object, zero: object, reference: object) -> None:
    problems = []
    if getattr(result, "children", None):
        raise InputError("result holds several analytes; expected one, such as result['DRUG'].to_dataset()", "pp_table")
    lacking = [name for name in _NEEDED if name not in getattr(result, "variables", ())]
    if lacking:
        problems.append(f"result is a {type(result).__name__} without {', '.join(lacking)}; expected what nca returns")
    elif "profile" not in getattr(result, "dims", ()):
        problems.append("result is one profile without its dimension; expected it with that, result.isel(profile=[0])")
    if not isinstance(study_id, str) or not study_id:
        problems.append(f"study_id is {study_id!r}; expected a text such as 'ABC-101'")
    if reference is not None and (not isinstance(zero, Moment) or zero.zoned):
        problems.append(f"reference is {reference!r}; expected a date with a time of day such as '2000-01-01T00:00'")
    if problems:
        raise InputError(problems, "pp_table")


def _rows(result: Any, names: Sequence[str]) -> dict[str, _Row]:
    """Return every parameter with its codes; sponsor codes do not depend on which parameters are written."""
    present = [route for route in _ROUTES if route in {str(r) for r in result["route"].values}]
    by_route = {name: _codes(result[name].attrs, present) for name in names}
    taken = {code for codes in by_route.values() for code in codes if code}
    rows = {}
    for name in names:
        sponsor = code_of(name, taken)
        taken.add(sponsor)
        attrs = result[name].attrs
        reasons = [str(text) for text in result["reason"].sel(parameter=name).values]
        rows[name] = _Row(
            name, by_route[name], sponsor, to_cdisc(str(attrs.get("units", ""))), str(attrs.get("long_name", name)),
            [float(x) for x in result[name].values], reasons, _span(attrs, result),
        )  # fmt: skip
    return rows


def _windows(result: Any) -> dict[str, _Row]:
    """Return the areas over windows as AUCINT with the ends of each, extrapolated as the rules of the analysis say."""
    if "auc_window" not in result.variables:
        return {}
    area = result["auc_window"]
    kind = json.loads(str(result.attrs.get("rules", "{}"))).get("partial", str(area["extrapolation"].values[0]))
    values, reasons = (result[name].sel(extrapolation=kind) for name in ("auc_window", "reason_window"))
    windows = {}
    for label in map(str, area["window"].values):
        edges = [float(edge) for edge in label.split("–")]
        name = f"auc_window {label}"
        windows[name] = _Row(
            name, ("AUCINT", "AUCINT", "AUCINT"), "AUCINTX", to_cdisc(str(area.attrs.get("units", ""))),
            str(area.attrs.get("long_name", name)), [float(x) for x in values.sel(window=label).values],
            [str(text) for text in reasons.sel(window=label).values],
            _span({"start": edges[0], "end": edges[1]}, result),
        )  # fmt: skip
    return windows


def _groups(result: Any) -> list[str]:
    """Return a name for every profile; those of one subject and dose are numbered."""
    keys = list(zip(map(str, result["subject"].values), map(int, result["interval"].values), strict=True))
    times = Counter(keys)
    seen: Counter[tuple[str, int]] = Counter()
    names = []
    for key in keys:
        seen[key] += 1
        names.append(f"INTERVAL {key[1]}" + (f".{seen[key]}" if times[key] > 1 else ""))
    return names


def _codes(attrs: Any, present: Sequence[str]) -> tuple[str, str, str]:
    """Return the codes for bolus, infusion and extravascular doses, "" where there is none."""
    complete = str(attrs.get("cdisc_by_route", "")).split("|")
    if len(complete) == 3:
        bolus, infusion, absorbed = ("" if code == "?" else code for code in complete)
        return bolus, infusion, absorbed
    codes = ["" if code == "?" else code for code in str(attrs.get("cdisc", "")).split("|")]
    if len(codes) == 1:
        return codes[0], codes[0], codes[0]
    if len(codes) == len(present):
        by_route = dict(zip(present, codes, strict=True))
        first, second, third = (by_route.get(route, codes[0]) for route in _ROUTES)
        return first, second, third
    return codes[0], codes[0], codes[-1]


def _span(attrs: Any, result: Any) -> Row:
    """Return PPSTINT and PPENINT of a parameter over a part of the interval (attrs ``start`` and ``end``)."""
    edges = [attrs.get("start"), attrs.get("end")]
    if any(edge is None or not math.isfinite(float(edge)) for edge in edges):
        return {}
    per = iso.per_unit(str(result["dose_time"].attrs.get("units", "h")))
    low, high = (write_duration(seconds(float(edge), per)) for edge in edges)
    return {"PPSTINT": low, "PPENINT": high}


def _profile(result: Any, profile: int, zero: object) -> Row:
    interval = int(result["interval"].values[profile])
    row = {
        "USUBJID": str(result["subject"].values[profile]),
        "PPTPTREF": f"DOSE {interval}" if interval else "",
    }  # fmt: skip
    if "occasion" in result.variables:
        visit = str(result["occasion"].values[profile])
        row["VISIT"] = "" if visit in ("<NA>", "None", "nan") else visit
    time = float(result["dose_time"].values[profile])
    if isinstance(zero, Moment) and math.isfinite(time):
        per = iso.per_unit(str(result["dose_time"].attrs.get("units", "h")))
        row["PPRFTDTC"] = write_moment(zero.seconds + seconds(time, per))
    return row


def _cells(row: _Row, code: str, profile: int) -> Row:
    value = row.values[profile]
    done = not math.isnan(value)
    text = repr(value).removesuffix(".0") if done else ""
    return {
        "PPTESTCD": code, "PPTEST": name_of_test(code, row.words), "PPORRES": text, "PPORRESU": row.unit,
        "PPSTRESC": text, "PPSTRESN": value, "PPSTRESU": row.unit, "PPSTAT": "" if done else "NOT DONE",
        "PPREASND": "" if done else row.reasons[profile], **row.span,
    }  # fmt: skip
