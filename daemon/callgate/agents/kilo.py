"""Pure: Kilo Code: command line (a fork of opencode) and editor extension."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, Agent, Paths, Place, app_data, same
from callgate.agents.knob import ANY, Knob
from callgate.agents.plugin_hooks import plugin
from callgate.agents.ways import Home, Ways
from callgate.model.inventory import Format, Scope

_HOME = "${XDG_CONFIG_HOME:-~/.config}/kilo"
_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf")
_STORAGE = "User/globalStorage/kilocode.kilo-code"
_EXTENSION = app_data(_STORAGE, *_EDITORS)

AGENT = Agent(
    id="kilo",
    name="Kilo Code",
    executables=(".kilo", "bin/kilo", "@kilocode/cli*/"),
    evidence=Paths((_HOME, *_EXTENSION.linux), (_HOME, *_EXTENSION.macos), (_HOME, *_EXTENSION.windows)),
    places=(
        Place(Scope.USER, same(f"{_HOME}/kilo.jsonc", f"{_HOME}/kilo.json"), Format.JSONC, "opencode"),
        Place(
            Scope.USER,
            app_data(f"{_STORAGE}/settings/mcp_settings.json", *_EDITORS),
            Format.JSONC,
            "cline",
            note="older builds of the editor extension",
        ),
        Place(
            Scope.PROJECT,
            same(
                "{project}/kilo.json",
                "{project}/kilo.jsonc",
                "{project}/.kilo/kilo.json",
                "{project}/.kilo/kilo.jsonc",
            ),
            Format.JSONC,
            "opencode",
        ),
        Place(Scope.PROJECT, same("{project}/.kilocode/mcp.json"), Format.JSONC, "cline", note="older form"),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=("/etc/kilo/kilo.json", "/etc/kilo/kilo.jsonc"),
                macos=("/Library/Application Support/kilo/kilo.json", "/Library/Application Support/kilo/kilo.jsonc"),
                windows=(
                    "${ProgramData:-C:/ProgramData}/kilo/kilo.json",
                    "${ProgramData:-C:/ProgramData}/kilo/kilo.jsonc",
                ),
            ),
            Format.JSONC,
            "opencode",
            unwrappable=NEEDS_ROOT,
        ),
    ),
    hooks=plugin(f"{_HOME}/plugin", proven=False),
    knobs=(Knob((f"{_HOME}/kilo.jsonc", f"{_HOME}/kilo.json"), Format.JSONC, ("provider", ANY, "options", "baseURL")),),
    ways=Ways(homes=(Home("XDG_CONFIG_HOME", "~/.config"),)),
    docs="https://kilo.ai/docs/automate/mcp/using-in-kilo-code",
    blind="Servers that a plugin's code adds are in no file that can be read.",
)
