"""Pure: the words of our Cedar policies: who asks for what, and the facts that a policy may look at."""

from __future__ import annotations

NAMESPACE = "Callgate"
CALL = "mcp:tools/call"
LAUNCH = "server:launch"
ACTIONS = (CALL, LAUNCH)

_ALWAYS = """
      agent: String,
      agentProven: Bool,
      user: String,
      mode: String,
      server: String,
      serverKind: String,
      serverName: String,
      serverVersion?: String,
      approval: String,
      entry: String,
      hour: Long,
      weekday: Long,
      incomplete: Bool,"""

SCHEMA = f"""
namespace {NAMESPACE} {{
  entity Group;
  entity User in [Group];
  entity Agent in [User];
  entity McpServer in [McpServer];
  entity Tool in [McpServer];

  action "{LAUNCH}" appliesTo {{
    principal: [Agent],
    resource: [McpServer],
    context: {{{_ALWAYS}
      argv: Set<String>,
    }},
  }};

  action "{CALL}" appliesTo {{
    principal: [Agent],
    resource: [Tool],
    context: {{{_ALWAYS}
      tool: String,
      bytes: Long,
      paths: Set<String>,
      folders: Set<String>,
      names: Set<String>,
      hosts: Set<String>,
      domains: Set<String>,
    }},
  }};
}}
"""
"""In Cedar's schema language. Every field is filled for every request (`serverVersion` where there is one)."""

FROM_ARGUMENTS = frozenset({"paths", "folders", "names", "hosts", "domains"})
"""Facts that are looked for in a call's arguments: only where a policy asks for one of them."""
