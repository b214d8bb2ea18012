"""Texts and documents that were damaged: settings as JSON, units, equations, stores."""
# ruff: noqa: E501

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pkpd
from pkpd import nca, units
from pkpd.model import define
from tests.fuzz.calls import model, result, study

_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2.5, 1e308, -1e308, float("nan"), float("inf"), "", "a", "C", "24", [], [[]], [1], [None],
    ["a"], [[0, 24]], [[24, 0]], [[1, 0, 24]], [["x", 0, 24]], [[1, 2, 3, 4]], {}, {"a": 1}, {"infinite": 1},
    {"infinite": "x"}, {"infinite": []}, [{"infinite": -1}], [{}], [{"subject": 1}], [{"subject": 1, "use": [1, "a"]}],
    [{"nobody": 1}], [[[[[]]]]], "\ud800", "x" * 3000, 10**30,
]  # fmt: skip
_UNIT_PIECES = [
    "mg", "ug", "L", "kg", "h", "1", "10", "^", "**", "^9", "^-1", "/", "*", "·", "(", ")", " ", "%", "day", "mol", "IU",
    "x", "e", "1e9", "^99", "0", ".", "-", "+", "µ", "cells", "degC", "amount", "é", "\0", "_", "lambda", "__class__",
]  # fmt: skip
_EQUATION_PIECES = [
    "A", "k", "t", "tad", "1", "2", "0", "0.5", "1e300", "9", "99", "100", "-8", "**", "^", "*", "/", "+", "-", "(", ")",
    "exp(", "log(", "sqrt(", "abs(", "min(", "max(", "sin(", "tanh(", ",", " if ", " else ", "<", ">", " and ", "\n", "#",
    "=", ":", "'", "x", ".", "[", "]", "1j", "True", "None", "lambda", "é", "\0", "(1/3)", "**100",
]  # fmt: skip


def rerun_settings(rng: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield an analysis by settings of which one or two entries hold something else, or whose text is damaged."""
    good = json.loads(result().attrs["settings"])
    part = study().select(subjects=[1])
    for text in ("[" * 100_000, "{}", "null", "1", '"x"', "9" * 5000, '{"analyte": 1}', "\0", "", "[]", "NaN"):
        yield f"rerun({text[:20]!r})", lambda text=text: nca.rerun(part, text)  # type: ignore[misc]
    while True:
        changed = json.loads(json.dumps(good))
        for _ in range(rng.randint(1, 2)):
            where = changed if rng.random() < 0.5 else changed.get("rules", changed)
            where = where if isinstance(where, dict) and where else changed
            where[rng.choice([*sorted(where), "unknown"])] = rng.choice(_VALUES)
        text = json.dumps(changed)
        if rng.random() < 0.2:
            cut = rng.randrange(len(text))
            text = (
                text[:cut]
                + rng.choice(['"', "{", "}", "[", "]", "", "\\", "1e999", "-"])
                + text[cut + rng.randint(0, 9) :]
            )
        yield f"rerun({text[:2000]!r})", lambda text=text: nca.rerun(part, text)  # type: ignore[misc]


def unit_texts(rng: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield units made of pieces of units."""
    hard = ["(10^99)^99", "((10^99)^99)^99", "(((9^99)^99)^99)^99", "m" * 100_000, "(" * 5000, "mg" + "/mg" * 5000, "9" * 5000,
            "10^1e9", "mg^" + "9" * 300, "mg**mg"]  # fmt: skip
    for text in hard:
        yield f"units.show({text[:40]!r})", lambda text=text: units.show(text)  # type: ignore[misc]
    while True:
        text = "".join(rng.choices(_UNIT_PIECES, k=rng.randint(1, 8)))
        verb: Callable[[], Any] = rng.choice([
            lambda text=text: units.show(text), lambda text=text: units.factor(text, "mg"),
            lambda text=text: units.quantity(f"3 {text}"), lambda text=text: pkpd.bolus(f"1 {text}"),
            lambda text=text: units.coherent("mg", text),
        ])  # type: ignore[misc]  # fmt: skip
        yield f"units of {text!r}", verb


def equations(rng: random.Random) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield models made of pieces of equations; they are read, not compiled."""
    hard = ["(-8)**(1/3)", "exp(100)**100", "9**9**9", "(" * 100_000, "-" * 100_000 + "A", "9" * 5000, "exp(" * 80 + "A" + ")" * 80,
            "A*" * 3000 + "1", "((((9**99)**99)**99)**99)*A", "log(-1)", "1/0", "1e400"]  # fmt: skip
    for text in hard:
        yield f"define({text[:40]!r})", lambda text=text: define({"A": text}, {"k": 1.0})  # type: ignore[misc]
    while True:
        text = "".join(rng.choices(_EQUATION_PIECES, k=rng.randint(1, 9)))
        yield f"define({text!r})", lambda text=text: define({"A": text}, {"k": 1.0}, needs=["x"])  # type: ignore[misc]


def stores(rng: random.Random, folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the opening of a store of which one file was deleted, cut, changed or swapped, and its continuation."""
    whole = folder / "whole.zarr"
    plan = pkpd.bolus("100 mg")

    def run(path: Path) -> Any:
        return pkpd.simulate(model(), plan, times=[0.0, 1.0, 2.0], subjects=3, store=path, progress=False)

    run(whole)
    names = sorted(f.relative_to(whole).as_posix() for f in whole.rglob("*") if f.is_file())
    while True:
        path = folder / "damaged.zarr"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        name = rng.choice(names)
        data = (path / name).read_bytes()
        what = rng.choice(["deleted", "cut", "empty", "changed", "random"])
        if what == "deleted":
            (path / name).unlink()
        elif what == "changed" and data:
            at = rng.randrange(len(data))
            (path / name).write_bytes(data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :])
        else:
            half = {"cut": data[: len(data) // 2], "empty": b"", "random": rng.randbytes(20)}
            (path / name).write_bytes(half.get(what, b""))
        again = rng.random() < 0.3
        yield (
            f"{'continue' if again else 'open'} a store with {name} {what}",
            (
                (lambda path=path: run(path)) if again else (lambda path=path: pkpd.open_simulation(path))  # type: ignore[misc]
            ),
        )
