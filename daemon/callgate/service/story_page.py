"""The story of one run as one self-contained page: the conversation, with its calls and verdicts beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from html import escape
from importlib import resources
from typing import Any

Json = dict[str, Any]

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load and run nothing: should anything ever escape the escaping, it does nothing."""
COLOURS = {"allow": "good", "ask": "warn", "deny": "bad"}
_STYLE = """
.talk{border-left:3px solid var(--line);padding:2px 0 2px 16px;margin:18px 0;white-space:pre-wrap;
overflow-wrap:anywhere}
.prompt{border-color:#3b82f6}.model{border-color:#8b5cf6}
.call{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px;margin:12px 0 12px 28px;
break-inside:avoid}.call pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:6px 0;font-size:13px}
.event{margin:8px 0 8px 28px;font-size:13px}.who{font-weight:600;font-size:13px}
"""


def render(story: Json) -> str:
    """The page, as HTML."""
    return "".join(_page(story))


def _page(story: Json) -> Iterator[str]:
    style = resources.files("callgate.service").joinpath("report.css").read_text(encoding="utf-8")
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width"><title>Callgate: a session</title>'
    yield f"<style>{style}{_STYLE}</style></head><body><main>"
    yield f"<h1>A session of {_text(story['agent'] or 'an agent')}</h1>"
    yield f"<p class=soft><code>{_text(story['session'])}</code>, {_text(story['user'])}, "
    yield f"{_clock(story['begun'])} to {_clock(story['last'])}. "
    yield f"Seen by: {_text(', '.join(story['channels']) or '-')}.</p>"
    yield from _cards(story)
    for finding in story["findings"]:
        colour = "bad" if finding["severity"] == "high" else "warn"
        yield f"<p class={colour}>{_text(finding['severity'])}: {_text(finding['reason'])} (row {finding['seq']})</p>"
    if story["cut"]:
        yield "<p class=warn>Only the newest part of this session is told.</p>"
    for item in story["items"]:
        yield from {"prompt": _prompt, "model": _model, "call": _call, "event": _event}[item["type"]](item)
    yield "</main></body></html>\n"


def _cards(story: Json) -> Iterator[str]:
    calls = [item for item in story["items"] if item["type"] == "call"]
    refused = sum(item.get("effect", "allow") != "allow" for item in calls)
    cards = [
        ("calls", f"{story['calls']:,}", ""),
        ("refused", f"{refused:,}", "bad" if refused else ""),
        ("seen by several channels", f"{story['joined']:,}", ""),
        ("findings", f"{len(story['findings']):,}", "warn" if story["findings"] else ""),
        ("tokens in, out", f"{story['tokens']['input']:,} / {story['tokens']['output']:,}", ""),
    ]
    yield "<div class=cards>"
    for name, value, colour in cards:
        yield f'<div class=card><b class="{colour}">{value}</b><span class=soft>{name}</span></div>'
    yield "</div>"


def _prompt(item: Json) -> Iterator[str]:
    who, kind = ("User", "prompt") if item["by"] == "user" else ("Agent, in the user's name", "")
    yield f"<div class='talk {kind}'><div class=who>{who} {_when(item)}</div>"
    yield f"{_said(item['text'])}{_verdict(item)}</div>"


def _model(item: Json) -> Iterator[str]:
    yield f"<div class='talk model'><div class=who>{_text(item['model'] or 'The model')} {_when(item)}</div>"
    yield f"{_said(item['text'])}"
    if "problem" in item:
        yield f"<div class=bad>{_text(item['problem'])}</div>"
    yield "</div>"


def _call(item: Json) -> Iterator[str]:
    where = f" <span class=soft>{_text(item['server'])}</span>" if item["server"] else ""
    yield f"<div class=call><div class=who>{_text(item['name'])}{where} {_when(item)}</div>{_verdict(item)}"
    if "arguments" in item:
        yield f"<pre>{_text(json.dumps(item['arguments'], indent=1, ensure_ascii=False), lines=True)}</pre>"
    seen = ", ".join(f"{view['channel']} (row {view['seq']})" for view in item["views"])
    how = f", joined by {item['method']} ({item['confidence']:.0%})" if item["method"] else ""
    doubt = ", <span class=warn>could be another call</span>" if item["ambiguous"] else ""
    yield f"<div class=soft>seen by {_text(seen + how)}{doubt}</div>"
    if "result" in item:
        said = item["result"]
        failed = " <span class=bad>failed</span>" if said.get("error") else ""
        yield f"<div class=soft>answered in {said.get('ms', 0)} ms, {said.get('bytes', 0):,} bytes{failed}</div>"
    for finding in item["findings"]:
        yield f"<div class=bad>{_text(finding['reason'])}</div>"
    yield "</div>"


def _event(item: Json) -> Iterator[str]:
    yield f"<div class='event soft'>{_text(item['kind'])} {_text(item['entry'])} {_when(item)} {_verdict(item)}</div>"


def _verdict(item: Json) -> str:
    if item.get("effect") in (None, ""):
        return ""
    would = "would " if item.get("mode") == "observe" and item["effect"] != "allow" else ""
    reason = f": {_text(item.get('reason', ''))}" if item["effect"] != "allow" else ""
    return f"<div class={COLOURS.get(item['effect'], 'soft')}>{would}{_text(item['effect'])}{reason}</div>"


def _said(text: object) -> str:
    return _text(text, lines=True) if text else "<span class=soft>(not kept)</span>"


def _when(item: Json) -> str:
    return f"<span class=soft>{time.strftime('%H:%M:%S', time.localtime(item['time'] / 1e9))}</span>"


def _text(value: object, *, lines: bool = False) -> str:
    """Any value as text in a page: what is no character there, or turns the reading direction, is spelled out."""
    kept = "\n\t" if lines else ""
    return escape("".join(one if one.isprintable() or one in kept else f"\\u{ord(one):04x}" for one in str(value)))


def _clock(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(nanoseconds / 1e9))
