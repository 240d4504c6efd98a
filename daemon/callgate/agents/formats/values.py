"""Pure: a document's plain values with edits made, and how two of them are compared."""

from __future__ import annotations

from callgate.agents.formats.span import missing
from callgate.model.inventory import Drop, KeyPath


class Values:
    """A document as values that can be changed: containers on the way to a change are copied, the rest is shared."""

    def __init__(self, document: object) -> None:
        self.whole = document
        self._copied: dict[KeyPath, object] = {}

    def put(self, at: KeyPath, value: object) -> None:
        """Put a value in a container that is there; a key of a mapping may be new. Raises DocumentError."""
        if not at:
            self.whole = plain(value)
            self._copied = {}
            return
        container, key = self._own(at[:-1]), at[-1]
        in_list = isinstance(container, list) and isinstance(key, int) and 0 <= key < len(container)
        if not in_list and not (isinstance(container, dict) and isinstance(key, str)):
            raise missing(at)
        container[key] = plain(value)  # type: ignore[index]  # one of the two, as said

    def drop(self, at: KeyPath) -> None:
        """Take a key out of a mapping. Raises DocumentError."""
        container = self._own(at[:-1]) if at else None
        if not isinstance(container, dict) or at[-1] not in container:
            raise missing(at)
        del container[at[-1]]

    def _own(self, at: KeyPath) -> object:
        """The container at `at`, copied if it was not yet."""
        if at not in self._copied:
            parent = self._own(at[:-1]) if at else None
            found = value_at(parent, at[-1:]) if at else self.whole
            if not isinstance(found, dict | list):
                raise missing(at)
            copy = found.copy()
            if isinstance(parent, dict | list):
                parent[at[-1]] = copy  # type: ignore[index]  # it was found there
            else:
                self.whole = copy
            self._copied[at] = copy
        return self._copied[at]


def plain(value: object) -> object:
    """The value as a reader would give it back: tuples are lists."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def value_at(document: object, at: KeyPath) -> object:
    """What stands at `at`; the class Drop if nothing does."""
    for key in at:
        if isinstance(document, dict):
            document = document.get(key, Drop)
        elif isinstance(document, list) and isinstance(key, int) and 0 <= key < len(document):
            document = document[key]
        else:
            return Drop
    return document


def same(left: object, right: object) -> bool:
    """Equal in type too: to Python, 1, 1.0 and True are equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left is right or left == right


def holds_surrogate(value: object) -> bool:
    """Does some text in the value hold half of a surrogate pair, which UTF-8 cannot write?"""
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, dict):
        return any(holds_surrogate(key) or holds_surrogate(each) for key, each in value.items())
    return isinstance(value, (list, tuple)) and any(holds_surrogate(each) for each in value)
