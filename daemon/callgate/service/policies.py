"""Policies for people: read, checked, tested, replayed over the log, put in force, suspended."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from callgate.audit.store import Reader
from callgate.model.call import Caller, Session
from callgate.model.errors import FileRefusedError, PolicyError
from callgate.model.event import Event
from callgate.model.identity import Identified
from callgate.model.inventory import Entry
from callgate.policy import facts, table
from callgate.policy.cedar import Policies
from callgate.policy.compiling import compile_policies, unpermitted
from callgate.policy.replay import Replayed
from callgate.policy.statements import TEXT_MAX
from callgate.service.asker import asked_by
from callgate.service.registrar import Registrar
from callgate.service.rehearsal import fear, moment, rehearse
from callgate.service.running import Running
from callgate.settings import load
from callgate.system.accounts import account
from callgate.system.files import read_capped
from callgate.system.paths import folders

Json = dict[str, Any]

TABLE_MAX = 8 * 1024 * 1024
"""Bytes of a table of tests."""


def check(path: Path) -> Json:
    """The policies of a file, or the mistakes in it. Raises PolicyError if it cannot be read."""
    found = compile_policies(_read(path, TEXT_MAX * 4))
    if isinstance(found, tuple):
        mistakes = [{"line": mistake.line, "problem": mistake.problem} for mistake in found]
        return {"file": str(path), "policies": [], "mistakes": mistakes, "notes": []}
    return {"file": str(path), "policies": _listed(found), "mistakes": [], "notes": _notes(found)}


def test(env: Mapping[str, str], path: Path, policy: Path | None) -> Json:
    """Run the table tests of a file against a policy file, else against the policy in force. Raises PolicyError."""
    policies = _compiled(policy) if policy is not None else _in_force(env)
    cases, mistakes = table.parse(_read(path, TABLE_MAX))
    if mistakes:
        raise PolicyError(str(path), "; ".join(str(mistake) for mistake in mistakes[:5]), "see docs/policy.md")
    failed = [
        {"line": one.line, "about": one.about, "expected": one.expected, "got": one.got, "reason": one.reason}
        for one in table.failures(policies, cases)
    ]
    return {"file": str(path), "cases": len(cases), "failed": failed}


def replay(env: Mapping[str, str], path: Path, last: int, since: int) -> Json:
    """What the policy in a file would have changed in the log's last questions. Raises PolicyError, AuditError."""
    where = folders(env)
    registry = Registrar(where, load(where.settings).registry)
    registry.peek()
    return replayed(rehearse(Reader(where.audit), registry.rules, _compiled(path), last, since))


def replayed(found: Replayed) -> Json:
    """A replay as the local API gives it."""
    return {
        "questions": found.questions,
        "denied_earlier": found.earlier,
        "unread": found.unread,
        "partial": found.partial,
        "before": dict(found.before),
        "after": dict(found.after),
        "changed": [
            {"before": before, "after": after, "rule": rule, "count": count}
            for (before, after, rule), count in found.changed.most_common()
        ],
        "changes": [
            {
                "seq": one.seq,
                "agent": one.agent,
                "entry": one.entry,
                "tool": one.tool,
                "before": one.before.word,
                "after": one.after.word,
                "rule": one.rule,
                "reason": one.reason,
            }
            for one in found.changes
        ],
    }


def describe(daemon: Running) -> Json:
    """The policy in force on this machine."""
    found = daemon.registry.policies
    return {
        "source": daemon.registry.facts()["source"],
        "policies": _listed(found) if found is not None else [],
        "notes": _notes(found) if found is not None else [],
        "suspended": daemon.break_glass.state,
        "mode": daemon.settings.mode.value,
    }


