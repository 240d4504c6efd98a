"""The owner's side: nothing is visible before it is signed by enough keys, and never half of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from callgate.model.errors import RegistryError
from callgate.registry import keys, publishing, roles, rotation, signing
from callgate.registry.places import Folder
from callgate.registry.repository import Repository
from callgate.registry.sync import Outcome
from callgate.service import registry_admin as admin
from organisation import Machine, Organisation
from tuf.api.metadata import MetaFile

OLD, NEW = "npm:old@1.0.0", "npm:new@1.0.0"


@pytest.fixture
def org(tmp_path: Path) -> Organisation:
    return Organisation(tmp_path / "org", root_keys=3, root_threshold=2)


def fresh(org: Organisation, tmp_path: Path, name: str = "fresh") -> Machine:
    """A machine that has never seen this registry."""
    machine = Machine(tmp_path / name, Folder(org.public), org.root)
    machine.sync.poll()
    return machine


def test_what_is_published_is_what_was_signed_and_only_public_files_are(org: Organisation, tmp_path: Path) -> None:
    org.publish(OLD)
    machine = fresh(org, tmp_path)
    assert machine.allows(OLD) and not machine.allows(NEW)
    assert not any(b"PRIVATE" in path.read_bytes() for path in org.repository.folder.rglob("*") if path.is_file())


def test_a_change_that_is_not_signed_is_not_published(org: Organisation) -> None:
    org.publish(OLD)
    org.repository.put(roles.SERVERS, b'{"servers": []}')
    with pytest.raises(RegistryError, match="is not signed"):
        publishing.publish(org.repository, org.signers)


def test_two_people_sign_one_after_the_other(org: Organisation, tmp_path: Path) -> None:
    one, two, _ = org.keys[roles.ROOT]
    others = {key: signer for key, signer in org.signers.items() if signer not in org.keys[roles.ROOT]}
    org.repository.put(roles.SERVERS, b'{"servers": []}')
    states = signing.sign(org.repository, {**others, one.public_key.keyid: one})
    assert [(state.role, state.signed) for state in states if not state.complete] == [("root", 1)]
    with pytest.raises(RegistryError, match="1 of 2 signatures"):
        publishing.publish(org.repository, org.signers)
    states = signing.sign(org.repository, {two.public_key.keyid: two})
    assert all(state.complete for state in states)
    org.publish_as_is()
    assert fresh(org, tmp_path).rules is not None


def test_signing_again_changes_nothing(org: Organisation) -> None:
    before = org.publish(OLD)
    after = org.publish(OLD)
    assert {role for role in before if before[role] != after[role]} == {roles.TIMESTAMP}


def test_publishing_again_renews_the_timestamp_alone_and_needs_its_key_alone(org: Organisation) -> None:
    org.publish(OLD)
    online = {one.public_key.keyid: one for one in org.keys[roles.TIMESTAMP]}
    done = publishing.publish(org.repository, online)
    assert done.changed == (roles.TIMESTAMP,) and done.versions[roles.TIMESTAMP] == 2


def test_a_role_that_expires_soon_gets_a_new_version(org: Organisation) -> None:
    before = org.publish(OLD, days={"registry": 10})
    assert signing.due(org.repository) == {"registry": "it expires soon"}, "ten of 180 days are left"
    after = org.publish(OLD)
    assert after["registry"] == before["registry"] + 1 and after["policy"] == before["policy"]


def test_an_expired_role_is_not_published(org: Organisation) -> None:
    with pytest.raises(RegistryError, match="registry: has expired"):
        org.publish(OLD, days={"registry": -1})


def test_a_file_that_no_role_may_sign_is_refused(org: Organisation) -> None:
    for path in ("readme.txt", "registry/deep/servers.json", "canary/servers.json", "elsewhere/x.json"):
        org.repository.put(path, b"x")
        with pytest.raises(RegistryError, match="no role may sign"):
            signing.sign(org.repository, org.signers)
        org.repository.put(path, None)


@pytest.mark.parametrize("cut", range(12))
def test_a_publish_that_ends_anywhere_leaves_the_old_state_or_the_new_one(
    org: Organisation, tmp_path: Path, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.publish(OLD)
    org.rotate("registry")
    writes = 0
    real = publishing._write

    def failing(path: Path, data: bytes) -> None:
        nonlocal writes
        writes += 1
        if writes > cut:
            raise RegistryError(str(path), "the disk is full")
        real(path, data)

    monkeypatch.setattr(publishing, "_write", failing)
    failed = False
    try:
        org.publish(NEW)
    except RegistryError:
        failed = True
    monkeypatch.undo()
    seen = fresh(org, tmp_path)
    assert seen.sync.error is None
    assert (seen.allows(OLD), seen.allows(NEW)) == ((True, False) if failed else (False, True))
    org.publish(NEW)
    assert seen.sync.poll() in (Outcome.UPDATED, Outcome.UNCHANGED) and seen.allows(NEW)


def test_a_copy_for_the_web_server_is_brought_up_to_date_with_the_timestamp_last(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org.publish(OLD)
    to = tmp_path / "www"
    assert publishing.copy(org.repository, to) > 5
    assert publishing.copy(org.repository, to) == 0
    org.publish(NEW)
    written: list[str] = []
    real = publishing._write
    monkeypatch.setattr(publishing, "_write", lambda path, data: (written.append(path.name), real(path, data)))
    publishing.copy(org.repository, to)
    assert written[-1] == "timestamp.json"
    machine = Machine(tmp_path / "cache", Folder(to), org.root)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW)


def test_a_client_that_began_before_some_publishes_can_still_finish(org: Organisation) -> None:
    org.publish("npm:server-0@1.0.0")
    first = {path.name for path in org.public.rglob("*.json")} - {"timestamp.json"}
    for number in range(1, publishing.KEPT + 1):
        org.publish(f"npm:server-{number}@1.0.0")
    assert first <= {path.name for path in org.public.rglob("*.json")}
    for number in range(3):
        org.publish(f"npm:other-{number}@1.0.0")
    left = {path.name for path in org.public.rglob("*.json")}
    assert not first <= left and "1.root.json" in left


def test_other_files_in_public_are_left_alone(org: Organisation) -> None:
    org.publish(OLD)
    (org.public / "v0.1").mkdir()
    (org.public / "v0.1" / "servers").write_text("{}")
    (org.public / "index.html").write_text("hello")
    for number in range(publishing.KEPT + 3):
        org.publish(f"npm:server-{number}@1.0.0")
    assert (org.public / "v0.1" / "servers").exists() and (org.public / "index.html").exists()


def test_a_role_of_an_earlier_version_stays_listed_so_that_machines_follow(org: Organisation, tmp_path: Path) -> None:
    org.publish(OLD)
    machine = fresh(org, tmp_path)
    snapshot = org.repository.next(roles.SNAPSHOT)
    snapshot.signed.meta["detections.json"] = MetaFile(1)
    (signer,) = org.keys[roles.SNAPSHOT]
    snapshot.sign(signer)
    timestamp = org.repository.next(roles.TIMESTAMP)
    timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
    timestamp.sign(org.keys[roles.TIMESTAMP][0])
    (org.repository.metadata / f"{snapshot.signed.version}.snapshot.json").write_bytes(snapshot.to_bytes())
    (org.repository.metadata / "timestamp.json").write_bytes(timestamp.to_bytes())
    assert machine.sync.poll() is Outcome.UNCHANGED
    org.publish(OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW)


@pytest.mark.parametrize("role", roles.ALL)
def test_every_role_can_get_a_new_key_and_machines_follow(org: Organisation, tmp_path: Path, role: str) -> None:
    org.publish(OLD)
    machine = fresh(org, tmp_path)
    revoked = org.rotate(role)
    org.publish(OLD)
    org.forget(revoked, role)
    org.publish(OLD, NEW)
    assert machine.sync.poll() is Outcome.UPDATED and machine.allows(NEW)
    assert fresh(org, tmp_path, "later").allows(NEW)


def test_a_threshold_that_could_not_be_reached_is_refused(org: Organisation) -> None:
    org.publish(OLD)
    held = rotation.keyids(org.repository, roles.ROOT)
    with pytest.raises(RegistryError, match="threshold of 2"):
        rotation.change_keys(org.repository, roles.ROOT, drop=held[:2])
    with pytest.raises(RegistryError, match="threshold"):
        rotation.change_keys(org.repository, "registry", threshold=2)
    with pytest.raises(RegistryError, match="does not sign for"):
        rotation.change_keys(org.repository, "registry", drop=["0" * 64])
    with pytest.raises(RegistryError, match="is no role"):
        rotation.change_keys(org.repository, "king")
    assert org.repository.staged(roles.ROOT) is None


def test_a_new_root_needs_the_keys_before_and_the_keys_after(org: Organisation) -> None:
    org.publish(OLD)
    org.rotate(roles.ROOT, revoke=org.keys[roles.ROOT][:1])
    new = org.keys[roles.ROOT][-1]
    states = signing.sign(org.repository, {new.public_key.keyid: new})
    assert (states[0].role, states[0].complete) == ("root", False)
    with pytest.raises(RegistryError, match="root: has"):
        publishing.publish(org.repository, org.signers)
    org.publish_as_is()


@pytest.mark.parametrize("damage", ["{", "[]", '{"days": {"root": "x"}}', '{"days": []}'])
def test_a_broken_note_of_the_repository_is_named(org: Organisation, damage: str) -> None:
    (org.repository.folder / "repository.json").write_text(damage)
    with pytest.raises(RegistryError, match=r"repository\.json"):
        Repository(org.repository.folder)


def test_a_folder_that_is_no_registry_is_said(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="callgate registry init"):
        Repository(tmp_path)


def test_damaged_metadata_of_ours_is_named(org: Organisation) -> None:
    org.publish(OLD)
    (org.repository.metadata / "1.targets.json").write_text("{")
    with pytest.raises(RegistryError, match=r"1\.targets\.json"):
        org.publish(NEW)


def test_a_registry_is_made_signed_and_verified_by_the_owners_commands(tmp_path: Path) -> None:
    folder, key_folder = tmp_path / "org", tmp_path / "keys"
    admin.init(folder, key_folder, b"secret", root=(3, 2), targets=(1, 1), timestamp_days=1)
    assert len(list(key_folder.glob("*.pem"))) == 3 + 6
    server = {"name": "a/b", "packages": [{"registryType": "npm", "identifier": "time", "version": "1.0.0"}]}
    (tmp_path / "server.json").write_text(json.dumps(server))
    for dry_run in (True, False):
        done = admin.add(folder, tmp_path / "server.json", None, admin.grant("allow"), canary=False, dry_run=dry_run)
        assert done["changes"] == ["+ a/b: allow npm:time@1.0.0"]
    assert admin.sign(folder, [key_folder], b"secret", dry_run=True)["due"] == {"registry": "its documents changed"}
    admin.sign(folder, [key_folder], b"secret", dry_run=False)
    assert admin.publish(folder, [key_folder], b"secret", None, dry_run=True)["versions"] == {}
    with pytest.raises(RegistryError, match="missing"):
        admin.verify(str(folder), None, canary=False)
    admin.publish(folder, [key_folder], b"secret", tmp_path / "www", dry_run=False)
    seen = admin.verify(str(folder), None, canary=False)
    assert seen["approvals"] == 1 and seen["unsigned"] == []
    assert admin.verify(str(tmp_path / "www"), None, canary=False)["versions"] == seen["versions"]
    with pytest.raises(RegistryError, match="say by --drop"):
        admin.rotate(folder, "root", key_folder, b"secret", [], None)
    start = seen["keys"]["root"][0][:8]
    before = sorted(path.name for path in key_folder.iterdir())
    would = admin.rotate(folder, "root", key_folder, b"secret", [start], None, dry_run=True)
    assert would["dropped"] == seen["keys"]["root"][:1]
    assert sorted(path.name for path in key_folder.iterdir()) == before
    assert admin.verify(str(folder), None, canary=False)["keys"] == seen["keys"]
    assert admin.rotate(folder, "root", key_folder, b"secret", [start], None)["dropped"] == seen["keys"]["root"][:1]
    with pytest.raises(RegistryError, match="is 0 of the keys"):
        admin.rotate(folder, "root", key_folder, b"secret", ["zz"], None)


def test_a_document_that_makes_no_sense_is_not_signed(org: Organisation) -> None:
    org.publish(OLD)
    key_folder = org.folder / "keys"
    for path, data in (
        (roles.SERVERS, b'{"servers": [{}]}'),
        (roles.OPTIONS, b'{"soft_stale_hour": 1}'),
        (roles.CANARY + roles.OPTIONS, b"[]"),
    ):
        before = org.repository.source / path
        kept = before.read_bytes() if before.exists() else None
        org.repository.put(path, data)
        with pytest.raises(RegistryError, match="source"):
            admin.sign(org.repository.folder, [key_folder], None, dry_run=False)
        org.repository.put(path, kept)
    admin.sign(org.repository.folder, [key_folder], None, dry_run=False)


def test_two_owners_at_once_take_turns(org: Organisation) -> None:
    from callgate.system.files import locked

    org.publish(OLD)
    with locked(org.repository.lock), pytest.raises(RegistryError, match="another command"):
        admin.revoke(org.repository.folder, OLD, remove=False, canary=False, dry_run=False)


def test_a_registry_that_was_made_halfway_is_made_anew(tmp_path: Path) -> None:
    org = Organisation(tmp_path / "org")
    (org.repository.folder / "repository.json").unlink()
    shutil.rmtree(org.folder / "keys")
    key = keys.make(tmp_path / "keys", "one")
    made = Repository.create(org.repository.folder, {role: [key.public_key] for role in roles.ALL}, {}, {})
    made.put(roles.SERVERS, b'{"servers": []}')
    signing.sign(made, {key.public_key.keyid: key})
    publishing.publish(made, {key.public_key.keyid: key})


def test_a_policy_that_permits_nobody_anything_is_signed_with_a_warning(tmp_path: Path) -> None:
    folder, key_folder = tmp_path / "org", tmp_path / "keys"
    admin.init(folder, key_folder, None, root=(1, 1), targets=(1, 1), timestamp_days=1)
    policy = folder / "source" / roles.POLICY
    policy.parent.mkdir()
    policy.write_text('@id("calls") permit(principal, action == Callgate::Action::"mcp:tools/call", resource);')
    for dry_run in (True, False):
        notes = admin.sign(folder, [key_folder], None, dry_run=dry_run)["notes"]
        assert len(notes) == 1 and "server:launch" in notes[0]
    policy.write_text('@id("all") permit(principal, action, resource);')
    assert admin.sign(folder, [key_folder], None, dry_run=False)["notes"] == []
