"""Pure: opencode."""

from __future__ import annotations

from callgate.agents.adapter import NEEDS_ROOT, Agent, Paths, Place, same
from callgate.agents.knob import ANY, Knob
from callgate.agents.plugin_hooks import plugin
from callgate.agents.ways import About, Home, Option, Ways
from callgate.model.inventory import Format, Scope

_HOME = "${XDG_CONFIG_HOME:-~/.config}/opencode"

AGENT = Agent(
    id="opencode",
    name="opencode",
    executables=(
        "opencode",
        ".opencode",
        "node_modules/opencode-ai/",
        "node_modules/opencode-*/",
    ),
    evidence=same(_HOME, "~/.local/share/opencode", "~/.opencode"),
    places=(
        Place(
            Scope.USER,
            same(f"{_HOME}/opencode.json", f"{_HOME}/opencode.jsonc", f"{_HOME}/config.json"),
            Format.JSONC,
            "opencode",
        ),
        Place(
            Scope.USER,
            same("${OPENCODE_CONFIG}", "${OPENCODE_CONFIG_DIR}/opencode.json", "${OPENCODE_CONFIG_DIR}/opencode.jsonc"),
            Format.JSONC,
            "opencode",
            note="named by the environment",
        ),
        Place(
            Scope.PROJECT,
            same(
                "{project}/opencode.json",
                "{project}/opencode.jsonc",
                "{project}/.opencode/opencode.json",
                "{project}/.opencode/opencode.jsonc",
            ),
            Format.JSONC,
            "opencode",
        ),
        Place(
            Scope.SYSTEM,
            Paths(
                linux=("/etc/opencode/opencode.json", "/etc/opencode/opencode.jsonc"),
                macos=(
                    "/Library/Application Support/opencode/opencode.json",
                    "/Library/Application Support/opencode/opencode.jsonc",
                ),
                windows=(
                    "${ProgramData:-C:/ProgramData}/opencode/opencode.json",
                    "${ProgramData:-C:/ProgramData}/opencode/opencode.jsonc",
                ),
            ),
            Format.JSONC,
            "opencode",
            unwrappable=NEEDS_ROOT,
            note="merged over the user's entries, key by key",
        ),
    ),
    hooks=plugin(f"{_HOME}/plugin", proven=True),
    knobs=(
        Knob(
            (f"{_HOME}/opencode.json", f"{_HOME}/opencode.jsonc"), Format.JSONC, ("provider", ANY, "options", "baseURL")
        ),
    ),
    ways=Ways(
        options=(Option(("--pure",), About.HOOKS),),
        homes=(
            Home("OPENCODE_CONFIG", ""),
            Home("OPENCODE_CONFIG_DIR", ""),
            Home("OPENCODE_CONFIG_CONTENT", ""),
            Home("XDG_CONFIG_HOME", "~/.config"),
        ),
    ),
    docs="https://opencode.ai/docs/mcp-servers",
    blind="Servers in OPENCODE_CONFIG_CONTENT, and those that a plugin's code adds, are in no file that can be read.",
)
