"""Whatever a config looks like, wrapping changes what was meant only, and unwrapping gives every byte back."""

from __future__ import annotations

import json

from callgate.agents.formats import document
from callgate.agents.shapes import SHAPES
from callgate.model.errors import DocumentError
from callgate.model.inventory import ConfigFile, Drop, Entry, Format, Put, Scope
from callgate.wrap.plan import FilePlan, Known, Seen, plan_file
from callgate.wrap.record import Owned
from callgate.wrap.undo import still_there, undo
from hypothesis import given, settings
from hypothesis import strategies as st

LAUNCHERS = "/home/u/it's/launchers"
KNOWN = Known(LAUNCHERS)
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["-y", "--", "", "${env:X}", "a b", '"', "\\", "#", "{", "ü", "'", ": ", "- x", "null", "3", "\t", "\n"]
)
NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8
)
COMMANDS = WORDS.filter(bool)
ENTRIES = st.dictionaries(NAMES, st.tuples(COMMANDS, st.none() | st.lists(WORDS, max_size=4)), min_size=1, max_size=4)
NEWLINES = st.sampled_from(["\n", "\r\n"])


@st.composite
def json_documents(draw: st.DrawFn) -> tuple[bytes, str, Format]:
    servers = {
        name: {"command": command}
        | ({} if args is None else {"args": args})
        | draw(st.sampled_from([{}, {"env": {"K": "v"}}]))
        for name, (command, args) in draw(ENTRIES).items()
    }
    whole = (
        draw(st.sampled_from([{}, {"theme": "dark"}]))
        | {"mcpServers": servers}
        | draw(st.sampled_from([{}, {"z": [1, 2]}]))
    )
    indent = draw(st.sampled_from([None, 2, 4, "\t"]))
    text = json.dumps(whole, indent=indent, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()) and indent is not None:
        text = text.replace("\n}", ",\n} // end", 1) if draw(st.booleans()) else "/* mine */\n" + text + "\n// end\n"
    text = text.replace("\n", draw(NEWLINES))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode(), "claude", Format.JSONC


@st.composite
def opencode_documents(draw: st.DrawFn) -> tuple[bytes, str, Format]:
    servers = {
        name: {"type": "local", "command": [command, *(args or [])], "enabled": draw(st.booleans())}
        for name, (command, args) in draw(ENTRIES).items()
    }
    text = json.dumps({"$schema": "x", "mcp": servers}, indent=draw(st.sampled_from([None, 2, "\t"])))
    return text.replace("\n", draw(NEWLINES)).encode(), "opencode", Format.JSONC


def quoted(value: object) -> str:
    """JSON, without the surrogate pairs that neither TOML nor YAML take for one character."""
    return json.dumps(value, ensure_ascii=False)


@st.composite
def toml_documents(draw: st.DrawFn) -> tuple[bytes, str, Format]:
    lines = ['model = "x" # mine', ""]
    for name, (command, args) in draw(ENTRIES).items():
        key, word = quoted(name), quoted(command)
        listed = None if args is None else [quoted(word) for word in args]
        if draw(st.booleans()):
            lines += ["# before", f"[mcp_servers.{key}]", f"command  = {word}   # why"]
            if listed is not None:
                lines += (
                    ["args = [", *(f"  {each}, # one" for each in listed), "]"]
                    if draw(st.booleans())
                    else [f"args = [{', '.join(listed)}]"]
                )
            lines += draw(st.sampled_from([[], ["enabled = false"], [f"[mcp_servers.{key}.env]", 'K = "v"'], [""]]))
        else:
            rest = "" if listed is None else f", args = [{', '.join(listed)}]"
            lines += ["[mcp_servers]" if "[mcp_servers]" not in lines else "", f"{key} = {{ command = {word}{rest} }}"]
            lines = [line for line in lines if line]
            break
    return draw(NEWLINES).join(lines).encode(), "codex", Format.TOML


@st.composite
def yaml_documents(draw: st.DrawFn) -> tuple[bytes, str, Format]:
    lines = ["GOOSE_MODE: auto # mine", "extensions:"]
    for name, (command, args) in draw(ENTRIES).items():
        key, word = quoted(name), quoted(command)
        lines += [f"  {key}:", "    type: stdio", f"    cmd: {word} # why"]
        if args is not None:
            block = [f"      - {quoted(each)}" for each in args]
            lines += ["    args:", *block] if args and draw(st.booleans()) else [f"    args: {quoted(args)}"]
        lines += draw(st.sampled_from([[], ["    enabled: false"], ["    envs:", "      K: v"], ["", "  # next"]]))
    lines += draw(st.sampled_from([[], ["last: true"], [""]]))
    return "\n".join(lines).encode(), "goose", Format.YAML


