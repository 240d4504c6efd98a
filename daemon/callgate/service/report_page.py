"""A report as one self-contained page. Whatever a server or a config calls itself is shown as text."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Any

Json = dict[str, Any]

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load and run nothing: should anything ever escape the escaping, it does nothing."""


def render(report: Json) -> str:
    """The page, as HTML."""
    return "".join(_page(report))


def _page(report: Json) -> Iterator[str]:
    since = f"from {_day(report['since'])} " if report["since"] else "of all that is recorded "
    until = _day(report["until"] or report["made"])
    style = resources.files("callgate.service").joinpath("report.css").read_text(encoding="utf-8")
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width"><title>Callgate report</title>'
    yield f"<style>{style}</style></head>"
    yield f"<body><main><h1>What coding agents did on this machine</h1><p class=soft>A report {since}to {until}, made "
    yield f"{_clock(report['made'])} by Callgate {_text(report['version'])}, mode <b>{_text(report['mode'])}</b>.</p>"
    yield from _summary(report)
    yield from _cards(report)
    yield from _todo(report)
    yield from _coverage(report)
    yield from _denials(report)
    yield from _findings(report)
    yield from _usage(report)
    yield from _inventory(report)
    yield from _controls(report)
    yield "</main></body></html>\n"


def _summary(report: Json) -> Iterator[str]:
    """What somebody reads who reads nothing else."""
    known = report["figures"]
    mode = (
        "enforces the rules"
        if report["mode"] == "enforce"
        else "only watches (observe mode), so that nothing was stopped"
    )
    yield f"<p class=lead>{_many(known['agents'], 'agent')} with {_many(known['servers'], 'server')} "
    yield f"made <b>{known['calls']:,} calls</b>. The gate {mode}: "
    if report["mode"] == "enforce":
        yield f"<b>{known['denied']:,} were denied</b>, {known['ask']:,} were held for a person. "
    else:
        yield f"<b>{known['would_deny']:,} would have been refused</b>. "
    wrapped, total = report["coverage"]["states"].get("wrapped", 0), len(report["inventory"]["servers"])
    yield f"{wrapped:,} of {total:,} server entries stand behind it; {_many(known['unlisted'], 'server')} "
    yield f"{'is' if known['unlisted'] == 1 else 'are'} on no list of what is approved.</p>"


def _todo(report: Json) -> Iterator[str]:
    """What a person should do about it, the most urgent first."""
    known = report["figures"]
    broken = known["log.broken"] + known["log.forked"] + known["log.gap"]
    points = [
        (broken, "bad", "places where the audit log is damaged or has a gap", "callgate verify"),
        (known["open"], "bad", "server entries that are not behind the gate", "callgate servers"),
        (known["unlisted"], "warn", "servers that nobody has approved", "callgate servers"),
        (known["definition.changed"], "warn", "tool definitions that changed after approval", "callgate pins"),
        (known["findings"], "warn", "findings in all", "callgate log --kind EVENT"),
    ]
    shown = [point for point in points if point[0]]
    yield "<h2>What to look at</h2>"
    if not shown:
        yield "<p class=good>Nothing: no finding, no server that is not approved, no way round the gate.</p>"
        return
    yield "<ul class=todo>"
    for count, colour, what, command in shown:
        yield f"<li><b class={colour}>{count:,}</b> <span>{what}</span> <code>{command}</code></li>"
    yield "</ul>"


def _cards(report: Json) -> Iterator[str]:
    known = report["figures"]
    refused = known["denied"] + known["ask"]
    cards = [
        (known["calls"], "calls of tools", ""), (refused, "refused", "bad" if refused else ""),
        (known["would_deny"], "would be refused", "warn" if known["would_deny"] else ""),
        (known["findings"], "findings", "warn" if known["findings"] else ""),
        (known["unlisted"], "servers on no list", "warn" if known["unlisted"] else ""),
        (known["open"], "entries not behind the gate", "bad" if known["open"] else "good"),
    ]  # fmt: skip
    if known["turns"]:
        cards += [
            (known["turns"], "questions to models", ""), (known["tokens_in"] + known["tokens_out"], "tokens", ""),
        ]  # fmt: skip
    yield "<div class=cards>"
    for count, name, colour in cards:
        yield f'<div class=card><b class="{colour}">{count:,}</b><span class=soft>{name}</span></div>'
    yield "</div>"


def _coverage(report: Json) -> Iterator[str]:
    coverage = report["coverage"]
    yield "<h2>Coverage</h2>"
    said = ", ".join(f"{count} {_text(state)}" for state, count in coverage["states"].items()) or "none were found"
    yield f"<p>Server entries in agents' configs: {said}.</p>"
    rows = [(one["agent_name"], one["entry"], one["state"], one["why"] or one["file"]) for one in coverage["open"]]
    yield from _table(("agent", "entry", "state", "why"), rows)
    if coverage["blind"] or coverage["skipped"]:
        yield "<h3>What could not be seen</h3>"
        seen = [(one["agent"], one["what"]) for one in coverage["blind"]]
        seen += [(one["what"], one["reason"]) for one in coverage["skipped"]]
        yield from _table(("where", "what"), seen)
    for problem in report["problems"]:
        yield f"<p class=bad>{_text(problem)}</p>"


