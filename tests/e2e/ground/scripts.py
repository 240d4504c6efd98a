"""What the scripted client says to the smaller real servers: every tool they have, and what clients get wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ground.stdio import Message, Peer

CLIENT = {"name": "callgate-tests", "version": "1.0"}
CAPABILITIES = {
    "roots": {"listChanged": True},
    "sampling": {},
    "elicitation": {"form": {}, "url": {}},
    "tasks": {"requests": {"sampling": {"createMessage": {}}, "elicitation": {"create": {}}}},
}
STATELESS = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {"roots": {}, "elicitation": {"form": {}}},
}
SAMPLED = {
    "role": "assistant",
    "content": {"type": "text", "text": "sampled ✓"},
    "model": "scripted",
    "stopReason": "endTurn",
}
FILLED = {"action": "accept", "content": {"name": "Ada Lovelace", "check": True, "integer": 7, "number": 2.5}}


class Client:
    """The scripted client's answers to what a server asks of it; tasks it was given finish at the first look."""

    def __init__(self) -> None:
        self.tasks: dict[str, Message] = {}
        self.elicit: Message = FILLED

    def __call__(self, request: Message) -> Message:
        method, params = request["method"], request.get("params") or {}
        if method == "ping":
            return {"result": {}}
        if method == "roots/list":
            return {"result": {"roots": [{"uri": "file:///srv/one", "name": "One"}, {"uri": "file:///srv/two"}]}}
        if method in ("sampling/createMessage", "elicitation/create"):
            result = SAMPLED if method.startswith("sampling") else self.elicit
            return {"result": self._later(result) if "task" in params else result}
        if method == "tasks/get":
            return {"result": self._task(params["taskId"], "completed")}
        if method == "tasks/result":
            return {"result": self.tasks[params["taskId"]]}
        return {"error": {"code": -32601, "message": f"the scripted client knows no {method}"}}

    def _later(self, result: Message) -> Message:
        uid = f"client-task-{len(self.tasks) + 1}"
        self.tasks[uid] = result
        return {"task": self._task(uid, "working")}

    @staticmethod
    def _task(uid: str, status: str) -> Message:
        moment = "2026-01-01T00:00:00Z"
        return {
            "taskId": uid,
            "status": status,
            "ttl": 60000,
            "pollInterval": 50,
            "createdAt": moment,
            "lastUpdatedAt": moment,
        }


def call(peer: Peer, tool: str, meta: Message | None = None, **arguments: Any) -> Message:
    """One tools/call, waited for."""
    params: Message = {"name": tool, "arguments": arguments}
    return peer.ask("tools/call", params | ({"_meta": meta} if meta else {}))


def shake_hands(peer: Peer, version: str) -> Message:
    """The handshake of the 2024 and 2025 versions, then the tool list."""
    peer.ask("initialize", {"protocolVersion": version, "capabilities": CAPABILITIES, "clientInfo": CLIENT})
    peer.tell("notifications/initialized")
    return peer.ask("tools/list")


def mistakes(peer: Peer) -> None:
    """What clients get wrong: the server's error must come back as the server wrote it."""
    call(peer, "no-such-tool", x=1)
    peer.ask("no/such/method", {"deep": [[[[{"a": None}]]]]})
    peer.ask("resources/read", {"uri": "nowhere://at/all"})
    peer.ask("prompts/get", {"name": "no-such-prompt"})
    peer.tell("notifications/nobody-knows", {"x": 1})
    peer.send(b'{"jsonrpc":"2.0","id":4711,"method":"ping"}\r\n')
    peer.wait(lambda m: m.get("id") == 4711, "the answer to a line that ends with CR LF")
    peer.send('{ "method" : "ping", "jsonrpc":"2.0" , "id":"\\u00e9 é \\ud83d\\ude00" }\n'.encode())
    peer.wait(lambda m: m.get("id") == "é é 😀", "the answer to an id that is not ASCII")


