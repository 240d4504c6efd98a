"""A server that does what its arguments say, to see what the shim makes of it. Speaks just enough MCP.

Tools: `echo` gives back its arguments; `log` gives all lines that came so far; `wait` answers after `ms`; `big` answers
with `size` bytes; `raw` writes `text` as it stands; `die` exits with `code` after writing `text`; `signal` kills itself.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "wait", "big", "log")]
lock = threading.Lock()
seen = []


def write(data):
    with lock:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def send(message):
    write(json.dumps(message).encode() + b"\n")


def text(id, value):
    return {"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": value}]}}


def call(id, name, args):
    if name == "echo":
        return text(id, json.dumps(args))
    if name == "log":
        return text(id, json.dumps(seen))
    if name == "big":
        return text(id, "x" * args["size"])
    if name == "wait":
        threading.Timer(args["ms"] / 1000, lambda: send(text(id, "waited"))).start()
        return None
    if name == "raw":
        write(args["text"].encode())
        return None
    if name == "die":
        write(args.get("text", "").encode())
        os._exit(args["code"])
    if name == "signal":
        os.kill(os.getpid(), args["number"])
    return {"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": "no such tool"}}


def answer(message):
    id, method = message.get("id"), message.get("method")
    if method == "tools/call":
        return call(id, message["params"]["name"], message["params"].get("arguments", {}))
    if id is None or method is None:
        return None
    if method == "initialize":
        info = {"name": "peer", "version": "1"}
        result = {"protocolVersion": message["params"]["protocolVersion"], "capabilities": {}, "serverInfo": info}
    elif method == "tools/list":
        result = {"tools": TOOLS}
    else:
        result = {}
    return {"jsonrpc": "2.0", "id": id, "result": result}


def main():
    options = set(sys.argv[1:])
    if "stubborn" in options:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    if "grandchild" in options:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
        sys.stderr.write(f"grandchild {child.pid}\n")
    if "banner" in options:
        write(b"[info] peer is starting\n")
    if "flood" in options:
        while True:
            write(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"' + b"f" * 1000 + b'"}}\n')
    if "endless" in options:
        write(b'{"jsonrpc":"2.0","id":1,"result":{"x":"')
        while True:
            write(b"e" * 65536)
    if "deaf" in options:
        time.sleep(600)
    sys.stderr.write(f"pid {os.getpid()}\n")
    sys.stderr.flush()
    for line in sys.stdin.buffer:
        seen.append(line.decode("utf-8", "replace"))
        if not line.strip():
            continue
        message = json.loads(line)
        if isinstance(message, list):
            answers = [found for one in message if (found := answer(one)) is not None]
            if answers:
                send(answers)
        elif (found := answer(message)) is not None:
            send(found)
    if "stubborn" in options:
        time.sleep(600)


main()
