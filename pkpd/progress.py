"""The progress bar of long runs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any


def progress_bar(items: Iterable[Any] | None = None, **options: Any) -> Any:
    """Return tqdm's bar around some items, without its complaint in a notebook that lacks ipywidgets.

    The bar is shown in a terminal and in a notebook only: in a file, a pipe or a log it would be a heap of fragments.

    Parameters
    ----------
    items : iterable, optional
        What is counted while it passes; without it the caller counts.
    **options
        Those of `tqdm.auto.tqdm`.
    """
    if not options.get("disable") and "ipykernel" not in sys.modules:
        options["disable"] = None  # tqdm's word for: where the output is no terminal
    with warnings.catch_warnings():  # it complains when it is imported, and then works
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

    return tqdm(items, **options)
