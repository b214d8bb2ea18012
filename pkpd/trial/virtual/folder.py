"""Blocks of virtual trials that are kept in a folder, so that a run that was killed goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pkpd.about import package_version
from pkpd.errors import InputError
from pkpd.files.loaded import load_value
from pkpd.files.saved import save_value

if TYPE_CHECKING:
    import xarray

_PLAN = "plan.json"


def opened(folder: str | Path, digest: str) -> Path:
    """Return the folder, made for this plan or known to be of it.

    Raises
    ------
    InputError
        If it holds blocks of another plan or seed, or files that are none.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    said = path / _PLAN
    if said.exists():
        known = json.loads(said.read_text(encoding="utf-8"))
        if known.get("digest") != digest:
            raise InputError(
                f"folder {str(path)!r} holds trials of another plan or seed (or of another version: "
                f"{known.get('pkpd_version')}); expected an empty folder, or the plan and seed it was made with",
                "virtual_trials",
            )
    elif any(path.iterdir()):
        raise InputError(f"folder {str(path)!r} has files and no {_PLAN}; expected an empty folder", "virtual_trials")
    else:
        said.write_text(json.dumps({"digest": digest, "pkpd_version": package_version()}), encoding="utf-8")
    return path


def kept(folder: Path, block: int) -> dict[str, xarray.Dataset] | None:
    """Return a block that was computed before, None if it was not or its file is damaged."""
    path = _path(folder, block)
    if not path.exists():
        return None
    try:
        tree = load_value(path, _no_class, _no_error)
    except InputError:
        return None
    return {name: node.to_dataset() for name, node in tree.children.items()}


def keep(folder: Path, block: int, found: dict[str, xarray.Dataset]) -> None:
    """Write a block, as a whole or not at all."""
    import xarray

    save_value(xarray.DataTree.from_dict({f"/{name}": part for name, part in found.items()}), _path(folder, block))


def _path(folder: Path, block: int) -> Path:
    return folder / f"block-{block:05d}.nc"


def _no_class(name: str) -> NoReturn:
    raise InputError(f"a block holds no {name}", "virtual_trials")


def _no_error(*about: Any) -> NoReturn:
    raise InputError("a block holds no residual error", "virtual_trials")


__all__ = ["keep", "kept", "opened"]
