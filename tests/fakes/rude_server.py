"""A web server that behaves as no web server should: it drips, never ends, never answers, or speaks nonsense."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from itertools import chain, repeat

OK = b"HTTP/1.1 200 OK\r\n"


class RudeServer:
    """Answers each connection with the given pieces, one after the other, `pause` seconds apart."""

    def __init__(self, pieces: Iterator[bytes] | list[bytes], pause: float = 0.0, *, hang: bool = False) -> None:
        self._pieces, self._pause, self._hang = pieces, pause, hang
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self._open: list[socket.socket] = []

    def __enter__(self) -> RudeServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            one.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connected, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(connected)
            thread = threading.Thread(target=self._answer, args=(connected,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _answer(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connected.recv(65536)
            for piece in self._pieces:
                connected.sendall(piece)
                if self._ended.wait(self._pause):
                    return
            if self._hang:
                self._ended.wait(60)
            connected.close()


def endless_body() -> Iterator[bytes]:
    return chain([OK + b"\r\n"], repeat(b"x" * 65536))


def endless_headers() -> Iterator[bytes]:
    return chain([OK], repeat(b"X-More: " + b"y" * 1000 + b"\r\n"))


def dripping_headers() -> Iterator[bytes]:
    return chain([OK], repeat(b"X"))


def dripping_body() -> Iterator[bytes]:
    return chain([OK + b"Content-Length: 1000\r\n\r\n"], repeat(b"{"))


def cut_short() -> list[bytes]:
    return [OK + b"Content-Length: 1000\r\n\r\n{"]
