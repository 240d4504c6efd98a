"""A daemon reduced to its log, for tests that kill it: commits batches and prints the last durable row after each."""

import sys
from pathlib import Path

from callgate.audit.payload import Kept
from callgate.audit.store import Writer
from callgate.model.event import Event
from callgate.settings import Durability

HOUR = 3600 * 10**9


def main(path: str, durability: str, seed: int, tidy: int = 31) -> None:
    writer = Writer.open(Path(path), Durability(durability))
    print("findings", *writer.findings, flush=True)
    turn = seed
    while True:
        turn += 1
        for n in range(1 + turn % 7):
            kept = Kept("d" * 64, 100, '{"a":"' + "b" * (turn % 1000) + '"}', salt=b"s" * 16) if n % 2 else None
            last = writer.append(Event("call.asked", turn * HOUR, uid=f"{seed}-{turn}-{n}", effect="allow"), kept)
        writer.commit()
        print(last, flush=True)
        if turn % 50 == 0:
            writer.cut((turn - 100) * HOUR, turn * HOUR)
        if turn % tidy == 0:
            writer.tidy()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
