"""The process behind a loopback connection."""

import os
import socket
import subprocess
import sys

import pytest
from callgate.system import tcp_peers
from callgate.system.tcp_peers import TcpPeers


def test_a_connection_is_traced_to_the_process_that_made_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = "import socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1]))); sys.stdin.read()"
        command = [sys.executable, "-c", program, str(listening.getsockname()[1])]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
            connection, theirs = listening.accept()
            with connection:
                found = TcpPeers().find(theirs, connection.getsockname())
            assert found is not None
            assert (found.uid, found.pid) == (os.getuid(), child.pid)
            child.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux tells it")
def test_the_table_in_proc_says_the_same_as_sock_diag(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as one:
        asked = one.getsockname(), one.getpeername()
        before = TcpPeers().find(*asked)

        def none(*_: object) -> None:
            raise OSError

        monkeypatch.setattr(tcp_peers, "_by_diag", none)
        assert TcpPeers().find(*asked) == before


def test_a_connection_that_is_not_there_has_nobody_behind_it() -> None:
    assert TcpPeers().find(("127.0.0.1", 1), ("127.0.0.1", 2)) is None
