"""Pure: table tests of a policy: one line of a CSV file = the facts of one call, and what is expected of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callgate.model.call import Call, Caller, Doing, Effect, Mode, Session
from callgate.model.identity import Identified, ServerIdentity
from callgate.policy import builtin, facts, labels
from callgate.policy.cedar import Policies
from callgate.policy.facts import Moment, Request
from callgate.policy.labels import Known
from callgate.policy.schema import ACTIONS, BUILTIN, CALL, FROM_ARGUMENTS, LAUNCH
from callgate.policy.statements import Mistake

COLUMNS = (
    "effect",
    "rule",
    "server",
    "tool",
    "arguments",
    "action",
    "argv",
    "agent",
    "proven",
    "user",
    "groups",
    "home",
    "entry",
    "approval",
    "labels",
    "bytes",
    "truncated",
    "asked",
    "does",
    "cwd",
    "mode",
    "hour",
    "weekday",
    "note",
)
"""All columns; the first line of a file names those that it has. `effect` and `server` must be among them."""
CASES_MAX = 10_000
"""Lines of one file."""
_ACTIONS = {action: action for action in ACTIONS} | {"": CALL, "call": CALL, "launch": LAUNCH, "builtin": BUILTIN}
_YES = {"no": False, "false": False, "yes": True, "true": True}


@dataclass(frozen=True, slots=True)
class Case:
    """One line: the question, and the expected answer."""

    line: int
    request: Request
    effect: Effect
    rule: str
    """Empty: any."""
    about: str
    """The call in short, for people."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A line whose expectation does not hold."""

    line: int
    about: str
    expected: str
    got: str
    reason: str


def parse(text: str) -> tuple[list[Case], list[Mistake]]:
    """The cases of a table, and what is wrong with it. Lines that are empty or begin with `#` say nothing."""
    reader = csv.reader(text.splitlines(keepends=True))
    columns: list[str] | None = None
    cases: list[Case] = []
    mistakes: list[Mistake] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if columns is None:
                columns = [cell.strip() for cell in cells]
                if problem := _columns_problem(columns):
                    return [], [Mistake(reader.line_num, problem)]
                continue
            try:
                cases.append(_case(reader.line_num, _fields(columns, cells)))
            except ValueError as error:
                mistakes.append(Mistake(reader.line_num, str(error)))
            if len(cases) > CASES_MAX:
                return [], [Mistake(reader.line_num, f"there are more than {CASES_MAX:,} cases: split the file")]
    except csv.Error as error:
        mistakes.append(Mistake(reader.line_num, f"is not CSV ({error})"))
    if columns is None and not mistakes:
        mistakes.append(Mistake(0, "the file has no line that names the columns"))
    elif not cases and not mistakes:
        mistakes.append(Mistake(0, "the file has no case"))
    return cases, mistakes


def failures(policies: Policies, cases: list[Case]) -> list[Failure]:
    """The cases whose expectation does not hold."""
    found = []
    for case in cases:
        verdict = policies.judge(case.request).verdict
        if verdict.effect is not case.effect or case.rule not in ("", verdict.rule):
            expected = f"{case.effect.word} by {case.rule}" if case.rule else case.effect.word
            got = f"{verdict.effect.word} by {verdict.rule}"
            found.append(Failure(case.line, case.about, expected, got, verdict.reason))
    return found


def _columns_problem(columns: list[str]) -> str | None:
    if unknown := [name for name in columns if name not in COLUMNS]:
        return f"unknown column {unknown[0]!r}: known are {', '.join(COLUMNS)}"
    if twice := [name for name in COLUMNS if columns.count(name) > 1]:
        return f"the column {twice[0]!r} is there twice"
    missing = [name for name in ("effect", "server") if name not in columns]
    return f"the column {missing[0]!r} is missing" if missing else None


def _fields(columns: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        raise ValueError(f"has {len(cells)} cells where the first line names {len(columns)} columns")
    return dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(columns, cells, strict=True)}


def _case(line: int, said: Mapping[str, str]) -> Case:
    action = _ACTIONS.get(said["action"], "")
    if not action:
        raise ValueError(f"unknown action {said['action']!r}: expected call, builtin or launch")
    if action == LAUNCH and (said["tool"] or said["arguments"]):
        raise ValueError("a launch has neither tool nor arguments")
    if action != LAUNCH and not said["tool"]:
        raise ValueError("a call needs a tool")
    session = _session(said)
    mode = Mode(said["mode"] or Mode.ENFORCE)
    moment = Moment(_number(said, "hour", 12, 0, 23), _number(said, "weekday", 1, 1, 7))
    if action == LAUNCH:
        argv = _json(said, "argv", list, [])
        request = facts.of_launch(session, [str(word) for word in argv], said["approval"], mode, moment)
        about = f"launch of {said['server']}"
    else:
        request = _call(session, said, action, mode, moment)
        about = f"{said['server']} › {said['tool']} {said['arguments']}".strip()
    return Case(line, request, Effect.of(said["effect"]), _rule(said["rule"]), said["note"] or about)


def _call(session: Session, said: Mapping[str, str], action: str, mode: Mode, moment: Moment) -> Request:
    arguments = _json(said, "arguments", dict, {})
    size = _number(said, "bytes", len(said["arguments"]), 0, 2**53)
    truncated = _yes(said, "truncated", otherwise=False)
    deed = None
    if action == BUILTIN:
        deed = builtin.look(Doing(said["does"] or Doing.OTHER), arguments, said["cwd"], said["home"])
    asked = said["asked"] or "unknown"
    if asked not in ("yes", "no", "unknown"):
        raise ValueError(f"`asked` must be yes, no or unknown, not {asked!r}")
    call = Call("", session, "tools/call", said["tool"], arguments, size, truncated, deed=deed, asked_by_model=asked)
    known = Known(said["approval"], labels.parse(said["labels"]))
    return facts.of_call(call, known, mode, moment, FROM_ARGUMENTS)


def _session(said: Mapping[str, str]) -> Session:
    caller = Caller(
        0,
        0,
        said["agent"] or None,
        "by the table",
        "",
        proven=_yes(said, "proven", otherwise=True) and bool(said["agent"]),
        user=said["user"],
        groups=tuple(said["groups"].split()),
        home=said["home"],
    )
    return Session("", caller, Identified(ServerIdentity.parse(said["server"]), "by the table"), said["entry"])


def _rule(text: str) -> str:
    """A policy's id alone stands for its rule."""
    return text if not text or text.startswith(("policy:", "policy.")) else f"policy:{text}"


def _yes(said: Mapping[str, str], name: str, *, otherwise: bool) -> bool:
    if not said[name]:
        return otherwise
    try:
        return _YES[said[name].lower()]
    except KeyError:
        raise ValueError(f"`{name}` must be yes or no, not {said[name]!r}") from None


def _number(said: Mapping[str, str], name: str, otherwise: int, low: int, high: int) -> int:
    text = said[name]
    if not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or not low <= int(text[:20]) <= high:
        raise ValueError(f"`{name}` must be a number from {low} to {high}, not {text!r}")
    return int(text)


def _json(said: Mapping[str, str], name: str, kind: type, otherwise: Any) -> Any:
    if not said[name]:
        return otherwise
    try:
        found = json.loads(said[name])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"`{name}` is not JSON ({error})") from None
    if not isinstance(found, kind):
        raise ValueError(f"`{name}` must be a JSON {'object' if kind is dict else 'list'}")
    return found
