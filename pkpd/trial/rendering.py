"""A finished table as HTML and as LaTeX."""

from __future__ import annotations

import html
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

# What LaTeX reads as a command, and signs that its plain fonts lack.
_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "≥": r"$\geq$", "≤": r"$\leq$", "<": r"$<$", ">": r"$>$", "–": "--", "−": "$-$", "×": r"$\times$", "±": r"$\pm$",
    "·": r"$\cdot$", "µ": r"$\mu$", "λ": r"$\lambda$", "κ": r"$\kappa$", "ρ": r"$\rho$", "τ": r"$\tau$",
    "→": r"$\to$", "½": r"$\frac12$", "…": r"\ldots{}",
}  # fmt: skip


def as_html(table: pandas.DataFrame, note: str = "", *, group: str = "") -> str:
    """Return a table as HTML, made by great_tables where it is installed (extra ``trial``).

    Parameters
    ----------
    table : DataFrame
        Cells that are texts.
    note : str
        What stands below it.
    group : str
        Column by whose values rows are grouped, where the table has it.
    """
    try:
        from great_tables import GT
    except ImportError:
        return f"{table.to_html(index=False)}<p>{html.escape(note)}</p>"
    made = GT(table, groupname_col=group if group in table else None)
    return str((made.tab_source_note(note) if note else made).as_raw_html())


def as_latex(
    table: pandas.DataFrame, note: str = "", *, words: Collection[str] = (), kind: str = "tabular", wide: float = 0.0
) -> str:
    """Return a table as LaTeX with plain rules, which needs no package.

    Parameters
    ----------
    table : DataFrame
        Cells that are texts.
    note : str
        What stands below it.
    words : collection of str
        Columns whose cells begin at the left; numbers end at the right.
    kind : {"tabular", "longtable"}
        A ``longtable`` goes over pages, and needs the package of that name.
    wide : float
        Width of each column of words, as a share of the line; 0: as wide as its cells.
    """
    rows = [[latex_text(str(cell)) for cell in row] for row in [table.columns.tolist(), *table.to_numpy().tolist()]]
    body = [" & ".join(row) + r" \\" for row in rows]
    word = f"p{{{wide:g}\\linewidth}}" if wide else "l"
    head = f"\\begin{{{kind}}}{{" + "".join(word if name in words else "r" for name in table) + "}"
    top = [body[0], r"\hline", *([r"\endhead"] if kind == "longtable" else [])]
    lines = [head, r"\hline", *top, *body[1:], r"\hline", f"\\end{{{kind}}}"]
    return "\n".join([*lines, *([latex_text(note)] if note else [])])


def latex_text(text: str) -> str:
    """Return a text with what LaTeX would read as a command written out."""
    return "".join(_SIGNS.get(sign, sign) for sign in text)
