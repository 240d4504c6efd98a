"""Each agent's hook dialect, against events that the real agents sent, and what each of them is answered."""

import json
from pathlib import Path

import pytest
from callgate.agents import ALL
from callgate.agents.hook_event import HookEvent, read
from callgate.agents.hooking import Hooks, Names, Phase, filled, match
from callgate.model.call import Doing, Effect

DATA = Path(__file__).parents[2] / "data" / "hooks"
SAMPLES = {
    "claude": "claude-code",
    "codex": "codex",
    "codex-codemode": "codex",
    "gemini": "gemini-cli",
    "copilot": "copilot-cli",
    "qwen": "qwen-code",
    "droid": "droid",
    "cline": "cline",
}
WITH_HOOKS = [agent for agent in ALL if agent.hooks is not None]


def hooks_of(agent: str) -> Hooks:
    found = next(each.hooks for each in ALL if each.id == agent)
    assert found is not None
    return found


def events(sample: str) -> list[tuple[str, HookEvent]]:
    hooks = hooks_of(SAMPLES[sample])
    found = []
    for item in json.loads((DATA / f"{sample}.json").read_text()):
        raw = json.dumps(item["stdin"]).encode()
        found.append((item["event"], read(hooks, item["event"], raw, len(raw))))
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_shell_command_is_known_as_one_with_its_text_and_folder(sample: str) -> None:
    hooks = hooks_of(SAMPLES[sample])
    asked = [said for _, said in events(sample) if said.phase is Phase.ASK and hooks.doing(said.tool) is Doing.SHELL]
    assert asked
    assert "out_shell.txt" in json.dumps(asked[0].arguments)
    assert asked[0].cwd.startswith("/home/dev/project")
    assert asked[0].ids["session"]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one != "gemini"])
def test_a_written_file_is_known_as_one(sample: str) -> None:
    hooks = hooks_of(SAMPLES[sample])
    asked = [said for _, said in events(sample) if said.phase is Phase.ASK and hooks.doing(said.tool) is Doing.WRITE]
    assert asked and "out_write.txt" in json.dumps(asked[0].arguments)


@pytest.mark.parametrize("sample", SAMPLES)
def test_an_mcp_call_is_known_by_the_server_in_the_config(sample: str) -> None:
    hooks = hooks_of(SAMPLES[sample])
    found = [match(hooks.names, said.tool, ["other", "everything"]) for _, said in events(sample)]
    assert ("everything", "echo") in found


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_happens_before_and_after_a_call_is_told_apart(sample: str) -> None:
    phases = {said.phase for _, said in events(sample)}
    assert {Phase.ASK, Phase.DONE, Phase.BEGIN} <= phases
    assert all(not said.problem for _, said in events(sample))


@pytest.mark.parametrize("sample", ["claude", "codex", "gemini", "copilot", "qwen"])
def test_a_prompt_is_read(sample: str) -> None:
    assert next(said.prompt for _, said in events(sample) if said.phase is Phase.PROMPT) in ("do all", "call echo")


@pytest.mark.parametrize("sample", ["claude", "codex", "qwen", "cline"])
def test_the_ids_of_a_call_are_the_same_before_and_after(sample: str) -> None:
    said = [one for _, one in events(sample) if one.tool]
    before = [one.ids["tool_use"] for one in said if one.phase is Phase.ASK]
    after = [one.ids["tool_use"] for one in said if one.phase in (Phase.DONE, Phase.FAILED)]
    assert len(set(before) & set(after)) >= 2 and len(set(before)) == len(before)


@pytest.mark.parametrize("agent", WITH_HOOKS, ids=lambda agent: agent.id)
def test_a_refusal_is_never_mistaken_for_silence(agent: object) -> None:
    hooks = agent.hooks  # type: ignore[attr-defined]
    output = hooks.output(Phase.ASK, Effect.DENY)
    assert (output.code == 2 and output.speaks) or output.json
    assert hooks.output(Phase.ASK, Effect.ASK).json or hooks.output(Phase.ASK, Effect.ASK).code == 2
    assert output != hooks.output(Phase.ASK, Effect.ALLOW)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("gemini-cli", {"decision": "deny", "reason": "why"}),
        ("copilot-cli", {"permissionDecision": "deny", "permissionDecisionReason": "why"}),
        ("cline", {"cancel": True, "errorMessage": "why"}),
        ("cursor", {"permission": "deny", "user_message": "why", "agent_message": "why"}),
        ("claude-code", None),
        ("codex", None),
        ("qwen-code", None),
        ("droid", None),
    ],
)
def test_a_refusal_is_exactly_what_the_agent_takes_for_one(agent: str, expected: object) -> None:
    output = hooks_of(agent).output(Phase.ASK, Effect.DENY)
    assert (None if output.json is None else filled(output.json, "why")) == expected
    assert output.code == (2 if expected is None else 0)


def test_only_events_before_a_tool_are_answered() -> None:
    for agent in WITH_HOOKS:
        assert agent.hooks is not None
        for phase in (Phase.DONE, Phase.PROMPT, Phase.BEGIN, Phase.END, None):
            output = agent.hooks.output(phase, Effect.DENY)
            assert (output.code, output.json, output.speaks) == (0, None, False)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"tool_name": 7, "tool_input": {}}',
        b'{"tool_name": "Bash", "tool_input": 7}',
        b'{"tool_name": "Bash", "tool_name": "Read", "tool_input": {}}',
        b'{"tool_name": "Bash", "tool_input": {"a": NaN}}',
        b'{"tool_input": {}}',
        b"[" * 100_000,
        b'{"tool_name":"Bash","tool_input":"{"}',
    ],
)
def test_what_cannot_be_read_in_one_way_is_a_problem_and_never_an_exception(raw: bytes) -> None:
    for agent in WITH_HOOKS:
        assert agent.hooks is not None
        event = next(name for name, phase in agent.hooks.events.items() if phase is Phase.ASK)
        assert read(agent.hooks, event, raw, len(raw)).problem


def test_an_event_that_is_larger_than_what_is_looked_at_is_a_problem() -> None:
    said = read(hooks_of("claude-code"), "PreToolUse", b'{"tool_name": "Bash"', 50_000_000)
    assert "50,000,000 bytes" in said.problem and said.phase is Phase.ASK


def test_an_unknown_event_has_no_phase() -> None:
    assert read(hooks_of("claude-code"), "PreTeaTime", b"{}", 2).phase is None


def test_of_two_servers_the_longer_name_is_meant() -> None:
    names = Names("", "_", sure=False)
    assert match(names, "files_remote_read_all", ["files", "files-remote"]) == ("files-remote", "read_all")
    assert match(names, "bash", ["files"]) is None
