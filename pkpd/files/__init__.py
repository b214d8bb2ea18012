"""Files that hold studies, models, fits and results: what is in them, how they are sealed, how they are read back.

`plain` makes plain data of a value (`tables` and `labelled` of pandas and xarray), `rebuild` makes the value again,
`sealed` writes and reads the file, `probe` looks at one whose seal is lost, `loaded` checks what came back. Nothing
here is pickled: a file holds numbers and one JSON text, and reading it runs nothing that stands in it.
"""

from pkpd.files.part import Part
from pkpd.files.saved import Saved

__all__ = ["Part", "Saved"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
