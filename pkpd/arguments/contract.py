"""A signature taken at its word: every argument of a public call is of the kind that its annotation names.

An annotation is read as text, since much of what it names (a table of pandas, a study) is loaded for type checkers
only. What it cannot say (a number must be positive, a name must exist) the verb checks itself.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast, overload

from pkpd.arguments import kinds
from pkpd.arguments.kinds import Kind, Refused
from pkpd.errors import InputError, nearest, shown

F = TypeVar("F", bound=Callable[..., Any])

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_OTHERS = "**"  # what is known of keywords that the signature does not name
ANYTHING = Kind("", kinds.anything)
_SIMPLE = {
    "float": Kind("a number", kinds.number, "numbers"),
    "int": Kind("a whole number", kinds.whole, "whole numbers"),
    "bool": Kind("True or False", kinds.truth, "truth values"),
    "str": Kind("a text", kinds.text, "names"),
    "None": Kind("None", kinds.nothing),
    "Path": Kind("a path", kinds.path, "paths"),
    "Callable": Kind("a function", kinds.function, "functions"),
}
_NUMBERS = Kind("numbers", kinds.numbers)
_ARRAYS = {"Array", "Flags", "Integers", "ArrayLike", "NDArray"}
_SEVERAL: Mapping[str, tuple[type, str]] = {
    "Iterable": (Iterable, "a list"),
    "Collection": (Sequence, "a list"),
    "Sequence": (Sequence, "a list"),
    "list": (list, "a list"),
    "tuple": (tuple, "a list"),
}
_HOW = {  # how one comes by what a user does not write down himself
    "Study": "see pkpd.read_study",
    "Regimen": "such as pkpd.bolus('100 mg')",
    "Model": "see pkpd.library and pkpd.define",
    "Omega": "such as Omega.independent(CL=0.3)",
    "Rules": "see pkpd.nca.PRESETS",
    "Points": "see pkpd.nca.Points",
    "Parameters": "as initial_estimates or model.parameters.with_values(CL=5) return them",
}
_CALLED = {"Source": "fit"}  # where the user knows another word than the code


@overload
def checked(function: F, /) -> F: ...


@overload
def checked(**kinds_of: Kind) -> Callable[[F], F]: ...


def checked(function: Any = None, /, **more: Kind) -> Any:
    """Make a public function refuse every argument that is not of the kind its annotation names, all at once.

    Parameters
    ----------
    function : callable
        Arguments without an annotation, and those that are ``Any``, are handed on as they are. An iterator becomes a
        list, a whole number that is written 5.0 an int, a decimal a float.
    **more : Kind
        Arguments of which more can be said than their annotation does: ``@checked(subjects=at_least(1))``.

    Raises
    ------
    InputError
        When the function is called: one sentence per argument.
    TypeError
        As ever, if an argument is missing or unknown.
    """
    if function is None:
        return lambda wrapped: _checked(wrapped, more)
    return _checked(function, more)


def _checked(function: F, more: Mapping[str, Kind]) -> F:
    """The function with its checks."""
    signature = inspect.signature(function)
    positions = [p.name for p in signature.parameters.values() if p.kind in _BY_POSITION]
    rest = next((p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_POSITIONAL), "")
    nameless = {p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.POSITIONAL_ONLY}
    keyword = {p.name: _OTHERS for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD}
    known: dict[str, Kind] = {}

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        if not known:
            known.update(_kinds_of(function, signature) | {keyword.get(n, n): kind for n, kind in more.items()})
        names = positions if len(arguments) <= len(positions) else [*positions, *[rest] * len(arguments)]
        given, problems = list(arguments), []
        for place, value in enumerate(arguments):
            kind = known.get(names[place] if place < len(names) else "", ANYTHING)
            try:
                given[place] = kind.take(value)
            except Refused as refused:
                problems.append(sentence(names[place], value, kind, str(refused)))
        for name, value in options.items():
            kind = known.get("" if name in nameless else name, known[_OTHERS])
            try:
                options[name] = kind.take(value)
            except Refused as refused:
                problems.append(sentence(name, value, kind, str(refused)))
        if problems:
            raise InputError(problems, function.__name__)
        return function(*given, **options)

    return cast(F, wrapper)


def kinds_of(function: Callable[..., Any], *names: str) -> dict[str, Kind]:
    """Return the kinds of some arguments of a function, for another one that takes them too."""
    found = _kinds_of(function, inspect.signature(function))
    return {name: found[name] for name in names}


def checked_fields(record: Any, where: str, **more: Kind) -> None:
    """Check the fields of a dataclass by their annotations, as it is made; some are taken in another form.

    Parameters
    ----------
    record : dataclass
        Called from its ``__post_init__``; it may be frozen.
    where : str
        What an error says it is.
    **more : Kind
        Fields of which something else is to be said than their annotation does.

    Raises
    ------
    InputError
        One sentence per field that is not of its kind.
    """
    problems = []
    for name, exact, declared in _fields_of(record.__class__):
        value, kind = getattr(record, name), more.get(name, declared)
        if type(value) is exact:
            continue
        try:
            taken = kind.take(value)
        except Refused:
            problems.append(sentence(name, value, kind))
            continue
        if taken is not value:
            object.__setattr__(record, name, taken)
    if problems:
        raise InputError(problems, where)


def sentence(name: str, value: Any, kind: Kind, found: str = "") -> str:
    """Say what an argument is (in the words that were found for it, if any) and what was expected."""
    if found:
        return f"{name} {found}"
    if kind.among:
        return f"unknown {name} {shown(value)}; {nearest(value, kind.among)}"
    return f"{name} is {shown(value)}; expected {kind.words}"


@functools.cache
def _fields_of(record: type) -> tuple[tuple[str, type, Kind], ...]:
    """Fields that have a kind, each with the type that needs no look."""
    space = vars(inspect.getmodule(record))
    found = ((f.name, _EXACT.get(str(f.type), _Never), kind_of(str(f.type), space)) for f in fields(record) if f.init)
    return tuple(one for one in found if one[2].take is not kinds.anything)


class _Never:
    """No value is of this type."""


_EXACT: Mapping[str, type] = {"float": float, "bool": bool, "str": str}


def _kinds_of(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Kind]:
    space = getattr(inspect.unwrap(function), "__globals__", {})
    found = {_OTHERS: ANYTHING}
    for name, parameter in signature.parameters.items():
        kind = ANYTHING if parameter.annotation is inspect.Parameter.empty else kind_of(
            str(parameter.annotation), space)  # fmt: skip
        if str(parameter.annotation).startswith("Unpack["):
            listed = space.get(str(parameter.annotation)[len("Unpack[") : -1])
            written = getattr(listed, "__annotations__", {}).items()
            found |= {
                n: kind_of(getattr(a, "__forward_arg__", str(a)), vars(inspect.getmodule(listed))) for n, a in written
            }
            continue
        found[_OTHERS if parameter.kind is inspect.Parameter.VAR_KEYWORD else name] = kind
    return found


def kind_of(annotation: str, space: Mapping[str, Any]) -> Kind:
    """Return the kind that an annotation means; what is not understood means anything.

    Parameters
    ----------
    annotation : str
        As it stands in the code.
    space : mapping
        Names of the module in which it stands.
    """
    return _kind(ast.parse(annotation, mode="eval").body, space)


def _kind(node: ast.expr, space: Mapping[str, Any]) -> Kind:
    match node:
        case ast.Constant(value=None):
            return _SIMPLE["None"]
        case ast.Constant(value=str(inner)):
            return kind_of(inner, space)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return kinds.union([_kind(side, space) for side in _sides(left, right)])
        case ast.Subscript(value=outer, slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _container(_last(outer), parts, space)
        case ast.Name() | ast.Attribute():
            return _named(ast.unparse(node), space)
    return ANYTHING


def _sides(left: ast.expr, right: ast.expr) -> list[ast.expr]:
    if isinstance(left, ast.BinOp):
        return [*_sides(left.left, left.right), right]
    return [left, right]


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)


def _container(outer: str, parts: Sequence[ast.expr], space: Mapping[str, Any]) -> Kind:
    if outer in _ARRAYS:
        return _NUMBERS
    if outer == "Callable":
        return _SIMPLE["Callable"]
    if outer in ("Mapping", "dict"):
        key, item = (_kind(part, space) for part in parts)
        return kinds.pairing(key, item, f"a mapping of {key.many or 'names'} to {item.many or item.words or 'values'}")
    if outer == "tuple" and not isinstance(parts[-1], ast.Constant):
        inside = [_kind(part, space) for part in parts]
        return kinds.record(inside, f"({', '.join(kind.words or 'a value' for kind in inside)})")
    if outer in _SEVERAL:
        base, words = _SEVERAL[outer]
        kind = _kind(parts[0], space)
        return kinds.many(kind, base, f"{words} of {kind.many or kind.words or 'values'}")
    return ANYTHING


def _named(name: str, space: Mapping[str, Any]) -> Kind:
    short = name.rsplit(".", 1)[-1]
    if short in _ARRAYS:
        return _NUMBERS
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name in ("Any", "object"):
        return ANYTHING
    called = _CALLED.get(short, short)
    article = "" if called.endswith("s") else "an " if called[0] in "AEIOU" else "a "  # several: Parameters, Rules
    words = f"{article}{called}" + (f" ({_HOW[short]})" if short in _HOW else "")
    found: Any = space.get(name.split(".", maxsplit=1)[0])
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    if found is None:  # loaded for type checkers only: known by its name
        return kinds.instances(words, lambda value: any(c.__name__ == short for c in type(value).__mro__))
    if getattr(found, "__origin__", None) is Callable:
        return _SIMPLE["Callable"]
    if not isinstance(found, type):
        return ANYTHING  # another alias
    if getattr(found, "_is_protocol", False):
        methods = [n for n in vars(found) if not n.startswith("_")]
        return kinds.instances(words, lambda value: all(hasattr(value, n) for n in methods))
    return kinds.instances(words, lambda value: isinstance(value, found))
