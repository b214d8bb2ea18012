"""The page on population fits names what there is: arguments, options, methods, verdicts; README's lines run."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import pkpd
from pkpd import plot
from pkpd.fit import PopulationFit, PopulationOptions, steps
from pkpd.fit.mixed.methods import EVALUATED
from pkpd.fit.mixed.search.verdict import SADDLED, UNRELIABLE
from pkpd.fit.verdict import BOUND, CONVERGED, FAILED, STOPPED, UNIDENTIFIED

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "population-fits.md").read_text(encoding="utf-8")


def first_column(title: str) -> set[str]:
    """What stands in backticks in the first column of a section's tables, without defaults."""
    section = PAGE[PAGE.index(f"## {title}\n") :].split("\n## ")[0]
    cells = [row.split("|")[1] for row in section.splitlines() if row.startswith("|")]
    return {re.split(r"[=(]", name)[0].strip('"') for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_argument_and_option_has_its_row() -> None:
    arguments = set(inspect.signature(pkpd.fit_population).parameters) - {"data"}
    assert first_column("What is asked for") == arguments | {f.name for f in fields(PopulationOptions)}


def test_every_method_and_every_verdict_has_its_row() -> None:
    assert first_column("Methods, and when to use which") == set(steps.METHODS)
    words = {CONVERGED, STOPPED, BOUND, UNIDENTIFIED, FAILED, SADDLED, UNRELIABLE, EVALUATED}
    assert first_column("The verdict") == words


def test_what_the_result_offers_is_there() -> None:
    named = re.findall(r"`fit\.(\w+)", PAGE)
    assert len(named) > 10
    known = {f.name for f in fields(PopulationFit)} | set(dir(PopulationFit))
    assert [n for n in named if n not in known] == []
    assert [n for n in re.findall(r"pkpd\.plot\.(\w+)", PAGE) if n not in plot.__all__] == []


def test_the_lines_in_the_readme_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = next(b for b in re.findall(r"```python\n(.*?)```", text, flags=re.S) if "fit_population" in b)
    space: dict[str, object] = {"pkpd": pkpd}
    exec(code, space)
    fit = space["fit"]
    assert isinstance(fit, PopulationFit)
    assert fit.status == "converged"
    assert "exact" in fit.summary()
    assert fit.values["V"] == pytest.approx(0.46, abs=0.02)  # L/kg
