"""Pure: events in OCSF 1.9 (or 1.8), one class a kind, with our chain in the record_integrity profile of 1.9.

Sources: https://schema.ocsf.io/1.9.0 and 1.8.0. The digest of a whole event is over its canonical JSON (RFC 8785).
"""

from __future__ import annotations

from hashlib import sha256

from callgate.export.formats import jsontext, ocsf_parts
from callgate.export.formats.meaning import OTHER, SEVERITIES, Meaning, meaning, sentence, severity
from callgate.export.formats.record import Origin, Record

MARK = '"attestation_list":[{"chain_uid":'
"""Where the digest is put in: the first place of this text is ours, for only `actor` and `api` stand before it."""
_ACTION = {"allow": (1, "Allowed"), "deny": (2, "Denied"), "ask": (2, "Denied"), "redact": (4, "Modified")}
_DISPOSITION = {"allow": (1, "Allowed"), "deny": (2, "Blocked"), "ask": (23, "Challenge"), "redact": (11, "Corrected")}
_OBSERVED = {"allow": (1, "Allowed"), "deny": (17, "Logged"), "ask": (17, "Logged"), "redact": (17, "Logged")}


def text(record: Record, origin: Origin, *, old: bool = False) -> str:
    """One event as JSON. `old` is 1.8: no record_integrity and no ai_agent there."""
    event = render(record, origin, old=old)
    if old or not record.row.hash:
        return jsontext.write(event)
    event["attestation_list"] = [_link(record, origin)]
    said = jsontext.write(event)
    digest = sha256(said.encode("utf-8")).hexdigest()
    fingerprint = f'"fingerprint":{{"algorithm_id":3,"encoding_id":1,"serialization_id":2,"value":"{digest}"}},'
    at = said.index(MARK) + len(MARK) + len(jsontext.write(origin.uid)) + 1
    return said[:at] + fingerprint + said[at:]


def render(record: Record, origin: Origin, *, old: bool = False) -> dict[str, object]:
    """One event as an object, without the attestation."""
    event, what = record.event, meaning(record.event.kind)
    activity = ocsf_parts.activity(event, what)
    level = severity(event)
    made: dict[str, object] = {
        "activity_id": activity,
        "category_uid": what.ocsf // 1000,
        "class_uid": what.ocsf,
        "type_uid": what.ocsf * 100 + activity,
        "time": event.time // 10**6,
        "severity_id": level,
        "severity": SEVERITIES[level],
        "message": sentence(event),
        "metadata": _metadata(record, origin, what, old),
        "device": ocsf_parts.device(origin),
    }
    if activity == OTHER:
        made["activity_name"] = event.kind
    made |= _control(record)
    made |= ocsf_parts.subject(record, origin, what)
    if unmapped := _unmapped(record):
        made["unmapped"] = unmapped
    if what.ocsf in (6003, 1007):
        made |= ocsf_parts.ai_operation(record, origin, old)
    return made


def _metadata(record: Record, origin: Origin, what: Meaning, old: bool) -> dict[str, object]:
    profiles = ["host"]
    if what.ocsf in (6003, 1007):
        profiles.append("ai_operation")
    if record.event.effect:
        profiles.append("security_control")
    if not old and record.row.hash:
        profiles.append("record_integrity")
    made: dict[str, object] = {
        "version": "1.8.0" if old else "1.9.0",
        "uid": record.uid(origin),
        "sequence": record.row.seq,
        "event_code": record.event.kind,
        "log_name": "audit",
        "product": {"name": "Callgate", "vendor_name": "Callgate", "version": origin.version},
        "profiles": profiles,
    }
    if record.event.uid:
        made["correlation_uid"] = record.event.uid
    if record.cut:
        made["is_truncated"], made["untruncated_size"] = True, record.cut
    if record.test:
        made["labels"] = ["test"]
    return made


def _control(record: Record) -> dict[str, object]:
    """What the gate decided. Where it only observed, the action is that it let the call pass."""
    event = record.event
    if not event.effect:
        return {}
    enforced = event.mode != "observe"
    action = _ACTION.get(event.effect, (0, "Unknown")) if enforced or event.effect == "allow" else (3, "Observed")
    disposition = (_DISPOSITION if enforced else _OBSERVED).get(event.effect, (0, "Unknown"))
    made: dict[str, object] = {
        "action_id": action[0],
        "action": action[1],
        "disposition_id": disposition[0],
        "disposition": disposition[1],
        "is_alert": event.effect == "deny",
    }
    if event.rule:
        made["policy"] = {"name": event.rule, "uid": event.rule} | ({"version": event.basis} if event.basis else {})
    if event.reason:
        made["status_detail"] = event.reason
    return made


def _unmapped(record: Record) -> dict[str, object]:
    """What OCSF has no place for, under our own names."""
    event = record.event
    made: dict[str, object] = {name: value for name in ("entry", "mode") if (value := getattr(event, name))}
    if event.detail:
        made["detail"] = jsontext.exact(event.detail)
    if record.row.hash:
        made["hash"] = record.row.hash
    return made


def _link(record: Record, origin: Origin) -> dict[str, object]:
    """Our row's place in its chain: `uid` is the hash of the row, `prev_event` holds that of the one before."""
    made: dict[str, object] = {"chain_uid": origin.uid, "uid": record.row.hash}
    if previous := record.previous_uid(origin):
        made["prev_event"] = {
            "uid": previous,
            "fingerprint": {
                "algorithm_id": 3,
                "encoding_id": 1,
                "serialization_id": 99,
                "serialization": "callgate.row.1",
                "value": record.previous,
            },
        }
    return made
