"""This machine's own registry: signed like any other, changed by `allow` and `deny`, not to be edited unsigned."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from callgate.model.call import Effect
from callgate.model.errors import RegistryError
from callgate.model.identity import Identified, ServerIdentity
from callgate.registry import roles
from callgate.service.registrar import Registrar
from callgate.settings import Registry
from callgate.system.paths import Folders

GIT = ServerIdentity("pypi", "mcp-server-git", "1.0")
TIME = ServerIdentity("npm", "time")


@pytest.fixture
def where(tmp_path: Path) -> Folders:
    folders = Folders(tmp_path / "config", tmp_path / "data", tmp_path / "run")
    folders.make()
    return folders


def opened(where: Folders) -> Registrar:
    made = Registrar(where, Registry())
    made.load()
    return made


def allowed(registrar: Registrar, identity: ServerIdentity, tool: str | None = None) -> bool:
    assert registrar.rules is not None
    found = Identified(identity, "test")
    verdict = registrar.rules.server(found) if tool is None else registrar.rules.tool(found, tool)
    return verdict.effect is Effect.ALLOW


def test_a_new_machine_approves_nothing_and_signs_nothing(where: Folders) -> None:
    registrar = opened(where)
    assert not allowed(registrar, GIT) and registrar.problems == []
    assert not where.registry.exists() and not where.registry_keys.exists()


def test_what_is_set_is_in_force_at_once_and_after_a_restart(where: Folders) -> None:
    registrar = opened(where)
    registrar.set(GIT, None, Effect.ALLOW)
    registrar.set(GIT, "git_push", Effect.DENY)
    for each in (registrar, opened(where)):
        assert allowed(each, GIT) and allowed(each, GIT, "git_log") and not allowed(each, GIT, "git_push")
        assert each.problems == []


def test_the_key_is_made_at_the_first_change_and_is_private(where: Folders) -> None:
    opened(where).set(GIT, None, Effect.ALLOW)
    (key,) = where.registry_keys.iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(where.registry_keys.stat().st_mode) == 0o700


def test_a_key_that_others_can_read_signs_nothing_and_the_rules_stay(where: Folders) -> None:
    registrar = opened(where)
    registrar.set(GIT, None, Effect.ALLOW)
    (key,) = where.registry_keys.iterdir()
    key.chmod(0o644)
    with pytest.raises(RegistryError, match="chmod 600"):
        registrar.set(GIT, None, Effect.DENY)
    assert allowed(registrar, GIT) and allowed(opened(where), GIT)


def test_an_edited_document_does_not_count_and_it_is_said_how_to_sign_it(where: Folders) -> None:
    registrar = opened(where)
    registrar.set(GIT, None, Effect.ALLOW)
    source = where.registry / "source" / roles.SERVERS
    source.write_text(source.read_text().replace("mcp-server-git", "evil"))
    registrar.refresh()
    assert allowed(registrar, GIT) and not allowed(registrar, ServerIdentity("pypi", "evil", "1.0"))
    (problem,) = registrar.problems
    assert "not signed" in problem and "callgate registry sign" in problem
    with pytest.raises(RegistryError, match="not signed"):
        registrar.set(TIME, None, Effect.ALLOW)


def test_an_edited_published_file_is_refused_and_the_last_good_rules_stay(where: Folders) -> None:
    registrar = opened(where)
    registrar.set(GIT, None, Effect.ALLOW)
    for published in (where.registry / "public" / "targets" / "registry").iterdir():
        published.write_text(published.read_text().replace("mcp-server-git", "mcp-server-gut"))
    registrar.refresh()
    assert allowed(registrar, GIT)
    assert any("after signing" in problem for problem in registrar.problems)
    again = opened(where)
    assert allowed(again, GIT) and again.problems


def test_the_unsigned_file_of_earlier_versions_is_taken_over_once(where: Folders) -> None:
    approval = {"identities": ["npm:time"], "effect": "allow"}
    document = {"servers": [{"server": {"name": "a/b"}, "_meta": {"dev.callgate/approval": approval}}]}
    where.registry_file.write_text(json.dumps(document))
    assert allowed(opened(where), TIME)
    assert not where.registry_file.exists(), "it was put aside"
    assert json.loads((where.registry / "source" / roles.SERVERS).read_text()) == document
    where.registry_file.write_text('{"servers": []}')
    registrar = opened(where)
    assert allowed(registrar, TIME), "a second one is not read"
    assert any("not read any more" in problem for problem in registrar.problems)


def test_a_bad_file_of_earlier_versions_is_not_signed_and_stays_where_it_is(where: Folders) -> None:
    where.registry_file.write_text('{"servers": [{}]}')
    registrar = opened(where)
    assert registrar.rules is None and "servers[0]" in registrar.problems[0]
    assert where.registry_file.exists() and not where.registry.exists()
    where.registry_file.write_text('{"servers": []}')
    registrar.refresh()
    assert registrar.rules is not None and registrar.problems == []


def test_an_edit_of_ours_that_was_cut_short_is_finished_by_the_next_one(where: Folders) -> None:
    registrar = opened(where)
    registrar.set(GIT, None, Effect.ALLOW)
    source = where.registry / "source" / roles.SERVERS
    before, old_edit = source.read_bytes(), (where.registry / ".own-edit").read_bytes()
    registrar.set(TIME, None, Effect.ALLOW)
    half = source.read_bytes()
    registrar.set(TIME, None, Effect.DENY)
    source.write_bytes(half)  # as a crash leaves it: noted and written, but not signed
    (where.registry / ".own-edit").write_text(hashlib.sha256(half).hexdigest())
    assert before != half and old_edit
    again = opened(where)
    assert again.problems == [] and not allowed(again, TIME)
    again.set(GIT, "git_push", Effect.DENY)
    assert allowed(again, TIME) and not allowed(again, GIT, "git_push")


def test_old_files_of_the_repository_do_not_pile_up(where: Folders) -> None:
    registrar = opened(where)
    for number in range(30):
        registrar.set(ServerIdentity("npm", f"server-{number}"), None, Effect.ALLOW)
    assert len(list((where.registry / "public" / "targets" / "registry").iterdir())) <= 10
    assert len(list((where.registry / "public" / "metadata").iterdir())) <= 30
    assert all(allowed(opened(where), ServerIdentity("npm", f"server-{number}")) for number in (0, 29))
