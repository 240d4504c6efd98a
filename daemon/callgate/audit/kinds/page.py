"""Pure: the tables of docs/events.md, written from the schema: `python -m callgate.audit.kinds.page < OLD > NEW`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from callgate.audit.kinds.record import KINDS, Record
from callgate.model.event import SCHEMA

BEGIN = "<!-- written by `python -m callgate.audit.kinds.page`: do not edit from here"
END = "<!-- to here -->"


def render(page: str) -> str:
    """The page with the tables between the two marks written anew. Raises ValueError if a mark is missing."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError("the page has no marks between which the tables belong")
    return before + BEGIN + " -->\n" + "\n".join(_tables()) + "\n" + END + after


def _tables() -> Iterator[str]:
    yield f"\nThis is schema {SCHEMA}; each row names its schema as `v` in its text.\n"
    yield "| field | meaning |"
    yield "| --- | --- |"
    for name, field in Record.model_fields.items():
        yield _row(f"`{name}`", field.description or "")
    yield "\nEmpty fields are left out. A text of more than 4,096 characters and a detail of more than 65,536 are cut"
    yield "and say so."
    yield "\n## Kinds\n"
    yield "| kind | what happened | detail |"
    yield "| --- | --- | --- |"
    for name, kind in KINDS.items():
        fields = kind.detail.model_fields.items()
        said = "; ".join(f"`{field.alias or key}`: {field.description}" for key, field in fields)
        yield _row(f"`{name}`", kind.sentence, said)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(render(sys.stdin.read()))
