"""Writes the static MCP Registry API (v0.1) beside what is signed, and removes from it what is approved no more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callgate.model.errors import FileRefusedError, RegistryError
from callgate.registry import bundle, catalogue, roles
from callgate.registry.repository import SOURCE_MAX
from callgate.system.files import read_capped, remove_leftovers, replace_file


@dataclass(frozen=True, slots=True)
class Written:
    """What a tree holds now."""

    count: int
    """Servers in its list."""
    changed: int
    """Files that were written or removed."""
    skipped: tuple[str, ...]
    """In words what is approved and not in it."""


def write(public: Path, documents: Mapping[str, bytes], now: float) -> Written:
    """Bring the tree below `public` up to date with the signed documents: entries first, lists last, and then what no
    list names any more is removed. Raises RegistryError; then run it again.
    """
    data = documents.get(roles.SERVERS)
    document = json.loads(data) if data is not None else bundle.empty()
    root = public / catalogue.ROOT
    before = _present(public, root)
    made = catalogue.tree(document, bundle.rules(document, roles.SERVERS), now, before)
    changed = 0
    try:
        for path, new in sorted(made.files.items(), key=_lists_last):
            if before.get(path) != new:
                there = public / path
                there.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
                replace_file(there, new, mode=0o644, lasting=False)
                changed += 1
        for path in sorted(set(before) - set(made.files), reverse=True):
            (public / path).unlink(missing_ok=True)
            changed += 1
        _tidy(root)
    except (OSError, FileRefusedError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise RegistryError(str(root), f"cannot be written ({why})", "check the folder and the disk") from error
    listed = json.loads(made.files[f"{catalogue.ROOT}/{catalogue.LIST}"])["metadata"]["count"]
    return Written(listed, changed, made.skipped)


def _present(public: Path, root: Path) -> dict[str, bytes]:
    """What is there, by path; a link, or what cannot be read, counts as empty and is written anew."""
    found = {}
    for path in root.rglob("*"):
        if path.is_symlink() or path.is_file():
            try:
                data = b"" if path.is_symlink() else read_capped(path, SOURCE_MAX)
            except (FileRefusedError, OSError):
                data = b""
            found[path.relative_to(public).as_posix()] = data
    return found


def _lists_last(item: tuple[str, bytes]) -> tuple[int, str]:
    """Entries, then the lists of versions, then the list of servers: no list names a file that is not there yet."""
    path = item[0]
    is_list = path.endswith(f"/{catalogue.LIST}")
    return (2 if path == f"{catalogue.ROOT}/{catalogue.LIST}" else int(is_list), path)


def _tidy(root: Path) -> None:
    for folder in sorted((path for path in root.rglob("*") if path.is_dir() and not path.is_symlink()), reverse=True):
        remove_leftovers(folder)
        if not any(folder.iterdir()):
            folder.rmdir()
