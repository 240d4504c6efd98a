"""The readable report in a bundle of evidence: one HTML page that needs nothing else and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from callgate.audit.bundle import Proven, moment
from callgate.audit.log import decode

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ddd;padding:.3em .6em;text-align:left;"
    "vertical-align:top}code,pre{font:13px ui-monospace,monospace;white-space:pre-wrap;word-break:break-all}"
    ".deny{color:#a00}.ask{color:#850}.allow{color:#060}"
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(said: Mapping[str, Any], rows: Sequence[Proven], found: Mapping[str, Any], files: Sequence[str]) -> str:
    """The report. All that comes from the log is shown as text, whatever it holds."""
    signed = found["signed"]
    facts = {
        "Session": said["session"],
        "Log": signed["origin"],
        "Signed by the key": f"{signed['fingerprint']} (SHA-256 of the public key)",
        "Checkpoint": f"{signed['rows']:,} rows",
        "Made": f"{moment(said['made'])} by {said['by']}",
        "Files": ", ".join(files),
    }
    return "".join(
        (
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>Evidence of session {escape(said['session'])}</title><style>{STYLE}</style>",
            f"<h1>Evidence of session <code>{escape(said['session'])}</code></h1><table>",
            *(f"<tr><th>{name}<td>{escape(str(value))}" for name, value in facts.items()),
            "</table><h2>What is proved</h2><ul>",
            *(f"<li>{escape(sentence)}" for sentence in found["proved"]),
            "</ul><h2>What is not proved</h2><ul>",
            *(f"<li>{escape(sentence)}" for sentence in found["not_proved"]),
            "</ul><p>This page proves nothing by itself: <code>callgate verify --bundle FILE --key KEY</code> does.",
            "<h2>Events</h2><table><tr><th>Row<th>Time<th>What<th>Effect<th>Why<th>Arguments",
            *map(_row, rows),
            "</table></html>\n",
        )
    )


def _row(row: Proven) -> str:
    event = decode(row.body.encode("ascii"))
    what = " ".join(part for part in (event.kind, event.agent, event.server, event.tool) if part)
    effect = event.effect + (" (observed)" if event.mode == "observe" and event.effect in ("deny", "ask") else "")
    why = ": ".join(part for part in (event.rule, event.reason) if part)
    kind = event.effect if event.effect in ("allow", "ask", "deny") else ""
    cells = (str(row.seq), moment(event.time // 10**9), what)
    shown = "".join(f"<td>{escape(cell)}" for cell in cells)
    return f'<tr>{shown}<td class="{kind}">{escape(effect)}<td>{escape(why)}<td><code>{escape(row.kept or "")}</code>'
