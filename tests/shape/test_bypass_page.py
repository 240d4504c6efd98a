"""The page of ways round the gate and its tests name the same attempts, with the same outcomes."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tried() -> dict[str, str]:
    """Name -> outcome, from the tables in the test file."""
    tree = ast.parse((ROOT / "tests/e2e/test_bypass.py").read_text())
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                assert isinstance(key, ast.Constant)
                if node.target.id == "UNSEEN":
                    found[key.value] = "not seen"
                elif node.target.id in ("ATTEMPTS", "TOLD"):
                    assert isinstance(value, ast.Tuple) and isinstance(value.elts[0], ast.Constant)
                    tail = ", with the connector" if node.target.id == "TOLD" else ""
                    found[key.value] = f"found: `{value.elts[0].value}`{tail}"
    return found


def test_each_row_of_the_page_has_its_test_and_each_test_its_row() -> None:
    page = (ROOT / "docs/bypass.md").read_text().split("## What was tried", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([^|]+) \|", page, re.M)
    assert dict(rows) == tried() and len(rows) == len(dict(rows)) >= 25
