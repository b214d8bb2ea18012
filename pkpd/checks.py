"""What a study holds, counted, drawn and fingerprinted; works on the tables of a `Study`."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array
from pkpd.decimals import difference
from pkpd.errors import InputError
from pkpd.periods import own_clock

if TYPE_CHECKING:
    import pandas

_FAR = 30.0  # times the others' median: units that were mistaken are a factor of a thousand apart
_JUMP, _OTHER_DOSE, _TWINS = 100.0, 10.0, 5
_FEWEST = 3  # others that make a median
_SHOWN = 40  # rows of the audit that a notebook shows
_CELL = "padding:2px 10px;text-align:{};border-bottom:1px solid rgba(128,128,128,.25)"


def planned_time(observations: pandas.DataFrame) -> pandas.Series:
    """Return the nominal time of every sample, the actual time where there is none."""
    return observations["nominal_time"].fillna(own_clock(observations))


def count_records(observations: pandas.DataFrame) -> pandas.DataFrame:
    """Count the records by analyte and planned time, and by occasion and mark where these are given.

    Parameters
    ----------
    observations : DataFrame
        Observations of a study.

    Returns
    -------
    DataFrame
        ``n`` (all records), of these ``excluded``, and of the others ``blq``, ``alq`` and ``measured``.
    """
    used = ~observations["excluded"]
    counted = observations.assign(
        time=planned_time(observations),
        n=1,
        blq=observations["blq"] & used,
        alq=observations["alq"] & used,
        measured=used & ~observations["blq"] & ~observations["alq"],
    )
    optional = {"occasion": observations["occasion"].notna().any(), "mark": (observations["mark"] != "").any()}
    keys = [key for key in ("analyte", "occasion", "time", "mark") if optional.get(key, True)]
    sums = ["n", "measured", "blq", "alq", "excluded"]
    return counted.groupby(keys, dropna=False)[sums].sum().astype("int64").reset_index()


def look_over(observations: pandas.DataFrame, doses: pandas.DataFrame, subjects: pandas.Series) -> pandas.DataFrame:
    """Return what a study holds of every subject, and what is odd about it, in words.

    Odd are: no dose although others have one, no sample, no sample after a dose, a value above the limit before the
    first dose, an analyte of which nothing was measured, samples in another order than planned, and an amount or a
    value 30 times as large or as small as the median of at least three others (at the same planned time); a value 100
    times as large or as small as both its neighbours in time, but for a rise by a dose; a dose ten times as large or as
    small as the median of at least three other doses of the subject; and all values (five at least) the same as another
    subject's.

    Parameters
    ----------
    observations, doses : DataFrame
        Of a study; samples that were set aside are counted, and not judged.
    subjects : Series
        Identifiers.

    Returns
    -------
    DataFrame
        Columns ``subject, doses, amount`` (the sum), ``first_dose, last_dose, samples, first_sample, last_sample,
        measured, blq, alq, excluded, odd``, times in the study's unit; ``odd`` is "" where nothing is.
    """
    import pandas

    given = doses[doses["amount"] > 0]
    used = observations[~observations["excluded"]]
    far = _far_from_others(used.assign(planned=planned_time(used)), given)
    for who, sentence in _twins(used):
        far.setdefault(who, []).append(sentence)
    rows = []
    for who in subjects.tolist():
        mine, all_mine = used[used["subject"] == who], observations[observations["subject"] == who]
        own = given[given["subject"] == who]
        rows.append({
            "subject": who, "doses": len(own), "amount": float(own["amount"].sum()),
            "first_dose": own["time"].min(), "last_dose": own["time"].max(), "samples": len(all_mine),
            "first_sample": all_mine["time"].min(), "last_sample": all_mine["time"].max(),
            "measured": int((~mine["blq"] & ~mine["alq"]).sum()), "blq": int(mine["blq"].sum()),
            "alq": int(mine["alq"].sum()), "excluded": len(all_mine) - len(mine),
            "odd": "; ".join([*_odd(mine, own, len(given) > 0), *far.get(who, [])]),
        })  # fmt: skip
    return pandas.DataFrame(rows)


def _odd(mine: pandas.DataFrame, own: pandas.DataFrame, dosed: bool) -> list[str]:
    """What is odd about one subject's samples and doses on their own."""
    found = ["no dose"] if dosed and not len(own) else []
    if not len(mine):
        return [*found, "no sample"]
    if len(own):
        first = own["time"].min()
        late = (mine["time"] > first) | ((mine["time"] == first) & (mine["mark"] == "post")) | (mine["until"] > first)
        if not late.any():
            found.append("no sample after a dose")
        early = mine[(mine["time"] < first) & ~mine["blq"] & (mine["value"] > 0) & mine["lloq"].notna()]
        if len(early):
            found.append(f"{len(early)} values above the limit before the first dose")
    for analyte, rows in mine.groupby("analyte"):
        if rows["blq"].all():
            found.append(f"all {len(rows)} samples of {analyte} are BLQ")
        planned = rows.sort_values("time", kind="stable")["nominal_time"].dropna()
        if not planned.is_monotonic_increasing and "period" not in rows:
            found.append(f"samples of {analyte} in another order than planned")
        found += _jumps(str(analyte), rows, own["time"].to_numpy(float))
    amount = own["amount"].to_numpy(float)
    for k in range(len(amount) if len(amount) > _FEWEST else 0):
        ratio = amount[k] / float(np.median(np.delete(amount, k)))
        if not 1 / _OTHER_DOSE < ratio < _OTHER_DOSE:
            found.append(f"dose at {own['time'].iloc[k]:g}: {ratio:.3g} times the median of its other doses")
    return found


