"""The engine's rooms: each imports only from those before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pkpd.engine
from pkpd.engine.machine.jit import _WHAT

ENGINE = Path(str(pkpd.engine.__file__)).parent
ROOMS = ("symbolic", "machine", "timeline", "solve")
FILES = sorted(file for room in ROOMS for file in (ENGINE / room).rglob("*.py"))


def _imports(file: Path) -> list[str]:
    """What a file imports of the engine, as names below `pkpd.engine`."""
    nodes = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    names = [f"{node.module}.{alias.name}" for node in nodes for alias in node.names]
    return [name.removeprefix("pkpd.engine.") for name in names if name.startswith("pkpd.engine.")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_room_imports_only_from_those_before_it(file: Path) -> None:
    room = file.relative_to(ENGINE).parts[0]
    allowed = {*ROOMS[: ROOMS.index(room) + 1], "settings", "status"}
    assert {name.split(".")[0] for name in _imports(file)} <= allowed


@pytest.mark.parametrize("name", sorted(_WHAT))
def test_what_is_announced_exists(name: str) -> None:
    """The names under which numba keeps compiled functions: file and function."""
    stem, function = name.split(".")
    (file,) = [file for file in FILES if file.stem == stem]
    assert f"def {function}(" in file.read_text(encoding="utf-8")
