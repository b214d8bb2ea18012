"""A population fit in words: text, HTML, LaTeX."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

from pkpd.fit.mixed.result.estimate import BY_CURVATURE
from pkpd.fit.mixed.result.uncertainty import WORDS
from pkpd.fit.verdict import CONVERGED

if TYPE_CHECKING:
    import pandas

    from pkpd.fit.mixed.result.reported import Reported

_SOUND = (CONVERGED, "evaluated")
_FORMAT = "{:.4g}".format
_SPECIAL = {"\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{",
            "}": r"\}",
            "^": r"\^{}", "~": r"\~{}", "²": r"\textsuperscript{2}", "√": r"$\surd$", "ω": r"$\omega$", "·": r"$\cdot$",
            "−": r"$-$", "µ": r"$\mu$"}  # fmt: skip


def summary(fit: Reported) -> str:
    """Return the verdict and the criteria in a few lines."""
    own, ends = fit.counts, fit.convergence
    lines = [
        f"{fit.people.model.name} by {fit.method}: {fit.status}" + (f" — {fit.message}" if fit.message else ""),
        f"{own.observations} observations ({own.censored} censored) of {own.subjects} subjects, "
        f"objective {fit.objective:.4f}, −2 log L {fit.minus2ll:.3f}",
        f"AIC {fit.aic:.2f}, BIC {fit.bic:.2f} ({len(fit.names)} numbers, ln {own.observations}), BICc {fit.bicc:.2f} "
        f"({own.mixed} × ln {own.subjects} + {own.fixed} × ln {own.observations})",
        f"SE {_source(fit)}, condition number {fit.condition_number:.3g}",
    ]
    if why := fit.uncertainty.why_not(fit.covariance_kind):
        lines[-1] = f"no standard errors: {why}"
    if ends.exact is not None and ends.exact.value != fit.objective:  # SAEM's own objective is the exact one
        error = f" ± {ends.exact.error:.2g}" if ends.exact.error else ""
        more = f"; {ends.exact.sentence}" if ends.exact.sentence else ""
        apart = f", {ends.difference:+.3f} from {fit.method}'s" if abs(ends.difference) > 0 else ""
        lines.append(f"exact objective {ends.exact.value:.4f}{error}{apart} ({ends.exact.method}){more}")
    if ends.unsolved:
        lines.append(f"{len(ends.unsolved)} subjects could not be solved: {', '.join(map(str, ends.unsolved))}")
    if ends.failed_modes:
        lines.append(f"{len(ends.failed_modes)} subjects without a good mode: {', '.join(map(str, ends.failed_modes))}")
    lines += [f"caution: {text}" for text in fit.cautions if text not in fit.message]
    return "\n".join([*lines, *fit.notes])


def _source(fit: Reported) -> str:
    """Say where the standard errors come from."""
    if fit.method == "SAEM" and fit.covariance_kind == "R":
        if BY_CURVATURE in fit.notes:
            return f"{WORDS['R']} of FOCEI at the estimates"
        return "from the observed information by Louis' method"
    words = WORDS[fit.covariance_kind]
    return f"{words} of FOCEI at the estimates" if fit.method == "IMP" else words


def _shown(fit: Reported) -> list[tuple[str, pandas.DataFrame]]:
    """The tables of a fit with their titles; empty columns and tables are left out."""
    found = [("", fit.table().drop(columns="meaning"))]
    if fit.people.omega:
        effects = fit.random_effects().drop(columns="kind")
        found.append(("random effects", effects.drop(index=[n for n in effects.index if n.startswith("CV(")])))
        found.append(("mean of the random effects (ETABAR)", fit.shrinkage[["mean", "SE", "p", "n"]]))
    if fit.secondary:
        found.append(("secondary parameters", fit.secondary_parameters()))
    return [(title, _plain(table)) for title, table in found if len(table)]


def _plain(table: pandas.DataFrame) -> pandas.DataFrame:
    """A table as it is printed: no row of a column without a value says NaN, no column is empty."""
    shown = table.map(_cell)
    return shown.loc[:, [c for c in shown if (shown[c] != "").any()]]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else _FORMAT(value)
    return str(value)


def text(fit: Reported) -> str:
    """Return summary and tables as text."""
    parts = [summary(fit)]
    for title, table in _shown(fit):
        table.index.name = None
        parts.append((f"{title}\n" if title else "") + table.to_string())
    return "\n\n".join(parts)


def as_html(fit: Reported) -> str:
    """Return summary and tables as HTML."""
    colour = "inherit" if fit.status in _SOUND else "#b00"
    parts = [f"<p style='color:{colour}'>{html.escape(summary(fit)).replace(chr(10), '<br>')}</p>"]
    for title, table in _shown(fit):
        table.index.name = None
        parts.append((f"<p>{html.escape(title)}</p>" if title else "") + table.to_html())
    return "".join(parts)


def latex(fit: Reported, level: float) -> str:
    """Return the estimates as a LaTeX table (booktabs): numbers of four digits, names and units escaped."""
    table = _plain(fit.table(level).drop(columns="meaning"))
    head = " & ".join(map(escaped, ["parameter", *table.columns]))
    lines = [f"{escaped(str(name))} & {' & '.join(map(escaped, row))}" for name, row in zip(
        table.index, table.to_numpy().tolist(), strict=True)]  # fmt: skip
    body = " \\\\\n".join(lines)
    columns = "l" + "".join("l" if c in ("unit", "note") else "r" for c in table.columns)
    rule = f"\\begin{{tabular}}{{{columns}}}"
    return "\n".join([rule, "\\toprule", f"{head} \\\\", "\\midrule", f"{body} \\\\", "\\bottomrule", "\\end{tabular}"])


def escaped(text: str) -> str:
    """Return a text as LaTeX prints it."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)
