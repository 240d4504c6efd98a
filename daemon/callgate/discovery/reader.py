"""Read each config file once, and take its entries out of it; what cannot be read becomes Skipped."""

from __future__ import annotations

import os
from pathlib import Path

from callgate.agents.entry import RawEntry
from callgate.agents.formats.document import parse
from callgate.agents.shapes import SHAPES
from callgate.discovery.places import Spot
from callgate.model.errors import DocumentError, FileRefusedError
from callgate.model.inventory import Entry, Format, Skipped
from callgate.system.files import read_capped

_JSONS = frozenset({Format.JSON, Format.JSONC})


class Reader:
    """Reads files of at most `limit` bytes; one object for one look at the machine."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._documents: dict[tuple[str, bool, Format | None], object] = {}

    def document(self, path: str, format: Format) -> object:
        """The parsed document; a Skipped if it cannot be had; None if there is no such file."""
        key = (path, format in _JSONS, None if format in _JSONS else format)
        if key not in self._documents:
            self._documents[key] = self._read(path, format)
        return self._documents[key]

    def entries(self, spot: Spot) -> tuple[list[Entry], list[Skipped]] | None:
        """The entries of one file, and what of it could not be read; None if there is no such file."""
        file = spot.file
        document = self.document(file.path, file.format)
        if document is None:
            return None
        if isinstance(document, Skipped):
            return [], [Skipped(document.what, document.reason, file.agent)]
        reading = SHAPES[file.shape].read(document)
        problems = [
            Skipped(file.path, f"{problem}; correct it in the file", file.agent) for problem in reading.problems
        ]
        return [_entry(raw, spot) for raw in reading.entries], problems

    def _read(self, path: str, format: Format) -> object:
        try:
            document = parse(read_capped(Path(path), self._limit), format)
        except FileNotFoundError:
            if os.path.islink(path):  # noqa: PTH114
                return Skipped(path, "is a link to nothing; remove it or mend it")
            return None
        except FileRefusedError as error:
            return Skipped(path, f"{error.problem}; move it away or make it readable, then run: callgate discover")
        except DocumentError as error:
            return Skipped(path, f"does not parse ({error}); correct it, then run: callgate discover")
        except (ValueError, RecursionError) as error:
            return Skipped(path, f"cannot be read ({error}); correct it, then run: callgate discover")
        return {} if document is None else document


def _entry(raw: RawEntry, spot: Spot) -> Entry:
    return Entry(
        agent=spot.file.agent,
        name=raw.name,
        file=spot.file,
        at=raw.at,
        transport=raw.transport,
        argv=raw.argv,
        url=raw.url,
        env_names=raw.env_names,
        cwd=raw.cwd,
        enabled=raw.enabled,
        unwrappable=raw.unwrappable or spot.place.unwrappable,
        project=raw.project or spot.file.project,
    )
