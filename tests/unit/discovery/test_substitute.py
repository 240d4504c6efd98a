"""A command line with the approved version in the place of a floating one."""

import pytest
from callgate.discovery.launch.substitute import substituted

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("line", "version", "wanted"),
    [
        ("npx -y pkg --root /x", "1.2.3", "npx -y pkg@1.2.3 --root /x"),
        ("npx -y pkg@latest", "1.2.3", "npx -y pkg@1.2.3"),
        ("npx -y pkg@^1", "1.2.3", "npx -y pkg@1.2.3"),
        ("npx -y @a/pkg", "1.2.3", "npx -y @a/pkg@1.2.3"),
        ("npx -y --package=@a/pkg pkg x", "1.2.3", "npx -y --package=@a/pkg@1.2.3 pkg x"),
        ("npx -p @a/pkg pkg", "1.2.3", "npx -p @a/pkg@1.2.3 pkg"),
        ("npm exec pkg -- x", "1.2.3", "npm exec pkg@1.2.3 -- x"),
        ("env A=b nice npx pkg", "1.2.3", "env A=b nice npx pkg@1.2.3"),
        ("npx pkg pkg", "1.2.3", "npx pkg@1.2.3 pkg"),
        ("deno run -A npm:pkg", "1.2.3", "deno run -A npm:pkg@1.2.3"),
        ("uvx pkg", "1.2.3", "uvx pkg@1.2.3"),
        ("uvx Some_Pkg", "1.2.3", "uvx Some_Pkg@1.2.3"),
        ("uvx pkg>=1", "1.2.3", "uvx pkg@1.2.3"),
        ("uvx --from pkg cmd", "1.2.3", "uvx --from pkg@1.2.3 cmd"),
        ("uvx --from=pkg cmd", "1.2.3", "uvx --from=pkg==1.2.3 cmd"),
        ("pipx run pkg", "1.2.3", "pipx run pkg==1.2.3"),
        ("pipx run --spec pkg cmd", "1.2.3", "pipx run --spec pkg==1.2.3 cmd"),
        ("docker run -i --rm acme/x", SHA, f"docker run -i --rm acme/x@{SHA}"),
        ("docker run -i --rm ghcr.io/acme/x:latest stdio", SHA, f"docker run -i --rm ghcr.io/acme/x@{SHA} stdio"),
        ("docker run -i mcp/x", "1.2", "docker run -i mcp/x:1.2"),
    ],
)
def test_one_word_is_replaced_and_no_other(line: str, version: str, wanted: str) -> None:
    assert substituted(tuple(line.split()), version) == tuple(wanted.split())


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("sh", "-c", "npx -y pkg"), "inside a script"),
        (("npx", "-c", "pkg"), "not known what"),
        (("uvx", "pkg[extra]"), "no single word"),
        (("node", "x.js"), "not known what"),
        (("npx", "-p", "pkg", "-p", "other", "pkg"), "not known what"),
    ],
)
def test_where_that_is_not_safe_it_is_not_done(argv: tuple[str, ...], why: str) -> None:
    found = substituted(argv, "1.2.3")
    assert isinstance(found, str) and why in found
