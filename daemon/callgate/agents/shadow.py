"""Pure: override a project's entry from a machine-side file, so that a file under version control stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from callgate.model.inventory import Edit, Format, KeyPath, Put


@dataclass(frozen=True, slots=True)
class Approval:
    """A file in which the user's approval of a project's servers may stand."""

    file: str
    """Path template (agents.adapter.Paths)."""
    format: Format
    at: KeyPath = ()
    """Where the object with the approval keys stands; `{project}` in it is the project's folder."""
    in_project: bool = False
    """The file lies in the project's folder, so a repository may bring it: it counts only in a trusted project."""


@dataclass(frozen=True, slots=True)
class Approved:
    """Which of a project's servers the user lets run."""

    every: bool = False
    names: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    def allows(self, name: str) -> bool:
        """May the server of that name run? A refusal wins over any approval."""
        return name not in self.refused and (self.every or name in self.names)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A machine-side scope whose entries win over a project's entries of the same name."""

    file: str
    """Path template (agents.adapter.Paths) of the machine-side file."""
    format: Format
    at: KeyPath
    """Where that file holds the entries of one project; `{project}` in it is the project's folder."""
    shape: str
    over: tuple[str, ...]
    """Path templates of the project files whose entries it overrides."""
    approvals: tuple[Approval, ...]
    every_key: str
    names_key: str
    refused_key: str
    trust_at: KeyPath
    """Where `file` says that the user trusts a folder (and all below it)."""

    def approved(self, project: str, documents: Mapping[str, object]) -> Approved:
        """What the user approved, from the parsed documents of `file` and of `approvals`, by their path templates.

        Documents that are missing or of the wrong shape approve nothing. A repository cannot approve itself: files
        in the project count only if the user trusted the project or a folder above it.
        """
        trusted = self._trusted(project, documents.get(self.file))
        every, names, refused = False, set[str](), set[str]()
        for approval in self.approvals:
            found = _at(documents.get(approval.file), _filled(approval.at, project))
            if not isinstance(found, Mapping):
                continue
            refused |= _texts(found.get(self.refused_key))
            if trusted or not approval.in_project:
                every = every or found.get(self.every_key) is True
                names |= _texts(found.get(self.names_key))
        return Approved(every, frozenset(names), frozenset(refused))

    def edits(self, project: str, entries: Mapping[str, object], document: object) -> tuple[Edit, ...] | str:
        """The edits of `file` (parsed as `document`) that put all `entries` (name -> whole entry) over a project's.

        Or, as a sentence, why that cannot be done: the user has an entry of that name there, or the file has
        something else where the entries should stand.
        """
        at = _filled(self.at, project)
        here = document
        for depth, key in enumerate(at):
            if not isinstance(here, Mapping):
                return f"{'.'.join(map(str, at[:depth])) or 'the top'} is not a mapping"
            if key not in here:
                return (Put(at[: depth + 1], _nested(at[depth + 1 :], entries)),) if entries else ()
            here = here[key]
        if not isinstance(here, Mapping):
            return f"{'.'.join(map(str, at))} is not a mapping"
        if taken := sorted(set(entries) & set(here)):
            return f"there already is an entry of the name {taken[0]!r}"
        return tuple(Put((*at, name), entry) for name, entry in entries.items())

    def entry_at(self, project: str, name: str) -> KeyPath:
        """Where the shadowing entry of that name stands."""
        return (*_filled(self.at, project), name)

    def _trusted(self, project: str, document: object) -> bool:
        folder = project.replace("\\", "/").rstrip("/")
        while folder:
            if _at(document, _filled(self.trust_at, folder)) is True:
                return True
            folder = folder.rpartition("/")[0]
        return _at(document, _filled(self.trust_at, project)) is True


def _filled(at: KeyPath, project: str) -> KeyPath:
    return tuple(project if key == "{project}" else key for key in at)


def _at(document: object, at: KeyPath) -> object:
    for key in at:
        if not isinstance(document, Mapping) or key not in document:
            return None
        document = document[key]
    return document


def _nested(keys: KeyPath, value: Mapping[str, object]) -> object:
    nested: object = dict(value)
    for key in reversed(keys):
        nested = {key: nested}
    return nested


def _texts(value: object) -> set[str]:
    return {item for item in value if isinstance(item, str)} if isinstance(value, list) else set()
