"""What a launch comes to under the rules in force: its identity, and what of its approval does not hold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from callgate.detect import lookalike
from callgate.discovery import installed, programs
from callgate.discovery.folders import Trees
from callgate.discovery.identify import IN_DOUBT, Identifier
from callgate.discovery.installed import Installed
from callgate.discovery.launch.read import behind_ours, read_launch
from callgate.discovery.launch.substitute import substituted
from callgate.discovery.launch.target import Launched, Package
from callgate.discovery.python_packages import program_problem
from callgate.model.call import Effect, Verdict
from callgate.model.identity import Identified, Launch, ServerIdentity
from callgate.model.startup import FileState, Instead, Startup
from callgate.policy import starting
from callgate.policy.allowlist import Allowlist, Approval
from callgate.policy.starting import SCRIPTS

SECONDS_MAX = 3.0
"""Time for the files of one launch: a shim waits five. 300 MB and 10,000 files take about one second when cold."""
NAMES_COMPARED = 8
"""Names by which one launch may call itself that are compared with those that are approved."""


class Examiner:
    """Examines launches. Safe to use from several threads."""

    def __init__(self, identifier: Identifier) -> None:
        self.identifier = identifier
        self.trees = Trees(identifier.digests)

    def examine(
        self, launch: Launch, rules: Allowlist | None, variables: Sequence[str] | None = ()
    ) -> tuple[Identified, Startup | None]:
        """What `launch` starts, and what the rules make of how it would be started (None: there are no rules).

        `variables` are the names that its entry sets (None: not known). Never raises for what lies on the machine.
        """
        own = self.identifier.own
        while (inner := behind_ours(launch.argv, own)) is not None:
            launch = replace(launch, argv=inner)
        with self.identifier.digests.noting() as seen:
            found = self.identifier.identify(launch)
            if rules is None:
                return found, None
            file = file_of(found, seen)
            startup = _Look(self, launch, rules, found, file).startup(variables)
        program = programs.find(launch.argv[0], self.identifier.place(launch)) if _is_sound(launch) else None
        started = startup.instead.server.server if startup.instead else found.server
        pinned = any(not path.startswith("/") for one in rules.launches(started) for path in one.launch.files)
        path = program.path if program else ""
        return found, replace(startup, pinned=pinned, file=file, program=path, seen=tuple(seen.items()))


class _Look:
    """One launch under one set of rules."""

    def __init__(
        self,
        examiner: Examiner,
        launch: Launch,
        rules: Allowlist,
        found: Identified,
        file: str,
    ) -> None:
        self._examiner = examiner
        self._identifier = identifier = examiner.identifier
        self._launch = launch
        self._rules = rules
        self._found = found
        self._launched = read_launch(launch.argv, identifier.own)
        self._file = file
        self._until = time.monotonic() + SECONDS_MAX

    def startup(self, variables: Sequence[str] | None) -> Startup:
        """What is to be said of it."""
        rules, server = self._rules, self._found.server
        if rules.effect(server) is not Effect.DENY:
            return Startup(rules, self._broken(server, variables))
        if rules.server(self._found).rule != "server.unapproved":
            return Startup(rules)
        versions = rules.versions(server)
        if versions and server.version is None:
            return self._exact(versions, variables)
        return Startup(rules, self._near(versions))

    def _broken(self, server: ServerIdentity, variables: Sequence[str] | None) -> Verdict | None:
        """What of the approvals of a server does not hold."""
        for approval in self._rules.launches(server):
            if refusal := self._objection(approval, variables):
                return refusal
        return None

    def _objection(self, approval: Approval, variables: Sequence[str] | None) -> Verdict | None:
        name = f"{self._found.server.short}, approved as {approval.name}"
        said = approval.launch
        if why := starting.argument_objection(said, self._launched.arguments):
            return Verdict(Effect.DENY, "server.arguments", f"{name}: {why}")
        names = None if variables is None else [*variables, *_assigned(self._launch, self._launched)]
        if why := starting.environment_objection(said, names):
            return Verdict(Effect.DENY, "server.environment", f"{name}: {why}")
        if said.files and (why := self._changed(said.files)):
            return Verdict(Effect.DENY, "server.digest", f"{name}: {why}")
        return None

    def _changed(self, pinned: Mapping[str, str]) -> str | None:
        """Which file is not as it was approved, in any place that this launch may take it from."""
        place = self._identifier.place(self._launch)
        try:
            found = installed.places(self._found, self._launched, self._file, place)
            if isinstance(found, str):
                return found
            return next((why for one in found if (why := self._changed_in(one, pinned))), None)
        except (OSError, ValueError) as error:
            return f"its files cannot be looked at ({error})"

    def _changed_in(self, one: Installed, pinned: Mapping[str, str]) -> str | None:
        if one.odd:
            return one.odd
        expected = {_path(one, name): digest for name, digest in pinned.items()}
        for path, digest in expected.items():
            if time.monotonic() > self._until:
                return f"its files could not be looked at within {SECONDS_MAX:g} s"
            if path.startswith(SCRIPTS):  # an unpacked wheel has no programs yet
                continue
            why = self._differs(path, digest, one)
            if why:
                return why
        covered = tuple(path for path in expected if path.endswith("/"))
        whole = any(not name.startswith("/") for name in pinned)  # else only single files are pinned
        for path in one.own if whole else ():
            if path not in expected and not path.startswith(covered):
                return f"{path} was added since it was approved"
        return None

    def _differs(self, path: str, digest: str, one: Installed) -> str | None:
        digests = self._identifier.digests
        try:
            if path.endswith("/"):
                now = self._examiner.trees.digest(path.rstrip("/"))
            elif one.scripts and path.startswith(one.scripts + "/"):
                if why := program_problem(path, one.scripts):
                    return why
                now = digests.of(path, without_first_line=True)
            else:
                now = digests.of(path)
        except FileNotFoundError:
            return f"{path} is missing"
        except OSError as error:
            return f"{path} cannot be read ({error.strerror or error})"
        return None if f"sha256:{now}" == digest else f"{path} was changed since it was approved"

    def _exact(self, versions: Sequence[ServerIdentity], variables: Sequence[str] | None) -> Startup:
        """A floating version: started as the approved one."""
        server, wanted = self._found.server, versions[-1]
        assert wanted.version, "only exact versions are named"
        argv = substituted(self._launch.argv, wanted.version, self._identifier.own)
        if isinstance(argv, str):
            return Startup(self._rules, self._other_version(f"and {wanted.version} cannot be put in its place: {argv}"))
        launch = replace(self._launch, argv=argv)
        with self._identifier.digests.noting() as seen:
            found = self._identifier.identify(launch)
        if found.server != wanted:
            why = f"and with {wanted.version} in its place it would be {found.server.short} ({found.evidence})"
            return Startup(self._rules, self._other_version(why))
        refusal = _Look(self._examiner, launch, self._rules, found, file_of(found, seen))._broken(wanted, variables)
        evidence = f"{found.evidence}, in the place of {server.short}"
        return Startup(self._rules, refusal, Instead(replace(found, evidence=evidence), argv))

    def _other_version(self, more: str = "") -> Verdict:
        server = self._found.server
        versions = ", ".join(one.version or "" for one in self._rules.versions(server)[-5:])
        runs = f"version {server.version}" if server.version else "whatever version is newest"
        why = f"{server.kind}:{server.name} is approved in version {versions}, not in {runs}"
        return Verdict(Effect.DENY, "server.version", f"{why}{', ' + more if more else ''}")

    def _near(self, versions: Sequence[ServerIdentity]) -> Verdict | None:
        """Of a server that is on no entry: is it one that was approved and changed, or does it look like one?"""
        if versions:
            return self._other_version()
        approved = self._rules.allowed()
        paths = {path: one for one in approved for path in one.launch.files if path.startswith("/")}
        if self._file in paths:
            name = paths[self._file].name
            why = f"{self._file} was changed since it was approved as {name}"
            return Verdict(Effect.DENY, "server.digest", why)
        if self._file and (other := lookalike.alike_paths(self._file, list(paths))):
            why = f"{self._file} resembles {other}, which is approved as {paths[other].name}, and is another file"
            return Verdict(Effect.DENY, "server.lookalike", why)
        return self._resembles(approved)

    def _resembles(self, approved: Sequence[Approval]) -> Verdict | None:
        server = self._found.server
        known = [
            lookalike.known(identity.name, str(identity))
            for approval in approved
            for identity in approval.identities
            if identity.kind in ("npm", "pypi", "oci")
        ]
        if not known:
            return None
        for name, own in self._names():
            found = lookalike.resembles(name, known)
            if found is not None:
                like, how = found
                what = f"{server.short} ({self._found.evidence})" if own else f"{server.short} calls itself {name} and"
                why = f"{what} is not approved. It resembles the approved {like.shown}: it {how}"
                return Verdict(Effect.DENY, "server.lookalike", why)
        return None

    def _names(self) -> list[tuple[str, bool]]:
        """The names under which it could be taken for another one; True for those that are its identity."""
        server = self._found.server
        if server.kind in ("npm", "pypi", "oci"):
            return [(server.name, True)]
        names: dict[str, None] = {}
        for text in self._found.also:
            try:
                names[ServerIdentity.parse(text).name] = None
            except ValueError:
                names[text] = None
        if self._file:
            parts = self._file.split("/")
            names |= dict.fromkeys([parts[-1], *parts[-2:-1]])
        return [(name, False) for name in list(names)[:NAMES_COMPARED]]


def file_of(found: Identified, seen: Mapping[str, FileState]) -> str:
    """The one file that an identity rests on, of those that were read for it; empty if it rests on none."""
    in_doubt = found.evidence.startswith(IN_DOUBT)
    return "" if in_doubt or found.server.kind != "exe" else next(iter(seen), "")


def _path(one: Installed, name: str) -> str:
    if name.startswith("/"):
        return name
    if name.startswith(SCRIPTS):
        return f"{one.scripts}/{name.removeprefix(SCRIPTS)}" if one.scripts else name
    return f"{one.root}/{name}"


def _assigned(launch: Launch, launched: Launched) -> list[str]:
    """The variables that the command line itself sets for the server: before the program, or of a container."""
    outer = launch.argv[: len(launch.argv) - len(launched.argv)]
    names = [word.partition("=")[0] for word in outer if "=" in word and not word.startswith("-")]
    if isinstance(launched.target, Package) and launched.target.kind == "oci":
        words = launched.arguments or ()
        for at, word in enumerate(words):
            if word in ("-e", "--env") and at + 1 < len(words):
                names.append(words[at + 1].partition("=")[0])
            elif word.startswith("--env="):
                names.append(word.removeprefix("--env=").partition("=")[0])
    return names


def _is_sound(launch: Launch) -> bool:
    return bool(launch.argv and launch.argv[0]) and not any("\0" in word for word in launch.argv)
