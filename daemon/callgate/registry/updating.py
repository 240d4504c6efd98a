"""One update by TUF: from a place that is not trusted to files that are. Imported late: tuf costs half a second."""

from __future__ import annotations

import datetime
import json
import logging
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Signed
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from callgate.model.errors import RegistryError
from callgate.registry import roles
from callgate.registry.places import FILE_MAX, TIMESTAMP_MAX, Place, PlaceError, RefusedError
from callgate.registry.repository import METADATA_MAX, SIGNED_AT
from callgate.system.files import read_capped

WANTED = (roles.SERVERS, roles.POLICY, roles.OPTIONS)
"""The files that a machine takes, if they are published."""
TRIES = 2
"""An update that fails is tried once more at once: the registry may have been published in the midst of it."""
LIMITS = UpdaterConfig(
    max_root_rotations=256, timestamp_max_length=TIMESTAMP_MAX, targets_max_length=METADATA_MAX, max_delegations=16
)
_BASE = "callgate:/"

logging.getLogger("tuf").setLevel(logging.ERROR)  # it warns of each bad file; we say it once, in our own words


@dataclass(frozen=True, slots=True)
class Verified:
    """The files of one version of a registry, each verified from the trusted root down."""

    files: Mapping[str, bytes]
    """By path, without the ring's prefix."""
    origin: Mapping[str, str]
    """Path -> the path that it really came from (the canary's, for its ring)."""
    versions: Mapping[str, int]
    """By role."""
    expires: float
    """Seconds since the epoch: when the first of these signatures ends."""
    signed_at: float
    """When the timestamp was signed; 0.0 if it does not say."""


def update(place: Place, state: Path, root: bytes, *, canary: bool) -> Verified:
    """The newest version that `place` hands out. `state` keeps what was trusted so far (against rollback); `root` is
    the trusted root.json.

    Raises PlaceError if files cannot be had, RefusedError if they cannot be believed, RegistryError for the rest.
    """
    for attempt in range(TRIES):
        try:
            return _update(place, state, root, canary)
        except (PlaceError, RefusedError) as error:
            if attempt == TRIES - 1 or (isinstance(error, PlaceError) and not error.status):
                raise
    raise AssertionError("the last try returns or raises")


class _Fetcher(FetcherInterface):
    """Hands the bytes of a place to TUF, whose base class keeps them within its limits."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.failed: PlaceError | None = None
        self._open: Generator[bytes, None, None] | None = None

    def close(self) -> None:
        """End a download that TUF has broken off."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.close()
        pieces = self._open = self._pieces(url.removeprefix(f"{_BASE}/"))
        first = next(pieces, b"")  # so that a file which is missing is known before the first byte
        return _chained(first, pieces)

    def _pieces(self, path: str) -> Generator[bytes, None, None]:
        try:
            yield from self._place.chunks(path)
        except PlaceError as error:
            self.failed = error
            if error.status:
                raise tuf_errors.DownloadHTTPError(str(error), error.status) from error
            raise tuf_errors.DownloadError(str(error)) from error


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _update(place: Place, state: Path, root: bytes, canary: bool) -> Verified:
    fetcher = _Fetcher(place)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        updater = Updater(
            str(state),
            f"{_BASE}/metadata/",
            target_base_url=f"{_BASE}/targets/",
            fetcher=fetcher,
            config=LIMITS,
            bootstrap=root,
        )
        updater.refresh()
        files, origin = _files(updater, canary)
        return _described(state, files, origin)
    except tuf_errors.DownloadLengthMismatchError as error:
        raise RefusedError(place.name, f"hands out a file that is larger than it may be ({error})") from error
    except (tuf_errors.DownloadError, tuf_errors.RepositoryError) as error:
        raise _said(place, fetcher, error) from error
    except (DeserializationError, ValueError) as error:
        raise RefusedError(place.name, f"hands out metadata that makes no sense ({error})") from error
    except OSError as error:
        raise RegistryError(str(state), f"cannot be written ({error.strerror})", "check the disk") from error
    finally:
        fetcher.close()


def _files(updater: Updater, canary: bool) -> tuple[dict[str, bytes], dict[str, str]]:
    files, origin = {}, {}
    with tempfile.TemporaryDirectory(prefix="callgate-") as scratch:
        for path in WANTED:
            for name in (roles.CANARY + path, path) if canary else (path,):
                target = updater.get_targetinfo(name)
                if target is None:
                    continue
                if target.length > FILE_MAX:
                    raise tuf_errors.DownloadLengthMismatchError(f"{name}: {target.length:,} bytes")
                there = Path(scratch) / "file"
                updater.download_target(target, str(there))
                files[path], origin[path] = read_capped(there, FILE_MAX), name
                break
    return files, origin


def _described(state: Path, files: Mapping[str, bytes], origin: Mapping[str, str]) -> Verified:
    """What the metadata that was just verified (and kept in `state`) says of itself."""
    signed: dict[str, Signed] = {}
    for role in roles.ALL:
        path = state / f"{role}.json"
        if path.exists():
            signed[role] = Metadata[Any].from_bytes(read_capped(path, METADATA_MAX)).signed
    used = {*roles.ONLINE, roles.ROOT, roles.TARGETS} | {str(roles.role_of(name)) for name in origin.values()}
    versions = {role: one.version for role, one in signed.items() if role in used}
    expires = min(one.expires.timestamp() for role, one in signed.items() if role in used)
    return Verified(files, origin, versions, expires, _signed_at(signed[roles.TIMESTAMP]))


def _signed_at(timestamp: Signed) -> float:
    said = timestamp.unrecognized_fields.get(SIGNED_AT)
    try:
        return datetime.datetime.fromisoformat(str(said)).timestamp() if said else 0.0
    except (ValueError, OverflowError):
        return 0.0


def timestamp_expires(data: bytes) -> float:
    """When a timestamp (verified or not) says that it expires; 0.0 if it makes no sense."""
    try:
        return datetime.datetime.fromisoformat(json.loads(data)["signed"]["expires"]).timestamp()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0


def _said(place: Place, fetcher: _Fetcher, error: Exception) -> RegistryError:
    """A failure of TUF in words for whoever must act on it."""
    if isinstance(error, tuf_errors.DownloadError):
        return fetcher.failed or PlaceError(place.name, f"cannot be fetched ({error})", "see the network")
    owner = "ask the registry's owner; the last good rules stay in force"
    if isinstance(error, tuf_errors.ExpiredMetadataError):
        return RefusedError(place.name, f"is out of date ({error}): held back, or not published any more", owner)
    if isinstance(error, tuf_errors.UnsignedMetadataError):
        return RefusedError(place.name, f"is not signed by the keys that we trust ({error})", owner)
    if isinstance(error, tuf_errors.BadVersionNumberError):
        return RefusedError(place.name, f"hands out an older version than before ({error})", owner)
    if isinstance(error, tuf_errors.LengthOrHashMismatchError):
        return RefusedError(place.name, f"hands out a file that was changed after signing ({error})", owner)
    return RefusedError(place.name, f"hands out metadata that cannot be believed ({error})", owner)
