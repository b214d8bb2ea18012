"""Figures as files: text stays text, and the same figure gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

FORMATS, DPI = ("png", "pdf", "svg"), 200
# Text that can be searched and copied (TrueType in PDF, text in SVG); names of parts of an SVG that do not change.
_SETTINGS = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "pkpd"}
_UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def write_figure(figure: Figure, stem: Path, formats: Sequence[str] = FORMATS, dpi: int = DPI) -> list[Path]:
    """Write a figure in several formats and return the paths.

    Parameters
    ----------
    figure : Figure
        What is written.
    stem : Path
        The path without its ending.
    formats : sequence of str
        Endings.
    dpi : int
        Dots per inch of PNG.
    """
    written = []
    with rc_context(_SETTINGS):
        for ending in formats:
            written.append(stem.with_name(f"{stem.name}.{ending}"))
            figure.savefig(written[-1], dpi=dpi, metadata=_UNDATED.get(ending))
    return written
