"""Every kind of event that the code writes is in the schema, and the schema holds none that nobody writes."""

import ast
from collections.abc import Iterator
from pathlib import Path

from callgate.audit.kinds.record import KINDS
from callgate.server.desk import NOTES
from callgate.wrap.report import Did

PACKAGE = Path(__file__).parents[2] / "daemon" / "callgate"
WRITERS = {"Event", "_event", "note", "Finding", "Drift", "_tell"}
"""What is called with the kind of an event as its first argument, or as `kind`."""
SHOWN_ONLY = {"log.unreadable", "export.test"}


def files() -> Iterator[Path]:
    return (path for path in PACKAGE.rglob("*.py") if "kinds" not in path.parts)


def constants(tree: ast.AST) -> dict[str, str]:
    """NAME = "text" of a module."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found |= {target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)}
    return found


def written() -> set[str]:
    found = set()
    for path in files():
        tree = ast.parse(path.read_text())
        names = constants(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called not in WRITERS:
                continue
            first = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "kind")]
            for one in (part for each in first for part in ast.walk(each)):
                if isinstance(one, ast.Constant) and isinstance(one.value, str) and "." in one.value:
                    found.add(one.value)
                elif isinstance(one, ast.Name) and "." in names.get(one.id, ""):
                    found.add(names[one.id])
    found = {kind for kind in found if all(part.isalpha() for part in kind.split("."))}
    return found | set(NOTES.values()) | {f"entry.{done}" for done in Did if done is not Did.LEFT}


def test_every_kind_that_the_code_writes_is_in_the_schema() -> None:
    assert sorted(written() - set(KINDS) - SHOWN_ONLY) == [], "add it in audit/kinds"


def test_the_schema_holds_no_kind_that_nobody_writes() -> None:
    assert sorted(set(KINDS) - written()) == []
