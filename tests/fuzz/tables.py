"""Malformed tables of a trial: each either gives its documented error, with every planted fault named, or an answer.

`KINDS` says of every verb which table it reads and what its cells hold. `planted` puts two or three faults into a table
whose places are known, all of which the error must name. `strange` puts anything else into it: what comes out is an
answer or the documented error, and what is warned of is the package's. `same` writes a table another way (rows,
columns, index, types), which must not change any result.
"""

# ruff: noqa: E501

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas

from pkpd import trial
from pkpd.errors import InputError
from tests.fuzz.tally import Input


class Kind(NamedTuple):
    """A verb, its table, and what the table holds.

    Attributes
    ----------
    verb : callable
        From the table to a result.
    table : DataFrame
        A good one.
    numbers, filled, choices : tuple of str
        Columns of numbers; columns that must not be empty; columns of words that are known.
    needed : tuple of str
        Columns that must be there.
    ordered : bool
        Whether the order of rows means something (cohorts).
    """

    verb: Callable[[Any], Any]
    table: pandas.DataFrame
    numbers: tuple[str, ...]
    filled: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    ordered: bool = False


def _scans() -> pandas.DataFrame:
    rows = [(1, 1, 100.0, 0), (1, 50, 60.0, 0), (1, 99, 55.0, 0), (1, 148, 80.0, 0), (2, 1, 50.0, 0), (2, 50, 49.0, 0),
            (2, 99, 70.0, 1), (3, 1, 30.0, 0), (3, 50, 25.0, 0), (4, 1, 20.0, 0)]  # fmt: skip
    return pandas.DataFrame(rows, columns=["subject", "day", "sum", "new"]).assign(non_target="")


def _times() -> pandas.DataFrame:
    return pandas.DataFrame({"duration": [3.0, 5, 7, 8, 9, 12, 4, 6, 6, 10, 13, 15], "event": [1, 1, 0, 1, 1, 0] * 2,
                             "arm": ["a"] * 6 + ["b"] * 6, "x": [1.0, 4, 2, 5, 3, 6, 2, 2, 1, 7, 5, 3],
                             "since": [None, 2, 3, None, 5, 6, 1, None, 2, None, 3, 4]})  # fmt: skip


def _patients() -> pandas.DataFrame:
    return pandas.DataFrame({"subject": range(1, 13), "auc": [3.0, 5, 1, 7, 9, 2, 8, 4, 6, 10, 12, 11],
                             "y": [0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 1, 1], "grade": [0, 1, 0, 2, 1, 0, 2, 1, 0, 2, 2, 1]})  # fmt: skip