def filesystem(peer: Peer, room: Path) -> None:
    """server-filesystem on 2025-06-18: all tools in a scratch folder, and what it must refuse."""
    shake_hands(peer, "2025-06-18")
    peer.wait_method("roots/list")
    a, b = str(room / "a.txt"), str(room / "sub" / "b é.md")
    call(peer, "list_allowed_directories")
    call(peer, "write_file", path=a, content="one\ntwo\nthree\n")
    call(peer, "create_directory", path=str(room / "sub" / "deep"))
    call(peer, "move_file", source=a, destination=b)
    call(peer, "write_file", path=a, content="x" * 100_000)
    call(peer, "read_file", path=b, head=1)
    call(peer, "read_text_file", path=b, tail=2)
    call(peer, "read_text_file", path=a)
    call(peer, "read_media_file", path=str(room / "dot.png"))
    call(peer, "read_multiple_files", paths=[a, b, str(room / "missing")])
    for dry in (True, False):
        call(peer, "edit_file", path=b, edits=[{"oldText": "two", "newText": "zwei"}], dryRun=dry)
    call(peer, "list_directory", path=str(room))
    call(peer, "list_directory_with_sizes", path=str(room), sortBy="size")
    call(peer, "directory_tree", path=str(room))
    call(peer, "search_files", path=str(room), pattern="**/*.md")
    call(peer, "get_file_info", path=b)
    call(peer, "read_text_file", path="/etc/hostname")
    call(peer, "read_text_file", path=str(room / ".." / "outside"))
    mistakes(peer)


def memory(peer: Peer) -> None:
    """server-memory on 2024-11-05: a small graph is made, read, searched, and taken apart."""
    shake_hands(peer, "2024-11-05")
    people = [{"name": n, "entityType": "person", "observations": [f"{n} is here"]} for n in ("Ada", "Grace", "Zoë")]
    call(peer, "create_entities", entities=people)
    call(peer, "create_relations", relations=[{"from": "Ada", "to": "Grace", "relationType": "knows"}])
    call(peer, "add_observations", observations=[{"entityName": "Ada", "contents": ["likes engines"]}])
    call(peer, "add_observations", observations=[{"entityName": "Nobody", "contents": ["?"]}])
    for resource in peer.ask("resources/list")["result"]["resources"]:
        peer.ask("resources/read", {"uri": resource["uri"]})
    call(peer, "read_graph")
    call(peer, "search_nodes", query="engine")
    call(peer, "open_nodes", names=["Grace", "Zoë"])
    call(peer, "delete_observations", deletions=[{"entityName": "Ada", "observations": ["likes engines"]}])
    call(peer, "delete_relations", relations=[{"from": "Ada", "to": "Grace", "relationType": "knows"}])
    call(peer, "delete_entities", entityNames=["Ada"])
    call(peer, "read_graph")
    mistakes(peer)


def git(peer: Peer, room: Path) -> None:
    """mcp-server-git on 2025-03-26: all tools in a scratch repository with fixed dates, so that hashes repeat."""
    shake_hands(peer, "2025-03-26")
    repo = str(room)
    (room / "new.txt").write_text("new\n")
    (room / "first.txt").write_text("first, changed\n")
    call(peer, "git_status", repo_path=repo)
    call(peer, "git_diff_unstaged", repo_path=repo, context_lines=1)
    call(peer, "git_add", repo_path=repo, files=["new.txt", "first.txt"])
    call(peer, "git_diff_staged", repo_path=repo)
    call(peer, "git_reset", repo_path=repo)
    call(peer, "git_add", repo_path=repo, files=["new.txt"])
    call(peer, "git_commit", repo_path=repo, message="second: ✓")
    call(peer, "git_create_branch", repo_path=repo, branch_name="side")
    call(peer, "git_branch", repo_path=repo, branch_type="all")
    call(peer, "git_checkout", repo_path=repo, branch_name="side")
    call(peer, "git_log", repo_path=repo, max_count=2)
    call(peer, "git_show", repo_path=repo, revision="HEAD")
    call(peer, "git_diff", repo_path=repo, target="HEAD~1")
    call(peer, "git_show", repo_path=repo, revision="--output=x")
    call(peer, "git_status", repo_path="/nowhere")
    mistakes(peer)


