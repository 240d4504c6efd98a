"""The report: its figures, the control sets that they bear on, and a page that nothing in it can take over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from callgate.audit.tally import Cells, Combination, Sums
from callgate.service.report import figures, frameworks, mapped, summary
from callgate.service.report_page import render
from callgate.service.usage import grouped
from command import Cli, write_config
from installation import Installation

EVIL = '</td><script>alert("x")</script><img src=x onerror=alert(1)>&\u202e\x1b[31m'


def which(**said: str) -> Combination:
    return Combination(**{**dict.fromkeys(Combination._fields, ""), **said})


CELLS: Cells = {
    which(kind="call.asked", agent="a", server="npm:x@1", entry="x", tool="t", effect="allow", mode="enforce"): Sums(
        rows=5, answers=4, errors=1, asked=500, answered=4000, micros=8000
    ),
    which(kind="call.asked", agent="a", server="npm:x@1", entry="x", tool=EVIL, effect="deny", mode="enforce"): Sums(2),
    which(kind="call.asked", agent="b", server="npm:y@1", entry="y", tool="t", effect="ask", mode="observe"): Sums(3),
    which(kind="definition.changed", server="npm:x@1", effect="ask", mode="enforce"): Sums(2),
    which(kind="registry.updated"): Sums(9),
}
SERVER = {
    "agent": "a", "agent_name": EVIL, "entry": EVIL, "identity": "npm:x@1", "short": "npm:x@1", "state": "open",
    "why": EVIL, "file": "/home/anna/.mcp.json", "effect": "deny", "rule": "server.unapproved",
}  # fmt: skip
INVENTORY = {
    "agents": [{"id": "a", "name": "An agent", "version": None, "evidence": ["its folder"]}],
    "servers": [SERVER], "blind": [{"agent": "An agent", "what": EVIL}], "skipped": [],
}  # fmt: skip


def document() -> dict[str, object]:
    known = figures(CELLS, INVENTORY, 1234, 400)
    return {
        "made": 1_795_255_200 * 10**9, "since": 1_795_000_000 * 10**9, "until": 0, "version": "0.1.0",
        "mode": "enforce", "figures": known, "frameworks": mapped(known), "problems": [EVIL],
        **summary(CELLS, INVENTORY),
    }  # fmt: skip


def test_calls_are_counted_by_what_became_of_them() -> None:
    first, second = grouped(CELLS, "agent")
    assert (first["agent"], first["calls"], first["denied"], first["answered"], first["errors"]) == ("a", 7, 2, 4, 1)
    assert (first["bytes_in"], first["bytes_out"], first["ms"], first["ms_each"]) == (500, 4000, 8.0, 2.0)
    assert (second["agent"], second["calls"], second["would_deny"], second["denied"]) == ("b", 3, 3, 0)
    known = figures(CELLS, INVENTORY, 1234, 400)
    assert (known["calls"], known["denied"], known["would_deny"], known["findings"]) == (10, 2, 3, 2)
    assert (known["unlisted"], known["open"], known["rows"], known["registry.updated"]) == (1, 1, 1234, 9)


def test_every_item_of_a_control_set_names_figures_that_there_are_and_says_why() -> None:
    known = figures({}, INVENTORY, 0, 0)
    for one in frameworks():
        assert one["url"].startswith("https://")
        ids = [item["id"] for item in one["items"]]
        assert len(ids) == len(set(ids))
        for item in one["items"]:
            assert item["title"] and item["why"].endswith(".") and item["evidence"]
            assert [name for name in item["evidence"] if name not in known] == [], item["id"]


def test_findings_are_what_the_schema_marks_and_whatever_calls_itself_one() -> None:
    cells = {**CELLS, which(kind="finding.unasked", effect="deny"): Sums(4), which(kind="log.forked"): Sums(1)}
    known = figures(cells, INVENTORY, 0, 0)
    assert known["findings"] == 2 + 4 + 1 and known["finding.unasked"] == 4
    told = {one["kind"]: (one["mark"], one["count"]) for one in summary(cells, INVENTORY)["events"]}
    assert told["log.forked"] == ("finding", 1) and told["registry.updated"] == ("change", 9)
    assert "call.asked" not in told and told["tool.shadowed"] == ("finding", 0)


def test_tokens_are_counted_by_model_agent_and_user() -> None:
    turn = {"kind": "model.asked", "agent": "a", "user": "anna", "mode": "enforce"}
    cells = {
        **CELLS,
        which(**turn, model="big", effect="allow"): Sums(3, answers=3, errors=1, tokens_in=1000, tokens_out=50),
        which(**turn, model="small", effect="deny"): Sums(1),
    }
    big, small = grouped(cells, "model")
    assert (big["model"], big["calls"], big["tokens_in"], big["tokens_out"], big["errors"]) == ("big", 3, 1000, 50, 1)
    assert (small["model"], small["denied"]) == ("small", 1)
    agent = next(group for group in grouped(cells, "agent") if group["agent"] == "a")
    assert (agent["calls"], agent["turns"], agent["tokens_in"]) == (7, 4, 1000)
    assert next(group for group in grouped(cells, "user") if group["user"] == "anna")["tokens_out"] == 50
    assert [group["tool"] for group in grouped(cells, "tool")] == [group["tool"] for group in grouped(CELLS, "tool")]
    known = figures(cells, INVENTORY, 0, 0)
    assert (known["calls"], known["turns"], known["models"], known["tokens_in"]) == (10, 4, 2, 1000)


TAGS = frozenset(
    ("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "b", "div", "span", "table", "tr",
     "th", "td", "a", "code", "ul", "li")
)  # fmt: skip


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_stay_text_and_the_page_loads_nothing() -> None:
    page = render(document())
    read = Reader()
    read.feed(page)
    assert set(read.tags) <= TAGS
    assert not [name for name, _ in read.attributes if name.startswith("on") or name == "src"]
    assert "default-src 'none'" in page
    assert '</td><script>alert("x")</script>' in read.text
    assert "\u202e" not in page and "\x1b" not in page and "\\u202e" in read.text
    assert not re.search(r"@import|url\(", page)


def test_the_page_shows_the_figures() -> None:
    read = Reader()
    read.feed(render(document()))
    for word in ("ASI02", "AML.T0110", "CC6.8", "A.6.2.8", "Art. 12", "GOVERN 1.6", "LLM01:2025", "MCP09:2025"):
        assert word in read.text
    assert "10calls of tools" in read.text.replace("\n", "") and "server.unapproved" in read.text


@pytest.fixture
def cli() -> Iterator[Cli]:
    with Installation() as place:
        write_config(place.home)
        cli = Cli(place)
        cli.good("up")
        yield cli


def test_a_running_daemon_reports(cli: Cli) -> None:
    found = json.loads(cli.good("report", "--since", "30d", "--format", "json").out)
    assert found["inventory"]["servers"] and found["figures"]["rows"] > 0 and found["frameworks"]
    written = cli.place.root / "r.html"
    assert "written to" in cli.good("report", "-o", str(written)).out
    assert written.read_text().startswith("<!doctype html>")
    assert cli.good("report").out.rstrip().endswith("</html>")
