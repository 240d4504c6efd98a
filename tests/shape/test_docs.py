"""The docs keep up with the code: every command, option, setting and exit code has its place, every link a target."""

import dataclasses
import re
from pathlib import Path

import pytest
import typer.main
from callgate.cli.app import app
from callgate.model import errors
from callgate.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def test_every_command_and_option_is_in_the_command_reference() -> None:
    page = (DOCS / "cli.md").read_text()
    command = typer.main.get_command(app)
    for name, one in command.commands.items():  # type: ignore[attr-defined]
        assert f"## `callgate {name}" in page, f"{name} has no heading"
        section = page.split(f"## `callgate {name}", 1)[1].split("\n## ", 1)[0]
        for option in one.params:
            for spelled in option.opts:
                if spelled.startswith("--") and spelled not in ("--help", "--json"):
                    assert spelled in section, f"{name} {spelled} is not described"
        for inner, two in getattr(one, "commands", {}).items():
            assert f"# `callgate {name} {inner}" in page, f"{name} {inner} has no heading"
            part = page.split(f"# `callgate {name} {inner}", 1)[1].split("\n#", 1)[0]
            for spelled in (text for option in two.params for text in option.opts):
                if spelled.startswith("--") and spelled not in ("--help", "--json"):
                    assert spelled in part, f"{name} {inner} {spelled} is not described"


def settings(cls: type, prefix: str = "") -> list[str]:
    names = []
    for field in dataclasses.fields(cls):
        value = getattr(cls(), field.name)
        name = prefix + field.name
        names += settings(type(value), f"{name}.") if dataclasses.is_dataclass(value) else [name]
    return names


def test_every_setting_is_described() -> None:
    page = (DOCS / "settings.md").read_text()
    assert [name for name in settings(Settings) if f"`{name}`" not in page] == []


def test_every_exit_code_is_described() -> None:
    page = (DOCS / "cli.md").read_text()
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CallgateError)
    }
    for code in codes | {0, 130}:
        assert re.search(rf"^\| {code} \|", page, re.M), f"exit code {code} is not described"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
