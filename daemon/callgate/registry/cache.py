"""The last good rules on this machine's disk: complete or not there at all, and read back without a network.

good.json     which files belong together, their digests, where they came from and until when their signatures hold
files/        the files themselves, named by their digest
proven.json   when the registry was last seen to be current
tuf/          what TUF keeps to notice a rollback
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from callgate.model.errors import FileRefusedError, RegistryError
from callgate.registry.places import FILE_MAX
from callgate.system.files import read_capped, remove_leftovers, replace_file

log = logging.getLogger(__name__)

NOTE_MAX = 1024 * 1024
"""Bytes of good.json."""


@dataclass(frozen=True, slots=True)
class Good:
    """Rules that were verified and put in force. Times are seconds since the epoch."""

    place: str
    """The URL or folder that they came from."""
    root: str
    """SHA-256 of the root.json that was configured then."""
    channel: str
    versions: Mapping[str, int]
    expires: float
    signed_at: float
    adopted: float
    """When the first rules of this registry came into force on this machine."""
    verified: float
    tag: str
    """Of the look that led to these rules."""
    timestamp: str
    """SHA-256 of the timestamp that led to these rules."""
    digests: Mapping[str, str]
    """SHA-256 of each file, by path."""


class Cache:
    """One registry's folder. One process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tuf = folder / "tuf"
        self._good = folder / "good.json"
        self._files = folder / "files"
        self._proven = folder / "proven.json"

    def load(self) -> tuple[Good, dict[str, bytes]] | None:
        """The last good rules with their files, each checked against its digest; None if there are none.

        Raises RegistryError if there were some and they cannot be read, or were changed.
        """
        try:
            said = json.loads(read_capped(self._good, NOTE_MAX))
            good = Good(**said)
            return good, {path: self._file(path, digest) for path, digest in good.digests.items()}
        except FileNotFoundError:
            return None
        except FileRefusedError as error:
            raise RegistryError(error.thing, error.problem, "delete it: the registry is fetched anew") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RegistryError(
                str(self._good), f"is broken ({error})", "delete it: the registry is fetched anew"
            ) from error

    def save(self, good: Good, files: Mapping[str, bytes]) -> None:
        """Keep these rules as the last good ones. Raises RegistryError; then the ones before them are kept whole."""
        try:
            self._files.mkdir(parents=True, exist_ok=True, mode=0o700)
            for path, data in files.items():
                self._keep(self._files / good.digests[path], data)
            replace_file(self._good, json.dumps(asdict(good)).encode())
            for old in self._files.iterdir():
                if old.name not in good.digests.values():
                    old.unlink()
        except OSError as error:
            raise RegistryError(str(self.folder), f"cannot be written ({error.strerror})", "check the disk") from error

    def proven(self) -> float:
        """When the registry was last seen to be current; 0.0 if that is not known."""
        try:
            return float(json.loads(read_capped(self._proven, NOTE_MAX))["at"])
        except (OSError, FileRefusedError, ValueError, TypeError, KeyError):
            return 0.0

    def prove(self, at: float) -> None:
        """Note that the registry was current at this moment; failing to is only logged."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._proven, json.dumps({"at": at}).encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", self._proven, error)

    def tidy(self) -> None:
        """Remove what a killed process left half written."""
        for folder in (self.folder, self._files):
            remove_leftovers(folder)

    def _keep(self, there: Path, data: bytes) -> None:
        try:
            if read_capped(there, len(data)) == data:
                return
        except (FileNotFoundError, FileRefusedError):
            pass
        replace_file(there, data)

    def _file(self, path: str, digest: str) -> bytes:
        data = read_capped(self._files / digest, FILE_MAX)
        if hashlib.sha256(data).hexdigest() != digest:
            raise RegistryError(
                f"{self._files / digest} ({path})", "was changed by somebody", "delete it: it is fetched anew"
            )
        return data
