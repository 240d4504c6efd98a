"""All commands of `callgate`, in the order of the help page."""

from __future__ import annotations

import typer
from typer.exceptions import Abort, Exit, TyperException

from callgate import __version__
from callgate.cli import (
    approve,
    checkpoint,
    control,
    doctor,
    evidence,
    export,
    launch_registry,
    model,
    native,
    pin_registry,
    pins,
    policy,
    registry,
    session,
    show,
    verify,
    witness,
)
from callgate.cli.coverage import coverage
from callgate.cli.demo.story import demo
from callgate.cli.findings import findings
from callgate.cli.harmless import clean
from callgate.cli.log import log
from callgate.cli.report import report
from callgate.cli.tree import tree
from callgate.cli.usage import usage

USAGE = 2
"""Exit code of a wrong command line."""

app = typer.Typer(
    name="callgate",
    help="One gate in front of every tool call of the coding agents on this machine.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for function in (
    control.up,
    control.down,
    demo,
    show.status,
    show.agents,
    show.servers,
    log,
    session.session,
    show.explain,
    verify.verify,
    tree,
    findings,
    usage,
    report,
    evidence.evidence,
    coverage,
    doctor.doctor,
    control.allow,
    control.deny,
    approve.approve,
    registry.request,
    control.discover,
    control.wrap,
    control.unwrap,
):
    app.command()(function)
registry.app.command()(launch_registry.launch)
registry.app.command()(pin_registry.pin)
registry.app.command()(pin_registry.review)
app.add_typer(registry.app)
app.add_typer(policy.group)
app.add_typer(pins.group)
app.add_typer(export.group)
app.add_typer(native.group)
app.add_typer(checkpoint.group)
app.add_typer(model.group)
app.add_typer(witness.group)


@app.command()
def shim() -> None:
    """Put a stdio server behind the gate: callgate shim [--name NAME] -- COMMAND [ARGUMENTS]."""
    # The command itself is taken before the imports of this module: see main.py. This is its line in the help page.


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and leave.", is_eager=True),
) -> None:
    """One gate in front of every tool call of the coding agents on this machine."""
    if version:
        typer.echo(f"callgate {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run_app(argv: list[str]) -> int:
    """Run one command. Returns its exit code; a wrong command line is one line on stderr and exit code 2."""
    command = typer.main.get_command(app)
    try:
        return int(command.main(argv, prog_name="callgate", standalone_mode=False) or 0)
    except TyperException as error:
        typer.echo(f"callgate: {clean(error.format_message())} See `callgate --help`.", err=True)
        return USAGE
    except Exit as ended:
        return ended.exit_code
    except Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit:  # how the library ends when the reader of the output has gone
        raise BrokenPipeError from None