def _kinds() -> dict[str, Kind]:
    values = pandas.DataFrame({"subject": [1, 1, 1, 2, 2], "day": [1, 3, 8, 1, 3], "test": "ALC", "unit": "10^9/L",
                               "value": [1.4, 0.4, 0.9, 1.1, 0.1], "lln": 1.0, "uln": 4.0})  # fmt: skip
    graded = pandas.DataFrame(trial.grades(values))[
        ["subject", "term", "grade", "lowest", "highest", "day", "is_baseline"]
    ]
    events = pandas.DataFrame({"subject": [1, 2, 3], "term": ["rash", "ALC", "rash"], "grade": [3, 4, 2], "related": "yes",
                               "kind": ["clinical", "laboratory", "clinical"], "course": "1", "start": [3, 3, 5],
                               "end": [9, 5, 8]})  # fmt: skip
    assessed = trial.assess_response(_scans())[["subject", "day", "response"]]
    best = pandas.DataFrame({"subject": [1, 2, 3, 4], "response": ["PR", "SD", "PD", "NE"]})
    two = pandas.DataFrame({"subject": [1, 1, 2, 2, 3, 3], "reviewer": ["a", "b"] * 3,
                            "response": ["PR", "SD", "PD", "PD", "SD", "SD"]})  # fmt: skip
    cohorts = pandas.DataFrame({"dose": [10.0, 10, 20], "patients": [3, 3, 3], "dlt": [1, 0, 0]})
    people = pandas.DataFrame({"subject": range(1, 10), "dose": [10.0] * 6 + [20.0] * 3, "dlt": [1, *[0] * 8]})
    cross = pandas.DataFrame({"subject": [1, 2, 3, 4, 5] * 2, "period": [1] * 5 + [2] * 5, "treatment": [*"TTRRT", *"RRTTR"],
                              "auc": [10.0, 12, 11, 9, 15, 11, 14, 10, 9, 13]})  # fmt: skip
    given = pandas.DataFrame({"subject": [1, 1, 2], "day": [1, 2, 1], "dose": [400.0, 200, 400]})
    link = trial.ExposureToxicity("rash", "auc", 1.0, 0.1, 1.0)
    printed = pandas.DataFrame({"term": ["a", "b"], "N": [10, 12], "any_n": [5, 6], "any_pct": [50, 50]})
    own = pandas.DataFrame({"test": ["ALC", "ALC"], "direction": "low", "grade": [1, 2], "limit": [1.0, 0.8],
                            "unit": "10^9/L"})  # fmt: skip
    from pkpd import oral

    plan, design = oral("400 mg", days=[1, 2]), trial.ThreePlusThree((10.0, 20.0, 30.0))
    assessment = (("day",), ("subject", "response"), ("response",), ("subject", "day", "response"))
    grading = (("grade", "day"), ("subject",), (), ("subject", "term", "grade"))
    times = (("duration",), ("duration",), (), ("duration", "event"))
    return {
        "grades": Kind(trial.grades, values, ("value", "day", "lln"), ("subject", "test"), (), ("subject", "test", "value")),
        "worst_grades": Kind(trial.worst_grades, graded, *grading),
        "shift_table": Kind(trial.shift_table, graded, *grading),
        "laboratory_events": Kind(trial.laboratory_events, graded, *grading),
        "grade_times": Kind(trial.grade_times, graded, *grading),
        "incidence_table": Kind(trial.incidence_table, trial.worst_grades(graded)[["subject", "term", "grade"]],
                                ("grade",), ("subject",), (), ("subject", "term", "grade")),
        "check_incidence": Kind(trial.check_incidence, printed, ("N", "any_n"), ("term", "N"), (), ("term", "N")),
        "criteria": Kind(trial.criteria, own, ("grade", "limit"), ("test", "grade"), ("direction",),
                         ("test", "direction", "grade")),
        "dose_limiting": Kind(trial.dose_limiting, events, ("grade", "start", "end"), ("subject",), ("kind",),
                              ("subject", "term", "grade")),
        "assess_response": Kind(trial.assess_response, _scans(), ("day", "sum"), ("subject", "day"), ("non_target",),
                                ("subject", "day", "sum")),
        "best_response": Kind(trial.best_response, assessed, *assessment),
        "impossible_sequences": Kind(trial.impossible_sequences, assessed, *assessment),
        "response_duration": Kind(trial.response_duration, assessed, *assessment),
        "progression_free_survival": Kind(trial.progression_free_survival, assessed, *assessment),
        "response_rates": Kind(trial.response_rates, best, (), ("subject", "response"), ("response",),
                               ("subject", "response")),
        "reviewer_agreement": Kind(lambda t: trial.reviewer_agreement(t).table().drop(columns="reviewers"), two, (), ("subject", "response"), ("response",),
                                   ("subject", "response", "reviewer")),
        "kaplan_meier": Kind(lambda t: trial.kaplan_meier(t, by="arm").table(), _times(), *times),
        "log_rank": Kind(lambda t: trial.log_rank(t, "arm"), _times(), *times),
        "cox": Kind(lambda t: trial.cox(t, ["x"]).table(), _times(), *times),
        "landmark": Kind(lambda t: trial.landmark(t, 4.0), _times(), ("duration", "since"), ("duration",), (),
                         ("duration", "event", "since")),
        "logistic": Kind(lambda t: trial.logistic(t, "y", ["auc"]).table(), _patients(), ("auc",), (), (), ("auc", "y")),
        "ordinal": Kind(lambda t: trial.ordinal(t, "grade", ["auc"]).table(), _patients(), ("auc",), (), (),
                        ("auc", "grade")),
        "emax_response": Kind(lambda t: trial.emax_response(t, "y", "auc").table(), _patients(), ("auc",), (), (),
                              ("auc", "y")),
        "exposure_models": Kind(lambda t: trial.exposure_models(t, "y", ["auc"]).table(), _patients(), ("auc",), (), (),
                                ("auc", "y")),
        "exposure_quantiles": Kind(lambda t: trial.exposure_quantiles(t, "y", "auc", groups=3), _patients(), ("auc",), (),
                                   (), ("auc", "y")),
        "patients_of": Kind(lambda t: trial.patients_of(t), _patients(), (), ("subject",), (), ("subject",)),
        "bioequivalence": Kind(lambda t: trial.bioequivalence(t, ["auc"]).table(), cross, ("auc",),
                               ("subject", "period", "treatment"), (), ("subject", "period", "treatment", "auc")),
        "dose_intensity": Kind(lambda t: trial.dose_intensity(t, plan, until=2.0), given, ("day", "dose"),
                               ("subject", "day", "dose"), (), ("subject", "day", "dose")),
        "toxicity_from_exposure": Kind(lambda t: trial.toxicity_from_exposure(link, t), people[["dose"]].assign(auc=1.5),
                                       ("dose", "auc"), (), (), ("dose", "auc")),
        "replay of cohorts": Kind(lambda t: trial.replay_escalation(design, t).table(), cohorts, ("dose", "patients", "dlt"),
                                  ("dose", "patients", "dlt"), (), ("dose", "patients", "dlt"), ordered=True),
        "next dose by patients": Kind(lambda t: trial.next_dose(design, t).table(), people, ("dose",), ("subject", "dose"),
                                      (), ("subject", "dose", "dlt"), ordered=True),
    }  # fmt: skip


