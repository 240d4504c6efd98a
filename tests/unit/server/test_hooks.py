"""Hooks, from the client process to the row: what is allowed, refused, left to a shim, and not understood."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from callgate.model.call import Effect, Mode
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.cedar import Policies
from callgate.policy.compiling import compile_policies
from callgate.server.hook_server import Entry
from callgate.settings import Settings
from callgate.shim import frames
from gate_site import Site
from hooked import Hooked

ENFORCE = Settings(mode=Mode.ENFORCE)
POLICY = """
@id("ok") permit(principal, action == Callgate::Action::"mcp:tools/call", resource);
@id("no-rm") @reason("rm is not for agents") forbid(principal, action == Callgate::Action::"builtin:call", resource)
when { context.programs.contains("rm") };
@id("ask-ssh") @effect("ask") forbid(principal, action == Callgate::Action::"builtin:call", resource)
when { context.names.contains(".ssh") };
"""


def bash(command: object, uid: str = "toolu_1", **more: object) -> dict[str, object]:
    said = {"session_id": "s", "cwd": "/tmp", "tool_name": "Bash", "tool_input": {"command": command}}
    return said | {"tool_use_id": uid, "hook_event_name": "PreToolUse"} | more


@pytest.fixture
def hooked(site: Site, tmp_path: Path) -> Hooked:
    found = Hooked(site, tmp_path / "own", ENFORCE)
    policies = compile_policies(POLICY)
    assert isinstance(policies, Policies)
    site.gate.policies = lambda: policies
    return found


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(Path(os.path.realpath(tmp_path_factory.mktemp("s"))))
    made.open()
    yield made
    made.close()


def test_a_built_in_tool_is_allowed_unless_a_rule_denies_it(hooked: Hooked) -> None:
    answer = hooked.run("claude-code", "PreToolUse", bash("ls -l"))
    assert (answer.code, answer.out, answer.err) == (0, b"", "")
    event = hooked.site.rows()[-1].event
    assert (event.server, event.tool, event.effect) == ("builtin:claude-code", "Bash", "allow")
    assert event.detail["programs"] == ["ls"] and event.detail["channel"] == "hook"
    assert event.detail["ids"]["tool_use"] == "toolu_1"


@pytest.mark.parametrize("command", ["rm x", "sudo r''m x", "bash -c 'ls; rm x'", "X=rm; $X x", "find . -exec rm {} +"])
def test_a_forbidden_program_is_found_however_it_is_written(hooked: Hooked, command: str) -> None:
    answer = hooked.run("claude-code", "PreToolUse", bash(command))
    assert answer.code == 2 and "rm is not for agents" in answer.err and answer.out == b""
    assert hooked.site.rows()[-1].event.rule == "policy:no-rm"


def test_asking_is_done_where_the_agent_can_and_is_a_refusal_elsewhere(hooked: Hooked) -> None:
    answer = hooked.run("claude-code", "PreToolUse", bash("cat ~/.ssh/id"))
    assert answer.code == 0 and json.loads(answer.out)["hookSpecificOutput"]["permissionDecision"] == "ask"
    assert hooked.run("codex", "PreToolUse", bash("cat ~/.ssh/id")).code == 2


def test_each_agent_hears_its_own_refusal(hooked: Hooked) -> None:
    gemini = {"session_id": "s", "cwd": "/", "tool_name": "run_shell_command", "tool_input": {"command": "rm x"}}
    assert json.loads(hooked.run("gemini-cli", "BeforeTool", gemini).out)["decision"] == "deny"
    copilot = {"sessionId": "s", "cwd": "/", "toolName": "bash", "toolArgs": json.dumps({"command": "rm x"})}
    assert json.loads(hooked.run("copilot-cli", "preToolUse", copilot).out)["permissionDecision"] == "deny"
    cline = {"hookName": "tool_call", "tool_call": {"id": "1", "name": "run_commands", "input": {"commands": ["rm x"]}}}
    assert json.loads(hooked.run("cline", "PreToolUse", cline).out)["cancel"] is True


def test_a_rule_of_the_registry_reaches_a_built_in_tool(hooked: Hooked) -> None:
    tools = {"Bash": Effect.DENY}
    own = ServerIdentity("builtin", "claude-code")
    hooked.site.rules = Allowlist((Approval("own", (own,), Effect.ALLOW, tools),))
    assert hooked.run("claude-code", "PreToolUse", bash("ls")).code == 2


def test_in_observe_mode_nothing_is_refused_and_the_row_says_what_would_be(hooked: Hooked) -> None:
    hooked.site.settle(mode=Mode.OBSERVE)
    assert hooked.run("claude-code", "PreToolUse", bash("rm x")).code == 0
    event = hooked.site.rows()[-1].event
    assert (event.effect, event.mode) == ("deny", "observe")


def echo(server: str = "files", uid: str = "toolu_9") -> dict[str, object]:
    return bash("", uid) | {"tool_name": f"mcp__{server}__echo", "tool_input": {"m": 1}, "mcp_server": {"name": server}}


def test_a_call_of_a_server_that_is_not_behind_the_gate_is_refused_by_name(hooked: Hooked) -> None:
    known = Identified(ServerIdentity("npm", "files", "1.0.0"), "")
    hooked.world.known = [Entry("files", known, covered=False)]
    answer = hooked.run("claude-code", "PreToolUse", echo())
    assert answer.code == 2 and "'files'" in answer.err and "callgate wrap" in answer.err
    event = hooked.site.rows()[-1].event
    assert (event.rule, event.server, event.entry, event.tool) == ("hook.unwrapped", "npm:files@1.0.0", "files", "echo")
    unheard = hooked.run("claude-code", "PreToolUse", echo("brought-by-a-flag"))
    assert unheard.code == 2 and "brought-by-a-flag" in unheard.err


def test_in_observe_mode_such_a_call_is_a_finding(hooked: Hooked) -> None:
    hooked.site.settle(mode=Mode.OBSERVE)
    assert hooked.run("claude-code", "PreToolUse", echo()).code == 0
    event = hooked.site.rows()[-1].event
    assert (event.rule, event.effect, event.mode) == ("hook.unwrapped", "deny", "observe")


def test_a_call_that_hook_and_shim_see_is_one_call_with_the_same_id(hooked: Hooked) -> None:
    params = {"name": "echo", "arguments": {"m": 1}, "_meta": {"claudecode/toolUseId": "toolu_9"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    with hooked.site.client() as client:
        client.greet(entry="files", launcher="claude-code")
        assert hooked.run("claude-code", "PreToolUse", echo()).code == 0
        assert hooked.site.rows() == []
        client.send(frames.ASK, b"\0" + json.dumps(message).encode())
        client.answer()
    seen = hooked.site.rows("hook.asked")[-1].event
    (row,) = hooked.site.rows()
    assert row.event.detail["ids"]["tool_use"] == seen.detail["ids"]["tool_use"] == "toolu_9"


def test_two_hooks_that_see_the_same_call_make_one_row(hooked: Hooked) -> None:
    hooked.world.run = "one run of the agent"
    for _ in range(2):
        assert hooked.run("claude-code", "PreToolUse", bash("rm x")).code == 2
    assert len(hooked.site.rows()) == 1
    assert hooked.run("claude-code", "PreToolUse", bash("ls")).code == 0  # another call under a used id is another call
    assert len(hooked.site.rows()) == 2


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b'{"tool_name": 1}', b'{"tool_name":"Bash","tool_input":[]}', b"\xff"]
)
def test_what_is_not_understood_is_in_doubt(hooked: Hooked, raw: bytes) -> None:
    answer = hooked.run("claude-code", "PreToolUse", raw)
    assert answer.code == 2 and "not clear" in answer.err
    assert hooked.site.rows()[-1].event.rule == "doubt"


def test_fifty_megabytes_are_read_to_the_end_and_in_doubt(hooked: Hooked) -> None:
    answer = hooked.run("claude-code", "PreToolUse", bash("x" * 50_000_000))
    assert answer.code == 2 and "bytes" in answer.err
    assert hooked.site.rows()[-1].event.detail["truncated"] is True


def test_an_unknown_event_is_noted_and_stops_nothing(hooked: Hooked) -> None:
    assert hooked.run("claude-code", "PreTeaTime", bash("rm x"), "tell").code == 0
    assert hooked.site.rows("hook.unknown")[-1].event.detail["event"] == "PreTeaTime"
    assert hooked.run("claude-code", "PreTeaTime", bash("rm x"), "ask").code == 2


def test_prompts_and_sessions_are_recorded(hooked: Hooked) -> None:
    hooked.run("claude-code", "UserPromptSubmit", {"session_id": "s", "prompt": "my password: hunter2"}, "tell")
    hooked.run("claude-code", "SessionStart", {"session_id": "s", "cwd": "/"}, "tell")
    row = hooked.site.rows("prompt.submitted")[-1]
    assert row.event.detail["ids"] == {"session": "s"} and row.event.detail["payload"]["size"] > 0
    assert hooked.site.rows("session.started")[-1].event.agent == "claude-code"


def test_the_end_of_a_call_has_the_uid_of_its_begin(hooked: Hooked) -> None:
    hooked.run("claude-code", "PreToolUse", bash("ls"))
    hooked.run("claude-code", "PostToolUse", bash("ls", tool_response={"stdout": "x"}), "tell")
    before, after = hooked.site.rows()[-1].event, hooked.site.rows("call.answered")[-1].event
    assert before.uid == after.uid and after.detail["ms"] > 0


def test_without_the_daemon_mode_and_on_doubt_decide_and_the_decision_is_kept(hooked: Hooked) -> None:
    hooked.site.path.unlink()
    answer = hooked.run("claude-code", "PreToolUse", bash("ls"))
    assert answer.code == 2 and "callgate up" in answer.err
    spooled = [json.loads(line) for file in hooked.folders.spool.glob("*") for line in file.read_text().splitlines()]
    assert [line["effect"] for line in spooled if "call" in line] == ["deny"]
    assert [line["tool"] for line in spooled if "call" in line] == ["Bash"]
    hooked.settle(Settings(mode=Mode.ENFORCE, on_doubt=Effect.ALLOW))
    assert hooked.run("claude-code", "PreToolUse", bash("ls")).code == 0
    hooked.settle(Settings(mode=Mode.OBSERVE))
    assert hooked.run("claude-code", "PreToolUse", bash("ls")).code == 0
    assert json.loads(hooked_cline_refusal(hooked))["cancel"] is True


def hooked_cline_refusal(hooked: Hooked) -> bytes:
    hooked.settle(ENFORCE)
    return hooked.run("cline", "PreToolUse", {"tool_call": {"name": "editor", "input": {}}}).out


def test_a_missing_client_is_told_by_its_launcher(hooked: Hooked) -> None:
    (hooked.folders.shim / "hook.py").unlink()
    answer = hooked.run("claude-code", "PreToolUse", bash("ls"))
    assert answer.code == 2 and "is missing" in answer.err
    assert hooked.run("claude-code", "PostToolUse", bash("ls"), "tell").code == 0
    assert json.loads(hooked.run("cline", "PreToolUse", {}).out)["cancel"] is True


def test_an_agent_that_never_closes_its_hook_gets_an_answer_in_time(hooked: Hooked) -> None:
    hooked.settle(Settings(mode=Mode.ENFORCE, deadline=0.3))
    process = hooked.start("claude-code", "PreToolUse", "ask")
    assert process.wait(60) == 2
    assert process.stdin and process.stdout and process.stderr
    assert b"in time" in process.stderr.read()
    process.stdin.close(), process.stdout.close(), process.stderr.close()


def test_a_hundred_at_once_are_all_answered(hooked: Hooked) -> None:
    hooked.settle(Settings(mode=Mode.ENFORCE, deadline=60.0))
    processes = [hooked.start("claude-code", "PreToolUse", "ask") for _ in range(100)]
    for number, process in enumerate(processes):
        assert process.stdin
        process.stdin.write(json.dumps(bash("rm x" if number % 2 else "ls", f"toolu_{number}")).encode())
        process.stdin.close()
    for number, process in enumerate(processes):
        assert process.stdout and process.stderr
        err = process.stderr.read().decode()
        process.stdout.close(), process.stderr.close()
        assert process.wait(60) == (2 if number % 2 else 0), err
    assert len(hooked.site.rows()) == 100


def opencode(tool: str) -> dict[str, object]:
    return {"session_id": "s", "cwd": "/", "tool_name": tool, "tool_input": {"m": 1}, "tool_use_id": f"call_{tool}"}


def test_an_unknown_tool_with_the_separator_in_its_name_is_the_agents_own(hooked: Hooked) -> None:
    """opencode writes an MCP tool as SERVER_TOOL, and tools of its own or of its plugins may be called so too."""
    for _ in range(2):
        assert hooked.run("opencode", "PreToolUse", opencode("screen_shot_take")).code == 0
    event = hooked.site.rows()[-1].event
    assert (event.server, event.tool, event.effect) == ("builtin:opencode", "screen_shot_take", "allow")
    (found,) = hooked.site.rows("hook.unclear")  # said once
    assert found.event.detail["servers"] == ["screen", "screen_shot"]


def test_a_policy_still_decides_on_such_a_tool(hooked: Hooked) -> None:
    own = ServerIdentity("builtin", "opencode")
    hooked.site.rules = Allowlist((Approval("own", (own,), Effect.ALLOW, {"screen_shot_take": Effect.DENY}),))
    assert hooked.run("opencode", "PreToolUse", opencode("screen_shot_take")).code == 2


@pytest.mark.parametrize("named_by", ["an entry", "the registry", "a shim of another run"])
def test_it_counts_as_that_of_a_server_where_one_is_known_by_that_name(hooked: Hooked, named_by: str) -> None:
    known = Identified(ServerIdentity("npm", "shots", "1.0.0"), "")
    if named_by == "an entry":
        hooked.world.known = [Entry("screen shot", known, covered=False)]
    elif named_by == "the registry":
        hooked.site.rules = Allowlist((Approval("Screen-Shot", (known.server,), Effect.ALLOW),))
    with hooked.site.client() as client:
        if named_by == "a shim of another run":
            hooked.world.run = "this run"
            client.greet(entry="screen_shot", launcher="opencode")
        answer = hooked.run("opencode", "PreToolUse", opencode("screen_shot_take"))
    assert answer.code == 2 and "callgate wrap" in answer.err
    event = hooked.site.rows()[-1].event
    assert (event.rule, event.tool) == ("hook.unwrapped", "take")
    assert not hooked.site.rows("hook.unclear")


def test_a_server_that_comes_with_the_agent_is_known_by_its_name(hooked: Hooked) -> None:
    said = {"sessionId": "s", "cwd": "/", "toolName": "github-mcp-server-list_issues", "toolArgs": {}}
    answer = hooked.run("copilot-cli", "preToolUse", said)
    assert json.loads(answer.out)["permissionDecision"] == "deny"
    event = hooked.site.rows()[-1].event
    assert (event.rule, event.entry, event.tool) == ("hook.unwrapped", "github-mcp-server", "list_issues")
    assert hooked.run("copilot-cli", "preToolUse", said | {"toolName": "store-memory"}).code == 0
