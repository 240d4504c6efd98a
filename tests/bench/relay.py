"""The floor: a raw relay in plain Python that looks at nothing. Run it with `python -I -S -E relay.py CMD ARGS`.

It copies with blocking writes, so two full pipes could stop it for good; the driver never lets that happen.
"""

import sys
from posix import O_CLOEXEC, POSIX_SPAWN_DUP2, WNOHANG, close, environ, kill, pipe2, posix_spawn, read, waitpid, write
from select import POLLHUP, POLLIN, poll

CHUNK = 65536
"""Bytes of one read: a pipe holds no more, and larger buffers cost page faults."""


def main(argv: list[str]) -> int:
    """Start `argv`, copy both ways until one side ends."""
    down_r, down_w = pipe2(O_CLOEXEC)
    up_r, up_w = pipe2(O_CLOEXEC)
    actions = [(POSIX_SPAWN_DUP2, down_r, 0), (POSIX_SPAWN_DUP2, up_w, 1)]
    child = posix_spawn(argv[0], argv, environ, file_actions=actions)
    close(down_r)
    close(up_w)
    routes = {0: down_w, up_r: 1}
    ready = poll()
    for source in routes:
        ready.register(source, POLLIN)
    while True:
        for source, events in ready.poll():
            data = read(source, CHUNK) if events & (POLLIN | POLLHUP) else b""
            if not data:
                close(down_w)
                if waitpid(child, WNOHANG)[0] == 0 and source != 0:
                    kill(child, 15)
                return 0
            target = routes[source]
            done = write(target, data)
            while done < len(data):
                done += write(target, data[done:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
