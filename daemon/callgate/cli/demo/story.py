"""The scenes of the demo, in order. Every command that is shown is really run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.demo.agent import StandIn
from callgate.cli.demo.home import ScratchHome
from callgate.cli.text import say
from callgate.client import Client
from callgate.model.errors import CallgateError
from callgate.service import background
from callgate.system.paths import folders
from callgate.system.processes import unbroken

COMMAND_TIME = 60.0
"""Seconds for one command of the demo."""
BREATH = 0.9
"""Seconds between two scenes, to read."""


def demo(fast: Annotated[bool, typer.Option("--fast", help="Do not pause between the scenes.")] = False) -> None:
    """Show it all in a scratch home: needs no agent and no network, and leaves nothing behind."""
    with scratch() as home:
        Story(home, 0.0 if fast else BREATH).tell()


class Story:
    """Tells it. Raises CallgateError if something does not go as it must: the demo is a test as well."""

    def __init__(self, home: ScratchHome, pause: float) -> None:
        self._home = home
        self._pause = pause
        self._env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "TERM": os.environ.get("TERM", "dumb"),
            "COLUMNS": os.environ.get("COLUMNS", ""),
            "HOME": str(home.home),
            "CALLGATE_HOME": str(home.state),
        }

    def tell(self) -> None:
        """All scenes."""
        self._scene("Five agents with MCP servers that nobody looked at. One command puts a gate in front of them.")
        self._run("up", "--enforce")
        self._scene("Approve one server, but not its most dangerous tool.")
        self._run("allow", "notes")
        self._run("deny", "notes", "delete_note")
        self._calls()
        self._unapproved()
        self._killed()
        self._scene("All of it is in the log, each row chained to the one before, written before its call went on.")
        self._run("log", "--kind", "call.asked")
        self._run("verify")
        self._scene("Out again: every file byte for byte as it was.")
        self._run("down")
        self._expect(not self._home.changed(), f"unwrapped exactly: {self._home.changed()}")
        say("  [green]✓[/] {count} config files are byte for byte what they were", count=self._home.files)
        say()
        say("Your turn:  [bold]callgate up[/]  (it observes and blocks nothing until you say --enforce)")

    def _calls(self) -> None:
        self._scene("An agent starts the server as its config now says, and calls tools.")
        with StandIn(self._home.command("notes"), self._env) as agent:
            agent.hello()
            shown = agent.tools()
            self._expect("delete_note" not in shown, "a denied tool is not shown")
            say("  tools the agent is shown   {tools}   [dim](delete_note is hidden)[/]", tools=", ".join(shown))
            self._call(agent, True, "list_notes")
            self._call(agent, False, "delete_note", name="standup")
            self._call(agent, True, "read_note", name="standup")

    def _unapproved(self) -> None:
        self._scene("Another server in the same config is on no list. It does not even start.")
        with StandIn(self._home.command("helper"), self._env) as agent:
            told = agent.hello()["result"].get("instructions", "")
            shown = agent.tools()
        self._expect(shown == ["server_not_allowed"], f"the gate stands in for it: {shown}")
        self._expect(not self._home.mark.exists(), "the unapproved server did not run")
        say("  [red]✗[/] what the agent is told → {why}", why=told)

    def _killed(self) -> None:
        self._scene("Kill the daemon in the middle of a session: calls are refused, and nothing is forgotten.")
        where = folders(self._env)
        with StandIn(self._home.command("notes"), self._env) as agent:
            agent.hello()
            self._call(agent, True, "list_notes")
            pid = Client(where.api_socket).status()["pid"]
            os.kill(pid, signal.SIGKILL)
            say("  [bold]kill -9 {pid}[/]   [dim](the daemon)[/]", pid=pid)
            self._call(agent, False, "list_notes")
            self._run("up", lines=1)
            self._until_back(agent)

    def _until_back(self, agent: StandIn) -> None:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            well, text = agent.call("list_notes")
            if well:
                say("  [green]✓[/] list_notes → {text}   [dim](the same session, through the new daemon)[/]", text=text)
                return
            time.sleep(0.1)
        raise CallgateError("demo", "the session did not find the new daemon", "run `callgate doctor`")

    def _call(self, agent: StandIn, expected: bool, tool: str, **arguments: str) -> None:
        well, text = agent.call(tool, **arguments)
        self._expect(well is expected, f"{tool} → {text}")
        mark = "[green]✓[/]" if well else "[red]✗[/]"
        said = ", ".join(f"{name}={value}" for name, value in arguments.items())
        say(f"  {mark} {{tool}}({{said}}) → {{text}}", tool=tool, said=said, text=text)

    def _run(self, *words: str, lines: int | None = None) -> None:
        say("[bold cyan]$ callgate {words}[/]", words=" ".join(words))
        command = [sys.executable, "-I", "-c", "from callgate.cli import main; main()", *words]
        env = self._env | ({"FORCE_COLOR": "1"} if sys.stdout.isatty() else {})
        running = None
        try:
            with unbroken():
                running = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            said, complaint = running.communicate(timeout=COMMAND_TIME)
        except BaseException:  # let it end what it has begun: a killed `up` leaves a daemon that is just starting
            if running is not None:
                running.send_signal(signal.SIGINT)
                running.communicate(timeout=COMMAND_TIME)
            raise
        sys.stdout.write("".join(f"  {line}\n" if line else "\n" for line in said.splitlines()[:lines]))
        sys.stdout.flush()
        if running.returncode:
            raise CallgateError(f"callgate {words[0]}", complaint.strip() or "failed", "run `callgate doctor`")

    def _scene(self, text: str) -> None:
        time.sleep(self._pause)
        say()
        say("[bold]── {text}[/]", text=text)
        say()

    def _expect(self, true: bool, what: str) -> None:
        if not true:
            raise CallgateError("demo", f"this did not go as it must: {what}", "please report it")


@contextlib.contextmanager
def scratch() -> Iterator[ScratchHome]:
    """A scratch home in a folder that is gone afterwards, and with it the daemon, whatever happened."""
    with tempfile.TemporaryDirectory(prefix="callgate-demo-") as folder:
        home = ScratchHome(Path(folder))
        try:
            yield home
        finally:
            _end_daemon(home)


def _end_daemon(home: ScratchHome) -> None:
    where = folders({"CALLGATE_HOME": str(home.state)})
    with contextlib.suppress(CallgateError):
        background.stop(where)
    shutil.rmtree(where.runtime, ignore_errors=True)  # it lies elsewhere when the scratch folder's path is long
