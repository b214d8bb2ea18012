"""Models as equations: parsed against a whitelist, composed with ``+``, shown as LaTeX and as a diagram (floor 2)."""

from pkpd.model.model import Model, define

__all__ = ["Model", "define"]
