"""Pure: Goose: desktop app and command line."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, same
from callgate.agents.ways import About, Option, Ways
from callgate.model.inventory import Format, Scope

AGENT = Agent(
    id="goose",
    name="Goose",
    executables=("goose", "goosed", "Goose.app/"),
    evidence=Paths(
        linux=("${XDG_CONFIG_HOME:-~/.config}/goose", "~/.local/share/goose"),
        macos=("~/.config/goose", "/Applications/Goose.app"),
        windows=("${APPDATA:-~/AppData/Roaming}/Block/goose",),
    ),
    places=(
        Place(
            Scope.USER,
            Paths(
                linux=("${XDG_CONFIG_HOME:-~/.config}/goose/config.yaml",),
                macos=("~/.config/goose/config.yaml",),
                windows=("${APPDATA:-~/AppData/Roaming}/Block/goose/config/config.yaml",),
            ),
            Format.YAML,
            "goose",
            note="rewritten by the app, which drops comments",
        ),
        Place(
            Scope.USER,
            same("${GOOSE_PATH_ROOT}/config/config.yaml"),
            Format.YAML,
            "goose",
            note="named by the environment",
        ),
    ),
    ways=Ways(
        options=(
            Option(("--with-extension", "--with-remote-extension", "--with-streamable-http-extension"), About.SERVERS),
        )
    ),
    docs="https://block.github.io/goose/docs/guides/config-files",
    blind="Servers given with --with-extension, or in a recipe, are not in this file.",
)
