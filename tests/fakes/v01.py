"""What the OpenAPI document of the MCP Registry API v0.1 and server.json (2025-12-11) require, as assertions."""

from __future__ import annotations

import datetime
import re
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
OFFICIAL = {"status", "statusMessage", "statusChangedAt", "publishedAt", "updatedAt", "isLatest"}


def check_list(found: Any) -> list[dict[str, Any]]:
    """A ServerList; its entries."""
    assert set(found) <= {"servers", "metadata"} and isinstance(found["servers"], list)
    assert found["metadata"] == {"count": len(found["servers"])}, "all on one page"
    return [check_response(one) for one in found["servers"]]


def check_response(found: Any) -> dict[str, Any]:
    """A ServerResponse, with the official metadata that clients read."""
    assert set(found) == {"server", "_meta"}
    official = found["_meta"]["io.modelcontextprotocol.registry/official"]
    assert set(official) <= OFFICIAL and official["status"] in ("active", "deprecated", "deleted")
    assert isinstance(official["isLatest"], bool)
    for name in ("publishedAt", "updatedAt", "statusChangedAt"):
        assert datetime.datetime.fromisoformat(official[name]).tzinfo is not None
    assert all(re.fullmatch(r"[a-z0-9.-]+/[a-z0-9._-]+", key) for key in found["_meta"]), "reverse DNS names"
    check_server(found["server"])
    return dict(found)


def check_server(server: Any) -> None:
    """A ServerDetail."""
    assert NAME.fullmatch(server["name"]) and 3 <= len(server["name"]) <= 200
    assert isinstance(server["description"], str) and 1 <= len(server["description"]) <= 100
    assert isinstance(server["version"], str) and 1 <= len(server["version"]) <= 255
    assert server["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert all(isinstance(server[name], str) for name in ("title", "websiteUrl") if name in server)
    assert all(isinstance(server["repository"][name], str) for name in ("url", "source") if "repository" in server)
    for package in server.get("packages", []):
        assert all(isinstance(package[name], str) for name in ("registryType", "identifier"))
        assert package.get("version") != "latest" and package.get("version") != ""
        _check_transport(package["transport"], local=True)
    for remote in server.get("remotes", []):
        _check_transport(remote, local=False)


def _check_transport(transport: Any, *, local: bool) -> None:
    assert transport["type"] in (("stdio",) if local else ()) + ("streamable-http", "sse")
    if transport["type"] != "stdio":
        assert re.fullmatch(r"(https?://[^\s]+|\{[a-zA-Z_][a-zA-Z0-9_]*\}[^\s]*)", transport["url"])
