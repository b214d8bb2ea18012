"""Units as laboratories write them, and names of their tests."""

from __future__ import annotations

import re

from pkpd import units
from pkpd.decimals import product
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

MOLAR_MASS = {"phosphate": 30.974, "uric acid": 168.11, "creatinine": 113.12, "bilirubin": 584.66}
"""g/mol, between the columns of one table. Phosphate is reported as milligrams of phosphorus."""

_MONOVALENT = ("sodium", "potassium")
_CELLS = ("lymphocytes", "neutrophils", "leukocytes", "platelets")
_ENZYMES = ("AST", "ALT", "alkaline phosphatase", "lipase", "amylase")
_KATAL = 60e6  # U: one converts a mole in a second, the other a micromole in a minute
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_COUNTED = (
    (re.compile(r"^(?:[x×]\s*)?10\s*(?:\^|\*\*?|e|exp)?\s*\(?([369])\)?\s*(?:cells?\s*)?/", re.I), r"10^\1/"),
    (re.compile(r"^(?:K|THOUS?(?:AND)?)\s*/(?=[uµμm])", re.I), "10^3/"),
    (re.compile(r"^(?:G|(?i:GPT|GI|giga))/(?=L$)"), "10^9/"),
    (re.compile(r"^(?:(?:cells?|counts?|#)\s*)?/", re.I), "1/"),
)
_ALL = (
    (re.compile(r"[\s·*]*(?<![A-Za-z])(mm|L)\s*\^?(-[13])$", re.I), r"/\1\2"),  # 10^9 L^-1
    (re.compile(r"/mm(?:\s*\^?\s*-?3)$|/c(?:u\.?)?\s?mm$", re.I), "/mm^3"),
    (re.compile(r"/(?:l|liter|litre|L-1)$", re.I), "/L"),
    (re.compile(r"/mc[lL]$"), "/uL"),
    (re.compile(r"^(?:IU|UI|U|E|units?|IE)(?=/(?:L|mL)$)", re.I), "U"),
    (re.compile(r"^gm(?=/)", re.I), "g"),
    (re.compile(r"mg\s?%$", re.I), "mg/dL"),
    (re.compile(r"g\s?%$", re.I), "g/dL"),
    (re.compile(r"/100\s?mL$", re.I), "/dL"),
)
_EVERYDAY = {one.casefold(): one for one in ("mg/dL", "g/dL", "g/L", "mg/L", "mmol/L", "umol/L", "nmol/L", "ug/L")}


def known_test(name: str, known: list[str]) -> str | None:
    """Return the name of a test as the criteria write it, None where they have no such test."""
    folded = _folded(name)
    for test in known:
        if folded == _folded(test) or folded in TESTS.get(test, ()):
            return test
    return None


def factor(unit: str, wanted: str, test: str) -> float | None:
    """Return by what a number in `unit` is multiplied to be in `wanted`; None where that is impossible.

    Grams per litre of blood count as no unit of cells: ``G/L`` is 10^9/L for tests that count cells only. Katals are
    units of enzymes: 1 µkat/L is 60 U/L.
    """
    target, per_target = _plain(wanted, wanted, test)
    for written in dict.fromkeys((unit, _EVERYDAY.get(unit.strip().casefold(), unit))):
        text, per_text = _plain(written, wanted, test)
        try:
            found = units.factor(text, target)
        except UnitError:
            continue
        return float(product(found, per_text / per_target)) if per_text != per_target else found
    return None


def by_mass(unit: str, wanted: str, test: str) -> float | None:
    """Return the factor between two units of a test, one of which may be molar; None where that is impossible."""
    same = factor(unit, wanted, test)
    mass = MOLAR_MASS.get(test)
    if same is not None or mass is None:
        return same
    for one, other, ratio in (("mmol/L", "mg/L", mass), ("mg/L", "mmol/L", 1 / mass)):
        first, last = factor(unit, one, test), factor(other, wanted, test)
        if first is not None and last is not None:
            return first * ratio * last
    return None


def _plain(unit: str, wanted: str, test: str) -> tuple[str, float]:
    """A unit as the package writes it, and how many of that one of it is."""
    text = re.sub("(?<=10)[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: "^" + found[0].translate(_RAISED), unit.strip())
    text = text.translate(_RAISED)
    for pattern, plain in _ALL:
        text = pattern.sub(plain, text)
    if test in _CELLS or "10^9/L" in wanted or "mm^3" in wanted:
        for pattern, plain in _COUNTED:
            text = pattern.sub(plain, text)
    if test in _ENZYMES and text.casefold().endswith("kat/l"):
        return f"{text[:-5]}U/L", _KATAL
    return (re.sub(r"meq|mval", "mmol", text, flags=re.I) if test in _MONOVALENT else text), 1.0


def _folded(name: str) -> str:
    return re.sub(r"[\s_\-]", "", name).casefold()
