"""The daemon's own settings, and every limit on what others can send us: name, unit, reason."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from callgate import settings_managed
from callgate.model.call import Effect, Mode
from callgate.model.channel import ModelRules
from callgate.model.errors import SettingsError
from callgate.model.pin import PinRules
from callgate.settings_export import Export, check
from callgate.system.paths import MANAGED


class Durability(StrEnum):
    """What a row that was answered for survives: `commit` a crash of any process, `fsync` a power cut too."""

    COMMIT = "commit"
    FSYNC = "fsync"


class Payload(StrEnum):
    """How much of a call's arguments the log keeps."""

    NONE = "none"
    DIGEST = "digest"
    REDACTED = "redacted"
    FULL = "full"


class KeyPlace(StrEnum):
    """Where the device's signing key is kept: a file of the daemon's account (0600), or this user's keychain."""

    FILE = "file"
    KEYCHAIN = "keychain"


class Personal(StrEnum):
    """What becomes of personal data in what the log keeps: `mark` takes it out like a secret, `keep` leaves it."""

    MARK = "mark"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Witness:
    """Who is shown the log's checkpoints, so that no other history can be told later."""

    url: str = ""
    """Where the witness takes checkpoints (C2SP tlog-witness); empty: nobody is shown them."""
    key: str = ""
    """The witness's public key, as `callgate witness key` prints it."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log."""

    durability: Durability = Durability.COMMIT
    """What a row survives before the call goes on: "commit" (a crash of any process) or "fsync" (a power cut too)."""
    payload: Payload = Payload.REDACTED
    """What is kept of a call's arguments: "none", "digest", "redacted" (secrets taken out) or "full"."""
    personal: Personal = Personal.MARK
    """Mail addresses, phone, bank, card and identity numbers in it: "mark" (taken out like secrets) or "keep"."""
    payload_max: int = 16 * 1024
    """Bytes kept of one payload; the rest is cut off and marked."""
    device_key: KeyPlace = KeyPlace.FILE
    """Where the key lies that signs checkpoints: "file" (0600) or "keychain" (of the user that the daemon runs as)."""
    witness: Witness = field(default_factory=Witness)
    retention_days: int = 400
    """Days before rows are removed (the chain stays verifiable); 0 keeps all. The EU AI Act asks for six months."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Watching the agents' files."""

    rewrap: bool = True
    """Wrap again what was unwrapped behind our back, and new entries, as soon as they are seen."""
    full_look: int = 60
    """Seconds between full looks, for changes that the system did not report (network homes, full queues)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Limits of discovery: homes are large and hostile."""

    file_max: int = 8 * 1024 * 1024
    """Bytes of one config file; a larger one is skipped and reported. (~/.claude.json reaches some MB.)"""
    depth: int = 5
    """Folders below the home in which projects are looked for."""
    folders_max: int = 20_000
    """Folders visited in one look for projects."""
    seconds: float = 5.0
    """Time for one look for projects; what is not reached by then is reported."""


class Channel(StrEnum):
    """Which ring of a registry a machine belongs to: `canary` machines get a change first."""

    STABLE = "stable"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Registry:
    """Where the rules come from. Without a url: from this machine's own registry (`callgate allow`, `deny`)."""

    url: str = ""
    """Folder of the organisation's registry on a web server; empty for this machine's own registry."""
    root: str = ""
    """Path of the root.json that is trusted for it (relative to the config folder)."""
    poll: int = 300
    """Seconds between two looks for changes, give or take a fifth."""
    channel: Channel = Channel.STABLE
    """"canary" takes what is published for the canary ring, where there is something."""


@dataclass(frozen=True, slots=True)
class Http:
    """Servers that are reached over HTTP, and the port that agents reach us by."""

    port: int = 17423
    """The loopback port. Fixed, because it stands in agents' files; below the ports that systems hand out at random."""
    wrap: bool = True
    """Put the gate in front of remote servers, too: their entries get a loopback address."""
    sign: bool = True
    """In enforce mode, sign what leaves for remote servers, so that they can tell that it passed this device's gate."""
    ca_file: str = ""
    """Path of a PEM file (relative to the config folder) with CAs that are trusted beside the system's."""

    def ca_path(self, config: Path) -> Path | None:
        """That file; None if there is none."""
        return config / Path(self.ca_file).expanduser() if self.ca_file else None


