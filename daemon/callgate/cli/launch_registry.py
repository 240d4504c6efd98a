"""`callgate registry launch`: approve the server that a command starts, and how it may be started."""

from __future__ import annotations

from typing import Annotated

import typer

from callgate.cli.registry import Canary, DryRun, Folder, edited
from callgate.cli.show import AsJson


def launch(  # noqa: PLR0913 - one parameter an option, as typer reads them
    folder: Folder,
    command: Annotated[list[str], typer.Argument(help="After `--`: the command that starts the server.")],
    files: Annotated[bool, typer.Option("--files", help="Pin the files of its package as they lie here.")] = False,
    dependencies: Annotated[
        bool, typer.Option("--dependencies", help="Pin the packages that it needs, too: for machines set up alike.")
    ] = False,
    arguments: Annotated[bool, typer.Option("--arguments", help="Allow only the arguments of this command.")] = False,
    environment: Annotated[
        list[str] | None, typer.Option("--environment", help="A variable that may be set for it; may be repeated.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call it in the registry.")] = "",
    effect: Annotated[str, typer.Option("--effect", help="allow, ask or deny.")] = "allow",
    canary: Canary = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Approve the server that a command starts, as it is installed here; it counts once signed and published."""
    from callgate.service import registry_admin as admin
    from callgate.service.installation import Wanted

    try:
        grant = admin.grant(effect)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    wanted = Wanted(files, dependencies, arguments, tuple(environment) if environment is not None else None)
    edited(admin.add_launch(folder, command, wanted, grant, name=name, canary=canary, dry_run=dry_run), folder, as_json)
