"""Pure: our own JSON: the row as `callgate log --json` shows it, with the machine and its place in the chain."""

from __future__ import annotations

from callgate.export.formats.record import Origin, Record

_FIELDS = ("uid", "session", "agent", "server", "entry", "tool", "effect", "rule", "reason", "mode", "basis")


def render(record: Record, origin: Origin) -> dict[str, object]:
    """One row as an object; empty fields are left out. `time` is text: it needs more than 53 bits."""
    row, event = record.row, record.event
    said: dict[str, object] = {
        "id": record.uid(origin),
        "machine": origin.uid,
        "host": origin.hostname,
        "user": event.user or origin.user,
        "version": origin.version,
        "seq": row.seq,
        "time": str(event.time),
        "kind": event.kind,
    }
    said |= {name: value for name in _FIELDS if (value := getattr(event, name))}
    if event.detail:
        said["detail"] = dict(event.detail)
    if row.payload is not None:
        said["payload"] = row.payload
    said["hash"], said["previous"] = row.hash, record.previous
    if record.cut:
        said["cut"] = record.cut
    if record.test:
        said["test"] = True
    return said
