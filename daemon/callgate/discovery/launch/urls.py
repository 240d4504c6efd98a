"""Pure: the address of a remote server in the one form that an identity has."""

from __future__ import annotations

from urllib.parse import urlsplit

_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
_PATH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/%")
_PORTS = {"http": 80, "https": 443}


def normal(url: str) -> str | None:
    """`scheme://host[:port]/path`, or None if two programs could read the address in two ways.

    Scheme and host in lower case, no default port, no user and password, no query and fragment (they often are
    secrets): so an approval reaches every query on that host and path.
    """
    if not url.isascii() or not url.isprintable() or any(bad in url for bad in '\\ "<>^`{|}'):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host or not _is_host(host):
        return None
    path = parts.path or "/"
    dotted = path.lower().replace("%2e", ".").split("/")
    if "." in dotted or ".." in dotted or not set(path) <= _PATH:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{'' if port in (None, _PORTS[scheme]) else f':{port}'}{path}"


def _is_host(host: str) -> bool:
    if ":" in host:  # IPv6
        return set(host) <= frozenset("0123456789abcdef:.")
    return set(host) <= _HOST and not host.endswith(".") and ".." not in host and not host.startswith(".")
