"""Pure: a client's batch (MCP 2025-03-26) that waits for its verdicts, and the refusals that its answer must carry."""

from __future__ import annotations

from callgate.shim.jsonrpc import Batch, keep


class HeldBatch:
    """A batch whose tool calls are being asked about. It goes on as it came, or without what was refused."""

    __slots__ = ("_batch", "_dropped", "_line", "denials", "waiting")

    def __init__(self, line: bytes, batch: Batch) -> None:
        self._line = line
        self._batch = batch
        self._dropped: set[int] = set()
        self.waiting = 0
        """Verdicts that are still to come."""
        self.denials: list[str] = []
        """The answers to the refused members, as JSON."""

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self._line)

    def decided(self, index: int, allowed: bool, denial: str | None) -> bool:
        """Note one member's verdict. True when it was the last that was awaited."""
        self.waiting -= 1
        if not allowed:
            self._dropped.add(index)
            if denial is not None:
                self.denials.append(denial)
        return self.waiting == 0

    def forward(self) -> bytes:
        """What the server gets; empty when nothing is left of the batch."""
        if not self._dropped:
            return self._line
        messages = self._batch.messages
        kept = [index for index in range(len(messages)) if index not in self._dropped]
        if not kept:
            return b""
        text = self._batch.text
        left = keep(text, [(message.start, message.end) for message in messages], kept)
        body = text[: messages[0].start] + left + text[messages[-1].end :]
        return self._line.replace(text.encode(), body.encode(), 1)

    def expected(self) -> set[object]:
        """Keys of the requests that the server still answers."""
        return {
            message.key
            for index, message in enumerate(self._batch.messages)
            if index not in self._dropped and message.method is not None and message.id is not None
        }
