"""The project around the package: one version, what is packed, what is marked long."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import pkpd

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere() -> None:
    """Its source is pkpd/about.py; the newest entry of the changelog is it."""
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "pkpd/about.py"
    cited = re.search(r"^version: (\S+)$", text("CITATION.cff"), flags=re.M)
    newest = re.search(r"^## (\S+)", text("CHANGELOG.md"), flags=re.M)
    assert cited is not None
    assert newest is not None
    assert cited[1] == newest[1] == pkpd.__version__


def test_the_licence_is_the_same_everywhere() -> None:
    assert f"license: {PROJECT['project']['license']}" in text("CITATION.cff")
    assert PROJECT["project"]["license"] in text("README.md")


def test_what_is_packed_exists() -> None:
    assert [
        n for n in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"] if not (ROOT / n).exists()
    ] == []


@pytest.mark.parametrize(
    "page", [*(p.name for p in ROOT.glob("*.md")), *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text(page))
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []


def test_what_is_long_lies_apart_and_mirrors_the_suite() -> None:
    """Everything in tests/long is marked `long` by its place (its conftest), and nothing else is."""
    tests = ROOT / "tests"
    marked = [
        f for f in tests.rglob("*.py") if "mark.long" in f.read_text(encoding="utf-8") and f.name != Path(__file__).name
    ]
    assert [f.relative_to(tests).as_posix() for f in marked] == ["long/conftest.py"]
    for file in set((tests / "long").rglob("test_*.py")) - {tests / "long" / "test_properties.py"}:
        assert (tests / file.relative_to(tests / "long")).is_file(), f"{file} has no thin case in the suite"
