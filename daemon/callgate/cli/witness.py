"""`callgate witness`: a small witness for the logs of a fleet."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.text import say
from callgate.model.errors import CallgateError

group = typer.Typer(name="witness", help="A small witness for the logs of a fleet.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="Folder with the witness's key and what it has seen.")]


@group.command()
def serve(
    data: Data,
    name: Annotated[str, typer.Option(help="What it is called, such as example.com/w1; at the first start.")] = "",
    listen: Annotated[str, typer.Option(help="Address and port.")] = "127.0.0.1:8943",
) -> None:
    """Sign checkpoints of known logs that continue what was seen before; refuse all others."""
    from callgate.service.witnessing import run_witness  # aiohttp: 0.2 s

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise CallgateError("--listen", f"must be ADDRESS:PORT, not {listen!r}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    run_witness(data, name, host.strip("[]"), int(port))


@group.command()
def add(data: Data, key: Annotated[str, typer.Argument(help="As `callgate checkpoint show` prints it.")]) -> None:
    """Let a log in, by its public key."""
    from callgate.service.trusting import named
    from callgate.service.witnessing import witness_state

    known = named(key)
    witness_state(data).add(known)
    say("checkpoints of {name} are signed from now on", name=known.name)


@group.command()
def key(data: Data, name: Annotated[str, typer.Option(help="What it is called, at the first use.")] = "") -> None:
    """Print the witness's public key, for `audit.witness.key`."""
    from callgate.service.witnessing import witness_state

    say("{key}", key=witness_state(data).begin(name).key)


@group.command("logs")
def known_logs(data: Data) -> None:
    """List the known logs, and how far each was seen."""
    from callgate.service.witnessing import witness_state

    for origin, size in witness_state(data).logs():
        say("{size} rows  {origin}", size=f"{size:>12,}", origin=origin)