def _jumps(analyte: str, rows: pandas.DataFrame, given: Array) -> list[str]:
    """Measured values that are many times both their neighbours in time, or a small part of both; no rise by a dose."""
    measured = rows[~rows["blq"] & ~rows["alq"] & (rows["value"] > 0)].sort_values("time", kind="stable")
    time, size = measured["time"].to_numpy(float), np.log(measured["value"].to_numpy(float))
    found = []
    for k in range(1, len(size) - 1):
        before, after = size[k] - size[k - 1], size[k] - size[k + 1]
        dosed = bool(((given >= time[k - 1]) & (given <= time[k])).any())
        if before * after > 0 and min(abs(before), abs(after)) > np.log(_JUMP) and not (before > 0 and dosed):
            ratio = np.exp(min(before, after, key=abs))
            found.append(f"{analyte} at {time[k]:g}: {ratio:.3g} times its neighbours")
    return found


def _twins(used: pandas.DataFrame) -> list[tuple[Any, str]]:
    """Subjects all of whose measured values, five at least, are those of another one."""
    seen: dict[tuple[Any, ...], list[Any]] = {}
    for who, rows in used[~used["blq"] & ~used["alq"]].groupby("subject"):
        values = sorted(zip(rows["analyte"], rows["time"], rows["value"], strict=True))
        if len(values) >= _TWINS and len({value for _, _, value in values}) > 1:
            seen.setdefault(tuple(values), []).append(who)
    return [
        (who, f"the same {len(values)} values as subject {next(other for other in same if other != who)}")
        for values, same in seen.items() if len(same) > 1 for who in same
    ]  # fmt: skip


def _far_from_others(used: pandas.DataFrame, given: pandas.DataFrame) -> dict[Any, list[str]]:
    """Values and amounts that are many times the median of other subjects, or a small part of it, by subject."""
    import pandas

    found: dict[Any, list[str]] = {}
    measured = used[~used["blq"] & (used["value"] > 0)]
    groups = [(f"{name} at {time:g}", rows, "value") for (name, time), rows in measured.groupby(["analyte", "planned"])]
    for what, rows, column in [*groups, ("dose", given, "amount")]:
        values, (place, subjects) = rows[column].to_numpy(float), pandas.factorize(rows["subject"])
        if len(subjects) - 1 < _FEWEST:
            continue
        for k, who in enumerate(subjects.tolist()):
            ratio = values[place == k] / float(np.median(values[place != k]))
            worst = ratio[np.argmax(np.abs(np.log(ratio)))]
            if not 1 / _FAR < worst < _FAR:
                found.setdefault(who, []).append(f"{what}: {worst:.3g} times the others' median")
    return found


def time_deviations(observations: pandas.DataFrame) -> pandas.DataFrame:
    """Return the samples that have a nominal time, with ``deviation = time − nominal_time`` in the study's unit."""
    planned = observations[observations["nominal_time"].notna()]
    columns = ["subject", "analyte", "occasion", "time", "nominal_time"]
    planned = planned.assign(time=own_clock(planned))
    deviations = planned[columns].assign(
        deviation=difference(planned["time"], planned["nominal_time"]), row=planned["row"]
    )
    return deviations.reset_index(drop=True)


