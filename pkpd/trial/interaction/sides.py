"""The two sides of a comparison, from results of NCA, of responses, or plain tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array
from pkpd.errors import InputError, few, nearest, shown, unknown_names
from pkpd.nca.after.accepted import doubts
from pkpd.nca.after.forms import columns_of
from pkpd.nca.after.names import named
from pkpd.nca.given import PROFILES
from pkpd.trial.exposure_response.descriptive import numbers_of
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas
    import xarray

_TREATMENT = ("treatment", "formulation", "trt", "trta", "arm", "group")
_EXPOSURES = ("auc_inf_obs", "auc_last", "auc_tau", "cmax", "tmax", "half_life")
_RISING = ("baseline", "r_max", "t_max", "auc_above_b", "time_to_recovery", "time_above_t")
_FALLING = ("baseline", "r_min", "t_min", "auc_below_b", "time_to_recovery", "time_across", "time_below_t")


@dataclass(frozen=True, eq=False)
class Side:
    """One treatment: a place per subject, and per parameter a number or why there is none."""

    label: str
    subjects: list[Any]
    values: dict[str, Array] = field(default_factory=dict)
    why: dict[str, list[str]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    dose: Array | None = None
    dose_unit: str = ""
    attrs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What a call asks for."""

    parameters: Sequence[str] | None
    test: str | None
    reference: str | None
    by: str
    columns: Mapping[str, str] | None
    only_accepted: bool


def read_sides(data: Any, asked: Asked, where: str) -> tuple[Side, Side, list[str], bool]:
    """Return test, reference, the parameters, and whether both came apart (two studies).

    Numbers of the test are in the units of the reference.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    sources, apart = _sources(data, asked, where)
    problems: list[str] = []
    for label, source in sources:
        who = _subjects(source)
        there, counts = np.unique([str(one) for one in who], return_counts=True)
        if (twice := there[counts > 1]).size:
            problems.append(f"{label}: subject {few(twice)} has several profiles; expected one (choose an interval, "
                            "or a period)")  # fmt: skip
    names, wrong = _names([source for _, source in sources], asked.parameters)
    problems += wrong
    if problems:
        raise InputError(problems, where)
    sides = []
    for label, source in sources:
        try:
            sides.append(_of_table(label, source, names) if _is_table(source)
                         else _of_result(label, source, names, asked.only_accepted))  # fmt: skip
        except InputError as error:
            problems += [f"{label}: {text}" for text in error.problems]
    if problems:
        raise InputError(problems, where)
    return _one_unit(*sides), sides[1], names, apart


def _is_table(source: Any) -> bool:
    return hasattr(source, "iloc")


def _sources(data: Any, asked: Asked, where: str) -> tuple[list[tuple[str, Any]], bool]:
    """Test and reference with what holds each, and whether they are two."""
    import pandas
    import xarray

    trees = (xarray.Dataset, xarray.DataTree)
    if isinstance(data, Mapping) and not isinstance(data, trees) and data and all(
        isinstance(one, (*trees, pandas.DataFrame)) for one in data.values()
    ):  # fmt: skip
        parts = {str(label): one for label, one in data.items()}
        chosen = _labels(list(parts), asked, "the mapping has")
        for label in chosen:
            if isinstance(parts[label], trees):
                _profiles(parts[label], f"data[{label!r}]", where)
        return [(label, parts[label] if isinstance(parts[label], trees)
                 else read_table(parts[label], (SUBJECT,), f"profiles of {label}", named=asked.columns))
                for label in chosen], True  # fmt: skip
    if isinstance(data, trees):
        _profiles(data, "data", where)
        known = [str(name) for name, one in data.coords.items() if one.dims == ("profile",)]
        if problems := unknown_names([asked.by], known, "group"):
            raise InputError(problems, where)
        texts = np.array([str(one) for one in data[asked.by].to_numpy().tolist()], dtype=object)
        chosen = _labels(list(dict.fromkeys(texts.tolist())), asked, f"{asked.by} is")
        return [(label, data.isel(profile=np.flatnonzero(texts == label))) for label in chosen], False
    also = _TREATMENT if asked.by == "treatment" else ()
    table = read_table(data, (SUBJECT, Column(asked.by, "text", "what was given", also=also)), "profiles",
                       named=asked.columns, unique=("subject", asked.by))  # fmt: skip
    chosen = _labels(list(dict.fromkeys(table[asked.by])), asked, f"{asked.by} is")
    return [(label, table[table[asked.by] == label]) for label in chosen], False


def _profiles(value: Any, name: str, where: str) -> None:
    """Raise a sentence for a dataset that has no profiles."""
    if not PROFILES.accepts(value):
        raise InputError(PROFILES.refusal(name, value), where)
    if "subject" not in value.coords:
        raise InputError(f"{name} has no coordinate subject; expected what pkpd.nca or nca_response returned", where)


def _labels(there: list[str], asked: Asked, what: str) -> tuple[str, str]:
    """Test and reference by name; where neither is said, of two the first and the second."""
    test, reference = (_among(one, there) for one in (asked.test, asked.reference))
    if test is None and reference is None and len(there) == 2:
        return there[0], there[1]
    lacking = [name for name, one in (("test", test), ("reference", reference)) if one is None]
    problems = [f"{name} is not said; {what} {few(there)}" for name in lacking]
    problems += [f"{shown(one)} never occurs; {nearest(one, there)}" for one in (test, reference)
                 if one is not None and one not in there]  # fmt: skip
    if test is not None and test == reference:
        problems.append("test and reference are the same")
    if problems:
        raise InputError(problems, "treatments")
    return str(test), str(reference)


def _among(name: str | None, there: list[str]) -> str | None:
    """A label as it stands in the data: 30 is 30.0."""
    if name is None or name in there:
        return name
    try:
        value = float(name)
    except ValueError:
        return name
    for one in there:
        try:
            if float(one) == value:
                return one
        except ValueError:
            continue
    return name


def _subjects(source: Any) -> list[Any]:
    return [*np.asarray(source["subject"]).tolist()]


def _columns(source: Any) -> dict[str, Any]:
    """What a source has numbers of, by the names one would ask for."""
    if _is_table(source):
        return {str(name): None for name in source if name not in ("subject", "row")}
    found: dict[str, Any] = {}
    for name, one in source.data_vars.items():
        own = columns_of(one) if "profile" in one.dims and one.dtype.kind in "fiub" else {}
        found |= own
        if [*own] != [str(name)]:
            found |= {str(name): own} if own else {}
    return found


def _names(sources: Sequence[Any], parameters: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The parameters, each once, those of limits and windows one by one; and what is wrong with them."""
    columns = [_columns(source) for source in sources]
    if parameters is None:
        usual = _usual(sources)
        asked = [name for name in usual if all(name in one for one in columns)]
        if not asked:
            return [], [f"both sides together have none of {', '.join(usual)}; say what to compare, parameters=[…]"]
    else:
        asked = [*dict.fromkeys(parameters)]
    problems: list[str] = []
    found: list[str] = []
    for own in columns:
        names, wrong = named(asked, own)
        problems += [text for text in wrong if text not in problems]
        flat = [part for name in names for part in (own[name] if isinstance(own[name], dict) else [name])]
        found = flat if own is columns[0] else [name for name in found if name in flat]
    if not found and not problems:
        problems.append(f"{few(asked)} have no limits or windows that both sides share")
    return found, problems


