"""Models as equations: parsed against a whitelist, composed with ``+``, shown as LaTeX and as a diagram."""

from pkpd.model.evaluate import derivative_text, evaluate_text
from pkpd.model.individual import individual_model
from pkpd.model.model import Model, define

__all__ = ["Model", "define", "derivative_text", "evaluate_text", "individual_model"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
