"""Pure: what Callgate knows of each coding agent, one file a vendor, the most used first."""

from __future__ import annotations

from callgate.agents.adapter import Agent
from callgate.agents.amazon_q import AGENT as AMAZON_Q
from callgate.agents.amp import AGENT as AMP
from callgate.agents.antigravity import AGENT as ANTIGRAVITY
from callgate.agents.auggie import AGENT as AUGGIE
from callgate.agents.claude_code import AGENT as CLAUDE_CODE
from callgate.agents.claude_desktop import AGENT as CLAUDE_DESKTOP
from callgate.agents.cline import AGENT as CLINE
from callgate.agents.codex import AGENT as CODEX
from callgate.agents.continue_dev import AGENT as CONTINUE_DEV
from callgate.agents.copilot_cli import AGENT as COPILOT_CLI
from callgate.agents.cursor import AGENT as CURSOR
from callgate.agents.droid import AGENT as DROID
from callgate.agents.gemini_cli import AGENT as GEMINI_CLI
from callgate.agents.goose import AGENT as GOOSE
from callgate.agents.junie import AGENT as JUNIE
from callgate.agents.kilo import AGENT as KILO
from callgate.agents.kiro import AGENT as KIRO
from callgate.agents.lm_studio import AGENT as LM_STUDIO
from callgate.agents.opencode import AGENT as OPENCODE
from callgate.agents.qwen_code import AGENT as QWEN_CODE
from callgate.agents.roo import AGENT as ROO
from callgate.agents.vscode import AGENT as VSCODE
from callgate.agents.windsurf import AGENT as WINDSURF
from callgate.agents.zed import AGENT as ZED

ALL: tuple[Agent, ...] = (
    CLAUDE_CODE,
    VSCODE,
    CURSOR,
    CODEX,
    COPILOT_CLI,
    GEMINI_CLI,
    CLAUDE_DESKTOP,
    ANTIGRAVITY,
    WINDSURF,
    CLINE,
    OPENCODE,
    KILO,
    KIRO,
    JUNIE,
    ZED,
    GOOSE,
    CONTINUE_DEV,
    DROID,
    QWEN_CODE,
    AMP,
    AUGGIE,
    AMAZON_Q,
    LM_STUDIO,
    ROO,
)
