"""Pure: the words of our Cedar policies: who asks for what, and the facts that a policy may look at."""

from __future__ import annotations

from collections.abc import Mapping

NAMESPACE = "Callgate"
CALL = "mcp:tools/call"
LAUNCH = "server:launch"
BUILTIN = "builtin:call"
ACTIONS = (CALL, LAUNCH, BUILTIN)

_ALWAYS = {
    "agent": "String",
    "agentProven": "Bool",
    "user": "String",
    "mode": "String",
    "server": "String",
    "serverKind": "String",
    "serverName": "String",
    "serverVersion?": "String",
    "approval": "String",
    "entry": "String",
    "hour": "Long",
    "weekday": "Long",
    "incomplete": "Bool",
}
_OF_ARGUMENTS = dict.fromkeys(("paths", "folders", "names", "hosts", "domains"), "Set<String>")
ASKED = "askedByModel"
"""Did the model ask for exactly this call? `yes`, `no`, or `unknown` where the model channel does not see the agent."""
_OF_CALL = {"tool": "String", "labels": "Set<String>", "bytes": "Long", ASKED: "String"} | _OF_ARGUMENTS
_OF_DEED = dict.fromkeys(("programs", "arguments", "writes"), "Set<String>") | {
    "does": "String",
    "opaque": "Bool",
    "globs": "Bool",
}

FACTS: Mapping[str, Mapping[str, str]] = {
    LAUNCH: _ALWAYS | {"argv": "Set<String>"},
    CALL: _ALWAYS | _OF_CALL,
    BUILTIN: _ALWAYS | _OF_CALL | _OF_DEED,
}
"""Per action: each fact of the context with its Cedar type. All are filled for every request, but the version only
where there is one (`?`)."""

FROM_ARGUMENTS = frozenset(_OF_ARGUMENTS)
"""Facts that are looked for in a call's arguments: only where a policy asks for one of them."""

ALL_FACTS = frozenset(name.removesuffix("?") for facts in FACTS.values() for name in facts)


def schema(wanted: frozenset[str] = ALL_FACTS) -> str:
    """Our schema in Cedar's schema language; of the context only the facts that are `wanted`.

    Policies are validated against all of it. For deciding, what no policy looks at is left out of requests and
    schema alike: reading and checking a fact costs Cedar more than evaluating a policy.
    """
    return f"""
namespace {NAMESPACE} {{
  entity Group;
  entity User in [Group];
  entity Agent in [User];
  entity McpServer in [McpServer];
  entity Tool in [McpServer];

  action "{LAUNCH}" appliesTo {{
    principal: [Agent],
    resource: [McpServer],
    context: {{{_fields(LAUNCH, wanted)}}},
  }};

  action "{CALL}" appliesTo {{
    principal: [Agent],
    resource: [Tool],
    context: {{{_fields(CALL, wanted)}}},
  }};

  action "{BUILTIN}" appliesTo {{
    principal: [Agent],
    resource: [Tool],
    context: {{{_fields(BUILTIN, wanted)}}},
  }};
}}
"""


def _fields(action: str, wanted: frozenset[str]) -> str:
    kept = {name: kind for name, kind in FACTS[action].items() if name.removesuffix("?") in wanted}
    return " ".join(f"{name}: {kind}," for name, kind in kept.items())
