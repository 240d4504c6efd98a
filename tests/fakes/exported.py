"""One event of each kind, as the daemon writes them, with what a hostile server would put there; and a log of any size.

`python tests/fakes/exported.py` writes the golden files that tests/unit/export compares.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from callgate.audit.store import Writer
from callgate.export.formats.record import Origin, Record
from callgate.export.formats.rendering import message
from callgate.model.event import Event, Row
from callgate.settings import Durability
from callgate.settings_export import Format

GOLDEN = Path(__file__).parents[1] / "data" / "export"
ORIGIN = Origin("0123456789abcdef0123456789abcdef", "dev-7.example.com", "linux", "6.1.0", "ada", "9.9.9")
TIME = 1_795_312_903_209_000_000
CALL: dict[str, Any] = {
    "session": "boot-17-1795",
    "agent": "example_agent",
    "server": "npm:@scope/files@1.2.3",
    "entry": "files",
}
PINNED = {"kind": "tool", "digest": "ab" * 32}

DETAILS: dict[str, dict[str, Any]] = {
    "call.asked": {
        "user": "grace",
        "basis": "0a1b2c3d",
        "tool": "read_file",
        "effect": "deny",
        "rule": "policy.no-keys",
        "reason": "keys stay here",
        "mode": "enforce",
        "detail": {"bytes": 93, "payload": {"digest": "cd" * 32, "size": 40, "redactions": 1}},
    },
    "call.answered": {"tool": "read_file", "detail": {"ms": 12.25, "bytes": 512, "error": True}},
    "server.launched": {
        "effect": "ask",
        "rule": "registry.unknown",
        "reason": "is not approved",
        "mode": "observe",
        "detail": {"argv": ["npx", "-y", "@scope/files"], "evidence": "npm cache", "also": []},
    },
    "server.started": {"detail": {"pid": 4711}},
    "server.changed": {"reason": "its file is another one now", "detail": {}},
    "server.ended": {"detail": {"pid": 4711, "code": 1}},
    "call.refused": {"detail": {"method": "tools/call", "refused": "two ids", "direction": "client"}},
    "model.asked": {
        "effect": "deny",
        "rule": "model.unapproved",
        "reason": "the model api.example/m is not approved (model.allow)",
        "mode": "enforce",
        "detail": {"host": "api.example", "dialect": "messages", "bytes": 900, "model": "m", "tools": 12},
    },
    "model.answered": {
        "detail": {
            "host": "api.example",
            "model": "m",
            "status": 200,
            "ms": 850.5,
            "first_ms": 310.25,
            "bytes": 4096,
            "input_tokens": 1200,
            "output_tokens": 35,
            "stop": "tool_use",
            "tool_uses": [{"id": "toolu_1", "name": "mcp__files__read_file", "digest": "cd" * 32}],
        }
    },
    "model.routed": {"detail": {"file": "/home/ada/.x", "setting": "env.URL", "upstream": "https://api.example"}},
    "model.unrouted": {"detail": {"file": "/home/ada/.x", "setting": "env.URL", "upstream": "https://api.example"}},
    "hook.asked": {"tool": "read_file", "detail": {"ids": ["a"], "hook_of": "example_agent", "bytes": 10}},
    "hook.answered": {"tool": "read_file", "detail": {"ids": ["a"], "hook_of": "example_agent", "ms": 3.0}},
    "hook.unclear": {"detail": {"tool": "screen_shot", "servers": ["screen"]}},
    "hook.unknown": {"detail": {"event": "Later", "hook_of": "example_agent"}},
    "prompt.submitted": {"detail": {"hook_of": "example_agent", "payload": {"digest": "cd" * 32, "size": 4}}},
    "session.started": {"detail": {"hook_of": "example_agent", "cwd": "/home/ada"}},
    "session.ended": {"detail": {"hook_of": "example_agent"}},
    "tools.listed": {"detail": {"tools": ["a", "b|c", 'd="e"'], "denied": ["a"], "held": {"a": "pins.text"}}},
    "message.seen": {"detail": {"method": "resources/read", "direction": "client"}},
    "definitions.pinned": {"detail": {"kind": "tool", "count": 3, "steering": ["ignore previous"]}},
    "definition.changed": {
        "tool": "a",
        "effect": "deny",
        "rule": "pins.instruction",
        "reason": "orders the model about",
        "mode": "enforce",
        "detail": {**PINNED, "class": "instruction", "reasons": ["x"]},
    },
    "definition.approved": {"tool": "a", "detail": {**PINNED, "by": "user", "pid": 1}},
    "definitions.forgotten": {"detail": {"count": 2, "by": "user"}},
    "tool.shadowed": {"tool": "read_fi1e", "detail": {"alike": ["read_file"]}},
    "agent.found": {"detail": {"after": {"evidence": ["its folder"]}}},
    "agent.gone": {"detail": {"before": {"evidence": ["its folder"]}}},
    "entry.added": {"detail": {"file": "/home/ada/.agent/config.json", "after": {"command": "npx"}}},
    "entry.removed": {"detail": {"file": "/home/ada/.agent/config.json", "before": {}}},
    "entry.changed": {"detail": {"file": "C:\\Users\\ada\\config.json", "before": {}, "after": {}}},
    "entry.wrapped": {"detail": {"file": "/home/ada/.agent/config.json"}},
    "entry.unwrapped": {"detail": {"file": "/home/ada/.agent/config.json"}},
    "entry.repaired": {"detail": {"file": "/home/ada/.agent/config.json"}},
    "entry.hooked": {"detail": {"file": "/home/ada/.agent/config.json"}},
    "entry.unhooked": {"detail": {"file": "/home/ada/.agent/config.json"}},
    "entry.failed": {"reason": "the file does not parse", "detail": {"file": "/home/ada/.agent/config.json"}},
    "registry.changed": {"effect": "allow", "detail": {"identity": "npm:x@1", "by": "user"}},
    "registry.updated": {"detail": {"source": "https://mcp.example.com", "approvals": 12, "versions": {"targets": 7}}},
    "registry.refused": {"reason": "signed by too few keys", "detail": {"source": "https://mcp.example.com"}},
    "registry.stale": {"reason": "no proof for 80 hours", "detail": {"freshness": "soft"}},
    "settings.changed": {"mode": "enforce", "detail": {"from": "observe", "to": "enforce"}},
    "approval.ending": {
        "reason": "ends on Friday",
        "detail": {"approval": "files", "owner": "ada", "until": "soon"},
    },
    "policy.changed": {"detail": {"policies": 3, "before": 2, "file": "/home/ada/p.cedar"}},
    "policy.warned": {"reason": "denies all that was let through lately"},
    "policy.suspended": {"reason": "release night", "detail": {"minutes": 30, "until": "1795312903209000000"}},
    "policy.resumed": {"reason": "time is over", "detail": {"why": "release night"}},
    "daemon.started": {"mode": "observe", "detail": {"version": "9.9.9", "pid": 99}},
    "daemon.stopped": {"detail": {"pid": 99}},
    "daemon.disturbed": {"reason": "the socket of the gate was removed"},
    "spool.taken": {"detail": {"file": "1.spool", "lines": 5, "bytes": 900}},
    "spool.opened": {"detail": {"file": "1.spool"}},
    "spool.unreadable": {"detail": {"file": "1.spool", "lines": 1}},
    "log.broken": {"detail": {"findings": ["row 7 was edited"]}},
    "log.gap": {"detail": {"rows": 4, "since": "1795312903209000000"}},
    "log.unreadable": {"reason": "not a row of the audit log"},
    "log.cut": {"detail": {"first": 1, "last": 500, "rows": 500, "hash": "ef" * 32}},
    "log.checkpoint": {"detail": {"note": "callgate/log\n17\nq83v\n\n— callgate/log AAAA\n"}},
    "log.witnessed": {"detail": {"size": 17, "witness": "w.example.com", "lines": "— w AAAA", "when": "1795312903"}},
    "log.forked": {"reason": "it was rolled back", "detail": {"size": 17, "seen": 20, "witness": "w.example.com"}},
    "key.rotated": {"detail": {"old": "a+1", "new": "a+2", "note": "callgate/log"}},
    "clock.jumped": {"detail": {"by": -3600.5}},
    "machine.inventory": {
        "detail": {"agents": [{"name": "Example", "version": "2.1.0"}], "servers": [{"server": "npm:x@1"}]}
    },
    "machine.health": {"detail": {"version": "9.9.9", "mode": "enforce", "problems": ["export siem: it is away"]}},
    "export.lost": {"reason": "rows were removed", "detail": {"sink": "siem", "first": 3, "last": 9, "rows": 7}},
    "export.refused": {"reason": "HTTP 400", "detail": {"sink": "siem", "rows": 1, "seqs": [3]}},
    "export.replayed": {"detail": {"sinks": ["siem"], "first": 3, "by": "user"}},
    "export.rewound": {"reason": "the log is not the one that was sent", "detail": {"sink": "siem"}},
    "export.test": {"reason": "sent by `callgate export test`", "detail": {"sink": "siem"}},
    "finding.unasked": {
        "tool": "files read_file",
        "reason": "the tool files read_file was called, but no answer of the model in this run asked for it",
        "detail": {"severity": "high", "about": 17, "channel": "mcp"},
    },
    "process.started": {
        "detail": {
            "pid": 4712,
            "parent": 4711,
            "exe": "/bin/sh",
            "argv": ["sh", "-c", "ls"],
            "cause": "call",
            "by": "time",
        }
    },
    "process.ended": {"detail": {"pid": 4712, "ms": 17}},
    "finding.unwrapped": {"reason": "a server without the gate", "detail": {"saw": "a", "unseen": "b", "pid": 4712}},
    "finding.loopback": {"reason": "a connection", "detail": {"saw": "a", "unseen": "b", "pid": 4712, "port": 8080}},
    "finding.options": {"reason": "an option", "detail": {"saw": "a", "unseen": "b", "option": "--servers"}},
    "finding.home": {"reason": "a variable", "detail": {"saw": "a", "unseen": "b", "variable": "AGENT_HOME"}},
    "finding.hooks": {"reason": "switched off", "detail": {"saw": "a", "unseen": "b", "setting": "hooks"}},
    "finding.model": {"reason": "led elsewhere", "detail": {"saw": "a", "unseen": "b", "host": "x.example"}},
    "finding.plugin": {"reason": "a plugin", "detail": {"saw": "a", "unseen": "b", "file": "/p/.mcp.json"}},
    "coverage.changed": {"detail": {"channel": "stdio", "from": "configured", "to": "enforced"}},
    "coverage.failed": {"reason": "a canary went through", "detail": {"channel": "stdio"}},
    "canary.refused": {"tool": "canary", "detail": {"channel": "stdio"}},
    "finding.missing": {
        "reason": "the model asked for the tool read_file, and nobody saw it called",
        "detail": {"severity": "low", "about": 17, "channel": "model"},
    },
    "finding.changed": {
        "tool": "read_file",
        "reason": "the call has other arguments than the model asked for",
        "detail": {"severity": "high", "about": 17, "channel": "mcp"},
    },
    "finding.bypassed": {
        "tool": "read_file",
        "reason": "a hook saw the call, and no shim did",
        "detail": {"severity": "medium", "about": 17, "channel": "hook"},
    },
    "something.new": {"tool": "päth\n\u202e|=\\", "detail": {"nested": {"a": [1, 2.5, 1e-9, None, True]}}},
}
"""What the kinds differ in."""


def samples() -> Iterator[Record]:
    """A record of each kind, with a number of its own: a new kind changes no other one's files."""
    for kind, differs in DETAILS.items():
        seq = zlib.crc32(kind.encode()) % 1_000_000
        own = (
            {} if kind.split(".")[0] in ("daemon", "log", "machine", "export", "policy", "settings", "spool") else CALL
        )
        event = Event(kind, TIME + seq * 10**9, uid=f"call-{seq}", **{**own, **differs})
        digest, previous = f"{seq:064x}", f"{seq - 1:064x}"
        payload = '{"path":"~/.ssh/[redacted:private-key:3f2a9c]"}' if kind == "call.asked" else None
        yield Record(Row(seq, event, digest, payload), previous, test=kind == "export.test")


def rendered() -> Iterator[tuple[Path, str]]:
    """Each golden file, and what belongs into it."""
    for record in samples():
        for form in Format:
            one = message(record, ORIGIN, form, 64 * 1024, spans=True)
            kind = "txt" if form is Format.CEF else "json"
            text = one.body.decode() + "\n" + (one.span.decode() + "\n" if form is Format.OTLP and one.span else "")
            yield GOLDEN / form.value / f"{record.event.kind}.{kind}", text


def log_of(path: Path, rows: int, *, kind: str = "call.asked", size: int = 0, at: int = TIME) -> None:
    """A log with so many rows more, each with `size` bytes of detail more."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    writer = Writer.open(path, Durability.COMMIT)
    detail: dict[str, object] = {"bytes": 100, **({"text": "x" * size} if size else {})}
    for number in range(rows):
        writer.append(Event(kind, at + number, uid=f"c{number}", tool="echo", effect="allow", detail=detail, **CALL))
        if number % 5000 == 4999:
            writer.commit()
    writer.close()


if __name__ == "__main__":
    for file, said in rendered():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said)
    sys.stdout.write("written\n")
