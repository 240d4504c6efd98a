"""A real nginx in the foreground of one test: a folder served on a loopback port, and what it was asked for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from ground.toolbox import absent

CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {state}/pid;
error_log {state}/errors;
events {{ worker_connections 2048; }}
http {{
  access_log {state}/asked;
  keepalive_requests 100000;
  {temporary}
  server {{
    listen 127.0.0.1:{port};
    {listen_tls}
    root {root};
    {extra}
  }}
}}
"""
START = 10.0


class Nginx:
    """Serves `root` until it is closed. `url` is where; `asked()` the requests so far, oldest first."""

    def __init__(self, root: Path, extra: str = "", tls: tuple[Path, Path] | None = None) -> None:
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if program is None:
            absent("nginx is not installed: apt-get install nginx-light")
            raise AssertionError("absent() does not return")
        self._state = Path(tempfile.mkdtemp(prefix="cg-nginx-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        config = self._state / "conf"
        config.write_text(
            CONFIG.format(
                user="user root;" if os.geteuid() == 0 else "",
                state=self._state,
                temporary=" ".join(f"{kind}_temp_path {self._state}/{kind};" for kind in kinds),
                port=f"{self.port} ssl" if tls else self.port,
                listen_tls=f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};" if tls else "",
                root=root,
                extra=extra,
            )
        )
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [program, "-c", str(config), "-e", str(self._state / "errors")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self._state / "errors").read_text()
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.01)

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def asked(self) -> list[tuple[str, int]]:
        """Path and status of each request."""
        found = []
        for line in (self._state / "asked").read_text().splitlines():
            request, _, rest = line.partition('"')[2].partition('" ')
            found.append((request.split(" ")[1], int(rest.split(" ")[0])))
        return found

    def close(self) -> None:
        """Ends it; again does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(10)
        shutil.rmtree(self._state, ignore_errors=True)
