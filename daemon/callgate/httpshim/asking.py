"""Asks servers, before their entries are wrapped, whether they want a token that is made for their own address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from callgate.httpshim.upstream import Upstream
from callgate.model.errors import CallgateError

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds for all of them together: who installs Callgate waits for it."""
AT_ONCE = 16
"""Requests at the same time: a hostile project may name thousands of servers."""
UNAUTHORIZED = 401
ACCEPT = [("Accept", "application/json, text/event-stream"), ("Accept-Encoding", "identity")]


def challenges(urls: Sequence[str], own_ports: Iterable[int], ca_file: Path | None = None) -> Mapping[str, str]:
    """Address -> the `WWW-Authenticate` of those that answer 401. A server that is away, slow or broken is left out.

    One GET each, which asks for nothing to be done, with no credential. Blocks for PATIENCE seconds at most.
    """
    try:
        return asyncio.run(_all(urls, own_ports, ca_file))
    except CallgateError as error:
        log.warning("no server is asked whether it wants a token: %s", error)
        return {}


async def _all(urls: Sequence[str], own_ports: Iterable[int], ca_file: Path | None) -> Mapping[str, str]:
    upstream = Upstream(own_ports, ca_file)
    found: dict[str, str] = {}
    turn = asyncio.Semaphore(AT_ONCE)

    async def ask(url: str) -> None:
        async with turn:
            try:
                response = await upstream.request("GET", url, lambda _: ACCEPT, None)
            except CallgateError as error:
                log.info("whether it wants a token is not known: %s", error)
                return
            if response.status == UNAUTHORIZED:
                found[url] = ", ".join(response.headers.getall("WWW-Authenticate", []))
            response.close()  # without reading: what comes may be a stream without an end

    tasks = [asyncio.create_task(ask(url)) for url in urls]
    try:
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await upstream.close()
    return dict(found)
