"""An agent's process is recognised by what it executes, and nothing else is."""

from __future__ import annotations

import pytest
from callgate.agents import ALL


def who(exe: str, *argv: str) -> list[str]:
    return [agent.id for agent in ALL if agent.is_process(exe, argv)]


NODE = "/usr/bin/node"
MODULES = "/opt/agents/node_modules"


@pytest.mark.parametrize(
    ("exe", "argv", "agent"),
    [
        (f"{MODULES}/@anthropic-ai/claude-code-linux-x64/claude", ("claude", "-p"), "claude-code"),
        ("/home/ana/.local/share/claude/versions/2.1.330", ("claude",), "claude-code"),
        (NODE, (NODE, f"{MODULES}/@anthropic-ai/claude-code/cli.js"), "claude-code"),
        (NODE, ("claude",), "claude-code"),
        (f"{MODULES}/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex", ("codex", "exec"), "codex"),
        (NODE, ("node", f"{MODULES}/.bin/codex", "exec"), "codex"),
        ("/home/ana/.codex/packages/app-server-daemon/releases/1/bin/codex", ("codex", "app-server"), "codex"),
        (f"{MODULES}/@github/copilot-linux-x64/copilot", ("copilot",), "copilot-cli"),
        (NODE, ("node", "--max-old-space-size=12051", f"{MODULES}/.bin/gemini", "-p"), "gemini-cli"),
        (NODE, ("node", "--expose-gc", f"{MODULES}/@qwen-code/qwen-code/cli.js", "-p"), "qwen-code"),
        (NODE, ("node", f"{MODULES}/.bin/cn", "-p", "call"), "continue"),
        (f"{MODULES}/opencode-linux-x64/bin/opencode", ("opencode", "run"), "opencode"),
        (f"{MODULES}/@kilocode/cli/bin/.kilo", ("kilo",), "kilo"),
        (f"{MODULES}/@cline/cli-linux-x64/bin/cline", ("cline",), "cline"),
        (f"{MODULES}/@factory/cli-linux-x64/droid", ("droid",), "droid"),
        ("/usr/share/code/code", ("/usr/share/code/code", "--type=utility"), "vscode"),
        ("/home/ana/.vscode-server/bin/abc/node", ("node", "out/server-main.js"), "vscode"),
        ("/Applications/Visual Studio Code.app/Contents/MacOS/Electron", ("Electron",), "vscode"),
        ("/tmp/.mount_CursorX/usr/share/cursor/cursor", ("cursor",), "cursor"),
        ("/Applications/Cursor.app/Contents/Frameworks/Cursor Helper (Plugin).app/x", ("x",), "cursor"),
        ("/Applications/Claude.app/Contents/MacOS/Claude", ("Claude",), "claude-desktop"),
        ("C:\\Users\\ana\\AppData\\Local\\AnthropicClaude\\app-0.14\\claude.exe", ("claude.exe",), "claude-desktop"),
        ("C:\\Users\\ana\\.local\\bin\\claude.exe", ("claude",), "claude-code"),
        ("/home/ana/.local/zed.app/libexec/zed-editor", ("zed-editor",), "zed"),
        ("/usr/bin/goose (deleted)", ("goose",), "goose"),
        ("", ("gemini",), "gemini-cli"),
        ("/home/ana/.bun/bin/bun", ("bun", "run", f"{MODULES}/@google/gemini-cli/x.js"), "gemini-cli"),
        (NODE, ("node", "-r", "./hook.js", f"{MODULES}/@augmentcode/auggie/augment.mjs"), "auggie"),
    ],
)
def test_an_agent_is_recognised(exe: str, argv: tuple[str, ...], agent: str) -> None:
    assert who(exe, *argv) == [agent]


@pytest.mark.parametrize(
    ("exe", "argv"),
    [
        (NODE, ("node", f"{MODULES}/@modelcontextprotocol/server-everything/dist/index.js", "claude")),
        (NODE, ("node", "-e", "require('gemini')", "/x/gemini")),
        ("/usr/bin/python3", ("python3", "-m", "codex")),
        ("/usr/bin/python3.11", ("python3", "/srv/claude.py")),
        ("/usr/bin/vim", ("claude",)),
        ("/usr/bin/cat", ("cat", "/opt/node_modules/@openai/codex/bin/codex")),
        ("/home/ana/work/claude/run", ("run",)),
        ("/usr/bin/node", ()),
        ("", ()),
        ("", ("",)),
        ("/", ("/",)),
    ],
)
def test_another_process_is_not_taken_for_an_agent(exe: str, argv: tuple[str, ...]) -> None:
    assert who(exe, *argv) == []


def test_the_evidence_says_what_was_seen() -> None:
    gemini = next(agent for agent in ALL if agent.id == "gemini-cli")
    assert gemini.is_process(NODE, ["node", "/x/.bin/gemini"]) == "node runs /x/.bin/gemini (matches gemini)"
    assert gemini.is_process("", ["gemini"]) == "it calls itself gemini (matches gemini)"
