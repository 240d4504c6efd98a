"""Pure: environment variables that change which code runs, on a command line or inherited from an agent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from callgate.discovery.launch.words import words

_PREFIXES = tuple(
    words(
        "LD_ DYLD_ PYTHON UV_ PIP_ PIPX_ NPM_CONFIG_ PNPM_ YARN_ COREPACK_ BUN_ DENO_ NODE_ GIT_ BASH_FUNC_ _JAVA_ "
        "DOCKER_ CONTAINER_ RUBY PERL5 VIRTUAL_ENV CALLGATE_ OPENSSL_ TS_NODE_ TSX_"
    )
)
_NAMES = words(
    "PATH HOME BASH_ENV ENV IFS SHELLOPTS BASHOPTS SHELL JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS CLASSPATH GCONV_PATH "
    "XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME USERPROFILE APPDATA PATHEXT COMSPEC"
)
_HARMLESS = words(
    "NODE_ENV NODE_NO_WARNINGS NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_SYSTEM_CA NODE_DEBUG "
    "NODE_VERSION NODE_DISABLE_COLORS NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE NODE_UNIQUE_ID NODE_AUTH_TOKEN "
    "NODE_PENDING_DEPRECATION NODE_DISABLE_COMPILE_CACHE NODE_REPL_HISTORY NODE_USE_ENV_PROXY NODE_V8_COVERAGE "
    "PYTHONUNBUFFERED PYTHONIOENCODING PYTHONUTF8 PYTHONDONTWRITEBYTECODE PYTHONHASHSEED PYTHONFAULTHANDLER "
    "PYTHON_VERSION PYTHON_SHA256 PYTHON_PIP_VERSION PYTHON_SETUPTOOLS_VERSION PYTHON_GET_PIP_URL "
    "PYTHON_GET_PIP_SHA256 PYTHON_COLORS PYTHON_HISTORY PYTHON_BASIC_REPL PYTHON_CPU_COUNT PYTHONNOUSERSITE "
    "PYTHONSAFEPATH PYTHONDEVMODE PYTHONASYNCIODEBUG PYTHONTRACEMALLOC PYTHONMALLOC PYTHONCOERCECLOCALE "
    "UV_NO_PROGRESS UV_LINK_MODE UV_COMPILE_BYTECODE UV_HTTP_TIMEOUT UV_HTTP_RETRIES UV_CONCURRENT_BUILDS "
    "UV_CONCURRENT_DOWNLOADS UV_CONCURRENT_INSTALLS UV_NATIVE_TLS UV_SYSTEM_CERTS UV_OFFLINE UV_NO_CACHE "
    "UV_PYTHON_DOWNLOADS UV_PYTHON_PREFERENCE UV_THREADPOOL_SIZE UV_USE_IO_URING UV_RUN_RECURSION_DEPTH UV_VERSION "
    "PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_CACHE_DIR PIP_NO_INPUT PIP_ROOT_USER_ACTION PIP_DEFAULT_TIMEOUT "
    "PIP_REQUIRE_VIRTUALENV PIP_PROGRESS_BAR PIP_BREAK_SYSTEM_PACKAGES "
    "NPM_CONFIG_LOGLEVEL NPM_CONFIG_UPDATE_NOTIFIER NPM_CONFIG_FUND NPM_CONFIG_AUDIT NPM_CONFIG_YES "
    "NPM_CONFIG_USER_AGENT NPM_CONFIG_NOPROXY NPM_CONFIG_NPM_VERSION NPM_CONFIG_LOCAL_PREFIX NPM_CONFIG_INIT_MODULE "
    "NPM_CONFIG_PROGRESS NPM_CONFIG_COLOR NPM_CONFIG_UNICODE NPM_CONFIG_OFFLINE NPM_CONFIG_PREFER_OFFLINE "
    "NPM_CONFIG_PREFER_ONLINE NPM_CONFIG_ENGINE_STRICT NPM_CONFIG_LEGACY_PEER_DEPS NPM_CONFIG_PACKAGE_LOCK "
    "NPM_CONFIG_SAVE_EXACT NPM_CONFIG_SAVE_PREFIX NPM_CONFIG_OMIT_LOCKFILE_REGISTRY_RESOLVED NPM_CONFIG_LOGS_DIR "
    "PNPM_SCRIPT_SRC_DIR YARN_VERSION COREPACK_ENABLE_DOWNLOAD_PROMPT COREPACK_ENABLE_AUTO_PIN "
    "GIT_TERMINAL_PROMPT GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL "
    "GIT_COMMITTER_DATE GIT_SSL_CAINFO GIT_SSL_CAPATH GIT_PREFIX GIT_OPTIONAL_LOCKS GIT_MERGE_AUTOEDIT "
    "GIT_REFLOG_ACTION DENO_NO_UPDATE_CHECK DOCKER_BUILDKIT DOCKER_CLI_HINTS CONTAINER_ID CONTAINER_NAME LD_BIND_NOW "
    "LD_RUN_PATH RUBY_VERSION RUBY_ROOT RUBY_ENGINE OPENSSL_DIR OPENSSL_ROOT_DIR OPENSSL_LIB_DIR OPENSSL_INCLUDE_DIR"
)
_INHERITED = words("PATH ENV IFS SHELL VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONSTARTUP GIT_ASKPASS GIT_EDITOR GIT_PAGER")
"""Set in many a session. An inherited PATH is looked through by itself; the others act on interactive shells and
prompts, or not on runners, so they only count where a command line sets them itself."""
_FUNCTIONS = words("BASH_FUNC_MODULE%% BASH_FUNC_ML%% BASH_FUNC_WHICH%% BASH_FUNC_SCL%% BASH_FUNC__MODULE_RAW%%")
_OF_RUNNERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("NPM_CONFIG_", words("npx npm pnpx pnpm yarn bunx bun")),
    ("PNPM_", words("pnpx pnpm")),
    ("YARN_", words("yarn")),
    ("COREPACK_", words("npx npm pnpx pnpm yarn")),
    ("BUN_", words("bunx bun")),
    ("DENO_", words("deno")),
    ("UV_", words("uvx uv")),
    ("PIP_", words("pipx pip")),
    ("PIPX_", words("pipx")),
    ("DOCKER_", words("docker podman nerdctl")),
    ("CONTAINER_", words("docker podman nerdctl")),
    (
        "GIT_",
        words("git npx npm pnpx pnpm yarn bunx bun uvx uv pipx pip deno go cargo bundle gem docker podman nerdctl"),
    ),
    ("RUBY", words("ruby bundle gem")),
    ("CLASSPATH", words("java")),
    ("JAVA_", words("java")),
    ("JDK_", words("java")),
    ("_JAVA_", words("java")),
)
"""Variables that only some programs obey."""
_AT_HOME = {
    "XDG_CONFIG_HOME": (".config",),
    "XDG_DATA_HOME": (".local/share",),
    "XDG_CACHE_HOME": (".cache",),
    "NPM_CONFIG_CACHE": (".npm",),
    "NPM_CONFIG_USERCONFIG": (".npmrc",),
    "NPM_CONFIG_PREFIX": (".npm-global", ".local"),
    "NPM_CONFIG_GLOBAL_PREFIX": (".npm-global", ".local"),
    "PNPM_HOME": (".local/share/pnpm", "Library/pnpm"),
    "BUN_INSTALL": (".bun",),
    "DENO_INSTALL": (".deno",),
    "UV_CACHE_DIR": (".cache/uv",),
    "UV_TOOL_DIR": (".local/share/uv/tools",),
    "UV_TOOL_BIN_DIR": (".local/bin",),
    "PIPX_HOME": (".local/share/pipx", ".local/pipx"),
    "PIPX_BIN_DIR": (".local/bin",),
    "DOCKER_CONFIG": (".docker",),
    "PERL5LIB": ("perl5/lib/perl5",),
}
"""Where these lead by themselves, or where many set them: below the home."""
_OF_SYSTEM = words("LD_LIBRARY_PATH BASH_ENV OPENSSL_CONF NPM_CONFIG_CAFILE PIP_CERT")
_SYSTEM = ("/usr/", "/lib/", "/lib64/", "/etc/", "/opt/", "/nix/store/", "/snap/")
"""Folders that only the system's owner writes to."""
_NPM_TREES = ("/usr", "/usr/local")
_REGISTRY = words("https://registry.npmjs.org https://registry.npmjs.org/ https://registry.yarnpkg.com")
_NODE_OPTIONS = re.compile(
    r"--(?:max-old-space-size|max-semi-space-size|max-http-header-size|stack-trace-limit|dns-result-order"
    r"|unhandled-rejections|trace-warnings|no-warnings|no-deprecation|trace-deprecation|enable-source-maps"
    r"|use-system-ca|use-openssl-ca|use-bundled-ca|use-env-proxy|no-experimental-\w[\w-]*|disable-warning"
    r"|network-family-autoselection(?:-attempt-timeout)?|no-network-family-autoselection|force-color)(?:=[\w.:-]*)?"
)
_GIT_CONFIG = re.compile(r"GIT_CONFIG_(?:COUNT|(?:KEY|VALUE)_(\d+))")
_GIT_SETTINGS = words("safe.barerepository gc.auto maintenance.auto core.quotepath init.defaultbranch")
"""Settings of git that agents hand down and that neither lead it elsewhere nor name a program."""
_DOCKER_HOST = re.compile(r"unix:///(?:var/)?run/(?:user/\d+/)?(?:docker|podman/podman)\.sock")
_WARNINGS = re.compile(r"(?:default|error|always|module|once|ignore|all)(?::[^.:]*){0,2}(?:[:,][^.]*)?")
_VERSION = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual on this machine."""

    homes: tuple[str, ...] = ()
    """The person's home, by all its names."""
    trees: tuple[str, ...] = ()
    """Where the node on PATH is installed: `bin/node` and npm's own files are below."""
    npmrc: Mapping[str, str] = field(default_factory=dict)
    """The person's own npm settings, which npm hands down to all that it starts."""


