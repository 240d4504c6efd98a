"""`callgate registry`: the organisation's registry for its owner, and `status` for the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.cli.show import AsJson, client
from callgate.cli.text import cell, clock, console, plural, say, show_json, table

app = typer.Typer(
    name="registry",
    help="Make, sign and publish a registry; see which one this machine follows.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="The registry's folder.")]
Keys = Annotated[list[Path], typer.Option("--keys", help="Folder or file with private keys; may be repeated.")]
Secret = Annotated[int | None, typer.Option("--passphrase-fd", help="File descriptor that gives the keys' passphrase.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and do nothing.")]
Canary = Annotated[bool, typer.Option("--canary", help="For the canary ring only.")]

COLOURS = {"+": "green", "-": "red", "~": "yellow"}


@app.command()
def init(  # noqa: PLR0913 - one parameter an option, as typer reads them
    folder: Folder,
    keys: Annotated[Path, typer.Option("--keys", help="Folder for the new private keys.")],
    root_keys: Annotated[int, typer.Option(help="How many root keys.")] = 3,
    root_threshold: Annotated[int, typer.Option(help="How many of them must sign.")] = 2,
    targets_keys: Annotated[int, typer.Option(help="How many targets keys.")] = 1,
    targets_threshold: Annotated[int, typer.Option(help="How many of them must sign.")] = 1,
    timestamp_days: Annotated[int, typer.Option(help="Days until a publish must be renewed.")] = 3,
    passphrase_fd: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Make a registry and its keys."""
    from callgate.service import registry_admin as admin

    done = admin.init(
        folder,
        keys,
        admin.passphrase(os.environ, passphrase_fd),
        root=(root_keys, root_threshold),
        targets=(targets_keys, targets_threshold),
        timestamp_days=timestamp_days,
    )
    if as_json:
        show_json(done)
        return
    say("[green]●[/] registry [bold]{folder}[/], keys in {keys}", folder=done["folder"], keys=done["keys"])
    _roles(done["roles"])
    say("  move root-*.pem and targets*.pem off this machine; snapshot.pem and timestamp.pem stay where you publish")
    say("  next: callgate registry add {folder} FILE, sign, publish", folder=folder)


