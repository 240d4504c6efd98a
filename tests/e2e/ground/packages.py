"""Real packages in the caches of a scratch home: npx's from npm, uv's from PyPI; and approvals of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from ground.product import Product
from ground.toolbox import PYTHON, absent, need

MEMORY = "@modelcontextprotocol/server-memory"
NOW, BEFORE = "2026.8.31", "2026.7.4"
TIME = "mcp-server-time"
TIME_NOW = "2026.10.19"


def npx(product: Product, spec: str) -> Path:
    """The package, installed where npx would start it from."""
    done = subprocess.run(
        ["npx", "--yes", f"--package={spec}", "true"],
        env=product.env,
        cwd=product.home,
        capture_output=True,
        text=True,
        timeout=100,
    )
    if done.returncode:
        absent(f"npm cannot install {spec}: {done.stderr[-300:]}")
    name = spec.rpartition("@")[0]
    found = [path for path in product.home.glob(f".npm/_npx/*/node_modules/{name}") if is_of(path, spec)]
    assert len(found) == 1, found
    return found[0]


def is_of(package: Path, spec: str) -> bool:
    """Was this the package that was asked for?"""
    asked = json.loads((package.parents[2] / "package.json").read_text())["_npx"]["packages"]
    return asked == [spec]


def uvx(product: Product) -> str:
    """The path of uvx in the product's home, where a person's own tools are."""
    tools = product.home / ".local" / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    for name in ("uv", "uvx"):
        shutil.copy2(need(PYTHON / name), tools / name)
    product.env["PATH"] = f"{tools}:{product.env['PATH']}"
    return str(tools / "uvx")


def fill_uv(product: Product, command: list[str]) -> None:
    """Let uv install what a command starts; from then on it works without a network."""
    env = {**os.environ, **product.env}
    done = subprocess.run([*command, "--help"], env=env, cwd=product.home, capture_output=True, text=True, timeout=100)
    if done.returncode:
        absent(f"uv cannot install {command[1]}: {done.stderr[-300:]}")
    product.env["UV_OFFLINE"] = "1"


def approve(product: Product, *options: str, command: list[str]) -> None:
    """Put the server of this command on the machine's own registry, with these options of `registry launch`."""
    folder, keys = product.state / "data" / "registry", product.state / "data" / "registry-keys"
    if not (folder / "repository.json").exists():
        product.run("deny", "npm:something-else")  # the machine's own registry begins with its first entry
    product.run("registry", "launch", str(folder), *options, "--", *command)
    for step in ("sign", "publish"):
        product.run("registry", step, str(folder), "--keys", str(keys))
    product.client().reload()
