"""Makes the evidence of a session: rows with proofs, the checkpoint, the rules in force, a report; all in one zip."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

from callgate import __version__
from callgate.audit import bundle, checkpoints
from callgate.audit.bundle import CONTEXT, Proven
from callgate.audit.note import PLAIN, Key, Note
from callgate.audit.proofs import Proofs
from callgate.audit.signed import Book, Sealed, sealed_by, trusted
from callgate.audit.store import Filter, Reader
from callgate.model.errors import AuditError, FileRefusedError
from callgate.service import devicekey
from callgate.service.evidence_page import page
from callgate.service.trusting import named, witnesses
from callgate.system.files import read_capped, replace_file
from callgate.system.paths import Folders

BUNDLE_MAX = 512 * 1024 * 1024
"""Bytes of a bundle that is read, and of all that is unpacked from it."""
ROWS_MAX = 200_000
"""Rows of one session that are put into a bundle."""
RULES_MAX = 16 * 1024 * 1024
"""Bytes of one file of rules."""
STAMP = (1980, 1, 1, 0, 0, 0)
"""Time of each file in the zip: the same evidence makes the same bytes."""


def make(where: Folders, session: str, out: Path) -> dict[str, Any]:
    """Write the evidence of a session to `out`. What it proves, as `judge` says. Raises AuditError."""
    if not where.audit.exists():
        raise AuditError(str(where.audit), "there is no log yet", "`callgate up` starts one")
    book, sealed, key = _newest(where)
    rows = _rows(where.audit, session, sealed.checkpoint.size)
    note = Note(sealed.note.text, sealed.note.lines + book.cosigned.get(sealed.checkpoint.size, ()))
    said = {
        "format": bundle.FORMAT,
        "session": session,
        "made": int(time.time()),
        "by": f"callgate {__version__}",
        "key": str(key),
        "rotations": [str(one) for one in book.rotations],
    }
    files = {
        "bundle.json": json.dumps(said, indent=1).encode(),
        "checkpoint.txt": str(note).encode(),
        "events.jsonl": "".join(row.stated() for row in rows).encode(),
        **_rules(where),
    }
    found = bundle.judge(files, str(key), witnesses(where))
    if not found["ok"]:
        raise AuditError(
            f"session {session}", f"cannot be proved: {found['findings'][0]}", "`callgate verify` says more"
        )
    files["report.html"] = page(said, rows, found, sorted(files)).encode()
    try:
        replace_file(out, _packed(files))
    except OSError as error:
        raise AuditError(str(out), f"cannot be written ({error.strerror})", "name another file") from error
    return {"file": str(out), "rows": len(rows), "fingerprint": key.fingerprint, **found}


def judge(path: Path, key: str = "", witness: str = "") -> dict[str, Any]:
    """What the bundle at `path` proves. Raises AuditError if it is none."""
    try:
        files = _unpacked(read_capped(path, BUNDLE_MAX))
        return bundle.judge(files, str(named(key)) if key else "", (named(witness),) if witness else ())
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise AuditError(
            str(path), f"cannot be used ({error})", "name a file that `callgate evidence` wrote"
        ) from error
    except (FileNotFoundError, FileRefusedError) as error:
        raise AuditError(str(path), f"cannot be read ({error})", "name the bundle") from error


def _newest(where: Folders) -> tuple[Book, Sealed, Key]:
    """The checkpoint that the evidence is held against, and the device's key."""
    book, public, origin = checkpoints.read(where.audit), devicekey.public_key(where), Proofs(where.audit).origin()
    if public is None or not origin:
        raise AuditError(str(where.audit), "was never signed", "start the daemon: `callgate up`")
    key = Key(origin, PLAIN, public)
    keys, _ = trusted([key], book.rotations)
    sealed, _ = sealed_by(book, origin, keys)
    if not sealed:
        raise AuditError(str(where.audit), "has no checkpoint", "`callgate checkpoint make`")
    return book, max((one for one, _ in sealed), key=lambda one: one.checkpoint.size), key


def _rows(log: Path, session: str, size: int) -> list[Proven]:
    """The session's rows, and those that say which rules held, in the order of the log."""
    reader = Reader(log)
    own = [row.seq for row in reader.rows(Filter(session=session, limit=ROWS_MAX))]
    if not own:
        raise AuditError(
            f"session {session}", "is not in the log", "`callgate log --json` names the session of each row"
        )
    wanted = set(own)
    for kind in CONTEXT:
        rows = [row.seq for row in reader.rows(Filter(kind=kind)) if row.seq <= own[-1]]
        before = [seq for seq in rows if seq < own[0]]
        wanted.update([*before[-1:], *(seq for seq in rows if seq >= own[0])])
    return list(Proofs(log).proven(sorted(wanted), size))


def _rules(where: Folders) -> dict[str, bytes]:
    """The files of the rules that are in force now."""
    found = {}
    for folder in (where.registry_cache,):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and "tuf" not in path.relative_to(folder).parts[:1]:
                try:
                    found[f"in-force/{path.relative_to(folder).as_posix()}"] = read_capped(path, RULES_MAX)
                except (FileNotFoundError, FileRefusedError):
                    continue
    return found


def _packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in sorted(files.items()):
            zipped.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _unpacked(data: bytes) -> dict[str, bytes]:
    """The files that count. Raises ValueError for one that would fill the memory."""
    files, left = {}, BUNDLE_MAX
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        for name in ("bundle.json", "checkpoint.txt", "events.jsonl"):
            try:
                with zipped.open(name) as member:
                    files[name] = member.read(left + 1)
            except KeyError:
                raise ValueError(f"it has no {name}") from None
            left -= len(files[name])
            if left < 0:
                raise ValueError("it is too large when unpacked")
    return files
