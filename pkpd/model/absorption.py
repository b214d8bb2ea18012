"""What a model says of absorption: which rate constants bring the drug in, and at which rate it leaves."""

from __future__ import annotations

from pkpd.errors import ModelError
from pkpd.model import expressions
from pkpd.model.evaluate import derivative_text
from pkpd.model.model import Model


def absorption_steps(model: Model) -> tuple[tuple[str, str], ...]:
    """Return the rate constants of first-order absorption, each with the elimination rate of what it feeds.

    A step is a state that passes all it holds on at a rate which is one parameter (``ka``), and that gets nothing back
    from where the drug is eliminated (linearly, ``CL/V``). For a given concentration curve the two rates may change
    places (flip-flop).

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    tuple of (str, str)
        Such as ``(("ka", "CL/V"),)``; empty where there is no such step or elimination is not linear.
    """
    drug = [state for state in model.equations if state not in model.initial]
    entries = [state for state in dict.fromkeys(model.doses.values()) if state in drug]
    if not entries:
        return ()
    try:
        texts = {state: _written_out(model, model.equations[state]) for state in drug}
        return _steps(model, drug, texts)
    except ModelError:
        return ()  # an equation without a derivative that can be written: no such model


def _written_out(model: Model, text: str) -> str:
    """Return an equation with outputs replaced by what they are."""
    for _ in model.outputs:
        text = expressions.substitute_names(text, {n: t for n, t in model.outputs.items() if n not in model.equations})
    return text


def _steps(model: Model, drug: list[str], texts: dict[str, str]) -> tuple[tuple[str, str], ...]:
    whole = " + ".join(f"({text})" for text in texts.values())
    lost = {state: derivative_text(whole, state) for state in drug}
    leaving = [state for state in drug if not _is_zero(lost[state])]
    if len(leaving) != 1:
        return ()
    (centre,) = leaving
    parameters = set(model.parameters.names)
    out = derivative_text(f"-({whole})", centre)
    if not expressions.names(out) <= parameters:
        return ()  # saturable, or driven by something else
    steps = []
    for state in drug:
        if state == centre or not _is_zero(derivative_text(texts[state], centre)):
            continue
        rate = derivative_text(f"-({texts[state]})", state)
        if rate in parameters:
            steps.append((rate, out))
    return tuple(dict.fromkeys(steps))


def _is_zero(text: str) -> bool:
    return text.strip() in ("0", "0.0")
