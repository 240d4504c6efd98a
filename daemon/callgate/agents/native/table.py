"""Pure: the agents that can be told by the organisation which servers to start, the most used first."""

from __future__ import annotations

from callgate.agents.native.amp import NATIVE as AMP
from callgate.agents.native.claude_code import NATIVE as CLAUDE_CODE
from callgate.agents.native.codex import NATIVE as CODEX
from callgate.agents.native.control import Native
from callgate.agents.native.copilot_cli import NATIVE as COPILOT_CLI
from callgate.agents.native.cursor import NATIVE as CURSOR
from callgate.agents.native.droid import NATIVE as DROID
from callgate.agents.native.gemini_cli import NATIVE as GEMINI_CLI
from callgate.agents.native.opencode import NATIVE as OPENCODE
from callgate.agents.native.qwen_code import NATIVE as QWEN_CODE
from callgate.agents.native.vscode import NATIVE as VSCODE

NATIVES: tuple[Native, ...] = (
    CLAUDE_CODE,
    VSCODE,
    CURSOR,
    CODEX,
    COPILOT_CLI,
    GEMINI_CLI,
    OPENCODE,
    DROID,
    QWEN_CODE,
    AMP,
)
