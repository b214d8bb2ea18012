"""Populations as papers published them: typical values, variability, residual errors; what they leave open is asked."""

from pkpd.published.kinase_inhibitors import sorafenib

__all__ = ["sorafenib"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
