"""A folder that is the verb it is named after: ``pkpd.nca(study, …)`` beside ``pkpd.nca.summarise(…)``."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class VerbModule(ModuleType):
    """A module that can be called; it shows what `__all__` lists, and not the files it is made of."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Do what the module is named after; see its signature."""
        return self.__dict__["_verb"](*arguments, **options)

    def __dir__(self) -> list[str]:
        return sorted(self.__dict__["__all__"])

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:  # a plain module does not pickle
        return importlib.import_module, (self.__name__,)


def make_verb(name: str, verb: Callable[..., Any]) -> None:
    """Make a module that is being imported the verb it is named after, with the verb's signature and docstring.

    Parameters
    ----------
    name : str
        The module's ``__name__``; it must list in `__all__` what it holds.
    verb : callable
        What a call of the module does.
    """
    module = sys.modules[name]
    module.__class__ = VerbModule
    holds = ", ".join(f"`{one}`" for one in module.__dict__["__all__"])
    module.__dict__.update(
        _verb=verb,
        __signature__=inspect.signature(verb),
        __doc__=f"{inspect.getdoc(verb)}\n\nNotes\n-----\n{module.__doc__}\nIt holds {holds}.",
    )