def is_risky(name: str) -> bool:
    """May a variable of this name change which code a runner, an interpreter or the loader starts?"""
    name = name.upper()
    return name not in _HARMLESS and (name in _NAMES or name.startswith(_PREFIXES))


def doubtful(env: Mapping[str, str], usual: Usual, runners: frozenset[str] | None = None) -> dict[str, str]:
    """The inherited variables that may change what is started, with their values, by name.

    Defaults, and what npm hands down to all that it starts, are none of them. With `runners`, the programs on the way
    to the server, variables that only others obey are left out; None: any program may be on the way.
    """
    return {
        name: value
        for name, value in sorted(env.items())
        if is_risky(name)
        and _is_obeyed(name.upper(), runners)
        and not _is_usual(name.upper().replace("-", "_"), value, usual)
        and not _is_harmless_git(name, env)
    }


def _is_obeyed(name: str, runners: frozenset[str] | None) -> bool:
    if name in _INHERITED or name.startswith("CALLGATE_"):
        return False
    return runners is None or all(
        not name.startswith(prefix) or bool(programs & runners) for prefix, programs in _OF_RUNNERS
    )


def _is_usual(name: str, value: str, usual: Usual) -> bool:
    path = value.rstrip("/")
    if name == "HOME":
        return path in usual.homes
    if not value or name in _FUNCTIONS or name in _HARMLESS:
        return True
    if name in _OF_SYSTEM and all(part.startswith(_SYSTEM) and ".." not in part for part in value.split(":")):
        return True
    if any(path == f"{home}/{place}" for home in usual.homes for place in _AT_HOME.get(name, ())):
        return True
    if name.startswith("NPM_CONFIG_"):
        return _is_usual_for_npm(name.removeprefix("NPM_CONFIG_").lower(), value, usual)
    if name == "NODE_OPTIONS":
        return all(_NODE_OPTIONS.fullmatch(word) for word in value.split())
    if name == "PYTHONWARNINGS":
        return bool(_WARNINGS.fullmatch(value))
    if name == "UV_PYTHON":
        return bool(_VERSION.fullmatch(value))
    if name.startswith("UV_INDEX_"):
        return name.endswith(("_USERNAME", "_PASSWORD"))
    return name == "DOCKER_HOST" and bool(_DOCKER_HOST.fullmatch(value))


