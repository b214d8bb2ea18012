"""The paper's numbers beside computed ones, as text for a terminal and as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pkpd.il21 import PaperComparison
from pkpd.report.layout import paragraph, table_text

_SHOWN = ["what", "published", "computed", "kind", "agreement"]


def paper_text(found: PaperComparison) -> Iterator[str]:
    """Yield the comparison part by part, why rows differ or cannot be computed, and what the paper contradicts.

    Parameters
    ----------
    found : PaperComparison
        What `pkpd.il21.compare_with_paper` returned.
    """
    for part, rows in found.rows.groupby("part", sort=False):
        yield table_text(str(part), rows[_SHOWN].set_index("what"))
    apart = found.differing()
    silent = found.rows[found.rows["kind"] == "cannot"]
    for title, rows in (("Where the paper and the computed value part", apart), ("What cannot be computed", silent)):
        yield title
        for row in rows.itertuples():
            middle = "" if row.kind == "cannot" else f"; computed {row.computed}"
            yield paragraph(f"{row.what}: {row.published}{middle} ({row.why})").rstrip()
        yield ""
    yield table_text("What does not agree within the paper: found by checks, repaired nowhere",
                     found.findings.drop(columns="check").set_index("place"))  # fmt: skip
    yield table_text("Rows by kind and agreement", found.counts().rename_axis(columns=None))
    yield paragraph(found.note)


def write_paper(found: PaperComparison, folder: Path) -> list[Path]:
    """Write both tables as CSV, one page of HTML and one LaTeX file, and return where they are.

    Parameters
    ----------
    found : PaperComparison
        What `pkpd.il21.compare_with_paper` returned.
    folder : Path
        Where the files go; it exists.
    """
    paths = [folder / name for name in ("paper.csv", "paper-findings.csv", "paper.html", "paper.tex")]
    tables = (found.rows.to_csv(index=False), found.findings.to_csv(index=False), found.html(), found.latex())
    for path, text in zip(paths, tables, strict=True):
        path.write_text(text, encoding="utf-8")
    return paths
