"""What the library holds: every model under its kind, and a search by words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.library import (
    absorption,
    cell_trafficking,
    circadian,
    compartments,
    direct_effects,
    elimination,
    haematotoxicity,
    indirect_responses,
    kinase_inhibitors,
    receptors,
    signal_transduction,
    target_mediated,
    tolerance,
    tumour,
    turnover,
)  # fmt: skip
from pkpd.model import Model

if TYPE_CHECKING:
    import pandas

COLUMNS = ("name", "kind", "what", "states", "parameters", "reference")
KINDS: Mapping[str, Sequence[Callable[..., Model]]] = {
    "compartments": (compartments.one_compartment, compartments.two_compartment, compartments.three_compartment),
    "absorption": (
        absorption.zero_order_absorption,
        absorption.sequential_absorption,
        absorption.mixed_absorption,
        absorption.weibull_absorption,
        absorption.transit_absorption,
    ),
    "elimination": (elimination.michaelis_menten, elimination.metabolite, elimination.enterohepatic),
    "published drug": (kinase_inhibitors.sorafenib,),
    "target": (
        target_mediated.tmdd,
        target_mediated.tmdd_quasi_steady_state,
        target_mediated.tmdd_michaelis_menten,
        receptors.receptor_occupancy,
    ),
    "signal transduction": (
        signal_transduction.effect_compartment,
        signal_transduction.activation,
        signal_transduction.transit_delay,
    ),
    "direct effect": (
        direct_effects.linear_effect,
        direct_effects.log_linear_effect,
        direct_effects.emax_effect,
        direct_effects.sigmoid_emax_effect,
        direct_effects.imax_effect,
        direct_effects.direct_effect,
    ),
    "turnover": (
        indirect_responses.indirect_response,
        turnover.turnover,
        turnover.stimulated_loss,
        turnover.irreversible_effect,
        indirect_responses.precursor_response,
        turnover.precursor_turnover,
    ),
    "tolerance": (tolerance.feedback, tolerance.antagonist_tolerance),
    "cells": (
        cell_trafficking.redistribution,
        cell_trafficking.trafficking,
        haematotoxicity.myelosuppression,
        receptors.receptor_shedding,
    ),
    "tumour": (tumour.simeoni, tumour.claret),
    "rhythm": (circadian.circadian_baseline, circadian.circadian_turnover),
}
_SIGNAL, _R = {"by": "A"}, {"name": "R"}
_CALLS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    **dict.fromkeys(("one_compartment", "two_compartment", "three_compartment"), ({}, {"absorption": True})),
    "michaelis_menten": ({}, {"linear": True}),
    "indirect_response": tuple({"kind": kind} for kind in ("I", "II", "III", "IV")),
    "enterohepatic": ({}, {"emptying": "continuous"}),
    "receptor_occupancy": ({}, {"kinetic": True}),
    "myelosuppression": ({}, {"effect": "emax"}),
    **dict.fromkeys(("precursor_response", "feedback", "direct_effect"), ({}, {"inhibits": True})),
    **dict.fromkeys(
        ("turnover", "stimulated_loss", "redistribution", "trafficking", "precursor_turnover"), ({**_R, **_SIGNAL},)
    ),
}


@dataclass(frozen=True)
class Entry:
    """One way to call a function of the library: the call as text, its kind, its arguments."""

    call: str
    kind: str
    function: Callable[..., Model]
    arguments: Mapping[str, Any]

    def make(self) -> Model:
        """Return the model."""
        return self.function(**self.arguments)


def entries() -> tuple[Entry, ...]:
    """Return every model of the library, with its main variants."""
    return tuple(
        Entry(_call(function, arguments), kind, function, arguments)
        for kind, functions in KINDS.items()
        for function in functions
        for arguments in _CALLS.get(function.__name__, ({},))
    )


def _call(function: Callable[..., Model], arguments: Mapping[str, Any]) -> str:
    """Write a call: arguments that have no keyword come first."""
    texts = [repr(v).replace("'", '"') if k in ("name", "kind") else f"{k}={v!r}".replace("'", '"')
             for k, v in arguments.items()]  # fmt: skip
    return f"{function.__name__}({', '.join(texts)})"


@checked
def search(words: str = "") -> pandas.DataFrame:
    """Return the models of the library whose name, kind, description or reference has all of the words.

    Parameters
    ----------
    words : str
        Words or beginnings of words in any order and case, e.g. ``"tumour 2009"``; nothing lists everything.

    Returns
    -------
    pandas.DataFrame
        A row per model: ``name`` (how it is called), ``kind``, ``what`` it is, ``states``, ``parameters`` and
        ``reference``.

    Raises
    ------
    InputError
        If a word stands nowhere, naming the nearest that does.
    """
    import pandas

    rows = [(e, e.make()) for e in entries()]
    table = pandas.DataFrame(
        [(e.call, e.kind, _what(e.function), ", ".join(m.states), ", ".join(m.parameters.names), m.reference)
         for e, m in rows],
        columns=list(COLUMNS),
    )  # fmt: skip
    texts = [" ".join((e.call, e.kind, _what(e.function), m.name, m.reference)).casefold() for e, m in rows]
    vocabulary = [_words(text) for text in texts]
    wanted = _words(words)
    known = sorted(set().union(*vocabulary))
    if problems := [_unknown(w, known) for w in sorted(wanted) if not any(k.startswith(w) for k in known)]:
        raise InputError(problems, "library.list")
    keep = [all(any(k.startswith(w) for k in known_words) for w in wanted) for known_words in vocabulary]
    return table[keep].reset_index(drop=True)


def _words(text: str) -> set[str]:
    """Split at everything but letters and digits, underscores of names too."""
    return {w for w in re.split(r"[\W_]+", text.casefold()) if w}


def _unknown(word: str, known: Sequence[str]) -> str:
    """Say that no model has a word; what exists is too long to list."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"no model has the word {word!r}; " + (
        f"did you mean {close[0]!r}?" if close else "library.list() shows everything"
    )


def _what(function: Callable[..., Model]) -> str:
    """Return the first sentence of the description."""
    lines = (function.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(lines.split()).rstrip(".")