@dataclass(frozen=True, slots=True)
class Hooks:
    """The agents' own hooks, by which their built-in tools pass the gate."""

    install: bool = True
    """Install hooks where agents have them, and keep them there. `callgate up --no-hooks` sets it to false."""
    managed: bool = False
    """Use the administrator's file of an agent, which its user cannot switch off, instead of the user's. Needs root."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Proofs that what agents do passes the gate."""

    prove: bool = True
    """Try canaries at the start, after each change, and before proofs are too old; else only when asked."""
    proof_valid: float = 26.0
    """Hours for which a proof holds; it is renewed two hours before. A machine that slept has to prove anew."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. A file names only what differs from these defaults."""

    mode: Mode = Mode.OBSERVE
    """"observe" records what would have happened and lets everything pass; "enforce" does it."""
    on_doubt: Effect = Effect.DENY
    """What a call gets in enforce mode when it cannot be decided (daemon away, log not writable)."""
    deadline: float = 5.0
    """Seconds that a shim waits for an answer before doubt begins. Agents give up after 30 or more."""
    audit: Audit = field(default_factory=Audit)
    watch: Watch = field(default_factory=Watch)
    hooks: Hooks = field(default_factory=Hooks)
    scan: Scan = field(default_factory=Scan)
    pins: PinRules = field(default_factory=PinRules)
    registry: Registry = field(default_factory=Registry)
    http: Http = field(default_factory=Http)
    coverage: Coverage = field(default_factory=Coverage)
    export: Export = field(default_factory=Export)
    model: ModelRules = field(default_factory=ModelRules)


MESSAGE_MAX = 64 * 1024 * 1024
"""Bytes of one JSON-RPC message that the shim relays; a larger one is refused with an error to its sender."""
DEADLINE_MIN = 0.1
"""Seconds: the least that a busy machine needs for an answer."""
CONNECTIONS_MAX = 1024
"""Open connections on gate.sock; the next one is refused (a shim then acts by on_doubt)."""

T = TypeVar("T")


def load(path: Path, managed: Path | None = None) -> Settings:
    """The settings in `path`, under those of the organisation in `managed` (by default: at its place on this system);
    the defaults, where neither names one. Raises SettingsError naming key and file.
    """
    managed = managed or MANAGED
    above = settings_managed.read(managed)
    try:
        root = parse(above).registry.root
        if root and not Path(root).is_absolute():
            raise ValueError("registry.root must be an absolute path here: users may write into their config folders")
    except ValueError as error:
        raise SettingsError(str(managed), str(error), "see docs/settings.md") from error
    try:
        return parse(settings_managed.joined(settings_managed.read(path), above))
    except ValueError as error:
        raise SettingsError(str(path), str(error), "see docs/settings.md") from error


def parse(document: dict[str, Any]) -> Settings:
    """Settings from a parsed document. Raises ValueError that names the key."""
    made = _build(Settings, document, "")
    if made.registry.url and not made.registry.root:
        raise ValueError("registry.url needs registry.root, the path of the root.json that is trusted for it")
    if bool(made.audit.witness.url) != bool(made.audit.witness.key):
        raise ValueError("audit.witness needs both url and key, the witness's public key")
    if made.audit.witness.url and not made.audit.witness.url.startswith(("https://", "http://")):
        raise ValueError("audit.witness.url must begin with https:// or http://")
    if not made.registry.poll:
        raise ValueError("registry.poll must be at least 1 second")
    if not 1 <= made.http.port <= 65535:
        raise ValueError(f"http.port must be a port from 1 to 65535, not {made.http.port}")
    check(made.export)
    return made


def _build(cls: type[T], document: dict[str, Any], prefix: str) -> T:
    hints = get_type_hints(cls)
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    for key in document:
        if key not in known:
            raise ValueError(f"unknown setting {prefix}{key} (known: {', '.join(sorted(known))})")
    values = {key: _value(hints[key], value, prefix + key) for key, value in document.items()}
    return cls(**values)


def _value(wanted: Any, value: Any, key: str) -> Any:
    if types := get_args(wanted):
        return _values(types[0], value, key) if get_origin(wanted) is tuple else _value(types[0], value, key)
    if is_dataclass(wanted):
        if not isinstance(value, dict):
            raise ValueError(f"{key} must be a table")
        return _build(wanted, value, key + ".")  # type: ignore[arg-type]
    if wanted is Effect:
        return _effect(value, key)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        try:
            return wanted(value)
        except ValueError:
            raise ValueError(f"{key} must be one of {', '.join(wanted)}, not {value!r}") from None
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ValueError(f"{key} must be {wanted.__name__}, not {value!r}")
    if key == "deadline" and value < DEADLINE_MIN:
        raise ValueError(f"deadline must be at least {DEADLINE_MIN} s: below it every call would be in doubt")
    if wanted in (int, float) and not 0 <= value < 2**40:
        raise ValueError(f"{key} is out of range: {value!r}")
    return value


def _values(wanted: Any, value: Any, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{key} must be a list")
    return tuple(_value(wanted, one, f"{key}[{at}]") for at, one in enumerate(value))


def _effect(value: Any, key: str) -> Effect:
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a word: allow, ask or deny")
    return Effect.of(value)
