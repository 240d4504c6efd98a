"""What the scripted client says to server-everything: each tool, prompt and resource, its requests to the client."""

from __future__ import annotations

from ground.scripts import call, mistakes, shake_hands
from ground.stdio import Peer


def everything(peer: Peer) -> None:
    """server-everything on 2025-11-25, from the handshake to the client's mistakes."""
    shake_hands(peer, "2025-11-25")
    peer.wait_method("roots/list")  # it comes 350 ms after the handshake: from here on the order is fixed
    peer.wait_method("notifications/message")
    peer.ask("ping")
    call(peer, "echo", message='tricky: \u2028 \x00 \\ " \x7f é 漢 😀 </script>')
    call(peer, "echo", message="long " * 40_000)
    for kind in ("error", "success", "debug"):
        call(peer, "get-annotated-message", messageType=kind, includeImage=kind == "success")
    call(peer, "get-env")
    call(peer, "get-resource-links", count=4)
    call(peer, "get-resource-reference", resourceType="Text", resourceId=2)
    call(peer, "get-resource-reference", resourceType="Blob", resourceId=3)
    call(peer, "get-structured-content", location="Chicago")
    call(peer, "get-sum", a=1e300, b=-0.1)
    call(peer, "get-sum", a="one")
    call(peer, "get-tiny-image")
    call(peer, "gzip-file-as-resource", name="a.gz", data="data:text/plain,hello", outputType="resource")
    call(peer, "gzip-file-as-resource", name="b.gz", data="data:text/plain,hello", outputType="resourceLink")
    peer.ask("resources/read", {"uri": "demo://resource/session/b.gz"})
    call(peer, "trigger-long-running-operation", {"progressToken": "p-1"}, duration=0.3, steps=3)
    call(peer, "get-roots-list")
    peer.tell("notifications/roots/list_changed")
    peer.wait_method("roots/list")
    peer.wait_method("notifications/message")
    call(peer, "trigger-sampling-request", prompt="say it", maxTokens=5)
    call(peer, "trigger-sampling-request-async", prompt="say it later")
    call(peer, "trigger-elicitation-request")
    call(peer, "trigger-elicitation-request-async")
    call(peer, "trigger-url-elicitation", url="https://example.org/a", elicitationId="e-1")
    call(peer, "trigger-url-elicitation", url="https://example.org/a", errorPath=True)
    call(peer, "toggle-simulated-logging")
    call(peer, "toggle-simulated-logging")
    everything_lists(peer)
    everything_tasks(peer)
    cancel_and_pipeline(peer)
    mistakes(peer)


def everything_lists(peer: Peer) -> None:
    """Resources, subscriptions, prompts, completions and the log level of server-everything."""
    for resource in peer.ask("resources/list")["result"]["resources"]:
        peer.ask("resources/read", {"uri": resource["uri"]})
    peer.ask("resources/templates/list")
    peer.ask("resources/read", {"uri": "demo://resource/dynamic/text/5"})
    peer.ask("resources/read", {"uri": "demo://resource/dynamic/blob/6"})
    peer.ask("resources/subscribe", {"uri": "demo://resource/dynamic/text/5"})
    call(peer, "toggle-subscriber-updates")
    peer.wait_method("notifications/resources/updated")
    call(peer, "toggle-subscriber-updates")
    peer.ask("resources/unsubscribe", {"uri": "demo://resource/dynamic/text/5"})
    peer.ask("prompts/list")
    peer.ask("prompts/get", {"name": "simple-prompt"})
    peer.ask("prompts/get", {"name": "args-prompt", "arguments": {"city": "Zürich", "state": "ZH"}})
    peer.ask("prompts/get", {"name": "completable-prompt", "arguments": {"department": "Sales", "name": "Eve"}})
    for kind in ("Text", "Blob"):
        peer.ask("prompts/get", {"name": "resource-prompt", "arguments": {"resourceType": kind, "resourceId": "9"}})
    prompt = {"type": "ref/prompt", "name": "completable-prompt"}
    peer.ask("completion/complete", {"ref": prompt, "argument": {"name": "department", "value": ""}})
    context = {"arguments": {"department": "Support"}}
    peer.ask("completion/complete", {"ref": prompt, "argument": {"name": "name", "value": "J"}, "context": context})
    template = {"type": "ref/resource", "uri": "demo://resource/dynamic/text/{resourceId}"}
    peer.ask("completion/complete", {"ref": template, "argument": {"name": "resourceId", "value": "3"}})
    peer.ask("logging/setLevel", {"level": "emergency"})
    peer.ask("logging/setLevel", {"level": "info"})


def everything_tasks(peer: Peer) -> None:
    """The task flow of 2025-11-25: a call that becomes a task, asks the user in the middle, and is fetched later."""
    started = peer.ask(
        "tools/call",
        {
            "name": "simulate-research-query",
            "arguments": {"topic": "python", "ambiguous": True},
            "task": {"ttl": 60000},
        },
    )
    uid = started["result"]["task"]["taskId"]
    peer.ask("tasks/get", {"taskId": uid})
    peer.ask("tasks/list")
    peer.ask("tasks/result", {"taskId": uid})
    peer.ask("tasks/get", {"taskId": uid})
    other = peer.ask(
        "tools/call", {"name": "simulate-research-query", "arguments": {"topic": "x"}, "task": {"ttl": 60000}}
    )
    peer.ask("tasks/cancel", {"taskId": other["result"]["task"]["taskId"]})
    peer.ask("tasks/get", {"taskId": "no-such-task"})


def cancel_and_pipeline(peer: Peer) -> None:
    """A cancelled call gets no answer; fast calls overtake a slow one; twenty calls at once all come back."""
    slow = peer.begin(
        "tools/call", {"name": "trigger-long-running-operation", "arguments": {"duration": 60, "steps": 60}}
    )
    peer.tell("notifications/cancelled", {"requestId": slow, "reason": "the user changed his mind"})
    slow = peer.begin(
        "tools/call", {"name": "trigger-long-running-operation", "arguments": {"duration": 0.5, "steps": 1}}
    )
    call(peer, "echo", message="overtakes")
    for uid in [peer.begin("tools/call", {"name": "echo", "arguments": {"message": f"n{n}"}}) for n in range(20)]:
        peer.wait_answer(uid)
    peer.wait_answer(slow)
