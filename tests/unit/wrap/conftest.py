"""A home with config files, looked at by the real shapes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from callgate.agents.formats import document
from callgate.agents.shapes import SHAPES
from callgate.model.inventory import ConfigFile, Entry, Format, Inventory, Scope, Surroundings
from callgate.settings import Settings
from callgate.system.paths import Folders
from callgate.wrap.apply import Wrapper


@dataclass
class Home:
    """One person's home, and Callgate's own folders beside it."""

    path: Path
    folders: Folders
    files: list[ConfigFile]
    project: str | None = None
    """The folder that project files belong to."""

    @property
    def wrapper(self) -> Wrapper:
        return Wrapper(self.folders, Settings(), Surroundings(str(self.path), "linux", {}), lambda: None)

    def file(
        self, name: str, content: bytes | str | dict[str, object], *, shape: str = "claude", agent: str = "claude-code",
        format: Format = Format.JSON, scope: Scope = Scope.USER,
    ) -> Path:  # fmt: skip
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=2) if isinstance(content, dict) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.files.append(ConfigFile(agent, scope, str(path), format, shape))
        return path

    def look(self) -> Inventory:
        """What discovery would find in these files."""
        found: list[Entry] = []
        for file in self.files:
            if not Path(file.path).is_file():
                continue
            for raw in SHAPES[file.shape].read(document.parse(Path(file.path).read_bytes(), file.format)).entries:
                found.append(
                    Entry(
                        file.agent, raw.name, file, raw.at, raw.transport, raw.argv, raw.url, raw.env_names, raw.cwd,
                        raw.enabled, raw.unwrappable,
                        raw.project or (self.project if file.scope is Scope.PROJECT else None),
                    )
                )  # fmt: skip
        return Inventory(entries=tuple(found), files=tuple(self.files))

    def wrap(self):
        return self.wrapper.wrap(self.wrapper.plan(self.look()))

    def unwrap(self, agent: str | None = None):
        return self.wrapper.unwrap(agent, self.look().entries)

    def argv(self, name: str) -> tuple[str, ...]:
        """The command line of the first entry of that name."""
        return next(entry.argv for entry in self.look().entries if entry.name == name)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    base = tmp_path / "state"
    folders = Folders(base / "config", base / "data", base / "run")
    folders.make()
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home", folders, [])