def _is_harmless_git(name: str, env: Mapping[str, str]) -> bool:
    """Is it part of a git setting that is handed down and harmless? The count is, when each one that it counts is."""
    if not (found := _GIT_CONFIG.fullmatch(name)):
        return False
    numbers = [found[1]] if found[1] else [n[1] for each in env if (n := _GIT_CONFIG.fullmatch(each)) and n[1]]
    return all(env.get(f"GIT_CONFIG_KEY_{number}", "").lower() in _GIT_SETTINGS for number in numbers)


def _is_usual_for_npm(key: str, value: str, usual: Usual) -> bool:
    trees = (*usual.trees, *_NPM_TREES)
    if key.startswith("//"):  # who one is at a registry, not which one is asked
        return key.endswith((":_authtoken", ":_auth", ":_password", ":username", ":email"))
    if usual.npmrc.get(key) == value:
        return True
    if key in ("prefix", "global_prefix", "nodedir"):
        return value in trees
    if key == "globalconfig":
        return value == "/etc/npmrc" or value in [f"{tree}/etc/npmrc" for tree in trees]
    if key == "node_gyp":
        return value in [f"{tree}/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js" for tree in trees]
    return key == "registry" and value in _REGISTRY


def settings_of(npmrc: str) -> dict[str, str]:
    """The settings in an .npmrc as npm hands them down to what it starts: by name in lower case with underscores."""
    found = {}
    for line in npmrc.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if equals and key and key[0] not in "#;" and "${" not in value:
            value = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
            found[key.lower().replace("-", "_")] = "" if value == "false" else value
    return found


def is_relative(value: str) -> bool:
    """May what the value names depend on the folder that a program is started in?"""
    if "://" in value and not any(each.isspace() for each in value):
        return False
    parts = re.split(r"[\s:;,=]+", value)
    return any(part and not part.startswith(("/", "-")) for part in parts) or not value.strip(":")


def files_in(value: str) -> list[str]:
    """The absolute paths that the value may name."""
    return [part for part in re.split(r"[\s:;,=]+", value) if part.startswith("/")]


def assignment(word: str) -> tuple[str, str] | None:
    """Name and value of `NAME=value`, or None for any other word."""
    name, equals, value = word.partition("=")
    return (name, value) if equals and name.isidentifier() and name.isascii() else None
