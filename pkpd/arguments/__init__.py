"""What a public call is given, checked against what its signature says, before anything is done with it."""

from pkpd.arguments.contract import checked, checked_fields
from pkpd.arguments.kinds import A_FOLDER, NAMED, at_least, one_of, optional, some_times

__all__ = ["A_FOLDER", "NAMED", "at_least", "checked", "checked_fields", "one_of", "optional", "some_times"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
