"""Whatever entries and rules there are: what is rendered parses back, says only what is allowed, and can be merged."""

from __future__ import annotations

import json

from callgate.agents.formats.document import parse
from callgate.agents.native.control import Listed, Native, Wanted
from callgate.agents.native.forms import is_text
from callgate.agents.native.table import NATIVES
from callgate.registry.native_drift import compare, merged
from hypothesis import given
from hypothesis import strategies as st

words = st.one_of(st.text(max_size=12), st.sampled_from(["\ud800", "*", "", "a.b", "\x1b[31m", "__proto__"]))
commands = st.lists(words, min_size=1, max_size=4).map(lambda line: ("/l/launcher", "--", *line))
urls = st.sampled_from(["https://a.example/mcp", "https://b.example/", "http://127.0.0.1:8080/x", "https://[bad", ""])
listed = st.one_of(
    st.builds(lambda name, argv: Listed(name, argv, behind=argv[2:]), words, commands),
    st.builds(lambda name, url: Listed(name, url=url), words, urls),
)
lists = st.lists(listed, max_size=4).map(tuple)
addresses = st.lists(urls, max_size=2, unique=True).map(tuple)
wanteds = st.builds(
    lambda allowed, denied, unapproved, some, exact: Wanted(
        allowed, denied, unapproved, some, launchers=("/home/*/l/x/*",), exact=exact
    ),
    lists,
    lists,
    lists,
    addresses,
    st.booleans(),
)
systems = st.sampled_from(["linux", "macos", "windows"])
natives = st.sampled_from(NATIVES)


@given(natives, wanteds, systems)
def test_what_is_rendered_parses_back_and_is_the_same_again(native: Native, wanted: Wanted, system: str) -> None:
    pieces = native.render(wanted, system)
    assert pieces == native.render(wanted, system)
    for piece in pieces:
        if piece.format is not None:
            assert compare(piece, piece.text).status == "same"
            assert merged(piece, piece.text) == piece.text


@given(natives, wanteds)
def test_put_into_a_file_of_others_it_is_whole_and_stays_so(native: Native, wanted: Wanted) -> None:
    for piece in native.render(wanted, "linux"):
        if piece.format is None:
            continue
        theirs = b'model = "theirs"\n' if piece.path.endswith(".toml") else b'{"model": "theirs"}\n'
        after = merged(piece, theirs)
        assert compare(piece, after).status == "same"
        document = parse(after, piece.format)
        assert isinstance(document, dict) and document["model"] == "theirs"
        assert merged(piece, after) == after


@given(wanteds)
def test_an_exact_allow_list_holds_whole_command_lines_of_the_allowed_and_nothing_else(wanted: Wanted) -> None:
    for native in NATIVES:
        for piece in native.render(wanted, "linux"):
            said = json.loads(piece.text) if piece.path.endswith(".json") else {}
            allowed = said.get("allowedMcpServers")
            if allowed is not None:
                commands = [tuple(one["serverCommand"]) for one in allowed if "serverCommand" in one]
                assert sorted(commands) == sorted(
                    {one.argv for one in wanted.allowed if one.argv and is_text(*one.argv)}
                )
                assert wanted.exact


@given(natives, wanteds, wanteds)
def test_a_later_rendering_takes_the_place_of_an_earlier_one(native: Native, before: Wanted, now: Wanted) -> None:
    for old, new in zip(native.render(before, "linux"), native.render(now, "linux"), strict=False):
        if new.format is not None:
            assert compare(new, merged(new, old.text)).status == "same"
