"""Syslog: RFC 5424 messages over TCP (RFC 6587, octet counting) or TLS (RFC 5425), with an end that proves arrival.

Syslog has no acknowledgement: what the system took can still be lost with the connection. But a receiver ends its side
of a connection only after it has read ours to the end, and a system resets a connection whose data nobody read. So an
orderly end is the acknowledgement: after some thousand messages, or some seconds, the connection is ended in order and
a new one is opened. Whatever was sent on one that ended otherwise is sent again.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from callgate.export.formats.ecs import instant
from callgate.export.formats.record import Message, Origin
from callgate.export.sinks.sink import Sent, short
from callgate.export.sinks.tls import Context
from callgate.model.errors import CallgateError
from callgate.settings_export import SinkSettings

CONFIRM_ROWS = 5000
"""Messages on one connection: they come twice if it breaks just before its end."""
FACILITY = 13
"""Log audit (RFC 5424, 6.2.1)."""
_LEVELS = (5, 6, 5, 4, 3, 2)
"""Syslog counts severity from 7 (debug) to 0 (emergency); ours from 1 (informational) to 5 (critical)."""


class SyslogSink:
    """`url` is tls://host:6514 or tcp://host:514. The event itself is the message, without a byte order mark, which
    would stand before its JSON; its id and kind are structured data of their own.
    """

    def __init__(self, settings: SinkSettings, origin: Origin) -> None:
        self._settings = settings
        parts = urlsplit(settings.url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._tls = Context(settings) if parts.scheme == "tls" else None
        self._hostname = _printable(origin.hostname, 255)
        self._pid = os.getpid()
        self._socket: socket.socket | None = None
        self.confirm_rows = CONFIRM_ROWS if settings.acknowledge else 1

    def send(self, batch: Sequence[Message]) -> Sent:
        """As Sink.send. What is said to be taken counts only when `confirm` has said so."""
        data = b"".join(map(self._frame, batch))
        try:
            connection = self._connected()
            self._look(connection)
            connection.sendall(data)
        except CallgateError as error:
            return Sent(0, problem=str(error))
        except (OSError, ValueError) as error:
            self.close()
            return Sent(0, problem=f"{self._settings.url}: {_told(error)}")
        return Sent(len(batch), said=f"{len(data):,} bytes written to {self._settings.url}")

    def confirm(self) -> str:
        """End the connection in order."""
        connection, self._socket = self._socket, None
        if connection is None:
            return "the connection broke before the receiver had read all of it"
        try:
            if self._settings.acknowledge:
                _end(connection, self._settings.timeout)
            else:
                self._look(connection)
                self._socket, connection = connection, None
            return ""
        except (OSError, ValueError) as error:
            return f"the connection broke before the receiver had read all of it ({_told(error)})"
        finally:
            if connection is not None:
                connection.close()

    def close(self) -> None:
        """As Sink.close."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        """Raises OSError or CallgateError."""
        if self._socket is not None:
            return self._socket
        made = socket.create_connection((self._host, self._port), timeout=self._settings.timeout)
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                made = self._tls.get().wrap_socket(made, server_hostname=self._host, suppress_ragged_eofs=False)
        except BaseException:
            made.close()
            raise
        self._socket = made
        return made

    def _look(self, connection: socket.socket) -> None:
        """A receiver never speaks, so what can be read is its end. Raises OSError if it has ended the connection."""
        connection.setblocking(False)
        try:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
                while connection.recv(4096):
                    pass
                raise ConnectionError("the receiver ended the connection")
        finally:
            connection.settimeout(self._settings.timeout)

    def _frame(self, one: Message) -> bytes:
        level = FACILITY * 8 + _LEVELS[one.severity]
        kind = _printable(one.kind, 32)
        head = f"<{level}>1 {instant(one.time)} {self._hostname} callgate {self._pid} {kind} "
        line = head.encode("ascii") + b'[callgate@32473 id="' + one.uid.encode("ascii") + b'"] ' + one.body
        return b"%d %s" % (len(line), line)


def _end(connection: socket.socket, timeout: float) -> None:
    """Say that nothing more comes, and wait for the other side to say the same. Raises OSError if it does not.

    Under TLS the peer's own end may come as close_notify or as the end of the stream alone: many receivers just close.
    Both come after it has read what we sent; with data unread its system resets the connection.
    """
    until = time.monotonic() + timeout
    connection.settimeout(timeout)
    if isinstance(connection, ssl.SSLSocket):
        try:
            connection = connection.unwrap()
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        if time.monotonic() > until:
            raise TimeoutError("it goes on speaking")
    connection.close()


def _printable(text: str, limit: int) -> str:
    """A header field: printable ASCII without spaces, `-` for nothing."""
    return "".join(one for one in text if "!" <= one <= "~")[:limit] or "-"


def _told(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    return short(getattr(error, "strerror", "") or error) or type(error).__name__
