"""A home with a real package in its npx cache, and the rules that approve it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from callgate.model.call import Effect, Session
from callgate.model.identity import ServerIdentity
from callgate.policy import ladder
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.starting import Starting
from callgate.server.questions import Hello
from callgate.service.survey import Survey
from callgate.system.sockets import Peer

SPEC = "mcp-notes@1.0.0"
EXACT = ServerIdentity("npm", "mcp-notes", "1.0.0")


class Machine:
    """A home with a package in the npx cache, and rules that approve it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        key = hashlib.sha512(SPEC.encode()).hexdigest()[:16]
        self.package = home / f".npm/_npx/{key}/node_modules/mcp-notes"
        self.package.mkdir(parents=True)
        self.main = self.package / "index.js"
        self.main.write_text("// notes\n")
        manifest = {"name": "mcp-notes", "version": "1.0.0", "bin": {"mcp-notes": "index.js"}}
        (self.package / "package.json").write_text(json.dumps(manifest))
        self.npx = home / ".local/bin/npx"
        self.npx.parent.mkdir(parents=True)
        self.npx.write_text("#!/bin/sh\n")
        self.npx.chmod(0o755)
        self.rules = Allowlist()
        self.survey = Survey(str(home), b"k" * 32, rules=lambda: self.rules)

    def approve(self, **more: object) -> None:
        files = {
            f"mcp-notes/{name}": "sha256:" + hashlib.sha256((self.package / name).read_bytes()).hexdigest()
            for name in ("index.js", "package.json")
        }
        launch = Starting(**{"files": files, **more})  # type: ignore[arg-type]
        self.rules = Allowlist((Approval("local/notes", (EXACT,), Effect.ALLOW, launch=launch),))

    def hello(self, *argv: str) -> Hello:
        return Hello("0" * 16, False, "", "notes", argv or ("npx", "-y", SPEC), "/", str(self.npx.parent), "", 0)

    def meet(self, *argv: str) -> Session:
        return self.survey.meet(self.hello(*argv), Peer(os.getuid(), os.getpid()))

    def verdict(self, *argv: str) -> tuple[str, str]:
        session = self.meet(*argv)
        found = ladder.judge_launch(self.rules, session.server, Effect.DENY, 0.0, session.startup)
        return ("allow" if found.effect is Effect.ALLOW else found.rule), found.reason
