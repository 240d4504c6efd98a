"""TLS of sinks: the organisation's own authorities, our certificate, and both read again when their files change."""

from __future__ import annotations

import ssl
from pathlib import Path

from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings


class Context:
    """Makes the TLS context of one sink, anew as soon as a file that it is made of has changed."""

    def __init__(self, settings: SinkSettings) -> None:
        self._settings = settings
        self._paths = [Path(name) for name in (settings.ca, settings.cert, settings.key) if name]
        self._made: ssl.SSLContext | None = None
        self._of: list[tuple[int, int, int]] = []

    def changed(self) -> bool:
        """Is what `get` gave last made of files that are not there any more? Raises CallgateError."""
        return self._made is not None and self._seen() != self._of

    def get(self) -> ssl.SSLContext:
        """TLS 1.2 or later, the peer's name and certificate always checked. Raises CallgateError."""
        seen = self._seen()
        if self._made is None or seen != self._of:
            self._made, self._of = self._make(), seen
        return self._made

    def _make(self) -> ssl.SSLContext:
        settings = self._settings
        try:
            made = ssl.create_default_context(cafile=settings.ca or None)
            made.minimum_version = ssl.TLSVersion.TLSv1_2
            if settings.cert:
                made.load_cert_chain(settings.cert, settings.key or None, password=_no_password)
            return made
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise CallgateError(
                f"export {settings.name}", f"its certificates cannot be used ({error})", "see ca, cert and key"
            ) from error

    def _seen(self) -> list[tuple[int, int, int]]:
        try:
            found = [path.stat() for path in self._paths]
        except OSError as error:
            raise CallgateError(
                f"export {self._settings.name}",
                f"{error.filename} cannot be read ({error.strerror})",
                "see ca, cert, key",
            ) from error
        return [(one.st_mtime_ns, one.st_ino, one.st_size) for one in found]


def _no_password() -> str:
    """A key with a password would make OpenSSL ask on the terminal."""
    raise ValueError("the private key is encrypted: a daemon has no one to ask for its password")
