"""What a registry's web server, or whoever sits in between, can do: never take the rules away, never put others in."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from callgate.registry import roles
from callgate.registry.freshness import DAY, HOUR, Freshness
from callgate.registry.places import Folder
from callgate.registry.sync import TAGGED_LOOKS, Outcome
from callgate.registry.web import Web
from nginx import Nginx
from organisation import Machine, Organisation, document
from rude_server import RudeServer, cut_short, dripping_body, dripping_headers, endless_body, endless_headers

OLD, NEW, EVIL = "npm:old@1.0.0", "npm:new@1.0.0", "npm:evil@6.6.6"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    Machine.close_all()


@pytest.fixture
def org(tmp_path: Path) -> Organisation:
    made = Organisation(tmp_path / "org")
    made.publish(OLD)
    return made


@pytest.fixture
def served(org: Organisation) -> Iterator[Nginx]:
    with Nginx(org.public) as nginx:
        yield nginx


@pytest.fixture
def machine(org: Organisation, served: Nginx, tmp_path: Path) -> Machine:
    """A machine that has the rules which approve OLD."""
    made = Machine(tmp_path / "cache", Web(served.url), org.root)
    assert made.sync.poll() is Outcome.UPDATED and made.allows(OLD)
    return made


def refused(machine: Machine, why: str, outcome: Outcome = Outcome.REFUSED) -> None:
    """The poll fails for that reason, the rules stay, and a restart without a network has them too."""
    before = machine.rules
    assert machine.sync.poll() is outcome
    assert why in str(machine.sync.error), machine.sync.error
    assert machine.rules is before and machine.allows(OLD) and not machine.allows(EVIL)
    again = Machine(machine.sync._cache.folder, machine.sync.source.place, machine.sync.source.root)
    assert again.loaded and again.allows(OLD) and not again.allows(EVIL)


def test_an_update_reaches_the_machine(org: Organisation, machine: Machine) -> None:
    org.publish(OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED
    assert machine.allows(NEW) and machine.activations == 2


def test_a_rollback_is_refused(org: Organisation, machine: Machine) -> None:
    old = org.snapshot("old")
    org.publish(OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED
    org.restore(old)
    refused(machine, "older version")
    assert machine.allows(NEW)


def test_a_frozen_registry_is_noticed_when_its_timestamp_expires(org: Organisation, machine: Machine) -> None:
    org.publish(OLD, NEW, days={roles.TIMESTAMP: 2 / 86400})
    frozen = org.snapshot("frozen")
    assert machine.sync.poll() is Outcome.UPDATED
    org.publish(OLD, days={})
    org.restore(frozen)
    deadline = time.monotonic() + 10
    while time.time() <= machine.sync.good.expires:  # type: ignore[union-attr]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused(machine, "out of date")


def test_files_of_two_versions_mixed_are_refused(org: Organisation, machine: Machine) -> None:
    org.publish(OLD, NEW)
    org.publish(OLD, EVIL)
    metadata = org.repository.metadata
    shutil.copy(metadata / "2.registry.json", metadata / "3.registry.json")
    refused(machine, "changed after signing")


def test_a_registry_of_another_owner_is_refused(org: Organisation, machine: Machine, tmp_path: Path) -> None:
    thief = Organisation(tmp_path / "thief")
    for _ in range(3):
        thief.publish(OLD, EVIL)
    org.restore(thief.public)
    refused(machine, "not signed by the keys that we trust")


@pytest.mark.parametrize("target", ["registry", "metadata"])
@pytest.mark.parametrize("how", ["cut", "longer", "changed", "garbage", "empty"])
def test_a_damaged_file_is_refused(org: Organisation, machine: Machine, target: str, how: str) -> None:
    org.publish(OLD, EVIL)
    folder = org.repository.targets / "registry" if target == "registry" else org.repository.metadata
    newest = max(folder.glob("*.servers.json" if target == "registry" else "2.registry.json"), key=os.path.getmtime)
    data = newest.read_bytes()
    changed = data[:-1] + bytes([data[-1] ^ 1])
    damaged = {"cut": data[:-10], "longer": data + b" ", "changed": changed, "garbage": b"<html>", "empty": b""}[how]
    newest.write_bytes(damaged)
    refused(machine, "")


@pytest.mark.parametrize("data", [b"", b"<html>moved</html>", b"{}", b"[" * 10_000, b'{"signed": 1}', b"\xff" * 100])
def test_a_timestamp_that_is_none_is_refused(org: Organisation, machine: Machine, data: bytes) -> None:
    (org.repository.metadata / "timestamp.json").write_bytes(data)
    refused(machine, "")


def test_an_oversized_file_is_not_even_read(org: Organisation, machine: Machine) -> None:
    with (org.repository.metadata / "timestamp.json").open("ab") as file:
        file.truncate(2**31)
    started = time.monotonic()
    refused(machine, "larger than")
    assert time.monotonic() - started < 5


def test_a_target_that_has_grown_huge_is_refused(org: Organisation, machine: Machine) -> None:
    newest = max((org.repository.targets / "registry").iterdir(), key=os.path.getmtime)
    org.publish(OLD, files={roles.OPTIONS: b'{"soft_stale_hours": 2}'})
    with newest.open("ab") as file:
        file.truncate(2**30)
    started = time.monotonic()
    refused(machine, "larger than")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("missing", ["metadata/2.registry.json", "metadata/2.snapshot.json", "targets/registry"])
def test_a_half_published_registry_changes_nothing_until_it_is_whole(
    org: Organisation, machine: Machine, missing: str
) -> None:
    org.publish(OLD, NEW)
    whole = org.snapshot("whole")
    there = org.public / missing
    shutil.rmtree(there) if there.is_dir() else there.unlink()
    refused(machine, "is missing", Outcome.AWAY)
    org.restore(whole)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW)


def test_an_empty_web_server_changes_nothing(org: Organisation, machine: Machine) -> None:
    shutil.rmtree(org.public)
    refused(machine, "is missing (HTTP 404)", Outcome.AWAY)


def test_a_web_server_that_is_gone_changes_nothing(machine: Machine, served: Nginx) -> None:
    served.close()
    refused(machine, "cannot be fetched", Outcome.AWAY)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ("return 403;", "was refused by the server (HTTP 403)"),
        ("return 500;", "HTTP 500"),
        ("return 302 http://127.0.0.1:1/;", "is redirected"),
        ("return 301 https://elsewhere.example/;", "is redirected"),
        ("return 204;", "HTTP 204"),
        ("return 200 'hello';", ""),
        ("return 304;", ""),
        ("gzip on; gzip_types *; gzip_min_length 1;", ""),
    ],
)
def test_an_answer_that_is_not_the_file_changes_nothing(
    org: Organisation, machine: Machine, extra: str, why: str
) -> None:
    org.publish(OLD, EVIL)
    with Nginx(org.public, extra) as odd:
        machine.sync.source.place.name = odd.url
        before = machine.rules
        outcome = machine.sync.poll()
        if "gzip" in extra:
            assert outcome is Outcome.UPDATED, "we ask for no compression, so none is done"
            return
        assert outcome in (Outcome.AWAY, Outcome.REFUSED) and why in str(machine.sync.error)
        assert machine.rules is before


@pytest.mark.parametrize(
    ("server", "pause"),
    [
        (endless_body, 0.0),
        (endless_headers, 0.0),
        (dripping_headers, 0.05),
        (dripping_body, 0.05),
        (cut_short, 0.0),
        (list, 0.0),
        (lambda: [b"\x16\x03\x01\x02"], 0.0),
        (lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"], 0.0),
        (lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: zwei\r\n\r\nx"], 0.0),
        (lambda: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"], 0.0),
    ],
)
def test_a_rude_server_costs_little_time_and_changes_nothing(
    machine: Machine, tmp_path: Path, server: Callable[[], Iterator[bytes]], pause: float
) -> None:
    with RudeServer(server(), pause) as rude:
        cache = machine.sync._cache.folder
        there = Machine(cache, Web(rude.url, gap=0.5, total=1.0), machine.sync.source.root)
        assert there.loaded
        started = time.monotonic()
        assert there.sync.poll() in (Outcome.AWAY, Outcome.REFUSED)
        assert time.monotonic() - started < 4
        assert there.allows(OLD)


def test_a_server_that_never_answers_is_given_up(machine: Machine) -> None:
    with RudeServer([], hang=True) as rude:
        there = Machine(machine.sync._cache.folder, Web(rude.url, gap=0.3, total=1.0), machine.sync.source.root)
        started = time.monotonic()
        assert there.sync.poll() is Outcome.AWAY
        assert time.monotonic() - started < 4


def test_a_slow_download_is_given_up_after_its_time(org: Organisation, machine: Machine) -> None:
    org.publish(*(f"npm:server-{number}@1.0.0" for number in range(200)), OLD)
    with Nginx(org.public, "location /targets { limit_rate 2k; }") as slow:
        there = Machine(machine.sync._cache.folder, Web(slow.url, gap=1.0, total=1.0), machine.sync.source.root)
        started = time.monotonic()
        assert there.sync.poll() is Outcome.AWAY
        assert "did not arrive within 1 s" in str(there.sync.error)
        assert time.monotonic() - started < 10
        assert there.allows(OLD)


def test_root_keys_are_rotated_several_times_and_an_old_machine_catches_up(
    org: Organisation, machine: Machine, tmp_path: Path
) -> None:
    for _ in range(4):
        revoked = org.rotate(roles.ROOT)
        org.publish(OLD)
        org.forget(revoked, roles.ROOT)
    org.publish(OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW)
    assert machine.sync.good is not None and machine.sync.good.versions["root"] == 5
    fresh = Machine(tmp_path / "fresh", machine.sync.source.place, org.root)
    assert fresh.sync.poll() is Outcome.UPDATED and fresh.allows(NEW), "it knew the first root only"


def test_a_root_that_too_few_keys_have_signed_is_refused(org: Organisation, machine: Machine) -> None:
    org.rotate(roles.TIMESTAMP)
    org.publish(OLD, EVIL)
    root = org.repository.metadata / "2.root.json"
    signed = json.loads(root.read_text())
    signed["signatures"] = signed["signatures"][:1]
    root.write_text(json.dumps(signed))
    refused(machine, "not signed by the keys that we trust")


@pytest.mark.parametrize("role", ["registry", "targets", "snapshot", "timestamp"])
def test_a_revoked_key_signs_nothing_any_more(org: Organisation, machine: Machine, role: str) -> None:
    (stolen,) = org.rotate(role)
    org.forget([stolen], role)
    org.publish(OLD)
    assert machine.sync.poll() is Outcome.UNCHANGED, "other keys, the same rules"
    org.forge(role, stolen, OLD, EVIL)
    refused(machine, "not signed by the keys that we trust")


def test_a_forgery_by_a_key_that_is_not_revoked_would_have_worked(org: Organisation, machine: Machine) -> None:
    org.forge("registry", org.keys["registry"][0], OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW), (
        "so the test before this one proves something"
    )


def test_what_is_signed_but_makes_no_sense_is_refused_once_and_not_fetched_again(
    org: Organisation, machine: Machine, served: Nginx
) -> None:
    org.publish(OLD, files={roles.SERVERS: b'{"servers": [{"server": {}}]}'})
    refused(machine, "servers[0]")
    asked = len(served.asked())
    refused(machine, "servers[0]")
    assert len(served.asked()) == asked + 1
    org.publish(OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW)


def test_the_canary_ring_gets_its_own_file_and_others_do_not(
    org: Organisation, machine: Machine, tmp_path: Path
) -> None:
    canary = Machine(tmp_path / "canary", machine.sync.source.place, org.root, channel="canary")
    assert canary.sync.poll() is Outcome.UPDATED and canary.allows(OLD) and not canary.allows(NEW)
    org.publish(OLD, files={roles.CANARY + roles.SERVERS: document(OLD, NEW)})
    assert canary.sync.poll() is Outcome.UPDATED and canary.allows(NEW)
    assert machine.sync.poll() is Outcome.UNCHANGED and not machine.allows(NEW)


def test_a_canary_key_cannot_speak_for_the_others(org: Organisation, machine: Machine) -> None:
    org.keys["registry"] = org.keys["canary"]
    with pytest.raises(Exception, match="signatures"):
        org.publish(OLD, EVIL)
    refused_path = org.repository.staging / "registry.json"
    shutil.copy(refused_path, org.repository.metadata / "1.registry.json")
    assert machine.sync.poll() is Outcome.UNCHANGED and not machine.allows(EVIL)


def test_a_poll_without_news_is_one_small_request_and_cheap(org: Organisation, machine: Machine, served: Nginx) -> None:
    os.utime(org.repository.metadata / "timestamp.json", (time.time() - 60,) * 2)
    asked, cpu, polls = len(served.asked()), time.process_time(), 20
    for _ in range(polls):
        assert machine.sync.poll() is Outcome.UNCHANGED
    each = (time.process_time() - cpu) / polls * 1000
    print(f"a poll without news: {each:.2f} ms of CPU")
    assert each < 50
    requests = served.asked()[asked:]
    assert len(requests) == polls and {path for path, _ in requests} == {"/metadata/timestamp.json"}
    assert sum(status == 304 for _, status in requests) >= polls - polls // TAGGED_LOOKS - 1


def test_a_tag_that_lies_hides_news_only_for_some_polls(org: Organisation, tmp_path: Path) -> None:
    stuck = "location /metadata/timestamp.json { if ($http_if_none_match) { return 304; } }"
    constant = f'etag off; if_modified_since off; add_header ETag "always"; add_header Last-Modified ""; {stuck}'
    with Nginx(org.public, constant) as lying:
        machine = Machine(tmp_path / "cache", Web(lying.url), org.root)
        assert machine.sync.poll() is Outcome.UPDATED
        org.publish(OLD, NEW)
        outcomes = [machine.sync.poll() for _ in range(TAGGED_LOOKS + 2)]
        assert Outcome.UPDATED in outcomes and machine.allows(NEW)


def test_a_machine_without_network_has_its_rules_and_grows_stale(org: Organisation, tmp_path: Path) -> None:
    clock = [time.time()]
    org.publish(OLD, files={roles.OPTIONS: b'{"soft_stale_hours": 24, "hard_stale_hours": 72}'})
    online = Machine(tmp_path / "cache", Folder(org.public), org.root, now=lambda: clock[0])
    assert online.sync.poll() is Outcome.UPDATED
    offline = Machine(tmp_path / "cache", Web("http://127.0.0.1:1"), org.root, now=lambda: clock[0])
    assert offline.loaded and offline.sync.freshness() is Freshness.FRESH
    for hours, level in ((23, Freshness.FRESH), (25, Freshness.SOFT), (71, Freshness.SOFT), (73, Freshness.HARD)):
        clock[0] = online.sync.proven + hours * HOUR
        assert offline.sync.poll() is Outcome.AWAY
        assert offline.sync.freshness() is level and offline.allows(OLD)


def test_a_clock_that_is_years_off_is_said(org: Organisation, tmp_path: Path) -> None:
    clock = [time.time()]
    machine = Machine(tmp_path / "cache", Folder(org.public), org.root, now=lambda: clock[0])
    assert machine.sync.poll() is Outcome.UPDATED and machine.sync.clock_problem() is None
    clock[0] -= 3 * 365 * DAY
    assert machine.sync.poll() is Outcome.UNCHANGED
    assert "1,095 days behind" in str(machine.sync.clock_problem())
    clock[0] += 8 * 365 * DAY
    machine.sync.poll()
    assert "check the clock" in str(machine.sync.clock_problem())


@pytest.mark.parametrize("damage", ["note", "file", "missing", "garbage"])
def test_a_damaged_copy_is_not_believed_and_fetched_anew(
    org: Organisation, machine: Machine, damage: str, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    (kept,) = (folder / "files").iterdir()
    if damage == "note":
        (folder / "good.json").write_text("{")
    elif damage == "garbage":
        (folder / "good.json").write_text('{"place": 1, "digests": {"registry/servers.json": "../../x"}}')
    elif damage == "file":
        kept.write_bytes(document(EVIL))
    else:
        kept.unlink()
    again = Machine(folder, machine.sync.source.place, org.root)
    assert not again.loaded and again.rules is None
    assert again.sync.poll() is Outcome.UPDATED and again.allows(OLD) and not again.allows(EVIL)
    assert Machine(folder, machine.sync.source.place, org.root).loaded


def test_without_a_trusted_root_nothing_is_believed(org: Organisation, served: Nginx, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "cache", Web(served.url), tmp_path / "no-root.json")
    assert machine.sync.poll() is Outcome.REFUSED and "no-root.json" in str(machine.sync.error)
    (tmp_path / "no-root.json").write_text("{}")
    assert machine.sync.poll() is Outcome.REFUSED and machine.rules is None


def test_another_registry_does_not_inherit_the_rules_of_the_one_before(
    org: Organisation, machine: Machine, tmp_path: Path
) -> None:
    other = Organisation(tmp_path / "other")
    other.publish(NEW)
    moved = Machine(tmp_path / "cache", Folder(org.public), org.root)
    assert moved.loaded, "the same registry at another place"
    foreign = Machine(tmp_path / "cache", Folder(other.public), other.root)
    assert not foreign.loaded and foreign.rules is None
    assert foreign.sync.poll() is Outcome.UPDATED and foreign.allows(NEW) and not foreign.allows(OLD)
