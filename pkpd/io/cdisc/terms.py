"""Names of pharmacokinetic parameters in CDISC's controlled terminology (code lists PKPARMCD and PKPARM)."""

from __future__ import annotations

_NAMES = {
    "AUCALL": "AUC All",
    "AUCIFO": "AUC Infinity Obs",
    "AUCIFOD": "AUC Infinity Obs Norm by Dose",
    "AUCIFP": "AUC Infinity Pred",
    "AUCINT": "AUC from T1 to T2",
    "AUCLST": "AUC to Last Nonzero Conc",
    "AUCPEO": "AUC %Extrapolation Obs",
    "CLFO": "Total CL Obs by F",
    "CLO": "Total CL Obs",
    "CLST": "Last Nonzero Conc",
    "CMAX": "Max Conc",
    "CMAXD": "Max Conc Norm by Dose",
    "LAMZ": "Lambda z",
    "LAMZHL": "Half-Life Lambda z",
    "LAMZLL": "Lambda z Lower Limit",
    "LAMZNPT": "Number of Points for Lambda z",
    "LAMZSPN": "Lambda z Span",
    "LAMZUL": "Lambda z Upper Limit",
    "R2": "R Squared",
    "R2ADJ": "R Squared Adjusted",
    "TLST": "Time of Last Nonzero Conc",
    "TMAX": "Time of CMAX",
    "VZFO": "Vz Obs by F",
}
"""PKPARM by PKPARMCD, as far as it was looked up; other parameters go by our own words."""

LONGEST = 40
"""Characters that the SDTM allows for a name of a test."""


def name_of_test(code: str, words: str) -> str:
    """Return PPTEST: the name of a code in the terminology, else our words, cut at a space to 40 characters."""
    name = _NAMES.get(code, words)
    return name if len(name) <= LONGEST else name[: LONGEST + 1].rsplit(" ", 1)[0][:LONGEST]
