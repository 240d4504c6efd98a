"""Pure: Visual Studio Code with GitHub Copilot, its Insiders build and VSCodium."""

from __future__ import annotations

from callgate.agents.adapter import Agent, Paths, Place, app_data, same
from callgate.model.inventory import Format, Scope

_BUILDS = ("Code", "Code - Insiders", "VSCodium")
_SERVERS = ("~/.vscode-server", "~/.vscode-server-insiders")
_USER = app_data("User/mcp.json", *_BUILDS)
_REMOTE = tuple(f"{server}/data/User/mcp.json" for server in _SERVERS)
_EVIDENCE = app_data("User", *_BUILDS)

AGENT = Agent(
    id="vscode",
    name="VS Code (GitHub Copilot)",
    executables=(
        "code/code",
        "vscode/code",
        "code-insiders",
        "codium",
        "Visual Studio Code*.app/",
        "VSCodium.app/",
        "Microsoft VS Code*/Code*",
        ".vscode-server*/bin/",
        ".vscode-server*/cli/",
    ),
    evidence=Paths(
        (*_EVIDENCE.linux, "~/.vscode", *_SERVERS),
        (*_EVIDENCE.macos, "~/.vscode", *_SERVERS),
        (*_EVIDENCE.windows, "~/.vscode", *_SERVERS),
    ),
    places=(
        Place(
            Scope.USER,
            Paths((*_USER.linux, *_REMOTE), (*_USER.macos, *_REMOTE), (*_USER.windows, *_REMOTE)),
            Format.JSONC,
            "vscode",
            note="Settings Sync may carry it to other machines",
        ),
        Place(
            Scope.USER,
            app_data("User/profiles/*/mcp.json", *_BUILDS),
            Format.JSONC,
            "vscode",
            note="one file per profile",
        ),
        Place(Scope.USER, app_data("User/settings.json", *_BUILDS), Format.JSONC, "vscode-settings", note="older form"),
        Place(
            Scope.PROJECT, same("{project}/.vscode/mcp.json"), Format.JSONC, "vscode", note="a change asks for trust"
        ),
        Place(Scope.PROJECT, same("{project}/.mcp.json"), Format.JSONC, "claude", note="a change asks for trust"),
        Place(
            Scope.PROJECT, same("{project}/.vscode/settings.json"), Format.JSONC, "vscode-settings", note="older form"
        ),
        Place(Scope.PROJECT, same("{project}/*.code-workspace"), Format.JSONC, "vscode-workspace", note="older form"),
        Place(
            Scope.PROJECT,
            same(
                "{project}/.devcontainer.json",
                "{project}/.devcontainer/devcontainer.json",
                "{project}/.devcontainer/*/devcontainer.json",
            ),
            Format.JSONC,
            "devcontainer",
            unwrappable="it starts inside the container, where this machine's gate is not",
        ),
    ),
    docs="https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
    blind="Servers that an extension registers by code are in no file; with chat.mcp.discovery.enabled, servers of "
    "other apps' files start here too.",
)
