"""Pure: events in ArcSight's Common Event Format, version 0. It has room for the main fields only: choose it last."""

from __future__ import annotations

from callgate.export.formats import jsontext
from callgate.export.formats.meaning import meaning, sentence, severity
from callgate.export.formats.record import Origin, Record

_LEVELS = (0, 1, 3, 5, 8, 10)
"""CEF counts severity from 0 to 10."""
_DETAIL_MAX = 1000
"""Characters of our detail: what most receivers of CEF keep of one field."""


def text(record: Record, origin: Origin) -> str:
    """One event as one line."""
    event = record.event
    head = ["CEF:0", "Callgate", "Callgate", origin.version, event.kind, event.kind, str(_LEVELS[severity(event)])]
    fields: dict[str, object] = {
        "rt": event.time // 10**6,
        "externalId": record.uid(origin),
        "cnt": 1,
        "cat": meaning(event.kind).category,
        "dvchost": origin.hostname,
        "deviceExternalId": origin.uid,
        "suser": event.user or origin.user,
        "act": event.effect,
        "reason": event.rule,
        "msg": sentence(event),
        "sproc": event.agent,
        "destinationServiceName": event.server or event.entry,
    }
    custom = (("tool", event.tool), ("session", event.session), ("call", event.uid), ("entry", event.entry))
    for number, (label, value) in enumerate((*custom, ("hash", record.row.hash), ("mode", event.mode)), 1):
        if value:
            fields[f"cs{number}"], fields[f"cs{number}Label"] = value, label
    fields["cn1"], fields["cn1Label"] = record.row.seq, "seq"
    if event.detail:
        fields["flexString1"] = jsontext.write(dict(event.detail))[:_DETAIL_MAX]
        fields["flexString1Label"] = "detail"
    if record.test:
        fields["flexString2"], fields["flexString2Label"] = "test", "marked"
    said = " ".join(f"{name}={_value(str(value))}" for name, value in fields.items() if value != "")
    return "|".join(map(_head, head[1:])).join((f"{head[0]}|", f"|{said}"))


def _head(value: str) -> str:
    return _one_line(value.replace("\\", "\\\\").replace("|", "\\|")).replace("\\n", " ").replace("\\r", " ")


def _value(value: str) -> str:
    return _one_line(value.replace("\\", "\\\\").replace("=", "\\="))


def _one_line(value: str) -> str:
    """Line ends as the format writes them, other control characters as spaces; what no UTF-8 can carry as `?`."""
    value = value.replace("\n", "\\n").replace("\r", "\\r")
    value = "".join(" " if ord(one) < 32 or ord(one) == 127 else one for one in value)
    return value.encode("utf-8", "replace").decode("utf-8")