def fingerprint(units: Mapping[str, str], tables: Mapping[str, pandas.DataFrame]) -> str:
    """Return the SHA-256 (hex) of units and tables; the order of rows and columns and the source rows do not count."""
    digest = hashlib.sha256(json.dumps(sorted(units.items())).encode())
    for name, table in sorted(tables.items()):
        columns = sorted(column for column in table.columns if column != "row")
        lines = sorted(_lines([_texts(table[column]) for column in columns], len(table)))
        digest.update("\x1e".join([name, *columns, "", *lines]).encode(errors="surrogatepass"))
    return digest.hexdigest()


def _lines(columns: Sequence[Iterable[str] | str], count: int) -> Iterable[str]:
    """The cells of every row in one text; columns that say the same in every row are put together once."""
    parts: list[Iterable[str]] = []
    for same, run in groupby(columns, key=lambda column: isinstance(column, str)):
        alike = [*run]
        parts += [repeat("\x1f".join(map(str, alike)), count)] if same else alike
    return map("\x1f".join, zip(*parts, strict=True))


def _texts(column: pandas.Series) -> Iterable[str] | str:
    """The texts of a column's cells, as `_text` makes them one by one; a text alone if all are the same."""
    import pandas

    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        numbers = column.to_numpy() + 0.0
        code, distinct = pandas.factorize(numbers)  # −1: not a number
        if len(distinct) + bool((code < 0).any()) == 1:
            return _text(numbers[0].item())
        if 2 * len(distinct) <= len(column):
            return list(np.array([*map(_text, distinct.tolist()), ""], dtype=object)[code])
        return map(repr, numbers.tolist()) if (code >= 0).all() else map(_text, numbers.tolist())
    cells = column.tolist()
    if len({*map(type, cells)}) > 1:  # 1, 1.0 and True are one key
        return map(_text, cells)
    texts = {cell: _text(cell) for cell in {*cells}}
    if len(texts) == 1:
        return texts[cells[0]]
    return map(texts.__getitem__, cells)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return f"'{cell}"
    if isinstance(cell, (bool, np.bool_)):
        return str(bool(cell))
    if isinstance(cell, (int, np.integer)):
        return str(int(cell))
    if isinstance(cell, (float, np.floating)):
        return "" if np.isnan(cell) else repr(float(cell) + 0.0)  # + 0.0: minus zero is zero
    return ""  # None and <NA>; the tables hold nothing else


