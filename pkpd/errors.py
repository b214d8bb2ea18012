"""Errors that speak to the user: every problem at once, each with its place and what was expected."""

from __future__ import annotations

import contextlib
import difflib
import functools
import heapq
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_BETWEEN = (os.path.dirname(__file__) + os.sep, contextlib.__file__, functools.__file__, "<frozen importlib")
"""Files that no user wrote: those of this package, and those of Python that call back into it."""
MOST_NAMES = 5
"""Names that a message lists; of more it says how many there are."""
_SCALARS = "float|int|uint|bool|str|longdouble|datetime|timedelta"
_NUMPY = re.compile(rf"\bnp\.(?:(?:{_SCALARS})\w*\(([^()]*)\)|(True|False)_?\b)")
_PYTHON = (  # how Python writes what has no words of its own, and what a user would call it
    (re.compile(r"\barray\((\[[^()]*?\])(?:, dtype=[^()]*)?\)"), r"\1"),
    (re.compile(r"\bdtype\('([^']*)'\)"), r"\1"),
    (re.compile(r"\b(?:Timestamp|Timedelta|PosixPath|WindowsPath)\('([^']*)'[^()]*\)"), r"'\1'"),
    (re.compile(r"\bDecimal\('([^']*)'\)"), r"\1"),
    (re.compile(r"\bFraction\((\d+), (\d+)\)"), r"\1/\2"),
    (re.compile(r"\b(?:dict_keys|dict_values|mappingproxy|frozenset)\(([\[{][^()]*[\]}])\)"), r"\1"),
    (re.compile(r"<(?:locals|lambda|genexpr|listcomp)>"), ""),
    (re.compile(r"<(?:built-in |bound )?(?:function|method) [^<>]*>"), "a function"),
    (re.compile(r"<class '(?:[\w.]*\.)?(\w+)'>"), r"the class \1"),
    (re.compile(r"<(?:[\w.]*\.)?(\w+)[^<>]*? at 0x[0-9a-fA-F]+[^<>]*>"), r"an object of type '\1'"),
)


_ENDLESS = 10_000  # characters of one problem


class PkpdError(Exception):
    """Base of every error that `pkpd` raises on purpose."""


class InputError(PkpdError, ValueError):
    """Input that cannot be used; `problems` lists everything found, not only the first.

    Parameters
    ----------
    problems : str or iterable of str
        One sentence per problem: where it is, what it is, what was expected.
    where : str
        What was being read, e.g. ``"observations"``.
    """

    def __init__(self, problems: str | Iterable[str], where: str = "") -> None:
        listed = (problems,) if isinstance(problems, str) else tuple(problems)
        self.problems: tuple[str, ...] = tuple(_printable(plainly(problem)) for problem in listed)
        self.where = where = _printable(plainly(where))
        if len(self.problems) == 1:
            text = f"{where}: {self.problems[0]}" if where else self.problems[0]
        else:
            head = f"{where}: {len(self.problems)} problems" if where else f"{len(self.problems)} problems"
            text = "\n  - ".join([head, *self.problems])
        super().__init__(text)


def _printable(problem: str) -> str:
    """The sentence as it can be printed: no halves of surrogate pairs, and its middle left out if it is endless."""
    text = problem if problem.isascii() else problem.encode(errors="backslashreplace").decode()
    return text if len(text) <= _ENDLESS else f"{text[: _ENDLESS // 2]} … {text[-_ENDLESS // 2 :]}"


class DoseError(InputError):
    """Problems of single doses, told by place until somebody knows the subjects: `named` says whose doses they are.

    Parameters
    ----------
    found : iterable of (int or None, int or None, str)
        Place of the subject, place of the dose among that subject's doses, and the sentence; None where there is no
        such place.
    """

    def __init__(self, found: Iterable[tuple[int | None, int | None, str]] | str, where: str = "") -> None:
        # A text is what `pickle` hands back.
        self.found = ((None, None, found),) if isinstance(found, str) else tuple(found)
        super().__init__((_placed("" if k is None else f"{k + 1}", "", text) for k, _, text in self.found), where)

    def of_subject(self, place: int) -> DoseError:
        """Return the same problems as those of one subject."""
        return DoseError((place, dose, text) for _, dose, text in self.found)

    def named(self, subjects: Sequence[Any], rows: Sequence[Sequence[int]] | None = None) -> InputError:
        """Return the error with subjects' names, and the rows from which the doses were read.

        Parameters
        ----------
        subjects : sequence
            Name of the subject at every place.
        rows : sequence of sequences of int, optional
            Row of every dose of every subject.
        """
        told = []
        for k, dose, text in self.found:
            known = rows is not None and k is not None and dose is not None and dose < len(rows[k])
            row = f"row {rows[k][dose]}, " if known else ""  # type: ignore[index]
            told.append(_placed("" if k is None else f"{subjects[k]!r}", row, text))
        return InputError(told, self.where)


def _placed(subject: str, row: str, text: str) -> str:
    return f"{row}subject {subject}: {text}" if subject else text


@contextlib.contextmanager
def naming(subjects: Sequence[Any], rows: Sequence[Sequence[int]] | None = None) -> Iterator[None]:
    """Say, of problems with doses that come up inside, which subject (and which row) they belong to."""
    try:
        yield
    except DoseError as error:
        raise error.named(subjects, rows) from None


