"""The organisation's settings file: what it names, a user's own file does not change."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate import settings, settings_managed
from callgate.model.call import Effect, Mode
from callgate.model.errors import SettingsError
from callgate.service import background
from callgate.system.paths import folders


def test_what_the_organisation_names_no_user_changes_and_the_rest_is_theirs(tmp_path: Path) -> None:
    own, managed = tmp_path / "config.toml", tmp_path / "managed.toml"
    own.write_text(
        'mode = "observe"\non_doubt = "allow"\n[registry]\nurl = "http://evil.example"\nroot = "mine.json"\npoll = 7\n'
    )
    managed.write_text(
        'mode = "enforce"\n[registry]\nurl = "https://org.example/r"\nroot = "/etc/callgate/root.json"\n'
    )
    found = settings.load(own, managed)
    assert (found.mode, found.on_doubt) == (Mode.ENFORCE, Effect.ALLOW)
    assert (found.registry.url, found.registry.root) == ("https://org.example/r", "/etc/callgate/root.json")
    assert found.registry.poll == 7
    own.unlink()
    assert settings.load(own, managed).mode is Mode.ENFORCE
    managed.unlink()
    assert settings.load(own, managed) == settings.Settings()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[registry]\nurl = "https://org.example"\n', "needs registry.root"),
        ('[registry]\nroot = "root.json"\n', "absolute path"),
        ("mod = 1\n", "unknown setting mod"),
        ("mode = \n", "Invalid value"),
        ("mode = '\udcff'\n", "not UTF-8"),
    ],
)
def test_a_mistake_in_it_is_said_with_its_own_name(tmp_path: Path, text: str, why: str) -> None:
    managed = tmp_path / "managed.toml"
    managed.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match=why) as caught:
        settings.load(tmp_path / "config.toml", managed)
    assert caught.value.thing == str(managed)


def test_a_file_that_may_not_be_read_is_no_absent_one(tmp_path: Path) -> None:
    (tmp_path / "managed.toml").mkdir()
    with pytest.raises(SettingsError, match="not a file"):
        settings.load(tmp_path / "config.toml", tmp_path / "managed.toml")


def test_a_table_in_the_place_of_a_value_is_a_mistake_of_the_users_file(tmp_path: Path) -> None:
    own, managed = tmp_path / "config.toml", tmp_path / "managed.toml"
    own.write_text("registry = 7\n")
    managed.write_text('[registry]\nurl = "https://org.example/r"\nroot = "/r.json"\n')
    assert settings.load(own, managed).registry.url == "https://org.example/r"
    assert settings_managed.named({"mode": 1, "registry": {"url": 2}}) == ["mode", "registry.url"]


def test_a_command_does_not_change_what_the_organisation_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    managed = tmp_path / "managed.toml"
    managed.write_text('mode = "enforce"\n')
    for module in (settings, background):
        monkeypatch.setattr(module, "MANAGED", managed)
    where = folders({"CALLGATE_HOME": str(tmp_path / "state")})
    where.make()
    with pytest.raises(SettingsError, match="decided by the organisation"):
        background.set_mode(where, Mode.OBSERVE)
    background.set_mode(where, Mode.ENFORCE)
    background.set_http(where, wrap=False)
    assert where.settings.read_text() == "[http]\nwrap = false\n" and not settings.load(where.settings).http.wrap
