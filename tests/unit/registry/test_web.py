"""Connections to a registry: closed by whoever comes first, and then nothing of them is left to be cut."""

import threading

from callgate.registry import web
from mcp_registry import McpRegistry


def test_a_connection_that_another_thread_closes_is_forgotten_by_the_one_that_made_it() -> None:
    with McpRegistry([]) as served:
        connection = web._Http("127.0.0.1", int(served.url.rpartition(":")[2]))
        connection.connect()
        assert connection._twin in web._open.twins
        closer = threading.Thread(target=connection.close)
        closer.start()
        closer.join(10)
        assert connection._twin is None and not web._open.twins