class UnitError(InputError):
    """A unit that does not exist, or has the wrong dimension."""


class ModelError(InputError):
    """A model whose equations do not define a computable system."""


class DataWarning(UserWarning):
    """Records were set aside or altered; the message counts them."""


class FitWarning(UserWarning):
    """A fit whose estimates the data do not determine."""


_LONGEST = 80


def shown(value: Any) -> str:
    """Write a value into a message, whatever it is: short, in words that a user knows, numbers as numbers.

    Parameters
    ----------
    value : object
        What was found.
    """
    if type(value) in (float, bool, type(None)):
        return repr(value)
    try:
        if words := _in_words(value):
            return words
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
            value = value.item()
        text = plainly(" ".join(repr(value).split())) if not isinstance(value, str) else repr(value[: 2 * _LONGEST])
        text.encode()
    except Exception:  # an integer of 5000 digits, nesting without end, an object that cannot say what it is
        return f"a value of type {type(value).__name__!r} that cannot be shown"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _in_words(value: Any) -> str:
    """Say what a table, an array or a moment is, whose own text is made for programmers; else an empty text."""
    kind, module = type(value), type(value).__module__.partition(".")[0]
    if kind.__name__ == "DataFrame" and hasattr(value, "columns"):
        return f"a table of {_counted(len(value), 'row')} and {_columns(value.columns)}"
    if module == "xarray":
        return f"a {kind.__name__} of {_names(value.data_vars) if hasattr(value, 'data_vars') else _shape(value.shape)}"
    if module == "datetime" or kind.__name__ in ("Timestamp", "datetime64", "timedelta64"):
        return repr(str(value))
    if hasattr(value, "size") and hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0:  # an array, a Series
        listed = plainly(repr(value.tolist())) if value.size <= _LONGEST else ""
        return listed if 0 < len(listed) <= _LONGEST else f"an array of {_shape(value.shape)}"
    return ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _columns(columns: Iterable[Any]) -> str:
    found = [*columns]
    return f"{_counted(len(found), 'column')} ({few(found)})" if found else "no columns"


def _names(variables: Iterable[Any]) -> str:
    found = [*variables]
    return few(found) if found else "no variables"


def _shape(sizes: Sequence[int]) -> str:
    return f"{' × '.join(map(str, sizes))} values" if sizes else "one value"


def nearest(name: Any, known: Iterable[Any]) -> str:
    """Return a sentence that suggests the nearest known name, or lists what exists.

    Parameters
    ----------
    name : str
        The name that was not found.
    known : iterable of str
        The names that exist.
    """
    originals = list(known)
    names = [str(k) for k in originals]
    folded = {str(k).casefold(): k for k in originals}  # a subject 1 is not a subject '1'
    asked = name if isinstance(name, str) else shown(name)
    close = difflib.get_close_matches(asked[:_LONGEST].casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]!r}?"
    return f"known: {few(names, name)}" if names else "none exist"


def few(names: Iterable[Any], like: Any = "") -> str:
    """Return names as a text; of many only the five most like a name, and how many more there are.

    Parameters
    ----------
    names : iterable
        What is listed, in their order.
    like : str
        The name that was looked for; without it the first five are listed.
    """
    listed = list(dict.fromkeys(str(name) for name in names))
    if len(listed) <= MOST_NAMES:
        return ", ".join(listed)
    asked = like if isinstance(like, str) else shown(like)  # it may be any object, even one without words
    kept = listed[:MOST_NAMES]
    if asked:
        matcher = difflib.SequenceMatcher()
        matcher.set_seq2(asked.casefold())

        def likeness(k: int) -> tuple[float, int]:
            matcher.set_seq1(listed[k].casefold())
            return matcher.quick_ratio(), -k

        kept = [listed[k] for k in sorted(heapq.nlargest(MOST_NAMES, range(len(listed)), key=likeness))]
    return f"{', '.join(kept)} and {len(listed) - MOST_NAMES} more"


def plainly(text: str) -> str:
    """Return a message with values as a user would write them: ``1.0``, not ``np.float64(1.0)``, no addresses.

    Messages show what users gave, whatever its type; Python's name of the type helps nobody who reads them.
    """
    if "np." in text:
        text = _NUMPY.sub(lambda match: match[2] or match[1], text)
    if "(" in text or "<" in text:
        for pattern, words in _PYTHON:
            text = pattern.sub(words, text)
    return text


def _among(name: Any, known: list[Any]) -> bool:
    try:
        return bool(name in known)
    except Exception:  # an array, a missing value: what cannot be compared is no name
        return False


def unknown_names(names: Iterable[Any], known: Iterable[Any], what: str) -> list[str]:
    """Return one sentence for every name that is not known, each with the nearest one that is."""
    known = list(known)
    return [f"unknown {what} {shown(n)}; {nearest(n, known)}" for n in names if not _among(n, known)]


def warn(message: str, category: type[Warning] = DataWarning) -> None:
    """Warn at the user's line: the nearest call that was made from outside the package.

    Parameters
    ----------
    message : str
        What happened.
    category : type of Warning
        Its class.
    """
    message = plainly(message)
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_BETWEEN) and frame.f_back is not None:
        frame = frame.f_back
    known = frame.f_globals
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=known.get("__name__", "<unknown>"),
        registry=known.setdefault("__warningregistry__", {}),
    )