_MADE: dict[str, Kind] = {}


def kinds() -> dict[str, Kind]:
    """Return what is tried, made once."""
    if not _MADE:
        _MADE.update(_kinds())
    return _MADE


def planted(kind: Kind, rng: random.Random) -> tuple[pandas.DataFrame, list[tuple[str, ...]]]:
    """Return a table with two or three faults, and of each the words that its error must have in one line."""
    table = kind.table.astype(object).copy()
    faults: list[tuple[str, ...]] = []
    places = [(row, name) for row in range(len(table)) for name in table]
    rng.shuffle(places)
    if rng.random() < 0.3 and len(kind.needed) > 1:  # then nobody knows what the other columns are to one another
        lost = rng.choice(kind.needed)
        table = table.rename(columns={lost: lost + lost[-1]})
        faults.append((f"no column '{lost}'",))
        places = [(row, name) for row, name in places if name != lost]
    for row, name in places:
        if len(faults) >= 3:
            break
        if name in kind.numbers:
            cell = rng.choice(["soon", "1,5x", "<0.1", float("inf"), "2014-13-41", "12 mg", "1e999", "--"])
            table.loc[row, name] = cell
            faults.append((f"row {row + 1}", name))
        elif name in kind.choices:
            table.loc[row, name] = rng.choice(["PRR", "maybe", "??", "high-ish"])
            faults.append((f"row {row + 1}", name))
        elif name in kind.filled and rng.random() < 0.5:
            table.loc[row, name] = rng.choice([None, float("nan"), "", "NA"])
            faults.append((f"row {row + 1}", name))
    return table, faults


def judged(kind: Kind, table: Any, faults: list[tuple[str, ...]]) -> None:
    """Demand the documented error with a line for every fault."""
    try:
        kind.verb(table)
    except InputError as error:
        lacking = [words for words in faults if not any(all(word in line for word in words) for line in error.problems)]
        if lacking:
            raise AssertionError(f"not said: {lacking}; said: {error.problems}"[:400]) from None
        raise
    raise AssertionError(f"no error, and planted were {faults}")


def _cells(rng: random.Random) -> Any:
    return rng.choice([
        None, float("nan"), float("inf"), -1, -0.0, 0, 1e308, 10**30, "", " ", "NA", "1,5", "1.5", "１２", "x", b"x", [1], {},
        True, pandas.NaT, pandas.NA, pandas.Timestamp("2020-01-01", tz="UTC"), np.datetime64("2020-01-01"), 1j, "\ud800",
        "é" * 300, "2020-02-30", "10^9/L", "mg/dL", "CR", "yes", object(),
    ])  # fmt: skip


def strange(kind: Kind, rng: random.Random) -> Any:
    """Return a table that is damaged in one to four ways."""
    table: Any = kind.table.astype(object).copy()
    for _ in range(rng.randint(1, 4)):
        if not isinstance(table, pandas.DataFrame) or not len(table.columns):
            break
        try:
            table = rng.choice(_WAYS)(table, rng)
        except (ValueError, TypeError, IndexError):  # this table cannot be damaged so
            continue
    return table


