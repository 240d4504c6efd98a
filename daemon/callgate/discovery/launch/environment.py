"""Pure: environment variables that change which code runs."""

from __future__ import annotations

from callgate.discovery.launch.words import words

_PREFIXES = tuple(
    words(
        "LD_ DYLD_ PYTHON UV_ PIP_ PIPX_ NPM_CONFIG_ PNPM_ YARN_ COREPACK_ BUN_ DENO_ NODE_ GIT_ BASH_FUNC_ _JAVA_ "
        "DOCKER_ CONTAINER_ RUBY PERL5 VIRTUAL_ENV CALLGATE_"
    )
)
_NAMES = words(
    "PATH HOME BASH_ENV ENV IFS SHELLOPTS BASHOPTS SHELL JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS CLASSPATH "
    "TSX_TSCONFIG_PATH XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME USERPROFILE APPDATA PATHEXT COMSPEC "
    "TS_NODE_PROJECT"
)
_HARMLESS = words(
    "NODE_ENV NODE_NO_WARNINGS NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_SYSTEM_CA NODE_DEBUG "
    "PYTHONUNBUFFERED PYTHONIOENCODING PYTHONUTF8 PYTHONDONTWRITEBYTECODE PYTHONHASHSEED PYTHONFAULTHANDLER "
    "UV_NO_PROGRESS NPM_CONFIG_LOGLEVEL NPM_CONFIG_UPDATE_NOTIFIER NPM_CONFIG_FUND NPM_CONFIG_AUDIT NPM_CONFIG_YES "
    "GIT_TERMINAL_PROMPT GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL "
    "DENO_NO_UPDATE_CHECK"
)


def is_risky(name: str) -> bool:
    """May a variable of this name change which code a runner, an interpreter or the loader starts?"""
    name = name.upper()
    return name not in _HARMLESS and (name in _NAMES or name.startswith(_PREFIXES))


def assignment(word: str) -> tuple[str, str] | None:
    """Name and value of `NAME=value`, or None for any other word."""
    name, equals, value = word.partition("=")
    return (name, value) if equals and name.isidentifier() and name.isascii() else None
