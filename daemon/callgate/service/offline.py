"""What needs no daemon: discover, wrap, unwrap and verify, on the same parts that the daemon uses."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callgate.audit.verdict import judge
from callgate.model.errors import AuditError, CallgateError
from callgate.model.event import Event
from callgate.model.identity import Identified
from callgate.model.inventory import Entry
from callgate.modelproxy.routing import Routing
from callgate.service import spool
from callgate.service.inventory import describe
from callgate.service.key import KEY_FILE, payload_key
from callgate.service.registrar import Registrar
from callgate.service.standing import standing
from callgate.service.trusting import read_note, trust
from callgate.service.worker import Worker
from callgate.settings import load
from callgate.system.paths import Folders, folders, surroundings
from callgate.wrap.addresses import prefix

log = logging.getLogger(__name__)

Json = dict[str, Any]


class _NoDaemon:
    """Stands where a daemon would: the settings are read from the file, and there is nobody to tell of changes."""

    def __init__(self, where: Folders) -> None:
        self.folders = where
        self.settings = load(where.settings)
        self.key = payload_key(where)

    def http_prefix(self) -> str:
        """How the daemon's addresses would begin."""
        return prefix(self.settings.http.port) if self.settings.http.wrap else ""

    def open_port(self) -> str:
        """Only a daemon can listen."""
        return "a remote server is wrapped only while the daemon runs: `callgate up` starts it"

    def challenges(self, urls: Sequence[str]) -> Mapping[str, str]:
        """Nothing is asked of servers whose entries are left alone."""
        return {}

    def record(self, events: list[Event]) -> bool:
        """What is done to entries is left for the daemon's log; what is merely seen, its next look sees as well."""
        try:
            spool.leave(self.folders.spool, events)
        except OSError as error:
            log.warning("what was done could not be left for the log: %s", error)
        return True

    def refresh(self) -> None:
        """There are no rules in force without a daemon."""


def discover(env: Mapping[str, str], home: Path | None, agent: str | None) -> Json:
    """What is on this machine, as the local API gives it."""
    worker = _worker(env, home)
    registry = Registrar(worker.folders, worker.settings.registry)
    registry.peek()
    worker.look("asked")

    def verdict(identified: Identified, entry: Entry) -> Json:
        return standing(worker, registry.rules, worker.settings.on_doubt, identified, entry)

    return describe(worker, verdict, agent)


def wrap(env: Mapping[str, str], home: Path | None, agent: str | None, dry_run: bool) -> Json:
    """Wrap what is found, or say what would be."""
    worker = _worker(env, home)
    return worker.wrap(agent, dry_run=dry_run)


def unwrap(env: Mapping[str, str], home: Path | None, agent: str | None, dry_run: bool) -> Json:
    """Give the files back (of `home`, or all that were ever wrapped), or say which would be."""
    return _worker(env, home).unwrap(agent, dry_run=dry_run, whole=home is None)


def unroute_models(env: Mapping[str, str], agent: str | None = None) -> Json:
    """Give agents the addresses of their models back."""
    where = folders(env)
    routing = Routing(where.data / "models", surroundings(env, None), load(where.settings).http.port)
    done, skipped = routing.unroute(agent)
    return {
        "unrouted": [{"agent": line.agent, "path": line.path} for line in done],
        "skipped": [{"path": each.what, "reason": each.reason} for each in skipped],
    }


def verify_offline(where: Folders, since: Path | None = None, key: str = "") -> Json:
    """Check the log, from the checkpoint in that file on if one is given. Raises AuditError if there is no log."""
    if not where.audit.exists():
        raise AuditError(str(where.audit), "there is no log yet", "`callgate up` starts one")
    return judge(where.audit, trust(where, key), read_note(since) if since else "")


def _worker(env: Mapping[str, str], home: Path | None) -> Worker:
    """The part that looks at the machine, without a daemon around it. Raises CallgateError."""
    where = folders(env)
    where.make()
    return Worker(where, surroundings(env, home), _NoDaemon(where))


def looking_worker(env: Mapping[str, str], home: Path | None) -> Worker:
    """As for the commands above, but nothing is made, so that an administrator may look in a user's place.

    Raises CallgateError if Callgate was never set up there.
    """
    where = folders(env)
    if not (where.data / KEY_FILE).is_file():
        raise CallgateError(str(where.data), "was never set up", "run `callgate up` as the user whose agents are meant")
    return Worker(where, surroundings(env, home), _NoDaemon(where))
