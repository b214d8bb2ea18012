"""What a public call is given, checked against what its signature says, before anything is done with it."""

from pkpd.arguments.brief import brief
from pkpd.arguments.contract import ANYTHING, checked, checked_fields, kinds_of
from pkpd.arguments.kinds import (
    A_FOLDER,
    A_LABEL,
    A_SPREAD,
    NAMED,
    SOME_LABELS,
    at_least,
    dataset_with,
    one_of,
    optional,
    some_times,
)
from pkpd.arguments.written import from_json, tuples

__all__ = [
    "ANYTHING",
    "A_FOLDER",
    "A_LABEL",
    "A_SPREAD",
    "NAMED",
    "SOME_LABELS",
    "at_least",
    "brief",
    "checked",
    "checked_fields",
    "dataset_with",
    "from_json",
    "kinds_of",
    "one_of",
    "optional",
    "some_times",
    "tuples",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not what it is made of."""
    return [*__all__]
