"""The page that goes with rendered files."""

from __future__ import annotations

import pytest
from callgate.agents.native.table import NATIVES
from callgate.policy.allowlist import Allowlist
from callgate.registry.native import Rendering, fleet, machine
from callgate.registry.native_index import below, index


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/etc/codex/requirements.toml", "etc/codex/requirements.toml"),
        ("C:\\Program Files\\X\\y.json", "C/Program Files/X/y.json"),
        ("policies/x.reg", "policies/x.reg"),
    ],
)
def test_a_piece_lies_below_the_folder_as_on_the_machine(path: str, where: str) -> None:
    assert below(path) == where


def test_every_piece_of_every_agent_is_named_with_what_it_does() -> None:
    made = [fleet(Allowlist(), one, "windows", 0) for one in NATIVES]
    page = index(made, "windows", "https://registry.example", fleet=True)
    assert "https://registry.example" in page and "all machines alike" in page
    for one in made:
        assert f"## {one.native.name}\n" in page
        for piece in one.pieces:
            assert f"`{below(piece.path)}`" in page and piece.does in page
        for line in (*one.remarks, *one.native.notes):
            assert f"* {line}\n" in page


def test_a_remark_stays_one_line_whatever_names_it_holds() -> None:
    made = machine(Allowlist(), [], NATIVES[0], "linux", 0)
    made = Rendering(made.native, made.pieces, ("a\n## b\x1b[31m",))
    assert "\n## b" not in index([made], "linux", "x", fleet=False)