def _cell(table: pandas.DataFrame, rng: random.Random) -> pandas.DataFrame:
    if not len(table):
        return table
    column = rng.randrange(len(table.columns))
    cells = [*table.iloc[:, column]]
    cells[rng.randrange(len(cells))] = _cells(rng)
    return _with(table, column, pandas.Series(cells, index=table.index, dtype=object))


def _with(table: pandas.DataFrame, column: int, cells: Any) -> pandas.DataFrame:
    parts = [table.iloc[:, k] if k != column else cells.rename(table.columns[k]) for k in range(len(table.columns))]
    return pandas.concat(parts, axis=1)


def _typed(table: pandas.DataFrame, rng: random.Random) -> pandas.DataFrame:
    column = rng.randrange(len(table.columns))
    kind = rng.choice(["category", "string", "str", "Int64", "Float64", "float32", "boolean", "datetime64[ns, UTC]"])
    try:
        return _with(table, column, table.iloc[:, column].astype(kind))
    except Exception:  # these cells cannot be of this type
        return table


_WAYS: list[Callable[[pandas.DataFrame, random.Random], Any]] = [
    _cell, _cell, _cell, _typed,
    lambda t, r: t.drop(columns=[r.choice([*t])]) if t.columns.is_unique else t,
    lambda t, r: t.rename(columns={(old := r.choice([*t])): r.choice([str(old).upper(), f" {old} ", f"{old}x", 3, None, ("a", 1)])}),
    lambda t, r: pandas.concat([t, t.iloc[:, [r.randrange(len(t.columns))]]], axis=1),
    lambda t, r: t.iloc[:0],
    lambda t, r: t.iloc[:1],
    lambda t, r: pandas.concat([t, t]),
    lambda t, r: t.sample(frac=1, random_state=r.randrange(1000)),
    lambda t, r: t.set_index(pandas.MultiIndex.from_arrays([[0] * len(t), [1] * len(t)], names=["a", "b"])),
    lambda t, r: t.set_axis(pandas.MultiIndex.from_arrays([["u"] * len(t.columns), [*t]]), axis=1),
    lambda t, r: t.set_index(t.columns[0]) if t.columns.is_unique else t,
    lambda t, r: t.assign(site=r.choice(["A", None, [1]]), row=7) if r.random() < 0.5 else t.assign(note="x"),
    lambda t, r: dict(t.items()) if t.columns.is_unique else t,
    lambda t, r: {name: [*cells][: r.randint(1, 3)] for name, cells in t.items()} if t.columns.is_unique else t,
    lambda t, r: t.T,
    lambda t, r: t.to_numpy().tolist(),
    lambda t, r: t.apply(lambda cells: cells.map(lambda cell: str(cell).replace(".", ","))),
]  # fmt: skip


def same(table: pandas.DataFrame, rng: random.Random, ordered: bool) -> Any:
    """Return a table written another way, which says the same."""
    made = table.copy()
    if not ordered:
        made = made.sample(frac=1, random_state=rng.randrange(10_000))
    made = made[rng.sample([*made], len(made.columns))]
    made = made.set_axis(
        rng.choice([[0] * len(made), [*range(100, 100 + len(made))], [f"r{k}" for k in range(len(made))]])
    )
    for name in made:
        whole = made[name].dtype.kind in "if" and not made[name].isna().any() and (made[name] % 1 == 0).all()
        kinds_ = ["object", "category", "string"] + (["Int64", "Float64"] if whole else [])
        if rng.random() < 0.5 and made[name].dtype.kind in "ifOUTb":
            made[name] = made[name].astype(rng.choice(kinds_))
    return rng.choice([made, {name: [*cells] for name, cells in made.items()}])


def malformed(count: int, seed: int) -> Iterator[Input]:
    """Yield so many malformed tables, of every verb in turn: two of three with planted faults, else strange ones."""
    every = [*kinds().items()]
    for k in range(count):
        name, kind = every[k % len(every)]
        rng = random.Random(1_000_003 * seed + k)
        if k // len(every) % 3 < 2:
            table, faults = planted(kind, rng)
            if faults:
                yield f"{name}: planted {faults}", lambda a=kind, b=table, c=faults: judged(a, b, c)  # type: ignore[misc]
                continue
        table = strange(kind, rng)
        yield f"{name}: strange table {seed}/{k}", lambda kind=kind, table=table: kind.verb(table)  # type: ignore[misc]
