"""Pure: events of what the operating system shows: agents' processes, and ways round the gate."""

from __future__ import annotations

from pydantic import Field

from callgate.audit.kinds.detail import Detail, Kind, Kinds


class Started(Detail):
    """A process below an agent."""

    pid: int = Field(description="the process")
    parent: int = Field(description="the process that started it")
    exe: str = Field("", description="the file that it runs, as the kernel says")
    argv: list[str] = Field([], description="its command line, redacted")
    account: int = Field(0, description="user id that it runs as, where that is not the agent's")
    cause: str = Field(description="what started it: `agent`, `call`, `hook`, `shim`, `server`")
    by: str = Field(description="what says so: ancestry, time, words of the command line")
    tie: str = Field(description="how it is known to be the agent's: `root`, `child`, `forked`, `group`")
    more: int = Field(0, description="processes of this session since the last such row that have no row of their own")
    short: int = Field(0, description="processes of this session so far that ended before they could be looked at")


class Ended(Detail):
    """A process that had a row."""

    pid: int = Field(description="the process")
    ms: int = Field(description="milliseconds that it lived, good to about a second where the system is polled")


class Found(Detail):
    """A way round the gate."""

    saw: str = Field(description="what was seen")
    unseen: str = Field(description="what this does not show")
    pid: int = Field(0, description="the process that it is about")
    exe: str = Field("", description="the file that it runs")
    file: str = Field("", description="the settings file")
    setting: str = Field("", description="the setting in it")
    option: str = Field("", description="the option on the command line")
    variable: str = Field("", description="the variable in the environment")
    about: str = Field("", description="what comes from elsewhere: `servers`, `settings`, `model`")
    host: str = Field("", description="the host of the model's address")
    port: int = Field(0, description="the port that it listens on")


KINDS: Kinds = {
    "process.started": Kind("An agent, or something below it, started a process.", Started),
    "process.ended": Kind("That process has ended.", Ended),
    "finding.unwrapped": Kind("An agent started an MCP server without the shim.", Found),
    "finding.loopback": Kind("An agent speaks over loopback to a server that an agent started.", Found),
    "finding.options": Kind("An agent was started with options that lead round its own files.", Found),
    "finding.home": Kind("An agent looks for its settings where Callgate does not.", Found),
    "finding.hooks": Kind("An agent's hooks are switched off.", Found),
    "finding.model": Kind("A repository or the environment leads an agent's model elsewhere.", Found),
    "finding.plugin": Kind("A plugin or extension brings a server that is not behind the gate.", Found),
}
