"""`callgate checkpoint`: the signed statements of how far the log reaches, and the key that signs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from callgate.cli.show import AsJson, client
from callgate.cli.text import say, show_json
from callgate.model.errors import CallgateError
from callgate.system.files import replace_file

group = typer.Typer(name="checkpoint", help="The signed statements of how far the log reaches.", no_args_is_help=True)


@group.command()
def show(
    out: Annotated[Path | None, typer.Option(help="Write the checkpoint to this file, to be kept elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest checkpoint, and the key that signs."""
    found = client().checkpoint()
    if out is not None:
        try:
            replace_file(out, str(found["note"]).encode())
        except OSError as error:
            raise CallgateError(str(out), f"cannot be written ({error.strerror})") from error
    _show(found, as_json)


@group.command()
def make(as_json: AsJson = False) -> None:
    """Sign all rows up to now, and show the checkpoint."""
    _show(client().make_checkpoint(), as_json)


@group.command("rotate-key")
def rotate_key(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False, as_json: AsJson = False
) -> None:
    """Give the device a new key; the old one signs that, and is forgotten."""
    if not yes:
        typer.confirm("Replace the key that signs this machine's log?", abort=True)
    found = client().rotate_key()
    if as_json:
        show_json(found)
    else:
        say("the new key is {new}", new=found["new"])
        say("it follows {old}, which has signed for it", old=found["old"])


def _show(found: dict[str, object], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    for line in str(found["note"]).split("\n"):
        say("{said}", said=line)
    say("key          {key}", key=found["key"])
    say("fingerprint  {fingerprint}", fingerprint=found["fingerprint"])