def time_with_handshake(peer: Peer) -> None:
    """mcp-server-time on 2025-11-25."""
    shake_hands(peer, "2025-11-25")
    call(peer, "get_current_time", timezone="Etc/UTC")
    call(peer, "convert_time", source_timezone="Asia/Tokyo", time="16:30", target_timezone="Etc/UTC")
    call(peer, "convert_time", source_timezone="Nowhere/Land", time="99:99", target_timezone="Etc/UTC")
    mistakes(peer)


def time_stateless(peer: Peer) -> None:
    """mcp-server-time on 2026-07-28, as Claude Code opens it: a probe and a handshake in flight, then no session."""
    probe = peer.begin("server/discover", {"_meta": STATELESS})
    refused = peer.begin("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT})
    peer.wait_answer(probe)
    peer.wait_answer(refused)
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list", "server/discover"):
        peer.ask(method, {"_meta": STATELESS})
    call(peer, "get_current_time", STATELESS, timezone="Etc/UTC")
    call(peer, "convert_time", STATELESS, source_timezone="Asia/Tokyo", time="16:30", target_timezone="Etc/UTC")
    call(peer, "convert_time", STATELESS, source_timezone="Nowhere/Land", time="16:30", target_timezone="Etc/UTC")
    call(peer, "no-such-tool", STATELESS)
    call(peer, "get_current_time", {"progressToken": 1}, timezone="Etc/UTC")  # the required fields are missing
    peer.ask("tools/list", {"_meta": STATELESS | {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}})
    peer.ask("subscriptions/listen", {"_meta": STATELESS, "notifications": {"toolsListChanged": True}})
    peer.ask("server/discover", {"_meta": STATELESS})


def modern(peer: Peer) -> None:
    """Our server on the SDK, on 2026-07-28: calls that stop for input and go on, progress, a stream of changes."""
    peer.ask("server/discover", {"_meta": STATELESS})
    peer.ask("tools/list", {"_meta": STATELESS})
    able = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}
    meta = STATELESS | {"io.modelcontextprotocol/clientCapabilities": able}
    listen = peer.begin("subscriptions/listen", {"_meta": meta, "notifications": {"toolsListChanged": True}})
    peer.wait_method("notifications/subscriptions/acknowledged")
    for tool, answers in (
        ("ship", {"action": "accept", "content": {"city": "Z\u00fcrich", "express": True}}),
        ("ship", {"action": "decline"}),
        ("ship", {"action": "accept", "content": {"town": 7}}),
        ("recite", None),
    ):
        asked = call(peer, tool, meta, what="a book")["result"]
        sampled, rooted = Client()({"method": "sampling/createMessage"}), Client()({"method": "roots/list"})
        given = {
            key: answers or (rooted if request["method"] == "roots/list" else sampled)["result"]
            for key, request in asked["inputRequests"].items()
        }
        again = {"name": tool, "arguments": {"what": "a book"}, "inputResponses": given, "_meta": meta}
        peer.ask("tools/call", again | {"requestState": asked["requestState"]})
        peer.ask("tools/call", again | {"requestState": asked["requestState"][:-4] + "AAAA"})
    call(peer, "ship", STATELESS | {"io.modelcontextprotocol/clientCapabilities": {}}, what="a book")
    call(peer, "walk", meta | {"progressToken": 7}, steps=3)
    call(peer, "grow", meta)
    peer.wait_method("notifications/tools/list_changed")
    peer.tell("notifications/cancelled", {"requestId": listen, "_meta": meta})
    peer.ask("tools/list", {"_meta": meta})
    call(peer, "added", meta)
    peer.ask("resources/read", {"uri": "modern://note", "_meta": meta})
    peer.ask("prompts/get", {"name": "ask", "arguments": {"topic": "gates"}, "_meta": meta})
