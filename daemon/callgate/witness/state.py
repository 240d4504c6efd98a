"""What the witness knows, durably: its key, the logs whose keys it was given, and the last checkpoint of each."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.audit.note import COSIGNER, NOTE_MAX, PLAIN, Checkpoint, Key, Note, Signer
from callgate.model.errors import AuditError, CallgateError, FileRefusedError
from callgate.system.files import read_capped, replace_file

FILE_MAX = 2 * NOTE_MAX
"""Bytes of one of its files."""
KEYS_MAX = 16
"""Keys of one log, rotated ones included."""


class State:
    """A folder with `witness.json` (name and key, 0600), `logs/` and `seen/`, one file a log each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, name: str) -> Signer:
        """The witness's key under that name, made at the first use; without a name, the one that was made. Raises
        CallgateError."""
        path = self.folder / "witness.json"
        try:
            for part in (self.folder, self.folder / "logs", self.folder / "seen"):
                part.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                if not name:
                    raise CallgateError("witness", "has no name yet", "give it one with --name, such as example.com/w1")
                seed = Ed25519PrivateKey.generate().private_bytes_raw().hex()
                replace_file(path, json.dumps({"name": name, "key": seed}).encode(), mode=0o600)
            said = json.loads(read_capped(path, FILE_MAX))
            if name and said["name"] != name:
                raise CallgateError("witness", f"is called {said['name']}", "leave --name out, or take another folder")
            return Signer(said["name"], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(said["key"])), COSIGNER)
        except (OSError, ValueError, KeyError, TypeError, FileRefusedError) as error:
            raise CallgateError(str(path), f"cannot be used ({error})", "check the folder's rights") from error

    def add(self, key: Key) -> None:
        """Let checkpoints of the log of that name in if that key signed them. Raises CallgateError."""
        if key.kind != PLAIN:
            raise CallgateError("the key", "is that of a witness, not of a log", "`callgate checkpoint show` prints it")
        keys = self.keys(key.name)
        if key in keys:
            return
        if len(keys) >= KEYS_MAX:
            raise CallgateError(key.name, f"has {KEYS_MAX} keys already", "remove one from its file")
        text = "".join(f"{one}\n" for one in (*keys, key))
        self._write(self._file("logs", key.name), text)

    def keys(self, origin: str) -> tuple[Key, ...]:
        """The keys of the log of that name; none if it is not known. Raises CallgateError."""
        text = self._read(self._file("logs", origin))
        keys = tuple(Key.parse(line) for line in text.split("\n") if line)
        return tuple(key for key in keys if key.name == origin)

    def seen(self, origin: str) -> Checkpoint | None:
        """The checkpoint of that log that was signed last. Raises CallgateError."""
        text = self._read(self._file("seen", origin))
        return Checkpoint.parse(Note.parse(text).text) if text else None

    def see(self, checkpoint: Checkpoint, note: Note) -> None:
        """Remember that checkpoint, before it is signed. Raises CallgateError."""
        self._write(self._file("seen", checkpoint.origin), str(note))

    def logs(self) -> list[tuple[str, int]]:
        """Each known log, and how many rows it had when it was seen last. Raises CallgateError."""
        found = []
        for path in sorted((self.folder / "logs").glob("*.keys")):
            name = Key.parse(self._read(path).split("\n")[0]).name
            seen = self.seen(name)
            found.append((name, seen.size if seen else 0))
        return found

    def _file(self, kind: str, origin: str) -> Path:
        """Names of logs come from strangers: only a digest and some harmless letters become a file's name."""
        plain = re.sub(r"[^a-z0-9.-]+", "-", origin.lower())[:60].strip(".-")
        digest = hashlib.sha256(origin.encode()).hexdigest()[:32]
        return self.folder / kind / f"{plain}.{digest}.{'keys' if kind == 'logs' else 'note'}"

    def _read(self, path: Path) -> str:
        try:
            return read_capped(path, FILE_MAX).decode()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, FileRefusedError) as error:
            raise AuditError(str(path), f"cannot be read ({error})", "put it back from a backup") from error

    def _write(self, path: Path, text: str) -> None:
        try:
            replace_file(path, text.encode(), mode=0o600)
        except OSError as error:
            raise AuditError(str(path), f"cannot be written ({error.strerror})", "check its disk") from error
