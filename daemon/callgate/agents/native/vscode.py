"""Pure: the device policies of Visual Studio Code, in the form that each system takes."""

from __future__ import annotations

import json
import plistlib
import uuid
from collections.abc import Mapping

from callgate.agents.adapter import Paths
from callgate.agents.native.control import Ability, Can, Control, Native, Piece, Source, Wanted, path_of
from callgate.agents.native.forms import allowed_matchers, denied_matchers, json_piece

_PLACE = Paths(linux=("/etc/vscode/policy.json",))
_ALLOWED, _DENIED, _ONLY = "ChatAllowedMcpServers", "ChatDeniedMcpServers", "ChatAllowManagedMcpServersOnly"
_KEY = r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\VSCode"
_BUNDLE = "com.microsoft.VSCode"
_SPACE = uuid.UUID("6f0f5c1e-6c1c-5d0a-9a55-5a0d0c7e0b11")
"""Of the identifiers in a profile, so that the same content is the same profile."""


def _render(wanted: Wanted, os: str) -> tuple[Piece, ...]:
    policies: dict[str, str | bool] = {}
    allowed = allowed_matchers(wanted)
    if allowed is not None:
        policies |= {_ONLY: True, _ALLOWED: json.dumps(allowed)}
    denied = denied_matchers(wanted)
    if denied or allowed is not None:  # an empty one too: it takes the place of an older one
        policies[_DENIED] = json.dumps(denied)
    if not policies:
        return ()
    does = "starts only the exact command lines of our launchers and reaches only approved addresses"
    if allowed is None:
        does = "refuses what the registry denies"
    if os == "windows":
        return (Piece("policies/vscode.reg", _reg(policies), f"{does} (import it, or set the values by ADMX)"),)
    if os == "macos":
        return (Piece("profiles/vscode.mobileconfig", _profile(policies), f"{does} (a profile for device management)"),)
    return json_piece(path_of(_PLACE, os), policies, does, ((_ALLOWED,), (_DENIED,), (_ONLY,)))


def _reg(policies: Mapping[str, str | bool]) -> bytes:
    """A file for `reg import`; the values are those that the vendor's ADMX template sets."""
    lines = ["Windows Registry Editor Version 5.00", "", f"[{_KEY}]"]
    for name, value in policies.items():
        text = f"dword:{int(value):08x}" if isinstance(value, bool) else '"' + _escaped(value) + '"'
        lines.append(f'"{name}"={text}')
    return "\r\n".join([*lines, ""]).encode("utf-16")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _profile(policies: Mapping[str, str | bool]) -> bytes:
    made = json.dumps(policies, sort_keys=True)
    inner = {
        "PayloadType": _BUNDLE,
        "PayloadIdentifier": f"{_BUNDLE}.callgate",
        "PayloadUUID": str(uuid.uuid5(_SPACE, "payload " + made)),
        "PayloadVersion": 1,
        "PayloadDisplayName": "MCP servers",
        **policies,
    }
    outer = {
        "PayloadType": "Configuration",
        "PayloadIdentifier": "callgate.vscode",
        "PayloadUUID": str(uuid.uuid5(_SPACE, "profile " + made)),
        "PayloadVersion": 1,
        "PayloadScope": "System",
        "PayloadDisplayName": "Callgate: MCP servers of VS Code",
        "PayloadContent": [inner],
    }
    return plistlib.dumps(outer)


NATIVE = Native(
    agent="vscode",
    name="VS Code (GitHub Copilot)",
    place=_PLACE,
    abilities={
        Control.COMMAND: Ability(
            Can.YES, "`ChatAllowedMcpServers` `serverCommand`: the whole command line (1.130 and newer)", Source.VENDOR
        ),
        Control.URL: Ability(Can.YES, "`serverUrl`, with `*`", Source.VENDOR),
        Control.NAME: Ability(Can.YES, "`serverName`; used to deny only, a name is a label", Source.VENDOR),
        Control.HOOKS: Ability(Can.YES, "`ChatAllowManagedHooksOnly`", Source.VENDOR),
        Control.USER: Ability(
            Can.YES, "`ChatMCP` none or registry, `ChatStrictPluginOnlyCustomization`", Source.VENDOR
        ),
        Control.BYPASS: Ability(Can.YES, "`ChatToolsAutoApprove` false", Source.VENDOR),
    },
    render=_render,
    broken="not tried",
    notes=(
        "It was not run. Each list is one string of JSON, as the policy's type asks. The agent host that runs outside "
        "the workbench finds servers by itself and does not get these lists.",
        "On Windows the values go to `SOFTWARE\\Policies\\Microsoft\\VSCode`, on macOS into a profile.",
    ),
)
