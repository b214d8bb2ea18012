"""What a model looks like: LaTeX, and a text diagram of its flows."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Protocol

from pkpd.model import expressions
from pkpd.parameters import Parameters

_LETTERS = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi
omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
_GREEK = frozenset(_LETTERS.split())
_BELOW = re.compile(
    "([kK])(a|e|el|in|out|on|off|int|deg|syn|tr|tol|ge|d|m|p|i|s|g|prol|circ|[A-Z][A-Z]?|[ae]0)"  # rate constants, Km
    "|([A-Z])(max|min|ss|m)"  # Vmax, Emax, Vss
    "|(T)(k0)|([A-Za-z]{1,2})([0-9]+)|(" + "|".join(sorted(_GREEK)) + ")([0-9]+)"  # V1, EC50; lambda0
)


class Equations(Protocol):
    """What is shown of a model (`pkpd.model.Model` has all of it)."""

    @property
    def name(self) -> str: ...
    @property
    def equations(self) -> Mapping[str, str]: ...
    @property
    def outputs(self) -> Mapping[str, str]: ...
    @property
    def initial(self) -> Mapping[str, str]: ...
    @property
    def doses(self) -> Mapping[str, str]: ...
    @property
    def parameters(self) -> Parameters: ...
    @property
    def states(self) -> tuple[str, ...]: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def reference(self) -> str: ...


def latex(model: Equations) -> str:
    """Return the equations, initial values and outputs as one LaTeX ``aligned`` block."""
    import sympy

    names = [*model.states, *model.parameters.names, *model.outputs, *model.needs]
    symbols = {expressions.symbol(n): _symbol_name(n) for n in names}

    def show(text: str) -> str:
        return str(sympy.latex(expressions.parse(text), symbol_names=symbols, mul_symbol="dot"))

    lines = [f"\\frac{{d\\,{_symbol_name(s)}}}{{dt}} &= {show(e)}" for s, e in model.equations.items()]
    lines += [f"{_symbol_name(s)}(0) &= {show(e)}" for s, e in model.initial.items()]
    lines += [f"{_symbol_name(o)} &= {show(e)}" for o, e in model.outputs.items() if o != e]
    return "\\begin{aligned}" + r" \\ ".join(lines) + "\\end{aligned}"


def _symbol_name(name: str) -> str:
    """Return a name as the field writes it: ``V1`` → V with 1 below, ``kout_ALC`` → k with "out, ALC" below.

    Names of Greek letters become letters. What is no single letter stands upright: ``CL``, ``sCD25``.
    """
    stem, _, rest = name.partition("_")
    split = _BELOW.fullmatch(stem)
    head, *below = (part for part in split.groups() if part) if split else (stem,)
    below += [rest] if rest else []
    shown = f"\\{head}" if head in _GREEK else head if len(head) == 1 else f"\\mathrm{{{head}}}"
    if not below:
        return shown
    parts = ", ".join(part if part.isdigit() else f"\\mathrm{{{part}}}" for part in below).replace("_", "\\_")
    return f"{shown}_{{{parts}}}"


def flows(model: Equations) -> list[tuple[str, str, str]]:
    """Return the flows between states as (from, to, rate); ``""`` stands for outside.

    A term that one state loses and another gains is a flow between them; other losses go out, other gains come in.
    """
    import sympy

    terms = {s: list(sympy.Add.make_args(expressions.parse(e))) for s, e in model.equations.items()}
    gains = {s: [t for t in ts if t != 0 and not _is_loss(t)] for s, ts in terms.items()}
    losses = [(s, t) for s, ts in terms.items() for t in ts if _is_loss(t)]
    drawn: list[tuple[str, str, str]] = []
    for source, term in losses:
        for piece in _pieces(source, term, gains):
            target = _taker(source, piece, gains)
            if target:
                gains[target].remove(-piece)
            drawn.append((source, target, _rate(-piece, source)))
    drawn += [("", s, _plain(t)) for s, g in gains.items() for t in g]
    return drawn


def _is_loss(term: Any) -> bool:
    """Whether every part of a term has a minus sign, also where SymPy wrote it into a bracket."""
    import sympy

    return all(part.could_extract_minus_sign() for part in sympy.Add.make_args(sympy.expand(term, multinomial=False)))


def _taker(source: str, term: Any, gains: dict[str, list[Any]]) -> str:
    """The state that gains what another loses; empty if none does."""
    return next((s for s, g in gains.items() if s != source and -term in g), "")


def _pieces(source: str, term: Any, gains: dict[str, list[Any]]) -> list[Any]:
    """A loss as it is written; multiplied out only where a part of it arrives in another state."""
    import sympy

    if _taker(source, term, gains):
        return [term]
    parts = list(sympy.Add.make_args(sympy.expand(term, multinomial=False)))
    return parts if any(_taker(source, part, gains) for part in parts) else [term]


def _rate(term: Any, source: str) -> str:
    import sympy

    symbol = expressions.symbol(source)
    term = sympy.factor_terms(sympy.expand(term, multinomial=False)) if "(-" in str(term) else term
    return _plain(term / symbol) if term.has(symbol) else f"{_plain(term)} (amount)"


def _plain(term: Any) -> str:
    return expressions.text_of(term).replace("**", "^")


def diagram(model: Equations) -> str:
    """Return a text diagram: where doses enter, what flows where at which rate, and what is observed."""
    lines = [model.name]
    entries: dict[str, list[str]] = {}
    for route, state in model.doses.items():
        entries.setdefault(state, []).append(route)
    width = max((len(s) for s in model.states), default=0)
    for state, routes in entries.items():
        lines.append(f"  {' / '.join(routes)} ══▶ [{state}]")
    for source, target, rate in flows(model):
        left = f"[{source}]" if source else "·"
        right = f"[{target}]" if target else "·"
        lines.append(f"  {left:>{width + 2}} ── {rate} ──▶ {right}")
    lines += [f"  {name} = {text}" for name, text in model.outputs.items() if name != text]
    lines += [f"  {name}(0) = {text}" for name, text in model.initial.items()]
    if model.needs:
        lines.append(f"  needs: {', '.join(model.needs)}")
    return "\n".join(lines)


def as_html(model: Equations) -> str:
    """Return equations, diagram and parameters for a notebook."""
    note = f"<p style='color:gray'>{html.escape(model.reference)}</p>" if model.reference else ""
    return (
        f"<b>{html.escape(model.name)}</b><p>$\\displaystyle {latex(model)}$</p>"
        f"<pre>{html.escape(diagram(model))}</pre>{model.parameters._repr_html_()}{note}"
    )
