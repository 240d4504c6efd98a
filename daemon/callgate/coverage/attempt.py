"""Try one way with a canary, as the agent would go it, and say what came back. Its row in the log is not looked for."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

TIME_MAX = 20.0
"""Seconds for one canary: the gate's own deadline, and a machine that is busy."""
ANSWER_MAX = 64 * 1024
"""Bytes of an answer that are looked at: a refusal has some hundred."""
MODEL_PATH = "/v1/messages"
"""Where a request to a model goes: one of the forms that the model channel reads."""
LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one canary."""

    pid: int = 0
    """The process that asked; 0 where it was not started."""
    problem: str = ""
    """Why it was not refused, as far as could be seen from here."""


def stdio(argv: Sequence[str], env: Mapping[str, str], cwd: str, name: str) -> Attempt:
    """Start a server as an agent does, call the tool `name`, and see whether that is refused."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}
    done = _run(list(argv), env, cwd, json.dumps(call).encode() + b"\n")
    if isinstance(done, str):
        return Attempt(problem=done)
    pid, code, out, err = done
    answer = _json(out.partition(b"\n")[0])
    if isinstance(answer, dict) and answer.get("method") == "tools/call":
        return Attempt(pid, "the call was let through")
    result = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(result, dict) or result.get("isError") is not True:
        return Attempt(pid, f"no refusal came back (exit code {code}): {_shown(err or out)}")
    return Attempt(pid)


def hook(
    command: str | Sequence[str], event: bytes, env: Mapping[str, str], cwd: str, deny: tuple[int, bool]
) -> Attempt:
    """Run a hook's command line, as a shell does, with an event that must be refused; `deny` is the exit code of a
    refusal, and whether it comes as JSON on stdout.
    """
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    done = _run(argv, env, cwd, event)
    if isinstance(done, str):
        return Attempt(problem=done)
    pid, code, out, err = done
    wanted, as_json = deny
    if code != wanted or (as_json and not isinstance(_json(out), dict)):
        return Attempt(pid, f"the hook did not refuse (exit code {code}): {_shown(err or out)}")
    return Attempt(pid)


def remote(address: str, name: str) -> Attempt:
    """Call the tool `name` at a loopback address of ours."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}
    headers = {"Accept": "application/json, text/event-stream", "Mcp-Method": "tools/call", "Mcp-Name": name}
    status, body, problem = _post(address, "", call, headers)
    if problem:
        return Attempt(problem=problem)
    answer = _json(body)
    result = answer.get("result") if isinstance(answer, dict) else None
    refused = isinstance(result, dict) and result.get("isError") is True
    return Attempt(os.getpid(), "" if refused else f"no refusal came back (status {status}): {_shown(body)}")


def model(address: str, name: str) -> Attempt:
    """Ask the model `name` at a loopback address of ours."""
    asked = {"model": name, "max_tokens": 1, "messages": [{"role": "user", "content": "canary"}]}
    status, body, problem = _post(address, MODEL_PATH, asked, {"anthropic-version": "2023-06-01"})
    if problem:
        return Attempt(problem=problem)
    refused = status == http.HTTPStatus.FORBIDDEN and b"(rule: canary)" in body
    return Attempt(os.getpid(), "" if refused else f"no refusal came back (status {status}): {_shown(body)}")


def _run(argv: list[str], env: Mapping[str, str], cwd: str, said: bytes) -> tuple[int, int, bytes, bytes] | str:
    """pid, exit code, stdout and stderr of a command line; or why there are none. It never outlives TIME_MAX."""
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=cwd if Path(cwd).is_dir() else "/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"{argv[0]} cannot be started ({error})"
    try:
        assert child.stdin is not None, "it was asked for"
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(said)  # less than a pipe holds
        out, err = _read(child, time.monotonic() + TIME_MAX)
        code = child.wait(1.0) if out is not None else 0
    except subprocess.TimeoutExpired:
        out, err, code = None, b"", 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # its whole group: a wrong launcher may have started more
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    return f"it did not end within {TIME_MAX:g} s, or said too much" if out is None else (child.pid, code, out, err)


def _read(child: subprocess.Popen[bytes], end: float) -> tuple[bytes | None, bytes]:
    """All that it says until it ends; None if that takes too long or is too much."""
    said = {child.stdout: bytearray(), child.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            for key, _ in ready:
                data = os.read(key.fd, ANSWER_MAX)
                said[key.fileobj] += data  # type: ignore[index]
                if not data:
                    selector.unregister(key.fileobj)
            if not ready or any(len(one) > ANSWER_MAX for one in said.values()):
                return None, b""
    return bytes(said[child.stdout]), bytes(said[child.stderr])


def _post(address: str, path: str, body: object, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
    """Status and body of a request to this machine; or what went wrong. No proxy, and nothing but this machine."""
    try:
        parts = urlsplit(address)
        if parts.scheme != "http" or parts.hostname != LOCAL or not parts.port:
            return 0, b"", f"{address[:100]} is no address of ours"
        connection = http.client.HTTPConnection(LOCAL, parts.port, timeout=TIME_MAX)
        try:
            sent = {"Content-Type": "application/json", **headers}
            connection.request("POST", parts.path.rstrip("/") + path, json.dumps(body), sent)
            response = connection.getresponse()
            return response.status, response.read(ANSWER_MAX), ""
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 0, b"", f"{address[:30]}... does not answer ({error})"


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _shown(data: bytes) -> str:
    text = data[:200].decode("utf-8", "replace").strip()
    return text if text.isprintable() else ascii(text)[1:-1]
