"""Which call started a process: by ancestry below a shim, else by time and the words of its command line."""

from __future__ import annotations

from callgate.evidence.causes import Calls
from callgate.evidence.tree import Node, Root, Tie
from callgate.model.event import Event

SECOND = 10**9
ROOT = Root(10, 1.0, "some", "", "s-1")
AGENT = Node(10, 1.0, 1, ROOT, Tie.ROOT, "/bin/some", ("some",), 0, 0, True)


def node(pid: int, at: float, *argv: str, parent: int = 10) -> Node:
    return Node(pid, at, parent, ROOT, Tie.CHILD, f"/bin/{argv[0]}", argv, 0, int(at * SECOND))


def asked(
    uid: str, at: float, *programs: str, does: str = "shell", session: str = "s-1", effect: str = "allow"
) -> Event:
    detail = {"channel": "hook", "does": does, "programs": list(programs)}
    return Event("call.asked", int(at * SECOND), uid=uid, session=session, tool="Bash", effect=effect, detail=detail)


def answered(uid: str, at: float) -> Event:
    return Event("call.answered", int(at * SECOND), uid=uid)


def calls(*events: Event) -> Calls:
    made = Calls()
    made.take(events)
    return made


def test_a_process_belongs_to_the_one_call_that_ran_when_it_began() -> None:
    made = calls(asked("a", 1), answered("a", 2), asked("b", 3))
    found = made.of(node(11, 3.5, "sh", "-c", "x"), [AGENT], False)
    assert (found.kind, found.uid, found.by) == ("call", "b", "time")
    assert made.of(node(12, 1.5, "sh"), [AGENT], False).uid == "a"
    assert made.of(node(13, 2.5, "sh"), [AGENT], False).kind == "agent"


def test_of_two_calls_at_once_the_words_decide_and_else_none_is_named() -> None:
    made = calls(asked("a", 1, "git"), asked("b", 1.1, "npm"))
    found = made.of(node(11, 2, "bash", "-c", "cd x && npm test"), [AGENT], False)
    assert (found.uid, found.by) == ("b", "time and words")
    unclear = made.of(node(12, 2, "bash"), [AGENT], False)
    assert (unclear.uid, unclear.by) == ("", "time, one of 2 calls")


def test_what_a_shell_starts_later_is_of_the_call_that_started_the_shell() -> None:
    made = calls(asked("a", 1), answered("a", 2), asked("b", 5))
    shell = node(11, 1.5, "bash")
    assert made.of(node(12, 6, "sleep", parent=11), [shell, AGENT], False).uid == "a"


def test_refused_calls_other_sessions_and_tools_that_run_nothing_start_nothing() -> None:
    made = calls(asked("a", 1, effect="deny"), asked("b", 1, session="s-2"), asked("c", 1, does="read"))
    assert made.of(node(11, 2, "sh"), [AGENT], False).kind == "agent"


def test_below_a_shim_that_the_gate_has_met_it_is_its_server() -> None:
    launched = Event("server.launched", 2 * SECOND, session="s-1", entry="files", server="npm:f@1", detail={"pid": 20})
    call = Event("call.asked", 4 * SECOND, uid="m", session="s-1", entry="files", tool="read", effect="allow")
    made = calls(launched, call)
    shim, server = node(20, 1.9, "python3"), node(21, 2.1, "node", parent=20)
    assert made.of(shim, [AGENT], False).kind == "shim"
    found = made.of(server, [shim, AGENT], False)
    assert (found.kind, found.entry, found.server, found.uid) == ("server", "files", "npm:f@1", "")
    assert made.of(node(22, 4.5, "git", parent=21), [server, shim, AGENT], False).uid == "m"


def test_a_later_process_with_a_shims_pid_is_no_shim() -> None:
    made = calls(Event("server.launched", SECOND, entry="files", detail={"pid": 20}))
    assert made.of(node(20, 9, "sh"), [AGENT], False).kind == "agent"


def test_a_hook_is_a_hook() -> None:
    assert calls(asked("a", 1)).of(node(11, 1.5, "python3"), [AGENT], True).kind == "hook"
