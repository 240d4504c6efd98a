"""Pure: what Callgate knows of each coding agent, one file a vendor, the most used first."""

from __future__ import annotations

from callgate.agents.adapter import Agent
from callgate.agents.claude_code import AGENT as CLAUDE_CODE
from callgate.agents.codex import AGENT as CODEX
from callgate.agents.opencode import AGENT as OPENCODE

ALL: tuple[Agent, ...] = (CLAUDE_CODE, CODEX, OPENCODE)