def _usage(report: Json) -> Iterator[str]:
    yield "<h2>Usage</h2>"
    for by in ("agent", "model", "server", "tool", "user"):
        groups = report["usage"][by]
        if not groups:
            continue
        names = {"server": ("entry", "server"), "tool": ("entry", "tool")}.get(by, (by,))
        yield f"<h3>By {by}</h3>"
        tokens = ("tokens_in", "tokens_out") if any(group["turns"] for group in groups) else ()
        said = ("calls", "refused", "would be refused", "errors", "KB sent", "KB received", "ms each")
        columns = (*names, *said, *(name.replace("_", " ") for name in tokens))
        rows = [
            (
                *(group[name] or "-" for name in names), group["calls"], group["denied"] + group["asked"],
                group["would_deny"], group["errors"], round(group["bytes_in"] / 1000, 1),
                round(group["bytes_out"] / 1000, 1), "" if group["ms_each"] is None else round(group["ms_each"], 1),
                *(group[name] for name in tokens),
            )
            for group in groups
        ]  # fmt: skip
        yield from _table(columns, rows, len(names))
    if report["usage"]["agent"]:
        yield "<p class=soft>A call that a shim and a hook have both seen counts once. Tokens are those that the "
        yield "models' answers state, where models are reached through the gate.</p>"
    else:
        yield "<p class=soft>No call was made in that time.</p>"


def _denials(report: Json) -> Iterator[str]:
    yield "<h2>What was refused, or would have been</h2>"
    if not report["denials"]:
        yield "<p class=soft>Nothing.</p>"
        return
    rows = [
        (
            one["effect"] if one["mode"] == "enforce" else f"would {one['effect']}", one["kind"], one["agent"] or "-",
            one["entry"] or one["server"] or "-", one["tool"] or "-", one["rule"], one["calls"],
        )
        for one in report["denials"]
    ]  # fmt: skip
    yield from _table(("effect", "event", "agent", "server", "tool", "rule", "times"), rows, 6)


def _findings(report: Json) -> Iterator[str]:
    yield "<h2>Findings and changes</h2>"
    for mark, title in (("finding", "Findings"), ("change", "Changes")):
        rows = [(one["kind"], one["what"], one["count"]) for one in report["events"] if one["mark"] == mark]
        seen = [row for row in rows if row[2]]
        yield f"<h3>{title}</h3>"
        yield from _table(("event", "what happened", "times"), seen, 2)
        yield f"<p class=soft>{'None' if not seen else 'None of the others'} of the {len(rows)} kinds.</p>"
    yield "<p class=soft>Each can be looked at with <code>callgate log --kind EVENT</code>.</p>"


def _inventory(report: Json) -> Iterator[str]:
    found = report["inventory"]
    yield "<h2>Inventory</h2><h3>Agents</h3>"
    agents = [(one["name"], one["version"] or "-", "; ".join(one["evidence"][:1])) for one in found["agents"]]
    yield from _table(("agent", "version", "found by"), agents)
    yield "<h3>Servers</h3>"
    rows = [(one["entry"], one["agent_name"], one["identity"], one["effect"], one["rule"]) for one in found["servers"]]
    yield from _table(("entry", "agent", "what it is", "verdict", "rule"), rows)


def _controls(report: Json) -> Iterator[str]:
    yield "<h2>What this is evidence of</h2><p class=soft>Figures of this report beside the items of well-known lists "
    yield "and control sets that they bear on. This is material for an assessment, not an assessment.</p>"
    for one in report["frameworks"]:
        yield f'<h3><a href="{_text(one["url"])}" rel=noreferrer>{_text(one["name"])}</a></h3>'
        rows = [
            (
                _Link(item["id"], item.get("url", "")),
                item["title"],
                item["why"],
                ", ".join(f"{name} {n:,}" for name, n in item["evidence"].items()),
            )
            for item in one["items"]
        ]
        yield from _table(("id", "item", "how", "figures"), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers_from: int = 99) -> Iterator[str]:
    """A table whose columns from that place on are numbers; nothing if there are no rows."""
    rows = list(rows)
    if not rows:
        return
    marks = ["" if place < numbers_from else " class=n" for place in range(len(columns))]
    yield "<div class=wide><table><tr>"
    yield "".join(f"<th{mark}>{_text(name)}</th>" for mark, name in zip(marks, columns, strict=True)) + "</tr>"
    for row in rows:
        yield (
            "<tr>" + "".join(f"<td{mark}>{_cell(value)}</td>" for mark, value in zip(marks, row, strict=True)) + "</tr>"
        )
    yield "</table></div>"


@dataclass(frozen=True, slots=True)
class _Link:
    """A word with an address of our own data file."""

    word: str
    url: str


def _cell(value: object) -> str:
    if isinstance(value, _Link):
        return (
            f'<a href="{_text(value.url)}" rel=noreferrer>{_text(value.word)}</a>' if value.url else _text(value.word)
        )
    return _text(value)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _text(value: object) -> str:
    """Any value as text in a page: what is no character there, or turns the reading direction, is spelled out."""
    said = f"{value:,}" if isinstance(value, int | float) else str(value)
    return escape("".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in said))


def _day(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(nanoseconds / 1e9))


def _clock(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(nanoseconds / 1e9))
