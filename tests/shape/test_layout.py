"""The shape of the house: one duty a file, said first; no giants; vendors behind their door; pure files say so."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "daemon" / "callgate"
FILES = sorted(PACKAGE.rglob("*.py"))
LINES_MAX = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "misc", "manager", "handler", "base", "core", "lib"}
MAY_PRINT = {"cli/main.py", "cli/shim.py", "cli/demo/servers/notes.py", "service/__main__.py", "agents/page.py"}
MAY_NAME_VENDORS = {
    "cli/demo/home.py": "sample configs are what it is for",
    "audit/store.py": "a cursor of SQL",
    "service/capture.py": "`nextCursor` of MCP",
    "registry/upstream.py": "`nextCursor` of the MCP Registry",
}
VENDORS = re.compile(
    r"\b(claude|cursor|codex|copilot|gemini|windsurf|antigravity|cline|opencode|kilo|goose|qwen|kiro|junie|auggie)\b",
    re.I,
)


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def code_without_docs(path: Path) -> str:
    """The file's code with docstrings, comments and other bare strings taken out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_says_its_duty_in_its_first_line_and_is_no_giant(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert len(text.splitlines()) <= LINES_MAX
    assert path.stem not in FORBIDDEN_NAMES


@pytest.mark.parametrize("path", [file for file in FILES if name(file) not in MAY_PRINT], ids=name)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "print" not in calls


@pytest.mark.parametrize(
    "path",
    [file for file in FILES if not name(file).startswith("agents/") and name(file) not in MAY_NAME_VENDORS],
    ids=name,
)
def test_vendors_are_named_only_by_their_own_files(path: Path) -> None:
    found = VENDORS.findall(code_without_docs(path))
    assert not found


def pure_modules() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = config["tool"]["importlinter"]["contracts"]
    return next(contract["source_modules"] for contract in contracts if contract["name"].startswith("Pure core"))


def test_files_that_say_they_are_pure_are_held_to_it_by_the_import_contract() -> None:
    held = pure_modules()
    for path in FILES:
        module = "callgate." + name(path).removesuffix(".py").replace("/", ".")
        says = (ast.get_docstring(ast.parse(path.read_text())) or "").startswith("Pure:")
        is_held = any(module == one or module.startswith(one + ".") for one in held)
        assert not says or is_held, f"{module} says that it is pure, but no contract checks it"


def test_the_top_level_is_the_one_of_the_design() -> None:
    allowed = {"pyproject.toml", "README.md", "LICENSE", "daemon", "hooks", "installers", "tests", "docs"}
    found = {
        path.name for path in ROOT.iterdir() if not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }
    assert found <= allowed
    assert not (ROOT / "daemon" / "__init__.py").exists()
