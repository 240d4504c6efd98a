"""Pure: one record in the form that a sink wants, not larger than it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callgate.export.formats import cef, ecs, jsontext, ocsf, otlp, plain
from callgate.export.formats.meaning import severity
from callgate.export.formats.record import Message, Origin, Record
from callgate.settings_export import Format

_WRITERS: dict[Format, Callable[[Record, Origin], str]] = {
    Format.OCSF: ocsf.text,
    Format.OCSF_1_8: lambda record, origin: ocsf.text(record, origin, old=True),
    Format.OTLP: lambda record, origin: jsontext.write(otlp.log(record, origin)),
    Format.CEF: cef.text,
    Format.ECS: lambda record, origin: jsontext.write(ecs.render(record, origin)),
    Format.JSON: lambda record, origin: jsontext.write(plain.render(record, origin)),
}


def message(record: Record, origin: Origin, form: Format, limit: int, *, spans: bool = False) -> Message:
    """The record in that form, of at most `limit` bytes if that can be: else without its payload, then without its
    detail, with the size that it had. What is still too large then is given as it is, for its receiver to judge.
    """
    body = _WRITERS[form](record, origin).encode("utf-8")
    whole = len(body)
    if whole > limit and record.row.payload is not None:
        record = replace(record, row=replace(record.row, payload=None), cut=whole)
        body = _WRITERS[form](record, origin).encode("utf-8")
    if len(body) > limit and record.event.detail:
        bare = replace(record.event, detail={"cut": whole})
        record = replace(record, row=replace(record.row, event=bare), cut=whole)
        body = _WRITERS[form](record, origin).encode("utf-8")
    event = record.event
    said = otlp.span(record, origin) if spans else None
    span = jsontext.write(said).encode("utf-8") if said else b""
    uid = record.uid(origin)
    return Message(record.row.seq, uid, event.kind, event.time, severity(event), body, span)