@st.composite
def continue_documents(draw: st.DrawFn) -> tuple[bytes, str, Format]:
    lines = ["name: mine", "mcpServers:"]
    for name, (command, args) in draw(ENTRIES).items():
        lines += [f"  - name: {quoted(name)}", f"    command: {quoted(command)}"]
        lines += [] if args is None else ["    args:", *(f"      - {quoted(each)}" for each in args)] if args else []
    return "\n".join(lines).encode() + draw(st.sampled_from([b"", b"\n"])), "continue", Format.YAML


DOCUMENTS = st.one_of(json_documents(), opencode_documents(), toml_documents(), yaml_documents(), continue_documents())


def wrapped(data: bytes, shape: str, format: Format) -> tuple[FilePlan | None, list[Owned]]:
    """The file plan of all that can be wrapped, and what the journal would hold of it."""
    file = ConfigFile("agent", Scope.USER, "/home/u/config", format, shape)
    entries = [
        Entry("agent", raw.name, file, raw.at, raw.transport, raw.argv)
        for raw in SHAPES[shape].read(document.parse(data, format)).entries
    ]
    if not entries:
        return None, []
    made, left = plan_file(entries, Seen("/home/u/config", data), KNOWN)
    assert not left, left
    assert made is not None
    owned = [Owned(file, w.entry.name, w.entry.at, w.launcher, w.raw.argv, w.undo, 0) for w in made.wrappings]
    return made, owned


def parsed_or_none(data: bytes, format: Format) -> object:
    try:
        return document.parse(data, format)
    except DocumentError:
        return None


@settings(max_examples=120, deadline=None)
@given(DOCUMENTS)
def test_unwrapping_entry_by_entry_gives_every_byte_back(made: tuple[bytes, str, Format]) -> None:
    data, shape, format = made
    if parsed_or_none(data, format) is None:
        return
    plan, owned = wrapped(data, shape, format)
    if plan is None:
        return
    assert still_there(plan.after, owned) == {each.launcher for each in owned}
    after, outcomes = undo(plan.after, owned, LAUNCHERS)
    assert after == data
    assert all(each.done for each in outcomes)


@settings(max_examples=80, deadline=None)
@given(DOCUMENTS)
def test_every_entry_starts_the_launcher_with_its_own_words_and_nothing_else_changes(
    made: tuple[bytes, str, Format],
) -> None:
    data, shape, format = made
    if parsed_or_none(data, format) is None:
        return
    plan, owned = wrapped(data, shape, format)
    if plan is None:
        return
    before = {raw.at: raw for raw in SHAPES[shape].read(document.parse(data, format)).entries}
    after = {raw.at: raw for raw in SHAPES[shape].read(document.parse(plan.after, format)).entries}
    launchers = {each.at: each.launcher for each in owned}
    assert {at: (launchers[at], "--", *raw.argv) for at, raw in before.items()} == {
        at: raw.argv for at, raw in after.items()
    }
    assert len(set(launchers.values())) == len(launchers)


@settings(max_examples=80, deadline=None)
@given(DOCUMENTS, st.sampled_from(["top", "entry", "args", "rename"]))
def test_what_a_user_edits_in_between_stays(made: tuple[bytes, str, Format], where: str) -> None:
    data, shape, format = made
    if parsed_or_none(data, format) is None:
        return
    plan, owned = wrapped(data, shape, format)
    if plan is None:
        return
    one = owned[0]
    raw = next(raw for raw in SHAPES[shape].read(document.parse(data, format)).entries if raw.at == one.at)
    if where == "top":
        theirs = [Put(("zz-mine",), "x")]
    elif where == "entry":
        theirs = [Put((*one.at, "zz-mine"), "x")]
    elif where == "args":
        more = [one.launcher, "--", *raw.argv, "more"]
        theirs = [Put(raw.command_at, more)] if raw.args_at is None else [Put(raw.args_at, more[1:])]
    else:
        if isinstance(one.at[-1], int):
            return
        value = document.parse(plan.after, format)
        for key in one.at:
            value = value[key]  # type: ignore[index, call-overload]
        theirs = [Drop(one.at), Put((*one.at[:-1], "zz-renamed"), value)]
    try:
        edited = document.edit(plan.after, format, theirs)
    except DocumentError:
        return
    after, outcomes = undo(edited, owned, LAUNCHERS)
    assert all(each.done for each in outcomes)
    assert still_there(after, owned) == set()
    found = {raw.name: raw.argv for raw in SHAPES[shape].read(document.parse(after, format)).entries}
    wanted = {raw.name: raw.argv for raw in SHAPES[shape].read(document.parse(data, format)).entries}
    if where == "args":
        wanted[one.name] = (*wanted[one.name], "more")
    if where == "rename":
        wanted["zz-renamed"] = wanted.pop(one.name)
    assert found == wanted
    assert (b"zz-mine" in after) == (where in ("top", "entry"))
