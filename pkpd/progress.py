"""The progress bar of long runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any


def progress_bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """Return tqdm's bar around some items, without its complaint in a notebook that lacks ipywidgets.

    Parameters
    ----------
    items : iterable, optional
        What is counted while it passes; without it the caller counts.
    **options
        Those of `tqdm.auto.tqdm`.
    """
    with warnings.catch_warnings():  # it complains when it is imported, and then works
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

    return tqdm(items, **options)
