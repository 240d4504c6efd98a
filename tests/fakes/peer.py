"""A server that does what its arguments say, to see what the shim makes of it. Speaks just enough MCP.

Tools: `echo` gives back its arguments; `log` gives all lines that came so far; `wait` answers after `ms`; `big` answers
with `size` bytes; `raw` writes `text` as it stands; `die` exits with `code` after writing `text`; `signal` kills it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "wait", "big", "log")]
FOREVER = 600
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


def serve():
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


def stubborn():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def grandchild():
    sleeper = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"], stdin=subprocess.DEVNULL)
    print("grandchild", sleeper.pid, file=sys.stderr)


def banner():
    write(b"[info] peer is starting\n")


def flood():
    while True:
        write(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"' + b"f" * 1000 + b'"}}\n')


def listings():
    for _ in sys.stdin.buffer:  # the first request is answered with lists that nobody asked for
        while True:
            write(b'{"jsonrpc":"2.0","id":"other","result":{"tools":[{"name":"%s"}]}}\n' % (b"l" * 1000))


def endless():
    write(b'{"jsonrpc":"2.0","id":1,"result":{"x":"')
    while True:
        write(b"e" * 65536)


def deaf():
    time.sleep(FOREVER)


def silent():
    os.close(1)


def main():
    print("pid", os.getpid(), file=sys.stderr, flush=True)
    options = sys.argv[1:]
    for option in options:
        globals()[option]()
    serve()
    if "stubborn" in options:
        time.sleep(FOREVER)


main()
