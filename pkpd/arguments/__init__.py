"""What a public call is given, checked against what its signature says, before anything is done with it."""

from pkpd.arguments.contract import checked, checked_fields

__all__ = ["checked", "checked_fields"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
