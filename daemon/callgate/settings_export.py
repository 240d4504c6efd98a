"""The settings of the export: where events go, in which form, how fast, and what that may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class SinkType(StrEnum):
    """What kind of receiver it is."""

    FILE = "file"
    SYSLOG = "syslog"
    OTLP = "otlp"
    HEC = "hec"
    ELASTIC = "elastic"
    SENTINEL = "sentinel"
    HTTPS = "https"
    KAFKA = "kafka"


class Format(StrEnum):
    """The form of an event: OCSF 1.9 or 1.8, OpenTelemetry, Common Event Format, Elastic Common Schema, or our own."""

    OCSF = "ocsf"
    OCSF_1_8 = "ocsf-1.8"
    OTLP = "otlp"
    CEF = "cef"
    ECS = "ecs"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """One receiver. What is empty has no meaning for its type, or the default that its type has."""

    name: str = ""
    """Its name, also of its files: small letters, digits, `-`, at most 40. It keeps its place in the log by this."""
    type: SinkType = SinkType.FILE
    """"file", "syslog", "otlp", "hec", "elastic", "sentinel", "https" or "kafka"."""
    url: str = ""
    """Where: `tls://host:6514`, `https://host/path`, `kafka://host:9092/topic`, or the path of a file."""
    format: Format | None = None
    """The form of the events; without it what fits the type."""
    secret: str = ""
    """Where the token, password or key is kept: `file:PATH` (mode 0600) or `keyring:SERVICE/NAME`. Never the secret."""
    ca: str = ""
    """Path of a PEM file with the authorities that may have signed the receiver's certificate; empty: the system's."""
    cert: str = ""
    """Path of our own certificate (PEM, with its chain), for mutual TLS. It is read again when it changes."""
    key: str = ""
    """Path of its private key, unless that is in the same file."""
    proxy: str = ""
    """URL of an HTTP proxy; empty: as the environment says; "none": no proxy."""
    index: str = ""
    """The index or data stream (elastic), index (hec), or stream name of the rule (sentinel)."""
    tenant: str = ""
    """Entra tenant (sentinel)."""
    client: str = ""
    """Entra application (sentinel); its secret is `secret`."""
    rule: str = ""
    """Immutable id of the data collection rule (sentinel), `dcr-...`."""
    authority: str = "https://login.microsoftonline.com"
    """Where Entra gives tokens (sentinel); other clouds have other addresses."""
    acknowledge: bool = True
    """Count events as delivered only when the receiver has said so: indexer acknowledgement (hec), an orderly end of
    the connection (syslog). False trusts what was written."""
    spans: bool = False
    """Send calls as spans too (otlp)."""
    payload: bool = False
    """Send along what the log kept of a call's arguments (see audit.payload)."""
    gzip: bool = False
    """Compress what is sent (HTTP)."""
    linger: float = 1.0
    """Seconds that an event may wait for others to go with it. Checkpoints of the log never wait."""
    batch_rows: int = 500
    """Events in one batch."""
    batch_bytes: int = 900_000
    """Bytes in one batch: receivers take 1 MB or more."""
    event_max: int = 64 * 1024
    """Bytes of one event; a larger one goes without its payload, then without its detail, and says so."""
    rate: int = 0
    """Bytes a second, averaged over seconds; 0: no limit."""
    timeout: float = 30.0
    """Seconds that a receiver may take for one answer."""
    file_max: int = 100 * 1024 * 1024
    """Bytes of one file (file); then a new one is begun."""
    keep: int = 10
    """Full files that are kept (file); the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Export:
    """What leaves this machine for the organisation's SIEM."""

    sinks: tuple[SinkSettings, ...] = ()
    """The receivers, each a `[[export.sinks]]` table."""
    report: int = 21_600
    """Seconds between two reports of this machine (inventory, health) without a change; 0: none."""
    hold_days: int = 30
    """Days that rows outlive their retention when a receiver has not got them yet; then they go, and are counted."""


_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SCHEMES = {
    SinkType.SYSLOG: ("tls", "tcp"),
    SinkType.KAFKA: ("kafka", "kafkas"),
}
_NEEDED = {
    SinkType.HEC: ("secret",),
    SinkType.SENTINEL: ("secret", "tenant", "client", "rule", "index"),
    SinkType.ELASTIC: ("index",),
}


def check(export: Export) -> None:
    """Raises ValueError that names the sink and the setting that makes no sense."""
    names = [sink.name for sink in export.sinks]
    for number, sink in enumerate(export.sinks, 1):
        if not _NAME.fullmatch(sink.name):
            raise ValueError(f"export.sinks number {number} needs a name of small letters, digits and '-'")
        if names.count(sink.name) > 1:
            raise ValueError(f"export.sinks has two sinks named {sink.name!r}")
        if problem := _problem(sink):
            raise ValueError(f"export.sinks {sink.name!r}: {problem}")


def _problem(sink: SinkSettings) -> str:
    if problem := _url_problem(sink):
        return problem
    if missing := [name for name in _NEEDED.get(sink.type, ()) if not getattr(sink, name)]:
        return f"needs {', '.join(missing)}"
    if sink.secret and not sink.secret.startswith(("file:", "keyring:")):
        return "secret must be file:PATH or keyring:SERVICE/NAME, never the secret itself"
    if (sink.format is Format.OTLP) != (sink.type is SinkType.OTLP) and sink.format is not None:
        return f"format {sink.format} does not fit the type {sink.type}"
    if sink.format is Format.CEF and sink.type in (SinkType.ELASTIC, SinkType.SENTINEL):
        return f"format cef does not fit the type {sink.type}, which takes JSON"
    for name in ("batch_rows", "batch_bytes", "event_max", "file_max", "keep", "timeout"):
        if not getattr(sink, name):
            return f"{name} must be more than 0"
    return "event_max must not be larger than batch_bytes" if sink.event_max > sink.batch_bytes else ""


def _url_problem(sink: SinkSettings) -> str:
    if sink.type is SinkType.FILE:
        return "" if sink.url.startswith("/") else "url must be the absolute path of a file"
    schemes = _SCHEMES.get(sink.type, ("https", "http"))
    try:
        parts = urlsplit(sink.url)
        port = parts.port if sink.type is not SinkType.KAFKA else 1
    except ValueError as error:
        return f"url {sink.url!r} is none ({error})"
    if parts.scheme not in schemes or not parts.netloc:
        return f"url must be {' or '.join(f'{scheme}://host...' for scheme in schemes)}"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "url holds a user name or a query; write `secret` instead"
    if sink.type is SinkType.SYSLOG and not port:
        return "url needs a port, such as tls://siem.example.com:6514"
    if parts.scheme == "http" and sink.secret and parts.hostname not in _LOOPBACK:
        return "would send its secret in the clear; write https://"
    return ""


_DEFAULT_FORMAT = {SinkType.OTLP: Format.OTLP, SinkType.ELASTIC: Format.ECS}


def format_of(sink: SinkSettings) -> Format:
    """The form of a sink's events."""
    return sink.format or _DEFAULT_FORMAT.get(sink.type, Format.OCSF)
