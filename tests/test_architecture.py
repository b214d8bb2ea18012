"""The house stays as docs/architecture.md draws it: floors, no cycles, few importers of what is heavy, short files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import pkpd

PACKAGE = Path(str(pkpd.__file__)).parent
FILES = sorted(PACKAGE.rglob("*.py"))
PAGE = PACKAGE.parent / "docs" / "architecture.md"
# Outside libraries that only these may import, as folders and files below pkpd/.
ONLY_IN = {
    "matplotlib": ("plot/",),
    "mpl_toolkits": ("plot/",),
    "sympy": ("model/", "library/", "engine/symbolic/", "engine/machine/"),
    "numba": ("engine/machine/",),
    "llvmlite": ("engine/machine/",),
    "statsmodels": ("trial/",),
}


def name_of(file: Path) -> str:
    """A file as it is called in messages: below pkpd/."""
    return file.relative_to(PACKAGE).as_posix()


def room_of(file: str) -> str:
    """The folder or file right under pkpd/ that a file belongs to."""
    return file.split("/")[0].removesuffix(".py")


@cache
def floors() -> dict[str, int]:
    """Room → floor, from the table of the page: highest row first, names in backticks in the second column."""
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## Floors") :].split("\n## ")[0]
    rows = re.findall(r"^\|\s*(\d+)\s*\|([^|]+)\|", section, flags=re.M)
    return {room: int(number) for number, rooms in rows for room in re.findall(r"`(\w+)`", rooms)}


def imported(tree: ast.AST, file: str) -> Iterator[str]:
    """Dotted names that a file imports, wherever in it: at the top, in functions, for type checkers, by name."""
    here = ["pkpd", *Path(file).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in {"import_module", "importlib.import_module", "__import__"}
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


@cache
def imports() -> dict[str, tuple[str, ...]]:
    """File → all that it imports."""
    trees = {name_of(file): ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
    return {file: tuple(imported(tree, file)) for file, tree in trees.items()}


def target(name: str) -> str | None:
    """The file of the package that a dotted name means, None for another package's."""
    parts = name.split(".")
    if parts[0] != "pkpd":
        return None
    for length in range(len(parts), 0, -1):
        place = PACKAGE.joinpath(*parts[1:length])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return name_of(file)
    return None


@cache
def graph() -> dict[str, frozenset[str]]:
    """File → files of the package that it imports."""
    targets = {file: {t for name in names if (t := target(name))} - {file} for file, names in imports().items()}
    return {file: frozenset(others) for file, others in targets.items()}


def cycle(edges: dict[str, frozenset[str]]) -> list[str]:
    """Files that import one another in a ring, in order; empty where there is none."""
    done: set[str] = set()
    for first in edges:
        path: list[str] = []
        waiting = [(first, 0)]
        while waiting:
            file, depth = waiting.pop()
            del path[depth:]
            if file in path:
                return [*path[path.index(file) :], file]
            path.append(file)
            if file not in done:
                done.add(file)
                waiting += [(other, depth + 1) for other in edges.get(file, ())]
    return []


def test_every_room_has_a_floor_and_every_floor_its_rooms() -> None:
    assert set(floors()) == {room_of(name_of(file)) for file in FILES}


@pytest.mark.parametrize("room", sorted(floors()))
def test_a_room_imports_only_from_floors_below(room: str) -> None:
    """Never upwards, never sideways; lazy imports inside functions and those for type checkers count."""
    wrong = [
        f"{file} (floor {floors()[room]}) imports {other} (floor {floors()[room_of(other)]})"
        for file, others in graph().items()
        for other in sorted(others)
        if room_of(file) == room != room_of(other) and floors()[room_of(other)] >= floors()[room]
    ]
    assert wrong == []


def test_rooms_of_population_fits_import_only_from_rows_above() -> None:
    """As the page's table of `fit/mixed/` has them; rooms of one row do not know each other."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+/`(?:, )?)+) \|", text[text.index("## How a population fit") :], flags=re.M)
    row = {room: k for k, rooms in enumerate(rows) for room in re.findall(r"`(\w+)/`", rooms)}
    below = "fit/mixed/"
    assert set(row) == {f.split("/")[2] for f in graph() if f.startswith(below) and f.count("/") == 3}
    wrong = [
        f"{file} imports {other}"
        for file, others in graph().items()
        for other in sorted(others)
        if file.startswith(below) and other.startswith(below) and (room := file.split("/")[2]) in row
        and other != f"{below}__init__.py" and (to := other.split("/")[2]) != room
        and row.get(to, len(row)) >= row[room]
    ]  # fmt: skip
    assert wrong == []


def test_no_files_import_one_another() -> None:
    assert cycle(graph()) == []


def test_the_search_for_cycles_finds_them() -> None:
    edges = {"a": frozenset("b"), "b": frozenset("ce"), "c": frozenset("d"), "d": frozenset("b"), "e": frozenset()}
    ring = cycle(edges)
    assert ring[0] == ring[-1]
    assert set(ring) == set("bcd")
    assert all(after in edges[before] for before, after in pairwise(ring))
    assert cycle({"a": frozenset("bc"), "b": frozenset("d"), "c": frozenset("d"), "d": frozenset()}) == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_heavy_libraries_are_imported_in_few_places(library: str) -> None:
    users = [file for file, names in imports().items() if any(name.split(".")[0] == library for name in names)]
    assert [file for file in users if not file.startswith(ONLY_IN[library])] == []


def test_simulations_know_nothing_of_fits() -> None:
    assert [f for f, others in graph().items() if room_of(f) == "simulate" and "fit" in map(room_of, others)] == []


@pytest.mark.parametrize(("room", "never"), [("nca", {"model", "library"}), ("library", {"study", "io"})])
def test_nca_sees_no_model_and_the_library_no_data(room: str, never: set[str]) -> None:
    """Their floors would allow it."""
    seen = [(file, other) for file, others in graph().items() if room_of(file) == room for other in others]
    assert [(file, other) for file, other in seen if room_of(other) in never] == []


def test_files_are_short() -> None:
    lengths = {name_of(file): file.read_text(encoding="utf-8").count("\n") for file in FILES}
    assert {file: lines for file, lines in lengths.items() if lines > 400} == {}
