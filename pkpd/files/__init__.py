"""Files that hold studies, models, fits and results: what is in them, how they are sealed, how they are read back.

`plain` makes plain data of a value, `rebuild` makes the value again, `sealed` writes and reads the file. Nothing here
is pickled: a file holds numbers and one JSON text, and reading it runs nothing that stands in it.
"""

from pkpd.files.saved import Saved

__all__ = ["Saved"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
