"""Parameter values with units, bounds and what is fixed."""

from pkpd.parameters.scale import Scale
from pkpd.parameters.values import Parameter, Parameters

__all__ = ["Parameter", "Parameters", "Scale"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
