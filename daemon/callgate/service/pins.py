"""The pins of this machine for the local API: shown, compared, approved and forgotten on the gate's own thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from callgate.model.call import Verdict
from callgate.model.errors import CallgateError, RegistryError
from callgate.model.event import Event
from callgate.model.identity import ServerIdentity
from callgate.model.pin import Kind, lineage
from callgate.registry.pinbook import Item, PinBook
from callgate.registry.pinstore import Key, Version
from callgate.service.asker import asked_by
from callgate.service.running import Running

Json = dict[str, Any]
T = TypeVar("T")

SHOWN_MAX = 2_000
"""Definitions compared in one answer."""


class Pins:
    """What `callgate pins` asks for. Its methods block; not for the gate's own thread."""

    def __init__(self, daemon: Running, book: PinBook, named: Callable[[str], Sequence[ServerIdentity]]) -> None:
        """`named` gives the servers that a person may mean; it raises CallgateError if there are none."""
        self._daemon = daemon
        self._book = book
        self._named = named

    def overview(self) -> Json:
        """All that is pinned, by server."""

        def look() -> Json:
            servers: dict[str, list[Json]] = {}
            for key, item in self._book.items():
                servers.setdefault(key[0], []).append(self._brief(key, item))
            return {"servers": [{"server": own, "items": items} for own, items in servers.items()]}

        return self._on_gate(look)

    def compare(self, ref: str, name: str | None) -> Json:
        """What differs from what was approved: all of a server's definitions that do, or the one of that name."""
        own = self._lineage(ref)

        def look() -> Json:
            found = []
            for key, item in self._book.items(own):
                brief = self._brief(key, item)
                if name == key[2] or (name is None and brief["state"] != "approved"):
                    found.append(brief | self._texts(key, item))
            return {"server": own, "items": found[:SHOWN_MAX], "more": max(0, len(found) - SHOWN_MAX)}

        shown = self._on_gate(look)
        if name is not None and not shown["items"]:
            raise CallgateError(f"{ref} {name}", "was never listed", "`callgate pins` shows what was")
        return shown

    def approve(self, ref: str, pins: Sequence[Mapping[str, object]]) -> Json:
        """Trust these definitions, each named by kind, name and both digests, as `compare` gave them."""
        own = self._lineage(ref)
        wanted = [_wanted(own, pin) for pin in pins]

        def change() -> Json:
            done = []
            for key, pin in wanted:
                self._refuse_pinned(key)
                if not self._book.approve(key, pin):
                    raise RegistryError(f"{key[2]!r} of {own}", "is not listed in that form", "look at it again")
                done.append({"kind": key[1].value, "name": key[2]})
                detail = {"kind": key[1].value, "digest": pin[0], **asked_by()}
                self._note(Event("definition.approved", time.time_ns(), server=own, tool=key[2], detail=detail))
            return {"server": own, "approved": done}

        return self._on_gate(change)

    def forget(self, ref: str, name: str | None) -> Json:
        """Forget a server, or one name of it: its next listing is the first."""
        own = self._lineage(ref)

        def change() -> Json:
            count = self._book.forget(own, name)
            detail = {"count": count, **asked_by()}
            self._note(Event("definitions.forgotten", time.time_ns(), server=own, tool=name or "", detail=detail))
            return {"server": own, "forgotten": count}

        return self._on_gate(change)

    def facts(self) -> Json:
        """In short, for status."""

        def look() -> Json:
            held = [key for key, item in self._book.items() if self._brief(key, item)["state"] in ("ask", "deny")]
            return {"definitions": len(self._book.items()), "held": len(held)}

        return self._on_gate(look)

    def _brief(self, key: Key, item: Item) -> Json:
        last, trusted = item.last, item.trusted
        assert last is not None, "an item has a version"
        server = ServerIdentity.parse(last.server)
        verdict, reasons = self._standing(server, key, last)
        state = verdict.effect.word if verdict else "accepted" if reasons else "approved"
        return {
            "kind": key[1].value,
            "name": key[2],
            "state": state,
            "rule": verdict.rule if verdict else "",
            "reasons": reasons,
            "server": last.server,
            "short": server.short,
            "seen": last.seen,
            "versions": len(item.versions),
            "digest": last.pin.digest,
            "second": last.pin.second,
            "shape": last.pin.shape,
            "approved": trusted.pin.digest if trusted else "",
        }

    def _standing(self, server: ServerIdentity, key: Key, version: Version) -> tuple[Verdict | None, list[Json]]:
        rules, settings = self._daemon.registry.rules, self._daemon.gate.pin_rules
        change = self._book.change(server, key, version, rules)
        verdict = self._book.standing(server, key, version, rules, settings)
        return verdict, [
            {"class": reason.of.word, "text": reason.text, "quote": reason.quote} for reason in change.reasons
        ]

    def _texts(self, key: Key, item: Item) -> Json:
        last, trusted = item.last, item.trusted
        return {
            "before": self._book.store.text(key, trusted.pin) if trusted else "",
            "after": self._book.store.text(key, last.pin) if last else "",
        }

    def _refuse_pinned(self, key: Key) -> None:
        rules = self._daemon.registry.rules
        item = dict(self._book.items(key[0])).get(key)
        last = item.last if item else None
        if last and rules and rules.pins(ServerIdentity.parse(last.server), key[1]):
            what = f"the {key[1].noun} {key[2]!r} of {key[0]}"
            raise RegistryError(what, "is pinned by the registry", "ask the registry's owner to pin the new one")

    def _note(self, event: Event) -> None:
        self._daemon.gate.record(event)

    def _lineage(self, ref: str) -> str:
        if any(key[0] == ref for key, _ in self._on_gate(self._book.items)):
            return ref
        found = sorted({lineage(server) for server in self._named(ref)})
        if len(found) > 1:
            raise CallgateError(ref, f"is the name of several servers ({', '.join(found)})", "name one of these")
        return found[0]

    def _on_gate(self, job: Callable[[], T]) -> T:
        """Run `job` on the gate's thread, and return its result once what it noted is durable."""
        done: Future[T] = Future()
        came: list[T | CallgateError] = []

        def run() -> None:
            try:
                came.append(job())
            except CallgateError as error:
                came.append(error)

        def finish(durable: bool) -> None:
            result = came[0] if came and durable else RegistryError("pins", "could not be used", "see the daemon's log")
            if isinstance(result, CallgateError):
                done.set_exception(result)
            else:
                done.set_result(result)

        self._daemon.listener.submit(run, finish)
        return done.result()


def _wanted(own: str, pin: Mapping[str, object]) -> tuple[Key, tuple[str, str]]:
    values = [pin.get(field) for field in ("kind", "name", "digest", "second")]
    if not all(isinstance(value, str) for value in values) or values[0] not in set(Kind):
        raise CallgateError("request", "a pin needs kind, name, digest and second, as texts")
    kind, name, digest, second = map(str, values)
    return (own, Kind(kind), name), (digest, second)
