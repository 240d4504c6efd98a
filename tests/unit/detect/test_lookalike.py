"""Names and paths that a hurried reader takes for others."""

import pytest
from callgate.detect import lookalike

APPROVED = [
    lookalike.known(name, f"npm:{name}")
    for name in ("mcp-server-git", "@modelcontextprotocol/server-filesystem", "fetch", "ghcr.io/acme/tool")
]


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("mcp-server-gti", "mcp-server-git"),
        ("mcp-server-glt", "mcp-server-git"),
        ("mcp_server_git", "mcp-server-git"),
        ("mcpservergit", "mcp-server-git"),
        ("git-mcp-server", "mcp-server-git"),
        ("mcp-server-gіt", "mcp-server-git"),  # a Cyrillic letter
        ("mcp-server-git", "mcp-server-git"),
        ("mcp-server-git.py", "mcp-server-git"),
        ("@modelcontextprotoco1/server-filesystem", "@modelcontextprotocol/server-filesystem"),
        ("modelcontextprotocol-server-filesystem", "@modelcontextprotocol/server-filesystem"),
        ("server-filesystem", "@modelcontextprotocol/server-filesystem"),
        ("@evil/server-filesystem", "@modelcontextprotocol/server-filesystem"),
        ("@modelcontextprotocol/server-filesytsem", "@modelcontextprotocol/server-filesystem"),
        ("FETCH", "fetch"),
    ],
)
def test_a_name_that_looks_like_an_approved_one_is_told_with_that_one(name: str, like: str) -> None:
    found = lookalike.resembles(name, APPROVED)
    assert found is not None and found[0].name == like


@pytest.mark.parametrize(
    "name", ["mcp-server-gitlab", "mcp-server-time", "patch", "x", "", "@modelcontextprotocol/server-memory"]
)
def test_another_name_is_just_another_name(name: str) -> None:
    assert lookalike.resembles(name, APPROVED) is None


def test_the_most_alike_is_named() -> None:
    both = [lookalike.known("mcp-server-gita", "a"), lookalike.known("mcp_server_git", "b")]
    found = lookalike.resembles("mcp-server-git", both)
    assert found is not None and found[0].shown == "b"


def test_a_script_beside_an_approved_one_looks_like_it() -> None:
    approved = ["/home/ann/tools/server.py"]
    for path in (
        "/home/ann/tools-new/server.py",
        "/home/ann/t0ols/server.py",
        "/home/ann/tools/server_.py",
        "/home/ann/Tools/server.py",
        "/home/ann/tools /server.py",
    ):
        assert lookalike.alike_paths(path, approved) == approved[0], path
    for path in ("/home/ann/tools/client.py", "/home/bob/tools/server.py", "/srv/server.py", approved[0]):
        assert lookalike.alike_paths(path, approved) is None, path


def test_the_distance_counts_a_swap_as_one() -> None:
    assert lookalike.distance("git", "gti", 2) == 1
    assert lookalike.distance("git", "gitt", 2) == 1
    assert lookalike.distance("abc", "xyz", 2) == 3
    assert lookalike.distance("", "abc", 2) == 3