@app.command()
def add(  # noqa: PLR0913 - one parameter an option, as typer reads them
    folder: Folder,
    source: Annotated[Path | None, typer.Argument(help="A server.json, a list of them, or `servers --json`.")] = None,
    requests: Annotated[Path | None, typer.Option("--requests", help="Folder with machines' requests.")] = None,
    origin: Annotated[str, typer.Option("--from", help="URL of another MCP Registry (API v0.1).")] = "",
    name: Annotated[list[str] | None, typer.Option("--name", help="Take this one (NAME or NAME@VERSION).")] = None,
    every: Annotated[bool, typer.Option("--all", help="Take the latest version of all that it lists.")] = False,
    effect: Annotated[str, typer.Option("--effect", help="allow, ask or deny.")] = "allow",
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it.")] = "",
    risk: Annotated[str, typer.Option("--risk", help="low, medium, high or critical.")] = "",
    expires: Annotated[str, typer.Option("--expires", help="Last day of the approval, as 2027-01-31.")] = "",
    canary: Canary = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add servers to the document; they count once signed and published."""
    from callgate.service import registry_admin as admin

    if bool(origin) == (source is not None or requests is not None):
        raise typer.BadParameter("Name a file, a folder by --requests, or another registry by --from.")
    if bool(origin) != (bool(name) or every) or (name and every):
        raise typer.BadParameter("With --from, name servers by --name, or take all of them by --all.")
    try:
        grant = admin.grant(effect, owner=owner, risk=risk, expires=expires)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if origin:
        done = admin.import_from(folder, origin, name or [], grant, canary=canary, dry_run=dry_run)
        edited(done, folder, as_json)
        return
    edited(admin.add(folder, source, requests, grant, canary=canary, dry_run=dry_run), folder, as_json)


@app.command()
def revoke(
    folder: Folder,
    server: Annotated[str, typer.Argument(help="A name in the registry, or an identity.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take it off the list instead of denying it.")] = False,
    canary: Canary = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Deny a server in the document; it counts once signed and published."""
    from callgate.service import registry_admin as admin

    edited(admin.revoke(folder, server, remove=remove, canary=canary, dry_run=dry_run), folder, as_json)


@app.command()
def sign(
    folder: Folder, keys: Keys, passphrase_fd: Secret = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Sign what changed with the keys at hand; others may add their signatures later."""
    from callgate.service import registry_admin as admin

    done = admin.sign(folder, keys, admin.passphrase(os.environ, passphrase_fd), dry_run=dry_run)
    if as_json:
        show_json(done)
        return
    _changes(done["changes"], dry_run)
    _roles(done["roles"])
    for note in done["notes"]:
        say("[yellow]warning[/] {note}", note=note)
    missing = [one["role"] for one in done["roles"] if one["signed"] < one["threshold"]]
    if missing and not dry_run:
        say(
            "[yellow]signatures are missing[/] for {roles}: whoever holds the keys signs next", roles=", ".join(missing)
        )


@app.command()
def publish(
    folder: Folder,
    keys: Keys,
    to: Annotated[Path | None, typer.Option("--to", help="Bring this folder up to date too, in a safe order.")] = None,
    passphrase_fd: Secret = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put what is signed into public/, for any web server. Run it daily: each run renews the timestamp."""
    from callgate.service import registry_admin as admin

    done = admin.publish(folder, keys, admin.passphrase(os.environ, passphrase_fd), to, dry_run=dry_run)
    if as_json:
        show_json(done)
        return
    _changes(done["changes"], dry_run)
    if dry_run:
        say("would publish {roles}", roles=", ".join(done["staged"]) or "a new timestamp only")
        return
    versions = ", ".join(f"{role} {version}" for role, version in done["versions"].items())
    say("[green]●[/] published to [bold]{to}[/]  [dim]{versions}[/]", to=done["public"], versions=versions)
    say("  {count} in v0.1/servers for clients of the MCP Registry's API", count=plural(done["listed"], "server"))
    for why in done["unlisted"]:
        say("  [yellow]not listed there[/] {why}", why=why)


@app.command()
def rotate(
    folder: Folder,
    role: Annotated[str, typer.Argument(help="root, targets, registry, policy, canary, snapshot, timestamp")],
    keys: Annotated[Path, typer.Option("--keys", help="Folder for the new private key.")],
    drop: Annotated[list[str] | None, typer.Option("--drop", help="Id (or its start) of a key to revoke.")] = None,
    threshold: Annotated[int | None, typer.Option("--threshold", help="How many keys must sign from now on.")] = None,
    passphrase_fd: Secret = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a role a new key and revoke an old one; in force once signed and published."""
    from callgate.service import registry_admin as admin

    secret = admin.passphrase(os.environ, passphrase_fd)
    done = admin.rotate(folder, role, keys, secret, drop or [], threshold, dry_run=dry_run)
    if as_json:
        show_json(done)
        return
    if dry_run:
        gone = ", ".join(keyid[:12] for keyid in done["dropped"]) or "none"
        say("would put a new key for {role} in {key}, and revoke {gone}", role=role, key=done["key"], gone=gone)
        say("[dim]nothing was written[/]")
        return
    say("[green]●[/] {role}: new key {id} in [bold]{key}[/]", role=role, id=done["keyid"][:12], key=done["key"])
    for keyid in done["dropped"]:
        say("[red]●[/] {role}: key {id} is revoked", role=role, id=keyid[:12])
    say("  next: callgate registry sign and publish, with the keys of root (or targets) and of {role}", role=role)


@app.command()
def verify(
    place: Annotated[str, typer.Argument(help="The registry's folder, a published folder, or a URL.")],
    root: Annotated[Path | None, typer.Option("--root", help="The trusted root.json (needed for a URL).")] = None,
    canary: Canary = False,
    as_json: AsJson = False,
) -> None:
    """Look at a registry as a new machine would: signatures, expiry, and whether its rules make sense."""
    from callgate.service import registry_admin as admin

    done = admin.verify(place, root, canary=canary)
    if as_json:
        show_json(done)
        return
    count, until = plural(done["approvals"], "entry"), clock(int(done["expires"] * 10**9))
    say("[green]✓[/] {place}: {count}, signed and whole, until {until}", place=done["place"], count=count, until=until)
    _roles(done.get("roles", []), done.get("keys", {}))
    for path in done.get("unsigned", []):
        say("[yellow]not signed[/] source/{path}", path=path)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show which registry this machine follows, how old its rules are, and what is wrong."""
    found = client().status()["registry"]
    if as_json:
        show_json(found)
        return
    fresh = {"fresh": "[green]fresh[/]", "soft": "[yellow]soft stale[/]", "hard": "[red]hard stale[/]"}
    own = found["source"] == "local"
    say("source    [bold]{source}[/]", source="this machine's own registry" if own else found["source"])
    if not own:
        say("channel   {channel}", channel=found["channel"])
    versions = ", ".join(f"{role} {version}" for role, version in found["versions"].items()) or "none yet"
    say("version   {version}  [dim]{versions}[/]", version=found["version"], versions=versions)
    say("entries   {count}", count=found["approvals"])
    if found["age"] is not None and not own:
        say("age       {age}, " + fresh[found["freshness"]], age=_age(found["age"]))
    if found["expires"]:
        say("expires   {until}", until=clock(found["expires"] * 10**9))
    if found["last_error"]:
        say("[red]error[/]     {error}", error=found["last_error"])
    if found["problem"] and found["problem"] != found["last_error"]:
        say("[red]problem[/]   {problem}", problem=found["problem"])


def request(
    server: Annotated[str, typer.Argument(help="The server's name in an agent's config, or its identity.")],
    why: Annotated[str, typer.Option("--why", help="What it is needed for.")],
    as_json: AsJson = False,
) -> None:
    """Ask the registry's owner to approve a server: writes a signed file to be sent to them."""
    from callgate.service.asking import write_request

    done = write_request(os.environ, client().explain_server(server)["servers"], server, why)
    if as_json:
        show_json(done)
        return
    say("[green]●[/] asked for [bold]{identity}[/]", identity=done["identity"])
    say("  {file}", file=done["file"])
    say("  send this file to whoever keeps the registry; `callgate registry add --requests` takes it")


def edited(done: dict[str, Any], folder: Path, as_json: bool) -> None:
    """What an edit of the document changed, and what comes next."""
    if as_json:
        show_json(done)
        return
    for one in done["requests"]:
        say("[bold]{user}@{host}[/] asks for {identity}: {why}  [dim]key {key}[/]",
            **{name: one[name] for name in ("user", "host", "identity", "why", "key")})  # fmt: skip
    for why in done["skipped"]:
        say("[yellow]skipped[/] {why}", why=why)
    _changes(done["changes"], done["dry_run"])
    if done["changes"] and not done["dry_run"]:
        say("  next: callgate registry sign {folder} --keys KEYS, then publish", folder=folder)


def _changes(lines: list[str], dry_run: bool) -> None:
    for line in lines:
        say(f"[{COLOURS.get(line[:1], 'dim')}]{{change}}[/]", change=line)
    if not lines:
        say("no document changes")
    elif dry_run:
        say("[dim]nothing was written[/]")


def _roles(states: list[dict[str, Any]], keys: dict[str, list[str]] | None = None) -> None:
    if not states:
        return
    shown = table("role", "version", "signatures", "expires", "state", *(["keys"] if keys else []))
    for one in states:
        whole = one["signed"] >= one["threshold"]
        count = cell(f"{one['signed']} of {one['threshold']}", "green" if whole else "red")
        state = "not published" if one["staged"] else "published"
        state += f" ({one['why']})" if one["why"] else ""
        ids = [cell(" ".join(keyid[:12] for keyid in keys.get(one["role"], [])), "dim")] if keys else []
        when = clock(one["expires"] * 10**9).partition(".")[0]
        shown.add_row(cell(one["role"], "bold"), cell(one["version"]), count, cell(when), cell(state), *ids)
    console.print(shown)


def _age(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