def _usual(sources: Sequence[Any]) -> tuple[str, ...]:
    """What is compared unless the user says: exposures, or what a trial asks of a response that rises or falls."""
    if any(_is_table(one) or one.attrs.get("kind") != "response" for one in sources):
        return _EXPOSURES
    up = sum(int((one["r_extreme"] > one["baseline"]).sum()) for one in sources)
    down = sum(int((one["r_extreme"] < one["baseline"]).sum()) for one in sources)
    return _RISING if up > down else _FALLING


def _of_table(label: str, table: pandas.DataFrame, names: Sequence[str]) -> Side:
    values, problems = {}, []
    for name in names:
        try:
            values[name] = numbers_of(table, name, "profiles")
        except InputError as error:
            problems += list(error.problems)
    if problems:
        raise InputError(problems)
    why = {name: ["" if np.isfinite(v) else "no number" for v in x] for name, x in values.items()}
    return Side(label, _subjects(table), values, why, dict.fromkeys(names, ""), attrs=provenance(table))


def _of_result(label: str, result: xarray.Dataset, names: Sequence[str], only_accepted: bool) -> Side:
    columns = _columns(result)
    values, why, unit = {}, {}, {}
    for name in names:
        base = name.split("[")[0]
        x = columns[name].to_numpy().astype(float)
        reasons = _reasons(result, base, columns[name])
        against = doubts(result, base) if only_accepted else np.full(len(x), "", dtype=object)
        said = ["" if np.isfinite(v) else str(r) or "no number" for v, r in zip(x, reasons, strict=True)]
        why[name] = [
            one or (f"not accepted: {doubt}" if doubt else "") for one, doubt in zip(said, against, strict=True)
        ]
        values[name] = np.where([not one for one in why[name]], x, np.nan)
        unit[name] = str(result[base].attrs.get("units", ""))
    dose = result["dose"] if "dose" in result.coords else None
    return Side(
        label, _subjects(result), values, why, unit,
        None if dose is None else dose.to_numpy().astype(float),
        "" if dose is None else str(dose.attrs.get("units", "")), provenance(result),
    )  # fmt: skip


def _reasons(result: xarray.Dataset, base: str, column: xarray.DataArray) -> Any:
    """Why a number lacks, per profile."""
    none = np.full(result.sizes["profile"], "", dtype=object)
    dims = [str(d) for d in result[base].dims if d != "profile"]
    if not dims:
        known = "reason" in result and base in result["parameter"].to_numpy()
        return result["reason"].sel(parameter=base).to_numpy() if known else none
    name = f"reason_{dims[0]}"
    if len(dims) > 1 or name not in result or base not in result[f"{dims[0]}_parameter"].to_numpy():
        return none
    return result[name].sel({f"{dims[0]}_parameter": base, dims[0]: column[dims[0]].item()}).to_numpy()


def _one_unit(test: Side, reference: Side) -> Side:
    """The test's numbers in the units of the reference."""
    values = {}
    for name, x in test.values.items():
        ours, theirs = test.units[name], reference.units[name]
        values[name] = x * units.factor(ours, theirs) if ours and theirs and ours != theirs else x
    dose = test.dose
    if dose is not None and test.dose_unit and reference.dose_unit and test.dose_unit != reference.dose_unit:
        dose = dose * units.factor(test.dose_unit, reference.dose_unit)
    return Side(test.label, test.subjects, values, test.why, reference.units, dose, reference.dose_unit, test.attrs)
