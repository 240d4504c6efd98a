"""Pure: packages whose arguments, not their own code, say which server is reached or run."""

from __future__ import annotations

from callgate.discovery.launch import urls
from callgate.discovery.launch.target import Url
from callgate.discovery.launch.words import Options, options, read, words

_MCP_REMOTE = options(
    "--allow-http --debug --silent --enable-proxy --ignore-tool",
    "--header --transport --host --resource --auth-timeout --static-oauth-client-metadata --static-oauth-client-info "
    "--authorize-resource",
)
_SUPERGATEWAY = options(
    "--cors",
    "--sse --streamableHttp --header --oauth2Bearer --logLevel --outputTransport --protocolVersion --timeout",
    "",
    "--stdio",
)
_MCP_PROXY = options("--debug", "--transport --headers -H", "--pass-environment", "--env -e --sse-port --port")
_FASTMCP = options("--no-banner", "--transport -t --log-level -l")

BRIDGES: dict[tuple[str, str], Options] = {
    ("npm", "mcp-remote"): _MCP_REMOTE,
    ("npm", "supergateway"): _SUPERGATEWAY,
    ("pypi", "mcp-proxy"): _MCP_PROXY,
    ("pypi", "fastmcp"): _FASTMCP,
    ("pypi", "mcp-remote"): _MCP_REMOTE,
}
"""Packages that connect standard input and output to an address."""

_NPM_RUNNERS = words(
    "@smithery/cli mcp-proxy concurrently nodemon npm-run-all npm-run-all2 npm npx pnpm yarn bun deno node deno-bin "
    "dotenv-cli dotenvx @dotenvx/dotenvx cross-env env-cmd tsx ts-node esno vite-node zx shx mcpo "
    "@modelcontextprotocol/inspector mcporter mcp-cli supergateway mcp-remote degit husky pm2"
)
_PYPI_RUNNERS = words(
    "mcp fastmcp mcp-proxy mcpo uv pip pipx ipython jupyter poetry hatch pdm tox nox python-dotenv honcho mcp-remote "
    "invoke ansible debugpy watchfiles uvicorn gunicorn"
)
RUNNERS = {("npm", name) for name in _NPM_RUNNERS} | {("pypi", name) for name in _PYPI_RUNNERS}
"""Packages that run what their arguments name: an approval of the package alone must not reach that."""


def remote(kind: str, name: str, arguments: tuple[str, ...]) -> Url | None:
    """The address that a bridge package is given, when that is all it is given."""
    table = BRIDGES.get((kind, name))
    if table is None:
        return None
    if name == "fastmcp":
        if arguments[:1] != ("run",):
            return None
        arguments = arguments[1:]
    found = read(arguments, table, name)
    addresses = [word for word in found.rest[:1] if "://" in word] + found.all("--sse", "--streamableHttp")
    after = read(found.rest[1:], table, name)
    if after.rest[:1] and after.rest[0].isdigit():  # mcp-remote URL CALLBACK_PORT
        after = read(after.rest[1:], table, name)
    if found.caveats or after.caveats or after.rest or len(addresses) != 1:
        return None
    address = urls.normal(addresses[0])
    return Url(address) if address else None
