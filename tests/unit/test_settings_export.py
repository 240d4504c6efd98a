"""The settings of the export: what is accepted, and what is refused with the name of the sink and the key."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from callgate.settings import parse
from callgate.settings_export import Format, SinkType, format_of

GOOD = {"name": "siem", "type": "https", "url": "https://siem.example.com/in"}


def made(**changes: Any) -> Any:
    return parse({"export": {"sinks": [{**GOOD, **changes}]}}).export.sinks[0]


def test_the_examples_of_the_page_are_settings() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
    blocks = [part.split("```", 1)[0] for part in page.split("```toml\n")[1:]]
    sinks = [sink for block in blocks for sink in parse(tomllib.loads(block)).export.sinks]
    assert {sink.type for sink in sinks} == set(SinkType)


def test_a_form_follows_from_the_type_unless_it_is_named() -> None:
    assert format_of(made()) is Format.OCSF
    assert format_of(made(format="cef")) is Format.CEF
    assert format_of(made(type="otlp")) is Format.OTLP
    assert format_of(made(type="elastic", index="i")) is Format.ECS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "../x"}, "needs a name"),
        ({"type": "smtp"}, "must be one of"),
        ({"url": "ftp://x"}, "https://"),
        ({"url": "https://user:pw@x/"}, "user name"),
        ({"url": "https://x/?token=1"}, "query"),
        ({"url": "https://x:port/"}, "is none"),
        ({"url": "http://x/", "secret": "file:/t"}, "in the clear"),
        ({"type": "syslog", "url": "tls://x"}, "needs a port"),
        ({"type": "syslog", "url": "https://x:1"}, "tls://"),
        ({"type": "file", "url": "out.jsonl"}, "absolute path"),
        ({"type": "hec"}, "needs secret"),
        ({"type": "sentinel", "secret": "file:/x"}, "needs tenant, client, rule, index"),
        ({"type": "elastic"}, "needs index"),
        ({"type": "elastic", "index": "i", "format": "cef"}, "takes JSON"),
        ({"secret": "hunter2"}, "never the secret itself"),
        ({"format": "otlp"}, "does not fit"),
        ({"batch_rows": 0}, "more than 0"),
        ({"event_max": 10**6}, "larger than batch_bytes"),
        ({"colour": "red"}, r"unknown setting export.sinks\[0\].colour"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        made(**change)
    assert "hunter2" not in str(caught.value)


def test_two_sinks_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two sinks named 'siem'"):
        parse({"export": {"sinks": [GOOD, GOOD]}})
    with pytest.raises(ValueError, match="must be a list"):
        parse({"export": {"sinks": GOOD}})
