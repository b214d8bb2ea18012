"""Units as laboratories write them, and names of their tests."""

from __future__ import annotations

import re

from pkpd import units
from pkpd.errors import UnitError

TESTS = {
    "lymphocytes": ("lym", "alc", "lymphocyte", "lymphocytecount", "absolutelymphocytecount", "lymphocytesabs"),
    "neutrophils": ("neut", "anc", "neutrophil", "neutrophilcount", "absoluteneutrophilcount", "neutrophilsabs"),
    "leukocytes": ("wbc", "leukocyte", "whitebloodcells", "whitebloodcellcount", "leucocytes"),
    "platelets": ("plat", "plt", "platelet", "plateletcount", "thrombocytes"),
    "haemoglobin": ("hgb", "hb", "hemoglobin"),
    "AST": ("sgot", "aspartateaminotransferase"),
    "ALT": ("sgpt", "alanineaminotransferase"),
    "alkaline phosphatase": ("alp", "alkph"),
    "bilirubin": ("bili", "totalbilirubin"),
    "creatinine": ("creat", "serumcreatinine"),
    "lipase": ("lipaset",),
    "amylase": ("amylas",),
    "phosphate": ("phos", "phosphorus", "inorganicphosphate"),
    "sodium": ("serumsodium",),
    "potassium": ("k",),
    "uric acid": ("urate", "ua"),
}
"""Our name of a test → other names, lower case without spaces; the codes of CDISC are among them."""

MOLAR_MASS = {"phosphate": 30.974, "uric acid": 168.11}
"""g/mol, between the columns of one table. Phosphate is reported as milligrams of phosphorus."""

_MONOVALENT = ("sodium", "potassium")
_SPELLED = (
    (re.compile(r"^/"), "1/"),
    (re.compile(r"^(?:x\s*)?10\s*(?:\^|\*\*?|e)?\s*([3369])\s*/", re.I), r"10^\1/"),
    (re.compile(r"^(?:K|THOUS(?:AND)?)(?=/[uµμ]L|/mm)", re.I), "10^3"),
    (re.compile(r"^(?:G|Gpt|GI)(?=/L$)"), "10^9"),
    (re.compile(r"^cells/", re.I), "1/"),
    (re.compile(r"mm\^?3$|cu\.?\s?mm$", re.I), "mm^3"),
)


def known_test(name: str, known: list[str]) -> str | None:
    """Return the name of a test as the criteria write it, None where they have no such test."""
    folded = _folded(name)
    for test in known:
        if folded == _folded(test) or folded in TESTS.get(test, ()):
            return test
    return None


def factor(unit: str, wanted: str, test: str) -> float | None:
    """Return by what a number in `unit` is multiplied to be in `wanted`; None where that is impossible.

    Grams per litre of blood count as no unit of cells: ``G/L`` is 10^9/L for tests that count cells only.
    """
    try:
        return units.factor(_plain(unit, wanted, test), _plain(wanted, wanted, test))
    except UnitError:
        return None


def _plain(unit: str, wanted: str, test: str) -> str:
    """A unit as the package writes it."""
    text = unit.strip()
    cells = "10^9/L" in wanted or "mm^3" in wanted
    for pattern, plain in _SPELLED:
        if not plain.startswith("10^") or cells:
            text = pattern.sub(plain, text)
    return re.sub(r"meq", "mmol", text, flags=re.I) if test in _MONOVALENT else text


def _folded(name: str) -> str:
    return re.sub(r"[\s_\-]", "", name).casefold()
