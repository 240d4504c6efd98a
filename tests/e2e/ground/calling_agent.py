"""An agent that calls without end: run as `python calling_agent.py FILE NAME COMMAND...`.

It starts the server's command, calls tools that are named NAME-1, NAME-2, ..., four at a time, and writes the name of
each answered one into FILE, `denied NAME` for a refusal. It leaves with 7 when the server's stream ends.
"""

import json
import os
import subprocess
import sys
import time

WINDOW = 4
PAUSE = 0.003
"""Seconds after each answer: without it the log of a minute would hold a million rows."""


def main() -> None:
    record = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    name, command = sys.argv[2], sys.argv[3:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin and server.stdout

    def send(message: dict) -> None:
        server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        server.stdin.flush()

    client = {"name": "calling-agent", "version": "1"}
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    try:
        send({"id": 0, "method": "initialize", "params": hello})
        server.stdout.readline()
        send({"method": "notifications/initialized"})
        count = 0
        while True:
            while count < WINDOW:
                count += 1
                send({"id": count, "method": "tools/call", "params": {"name": f"{name}-{count}", "arguments": {}}})
            line = server.stdout.readline()
            if not line:
                break
            reply = json.loads(line)
            told = (reply.get("result") or {}).get("isError") is False
            os.write(record, f"{'' if told else 'denied '}{name}-{reply['id']}\n".encode())
            time.sleep(PAUSE)
            count += 1
            send({"id": count, "method": "tools/call", "params": {"name": f"{name}-{count}", "arguments": {}}})
    except BrokenPipeError:
        pass
    os._exit(7)


main()
