"""The id of this installation, made once, and what else each exported event says of its machine."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from callgate import __version__
from callgate.export.formats.record import Origin
from callgate.model.errors import CallgateError
from callgate.system.files import read_capped, replace_file
from callgate.system.machine import machine

_UID = re.compile(r"[0-9a-f]{32}")


def origin(folder: Path) -> Origin:
    """Who we are to receivers; the id is kept in `folder`. Raises CallgateError if it cannot be kept: with another id
    each time, receivers could not tell repeats.
    """
    path = folder / "machine"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            uid = read_capped(path, 64).decode("ascii", "replace").strip()
        except FileNotFoundError:
            uid = ""
        if not _UID.fullmatch(uid):
            uid = uuid.uuid4().hex
            replace_file(path, uid.encode("ascii") + b"\n")
    except OSError as error:
        raise CallgateError(str(path), f"cannot be written ({error.strerror})", "check the folder's rights") from error
    own = machine()
    return Origin(uid, own.hostname, own.system, own.release, own.user, __version__)