def explain(daemon: Running, found: Identified, entries: Sequence[Entry]) -> list[Json]:
    """What the policy in force makes of a launch of this server now, by each agent that has an entry for it."""
    in_force, rules = daemon.registry.policies, daemon.registry.rules
    if in_force is None or rules is None:
        return []
    who, now = account(os.getuid()), moment(time.time_ns())
    known, mode = rules.known(found.server), daemon.settings.mode
    said = []
    for agent, entry in {entry.agent: entry for entry in entries}.items():
        caller = Caller(os.getuid(), 0, agent, "as you ask", "", True, who.name, who.groups, who.home)
        session = Session("", caller, found, entry.name)
        verdict = in_force.judge(facts.of_launch(session, entry.argv, known.approval, mode, now)).verdict
        said.append({"agent": agent, "effect": verdict.effect.word, "rule": verdict.rule, "reason": verdict.reason})
    return said


def put(daemon: Running, file: str | None, force: bool) -> Json:
    """Put the policy in a file in force, or (None) remove the one that is. Raises PolicyError, RegistryError.

    A policy that would deny all that was let through lately is refused, unless `force` says that this is meant.
    """
    before = len(daemon.registry.policies.policies) if daemon.registry.policies else 0
    if file is None:
        daemon.registry.set_policy(None)
        _tell(daemon, {"policies": 0, "before": before})
        return {"policies": 0, "before": before, "replay": None, "notes": []}
    text = _read(Path(file), TEXT_MAX * 4)
    candidate = _compiled(Path(file), text)
    found = rehearse(daemon.reader, daemon.registry.rules, candidate)
    if (feared := fear(candidate, found)) and not force:
        raise PolicyError(file, feared, "`--force` puts it in force all the same")
    daemon.registry.set_policy(text.encode())
    _tell(daemon, {"policies": len(candidate.policies), "before": before, "file": file})
    return {
        "policies": len(candidate.policies),
        "before": before,
        "replay": replayed(found),
        "notes": _notes(candidate),
    }


def suspend(daemon: Running, minutes: int, why: str) -> Json:
    """Break-glass: suspend the policy for some minutes; 0 ends that. Raises CallgateError."""
    if not minutes:
        return {"ended": daemon.break_glass.end(), "suspended": None}
    if daemon.registry.policies is None:
        raise PolicyError("break-glass", "there is no policy in force that it could suspend")
    most = daemon.registry.options.break_glass_minutes
    return {"ended": False, "suspended": daemon.break_glass.begin(minutes, why, most)}


def standing(daemon: Running) -> list[str]:
    """That the policy is suspended, for people who ask what is wrong; empty if it holds."""
    now = daemon.break_glass.state
    if now is None:
        return []
    until = datetime.datetime.fromtimestamp(now["until"] / 10**9)
    why = f"the policy is suspended until {until:%H:%M:%S} ({now['why']})"
    return [f"{why}; `callgate policy break-glass --minutes 0` ends that"]


def _tell(daemon: Running, detail: Json) -> None:
    daemon.record([Event("policy.changed", time.time_ns(), detail={**detail, **asked_by()})])


def _in_force(env: Mapping[str, str]) -> Policies:
    where = folders(env)
    registry = Registrar(where, load(where.settings).registry)
    registry.peek()
    if registry.policies is None:
        raise PolicyError("policy", "there is none in force on this machine", "name one by --policy FILE")
    return registry.policies


def _compiled(path: Path, text: str | None = None) -> Policies:
    found = compile_policies(_read(path, TEXT_MAX * 4) if text is None else text)
    if isinstance(found, tuple):
        told = "; ".join(str(mistake) for mistake in found[:5])
        raise PolicyError(str(path), told, f"`callgate policy check {path}` lists all that is wrong")
    return found


def _read(path: Path, limit: int) -> str:
    try:
        return read_capped(path, limit).decode()
    except FileNotFoundError as error:
        raise PolicyError(str(path), "does not exist") from error
    except FileRefusedError as error:
        raise PolicyError(error.thing, error.problem) from error
    except UnicodeDecodeError as error:
        raise PolicyError(str(path), "is not UTF-8", "save it as UTF-8") from error


def _listed(policies: Policies) -> list[Json]:
    return [
        {"id": one.id, "kind": "permit" if one.permits else "forbid", "effect": one.effect, "reason": one.reason}
        | {"line": one.line}
        for one in policies.policies
    ]


def _notes(policies: Policies) -> list[str]:
    return [f"no policy permits {action}: all of them would be denied" for action in unpermitted(policies)]
