"""Pure: read an agent's config file, locate a value in it, and edit values while every other byte stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

from callgate.agents.formats.batch import State, edited
from callgate.agents.formats.dotenv_text import DotenvText
from callgate.agents.formats.json_text import JsonText
from callgate.agents.formats.span import Laid, Span, fault
from callgate.agents.formats.toml_text import TomlText
from callgate.agents.formats.yaml_text import YamlText
from callgate.model.errors import DocumentError
from callgate.model.inventory import Edit, Format, KeyPath

__all__ = ["Document", "Span", "edit", "locate", "parse"]

_BOM = b"\xef\xbb\xbf"
_LANGUAGES: dict[Format, Callable[[str], Laid]] = {
    Format.JSON: JsonText,
    Format.JSONC: JsonText,
    Format.TOML: TomlText,
    Format.YAML: YamlText,
    Format.DOTENV: DotenvText,
}


def parse(data: bytes, format: Format) -> object:
    """The document as plain values: dict, list, str, int, float, bool, None (and dates, in TOML).

    JSON and JSONC are one tolerant format here (comments, trailing commas, a byte order mark), because agents differ in
    what they take. A document without any value (nothing, white space, comments) is an empty dict. Strings may hold
    lone surrogates where the file has them as escapes.
    Raises DocumentError, by line and column, for what does not parse and for what two readers could read differently.
    """
    return _LANGUAGES[format](_decoded(data)[1]).value


def locate(data: bytes, format: Format, at: KeyPath) -> Span | None:
    """The byte offsets of the value's text at `at`; None if there is no such value.

    Also None for a TOML table whose keys have lines of their own. Raises DocumentError if the document does not parse.
    """
    return Document(data, format).locate(at)


def edit(data: bytes, format: Format, edits: Sequence[Edit]) -> bytes:
    """The document with the edits made, in their order; every byte outside them stays.

    Putting a value and then its old text back, or adding a key and then dropping it, gives the original bytes.
    Raises DocumentError if the document does not parse, a place is not there, or the result, read again, is not exactly
    the original with the edits made.
    """
    after, (error,) = Document(data, format).edited([edits])
    if error is not None:
        raise error
    return after.data


class Document:
    """One file's bytes, read once. Raises DocumentError if they do not parse."""

    def __init__(self, data: bytes, format: Format) -> None:
        self._read = _LANGUAGES[format]
        self._mark, text = _decoded(data)
        self._state = State(text, self._read(text))

    @property
    def data(self) -> bytes:
        """All its bytes."""
        return self._mark + self._state.text.encode()

    @property
    def value(self) -> object:
        """What `parse` gives; not to be changed."""
        return self._state.laid.value

    def locate(self, at: KeyPath) -> Span | None:
        """The byte offsets of the value's text at `at`; None if there is no such value.

        Also None for a TOML table whose keys have lines of their own. Raises DocumentError if the place is in doubt.
        """
        text, span = self._state.text, self._state.located(at)
        if span is None:
            return None
        start = len(self._mark) + len(text[: span.start].encode())
        return Span(start, start + len(text[span.start : span.end].encode()))

    def text_at(self, at: KeyPath) -> bytes | None:
        """The text at the place that `locate` gives."""
        span = self._state.located(at)
        return None if span is None else self._state.text[span.start : span.end].encode()

    def edited(self, groups: Sequence[Sequence[Edit]]) -> tuple[Document, list[DocumentError | None]]:
        """The document with the edits of each group made, all of a group or none; for each group, why it could not be.

        However many groups there are, the text is read once more, as long as they touch different places.
        """
        after = copy(self)
        after._state, errors = edited(self._read, self._state, groups)
        return after, errors


def _decoded(data: bytes) -> tuple[bytes, str]:
    """The byte order mark, if there is one, and the text after it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
        raise DocumentError("line 1, column 1", "the file is UTF-16", "save it as UTF-8")
    mark = _BOM if data.startswith(_BOM) else b""
    try:
        return mark, data[len(mark) :].decode()
    except UnicodeDecodeError as error:
        before = data[len(mark) :][: error.start].decode()
        raise fault(before, len(before), "the file is not UTF-8 here", "save it as UTF-8") from error