def shared_units(units: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the union of units; the same name with two units is an error.

    Raises
    ------
    InputError
        If a name has different units, naming each.
    """
    result: dict[str, str] = {}
    problems = []
    for k, of_study in enumerate(units, start=1):
        for name, unit in of_study.items():
            if result.setdefault(name, unit) != unit:
                problems.append(f"the unit of {name!r} is {unit!r} in study {k} and {result[name]!r} before")
    if problems:
        raise InputError([f"{p}; expected one unit" for p in problems], "studies cannot be combined")
    return result


def shared_attrs(attrs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the union of provenance: texts that differ are joined; one synthetic study makes the whole synthetic."""
    result: dict[str, Any] = {}
    for name in dict.fromkeys(name for source in attrs for name in source):
        values = [source[name] for source in attrs if name in source]
        distinct = list(dict.fromkeys(map(str, values)))
        result[name] = values[0] if len(distinct) == 1 else "; ".join(distinct)
    if any("synthetic" in source for source in attrs):
        result["synthetic"] = any(bool(source.get("synthetic")) for source in attrs)
    return result


def audit_html(
    tables: tuple[pandas.DataFrame, pandas.DataFrame, pandas.DataFrame],
    units: Mapping[str, str],
    notes: Sequence[str],
    attrs: Mapping[str, Any],
) -> str:
    """Return the data audit of a study as HTML: what there is, when it was sampled, what was done to it."""
    observations, doses, subjects = tables
    clock = html.escape(units.get("time", ""))
    parts = ["<div style='font-size:13px;line-height:1.45;max-width:820px'>"]
    if attrs.get("synthetic"):
        parts.append(
            "<div style='background:#b45309;color:#fff;padding:4px 10px;border-radius:4px;margin-bottom:6px'>"
            "<b>Synthetic data</b>: no patient was measured.</div>"
        )
    dosed = f"{len(doses)} doses ({html.escape(units.get('dose', ''))})" if len(doses) else "no doses"
    covariates = ", ".join(html.escape(str(c)) for c in subjects.columns if c != "subject")
    parts.append(f"<b>Study</b>: {len(subjects)} subjects, {dosed}, {len(observations)} samples")
    parts.append(f"<br>covariates: {covariates}" if covariates else "")
    parts.append(f"<br>source: {html.escape(str(attrs['source']))}" if attrs.get("source") else "")
    parts += [_summary(observations, units), _timeline(observations, doses, clock)]
    counts = count_records(observations)
    shown = _rows(counts.columns, counts.head(_SHOWN).itertuples(index=False))
    rest = f"and {len(counts) - _SHOWN} more: <code>study.audit()</code>" if len(counts) > _SHOWN else ""
    parts.append(_folded(f"samples by time ({len(counts)} rows)", shown + rest))
    if notes:
        items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
        parts.append(_folded(f"{len(notes)} notes", f"<ul style='margin:2px 0'>{items}</ul>"))
    return "".join([*parts, "</div>"])


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>{body}</details>"


def _rows(header: Any, rows: Any) -> str:
    """Return an HTML table; numbers to the right."""

    def line(cells: Any, tag: str) -> str:
        return "".join(
            f"<{tag} style='{_CELL.format('left' if isinstance(c, str) and tag == 'td' else 'right')}'>"
            f"{html.escape(f'{c:g}' if isinstance(c, float) else str(c))}</{tag}>"
            for c in cells
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table style='border-collapse:collapse;margin:6px 0'><tr>{line(header, 'th')}</tr>{body}</table>"


def _summary(observations: pandas.DataFrame, units: Mapping[str, str]) -> str:
    header = ["analyte", "unit", "subjects", "samples", "BLQ", "above", "excluded", "LLOQ", "first", "last"]
    rows = []
    for name, group in observations.groupby("analyte"):
        used = group[~group["excluded"]]
        limits = sorted(set(group["lloq"].dropna()))
        blq = int(used["blq"].sum())
        share = f"{blq} ({100 * blq / len(used):.0f} %)" if len(used) else "0"
        shown = "–" if not limits else f"{limits[0]:g}" if len(limits) == 1 else f"{limits[0]:g}–{limits[-1]:g}"
        span = [float(own_clock(group).min()), float(own_clock(group).max())]
        counts = [group["subject"].nunique(), len(group), share, int(used["alq"].sum()), len(group) - len(used)]
        rows.append([str(name), units.get(str(name), ""), *counts, shown, *span])
    return _rows(header, rows)


def _timeline(observations: pandas.DataFrame, doses: pandas.DataFrame, clock: str) -> str:
    """Return a drawing of when was dosed (triangles) and sampled (bars, the fuller the more samples)."""
    times = planned_time(observations)
    given = own_clock(doses)
    low = min([float(times.min()), *given])
    span = max([float(times.max()), *given]) - low or 1.0
    names = sorted(observations["analyte"].unique())
    height = 18 * (len(names) + 1) + 16
    marks = []
    for k, name in enumerate(["doses", *names]):
        y = 18 * k + 14
        marks.append(f"<text x='0' y='{y}' font-size='11' fill='currentColor'>{html.escape(str(name)[:16])}</text>")
        counts = (given if k == 0 else times[observations["analyte"] == name]).value_counts()
        for time, count in zip(counts.index.tolist(), counts.tolist(), strict=True):
            x = 110 + 570 * (float(time) - low) / span
            if k == 0:
                marks.append(f"<path d='M{x:.1f} {y} l-4 -9 h8 z' fill='#2563eb' fill-opacity='.7'/>")
            else:
                ink = 0.25 + 0.75 * count / counts.max()
                marks.append(f"<rect x='{x - 1:.1f}' y='{y - 10}' width='2' height='11' fill='#059669' "
                             f"fill-opacity='{ink:.2f}'/>")  # fmt: skip
    ends = f"<text x='110' y='{height - 3}' font-size='10' fill='currentColor'>{low:g}</text>"
    end = f"{low + span:g} {clock}</text>"
    ends += f"<text x='690' y='{height - 3}' font-size='10' text-anchor='end' fill='currentColor'>{end}"
    return f"<svg width='700' height='{height}' viewBox='0 0 700 {height}'>{''.join(marks)}{ends}</svg>"
