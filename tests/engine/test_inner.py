"""What is compiled without a way in from Python (`inner_jit`, `part_jit`) is called by compiled functions alone."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INNER, COMPILED = {"inner_jit", "part_jit"}, {"inner_jit", "part_jit", "bare_jit", "jit"}
FILES = tuple(sorted(p.relative_to(ROOT).as_posix() for room in ("pkpd", "tests") for p in (ROOT / room).rglob("*.py")))


def decorated(node: ast.stmt, by: set[str]) -> bool:
    """Whether a statement is a function with one of these decorators."""
    return isinstance(node, ast.FunctionDef) and bool({ast.unparse(d) for d in node.decorator_list} & by)


@cache
def inner() -> dict[str, set[str]]:
    """Names of the functions without a way in, by module."""
    found = {}
    for file in FILES:
        text = (ROOT / file).read_text(encoding="utf-8")
        if file.startswith("pkpd/engine/") and "_jit\n" in text:
            body = ast.parse(text).body
            names = {n.name for n in body if isinstance(n, ast.FunctionDef) and decorated(n, INNER)}
            found[file.removesuffix(".py").replace("/", ".")] = names
    return found


def from_python(text: str, module: str = "") -> list[str]:
    """Return where a text names such a function outside functions that are compiled, by import or by its module."""
    tree = ast.parse(text)
    here, modules = dict.fromkeys(inner().get(module, ()), module), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                if name.name in inner().get(str(node.module), ()):
                    here[name.asname or name.name] = str(node.module)
                if f"{node.module}.{name.name}" in inner():
                    modules[name.asname or name.name] = f"{node.module}.{name.name}"
        elif isinstance(node, ast.Import):
            modules |= {n.asname or n.name: n.name for n in node.names if n.name in inner()}
    found = []
    for statement in tree.body:
        for node in ast.walk(statement) if not decorated(statement, COMPILED) else ():
            if isinstance(node, ast.Name) and node.id in here and isinstance(node.ctx, ast.Load):
                found.append(f"line {node.lineno}: {node.id}")
            elif isinstance(node, ast.Attribute):
                owner = modules.get(ast.unparse(node.value), "")
                if node.attr in inner().get(owner, ()):
                    found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("file", [f for f in FILES if "engine" in f])
def test_python_calls_none_of_them(file: str) -> None:
    module = file.removesuffix(".py").replace("/", ".")
    assert from_python((ROOT / file).read_text(encoding="utf-8"), module) == []


def test_nobody_else_sees_them() -> None:
    """Outside the engine and its tests nobody imports the engine's loops at all."""
    for file in FILES:
        text = (ROOT / file).read_text(encoding="utf-8")
        if "engine" not in file and "engine.solve" in text:
            assert from_python(text) == [], file


def test_a_call_from_python_is_found() -> None:
    for text in (
        "from pkpd.engine.solve.steady_closed_form import advance\nadvance(1)\n",
        "from pkpd.engine.solve.steady_closed_form import advance as on\ndef f():\n    return on(1)\n",
        "from pkpd.engine.solve import segment_start as start\nx = start.shift\n",
        "import pkpd.engine.solve.segment_start\npkpd.engine.solve.segment_start.shift(1)\n",
    ):
        assert len(from_python(text)) == 1, text
    assert (
        from_python("from pkpd.engine.solve.steady_closed_form import advance\n@bare_jit\ndef f():\n    advance(1)\n")
        == []
    )
    assert "settle" in inner()["pkpd.engine.solve.adaptive"]
