"""What was written as JSON, read again: by hand, by another program, or damaged."""

from __future__ import annotations

import json
from typing import Any

from pkpd.errors import InputError


def from_json(text: str | bytes, where: str) -> Any:
    """Return what a JSON text holds.

    Parameters
    ----------
    text : str or bytes
        The text; bytes are UTF-8.
    where : str
        What an error says was being read.

    Raises
    ------
    InputError
        If it is not JSON, nested without end, or has a number that nobody can mean.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error}"
    except UnicodeDecodeError as error:
        problem = f"not JSON: a byte that is no text at position {error.start}"
    except RecursionError:
        problem = "not JSON that can be read: its brackets are nested too deeply"
    except ValueError:  # Python reads no whole number of more than 4300 digits
        problem = "not JSON that can be read: a number has thousands of digits"
    raise InputError(problem, where)


def tuples(value: Any) -> Any:
    """Return the same with every list, at any depth, as a tuple."""
    if isinstance(value, list):
        return tuple(map(tuples, value))
    return value
