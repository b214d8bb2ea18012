"""An analysis done again: with other rules, or with other points in one terminal regression."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from pkpd.alive import study_of
from pkpd.arguments import checked, kinds_of
from pkpd.errors import InputError, shown, warn
from pkpd.nca.given import OF_SAMPLES, is_sparse
from pkpd.nca.response.result import rerun_response
from pkpd.nca.result import analysed, checked_settings, nca
from pkpd.nca.settings import NcaSettings, Points
from pkpd.nca.sparse.labelled import rerun_sparse
from pkpd.study import Study

Result = xr.Dataset | xr.DataTree | str | NcaSettings


@checked(**kinds_of(nca, "dose_unit", "tau", "steady_state", "drug", "windows", "above", "points"))
def rerun(
    result: Study | xr.Dataset | xr.DataTree | str | NcaSettings | None = None,
    settings: xr.Dataset | xr.DataTree | str | NcaSettings | None = None,
    *,
    study: Study | None = None,
    **changes: Any,
) -> Any:
    """Return an analysis once more, by the same settings or with some that differ.

    ``rerun(result, auc="linear")`` finds the study by the hash of its data, as long as it is alive in this process;
    ``rerun(study, result)`` and ``rerun(result, study=study)`` say which.

    Parameters
    ----------
    result : Dataset, DataTree, str or NcaSettings
        A result of `nca`, `nca_response` or `nca_sparse`; or the JSON in the ``attrs["settings"]`` of one of `nca`, or
        the settings. (Or the study, where the result follows.)
    settings : the same, optional
        The result, where the study comes first.
    study : Study, optional
        Observations and doses.
    **changes
        Rules or settings that shall differ.

    Raises
    ------
    InputError
        As `nca`; if a result has no settings; or if its study is not alive.

    Warns
    -----
    DataWarning
        If the study that is given has other data than the result was made from.
    """
    source = settings
    if isinstance(result, Study):
        if study is not None:
            raise InputError("two studies are given; expected one", "rerun")
        study = result
    elif result is not None and settings is not None:
        raise InputError("two results are given; expected one, and perhaps a study", "rerun")
    elif settings is None:
        source = result
    if source is None:
        raise InputError("no result is given; expected what pkpd.nca returned, or its settings", "rerun")
    return _again(source, study, changes, "rerun")


def _again(source: Result, study: Study | None, changes: dict[str, Any], where: str) -> Any:
    """The analysis of a result, or by settings, once more."""
    if isinstance(source, xr.DataTree):
        parts = {name: _again(child.to_dataset(), study, changes, where) for name, child in source.children.items()}
        if not parts:
            raise InputError("the tree holds no result; expected what pkpd.nca returned", where)
        return xr.DataTree.from_dict(parts)
    names = None
    if isinstance(source, xr.Dataset):
        study = _study_behind(source, study, where)
        if source.attrs.get("kind") == "response":
            return rerun_response(study, source, changes)
        if is_sparse(source):
            return rerun_sparse(study, source, changes)
        if "settings" not in source.attrs:
            raise InputError("the result holds no settings; expected what pkpd.nca returned", where)
        names = [str(name) for name in source["parameter"].values] if "parameter" in source else None
        source = str(source.attrs["settings"])
    if study is None:
        raise InputError("settings do not know their study; expected it with them, study=…", where)
    found = NcaSettings.from_json(source) if isinstance(source, str) else source
    return analysed(study, found.changed(**checked_settings(changes, study)), names)


def _study_behind(result: xr.Dataset, study: Study | None, where: str) -> Study:
    """The study that a result was made from: the one that is given, or the living one with its data."""
    own = str(result.attrs.get("data_hash", ""))
    if study is None:
        found = study_of(own) if own else None
        if isinstance(found, Study):
            return found
        lost = f"(hash {own[:12]}…) is not in this session any more" if own else "is not known to the result"
        raise InputError(f"the study {lost}; give it, study=…", where)
    if own and study.data_hash != own:
        warn(
            f"the study has other data (hash {study.data_hash[:12]}…) than those that the result was made from "
            f"({own[:12]}…)"
        )
    return study


@checked
def choose_points(
    *given: Any,
    result: xr.Dataset | None = None,
    profile: int | None = None,
    study: Study | None = None,
    use: Iterable[float] = (),
    leave_out: Iterable[float] = (),
    between: tuple[float, float] | None = None,
) -> xr.Dataset:
    """Return a result computed again with other points in the terminal regression of one profile.

    ``choose_points(result, 0, leave_out=[24])`` finds the study by the hash of its data, as `rerun` does;
    ``choose_points(study, result, 0, …)`` says which.

    Parameters
    ----------
    *given : Study, Dataset, int
        The study (if need be), the result and the position of the profile, in this order; or by their names.
    result : Dataset
        What `nca` returned.
    profile : int
        Position of the profile.
    study : Study, optional
        What was analysed.
    use, leave_out, between
        See `Points`; without any of them the rules choose again.

    Raises
    ------
    InputError
        If there is no such profile or sample, or the study is not alive.

    Warns
    -----
    DataWarning
        As `rerun`.
    """
    named: dict[str, Any] = {"study": study, "result": result, "profile": profile}
    rest = list(given)
    if rest and isinstance(rest[0], Study):
        named["study"], *rest = rest
    for name in ("result", "profile"):
        if rest and named[name] is None:
            named[name], *rest = rest
    problems = [f"{shown(one)} is one argument too many; expected a study, a result and a profile" for one in rest]
    problems += _unfit(named["result"], named["profile"])
    if problems:
        raise InputError(problems, "choose_points")
    found: xr.Dataset = named["result"]
    known = _study_behind(found, named["study"], "choose_points")
    row = found.isel(profile=int(named["profile"]))
    begins = float(row["dose_time"].item())
    one = Points(
        _identifier(known, row["subject"].item()), tuple(use), tuple(leave_out), between, int(row["interval"].item()),
        None if np.isnan(begins) else begins, int(row["period"].item()) if "period" in row.coords else None,
    )  # fmt: skip
    others = [
        p for old in NcaSettings.from_json(str(found.attrs["settings"])).points for p in _without(old, one, found)
    ]
    asked = [one] if one.use or one.leave_out or one.between else []
    again: xr.Dataset = _again(found, known, {"points": (*others, *asked)}, "choose_points")
    return again


def _unfit(result: Any, profile: Any) -> list[str]:
    """Say what is wrong with a result or the position of a profile."""
    if result is None:
        return ["no result is given; expected what pkpd.nca returned"]
    if not OF_SAMPLES.accepts(result):
        return [OF_SAMPLES.refusal("result", result)]
    if "settings" not in result.attrs:
        return ["the result holds no settings; expected what pkpd.nca returned"]
    number = result.sizes["profile"]
    if isinstance(profile, bool) or not isinstance(profile, int | np.integer) or not 0 <= profile < number:
        return [f"profile is {shown(profile)}; expected 0 to {number - 1}"]
    return []


def _without(old: Points, one: Points, result: xr.Dataset) -> list[Points]:
    """An earlier choice as it stands for the other profiles of the subject."""
    if old.subject != one.subject:
        return [old]
    mine = np.flatnonzero([str(s) == str(one.subject) for s in result["subject"].values])
    kept = []
    for k in mine:
        period = int(result["period"].values[k]) if "period" in result.coords else None
        number, begins = int(result["interval"].values[k]), float(result["dose_time"].values[k])
        where = None if np.isnan(begins) else begins
        if old.interval not in (None, number) or old.begins not in (None, where) or old.period not in (None, period):
            continue
        if (number, where, period) != (one.interval, one.begins, one.period):
            kept.append(replace(old, interval=number, begins=where, period=period))
    return kept


def _identifier(study: Study, shown: Any) -> Any:
    """The subject as the study names it (a result may show a number's text)."""
    return next((name for name in study.subject_ids if name == shown or str(name) == str(shown)), shown)
