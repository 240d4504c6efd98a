"""Which rules are in force when: at a start, without a network, when they grow old, when the registry changes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.event import Event
from callgate.model.identity import Identified, ServerIdentity
from callgate.registry import roles
from callgate.service.registrar import Registrar
from callgate.settings import Channel, Registry
from callgate.system.paths import Folders
from nginx import Nginx
from organisation import Organisation, document
from rude_server import RudeServer
from until import until

OLD, NEW = "npm:old@1.0.0", "npm:new@1.0.0"


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path / "config", tmp_path / "data", tmp_path / "run")
    folders.make()
    return folders


@pytest.fixture
def org(tmp_path: Path) -> Organisation:
    made = Organisation(tmp_path / "org")
    made.publish(OLD, files={roles.OPTIONS: b'{"soft_stale_hours": 1, "hard_stale_hours": 2}'})
    return made


@pytest.fixture
def served(org: Organisation) -> Iterator[Nginx]:
    with Nginx(org.public) as nginx:
        yield nginx


class Desk:
    """Registrars over the same folders, and what they told the log."""

    def __init__(self, where: Folders, org: Organisation) -> None:
        self.where, self.org = where, org
        self.events: list[Event] = []
        self.launched: list[str] = []
        self.asked_since: list[int] = []
        self._made: list[Registrar] = []

    def open(self, url: str, **more: object) -> Registrar:
        settings = Registry(url=url, root=str(self.org.root) if url else "", poll=1, **more)  # type: ignore[arg-type]
        made = Registrar(self.where, settings, record=self.events.extend, launched=self._launched)
        made.load()
        self._made.append(made)
        return made

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def age(self, hours: float) -> None:
        """As if the registry had last been proven current that long ago."""
        proven = self.where.registry_cache / "organisation" / "proven.json"
        proven.write_text(json.dumps({"at": time.time() - hours * 3600}))

    def close(self) -> None:
        for one in self._made:
            one.stop(10)

    def _launched(self, since: int) -> list[str]:
        self.asked_since.append(since)
        return self.launched


@pytest.fixture
def desk(where: Folders, org: Organisation) -> Iterator[Desk]:
    made = Desk(where, org)
    yield made
    made.close()


def verdict(registrar: Registrar, identity: str) -> str:
    assert registrar.rules is not None, "there are no rules"
    return registrar.rules.server(Identified(ServerIdentity.parse(identity), "test")).rule


def follow(registrar: Registrar) -> Registrar:
    registrar.start()
    until(lambda: registrar.rules is not None, "the first rules", 20)
    return registrar


def test_at_a_first_start_there_are_no_rules_until_the_registry_has_answered(desk: Desk, served: Nginx) -> None:
    registrar = desk.open(served.url)
    assert registrar.rules is None and "no rules have come" in registrar.problems[0]
    follow(registrar)
    until(lambda: "registry.updated" in desk.kinds(), "the event", 10)
    assert registrar.problems == [] and verdict(registrar, OLD).startswith("server.approved")


def test_without_a_network_a_restart_has_the_last_rules(desk: Desk, served: Nginx) -> None:
    follow(desk.open(served.url)).stop()
    served.close()
    again = desk.open(served.url)
    assert verdict(again, OLD).startswith("server.approved") and again.problems == []
    again.poll()
    assert again.rules is not None and again.problems == [], "an hour without a network is no problem"
    assert "cannot be fetched" in again.facts()["last_error"]


def test_a_change_is_followed(desk: Desk, org: Organisation, served: Nginx) -> None:
    registrar = follow(desk.open(served.url))
    org.publish(OLD, NEW)
    until(lambda: verdict(registrar, NEW).startswith("server.approved"), "the change", 20)


def test_soft_stale_rules_still_hold_and_it_is_said_once(desk: Desk, served: Nginx) -> None:
    follow(desk.open(served.url)).stop()
    served.close()
    desk.age(1.5)
    registrar = desk.open(served.url)
    assert registrar.problems == [], "perhaps the first poll succeeds"
    registrar.start()
    until(lambda: "registry.stale" in desk.kinds(), "the event", 20)
    registrar.poll()
    assert desk.kinds().count("registry.stale") == 1 and registrar.facts()["freshness"] == "soft"
    assert "soft stale" in registrar.problems[0] and verdict(registrar, NEW) == "server.unapproved"
    assert verdict(registrar, OLD).startswith("server.approved")


def test_hard_stale_rules_let_only_known_servers_run_until_the_registry_is_back(
    desk: Desk, org: Organisation, served: Nginx
) -> None:
    org.publish(OLD, NEW)
    started = time.time_ns()
    follow(desk.open(served.url)).stop()
    desk.launched = [OLD]
    desk.age(3)
    registrar = desk.open(served.url)
    assert registrar.facts()["freshness"] == "hard", "before any poll: a machine that was off for weeks"
    assert verdict(registrar, OLD).startswith("server.approved") and verdict(registrar, NEW) == "registry.stale"
    assert verdict(registrar, "npm:other@1") == "server.unapproved"
    assert desk.asked_since[-1] >= started, "known is what ran under this registry"
    assert "only servers that ran here before" in registrar.problems[0]
    follow(registrar)
    until(lambda: verdict(registrar, NEW).startswith("server.approved"), "the registry is back", 20)
    assert registrar.problems == [] and registrar.facts()["freshness"] == "fresh"


def test_a_refusal_is_told_once_and_again_after_a_good_poll(desk: Desk, org: Organisation, served: Nginx) -> None:
    registrar = desk.open(served.url)
    registrar.poll()
    registrar.start()
    timestamp = org.repository.metadata / "timestamp.json"
    good = timestamp.read_bytes()
    for _ in range(2):
        timestamp.write_bytes(b"<html>")
        for _ in range(3):
            registrar.poll()
        timestamp.write_bytes(good)
        registrar.poll()
    assert desk.kinds().count("registry.refused") == 2 and registrar.problems == []


def test_with_an_organisations_registry_nobody_decides_alone(desk: Desk, served: Nginx) -> None:
    registrar = desk.open(served.url)
    with pytest.raises(RegistryError, match=r"callgate request npm:new@1\.0\.0 --why"):
        registrar.set(ServerIdentity.parse(NEW), None, Effect.ALLOW)
    assert not registrar._where.registry.exists()


def test_the_registry_can_be_changed_while_the_daemon_runs(desk: Desk, served: Nginx) -> None:
    registrar = desk.open("")
    registrar.set(ServerIdentity.parse(NEW), None, Effect.ALLOW)
    registrar.start()
    registrar.configure(Registry(url=served.url, root=str(desk.org.root), poll=1))
    until(lambda: registrar.rules is not None and verdict(registrar, NEW) == "server.unapproved", "the others", 20)
    assert verdict(registrar, OLD).startswith("server.approved")
    registrar.configure(Registry())
    assert verdict(registrar, NEW).startswith("server.approved") and verdict(registrar, OLD) == "server.unapproved"


def test_a_change_of_the_ring_keeps_the_rules_until_the_others_are_here(
    desk: Desk, org: Organisation, served: Nginx
) -> None:
    registrar = follow(desk.open(served.url))
    org.publish(OLD, files={roles.CANARY + roles.SERVERS: document(OLD, NEW)})
    served.close()
    registrar.configure(replace(registrar._settings, channel=Channel.CANARY))
    assert verdict(registrar, OLD).startswith("server.approved")
    with Nginx(org.public) as again:
        registrar.configure(replace(registrar._settings, url=again.url))
        until(lambda: registrar.rules is not None and verdict(registrar, NEW).startswith("server.app"), "the ring", 20)


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "https://", "nonsense", "https://u:p@host/", "https://h/?q", "file:///etc"]
)
def test_a_url_that_is_none_is_a_problem_and_no_crash(desk: Desk, url: str) -> None:
    registrar = desk.open(url)
    assert registrar.rules is None and "registry.url" in registrar.problems[0]
    registrar.poll()


def test_a_server_that_hangs_holds_up_neither_a_look_nor_the_end(desk: Desk) -> None:
    with RudeServer([], hang=True) as rude:
        registrar = desk.open(rude.url)
        registrar.start()
        started = time.monotonic()
        for _ in range(100):
            registrar.refresh()
            registrar.facts()
        registrar.stop(1.0)
        assert time.monotonic() - started < 5
