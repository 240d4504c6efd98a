"""Pure: programs that read a script, a module or a package by name."""

from __future__ import annotations

import re

from callgate.discovery.launch.bridges import remote
from callgate.discovery.launch.packages import npm_package
from callgate.discovery.launch.target import Executable, Launched, Module, Script, unknown
from callgate.discovery.launch.words import Read, options, program, read, words

_NODE = options(
    "--no-warnings --no-deprecation --enable-source-maps --trace-warnings --trace-uncaught --trace-deprecation "
    "--expose-gc --experimental-strip-types --experimental-transform-types --experimental-modules --use-system-ca "
    "--use-openssl-ca --use-bundled-ca --openssl-legacy-provider --experimental-sqlite --experimental-vm-modules "
    "--preserve-symlinks --preserve-symlinks-main --experimental-wasm-modules --experimental-require-module",
    "--max-old-space-size --max_old_space_size --stack-size --max-http-header-size --dns-result-order "
    "--unhandled-rejections --disable-warning --stack-trace-limit --max-semi-space-size --input-type",
    "-e -p -i --eval --print --interactive --test --watch -c --check --inspect --inspect-brk --inspect-wait "
    "--permission",
    "-r --require --import --loader --experimental-loader --env-file --env-file-if-exists -C --conditions --run "
    "--watch-path --build-snapshot --snapshot-blob --experimental-default-type --openssl-config --icu-data-dir",
)
_DENO = options(
    "-A --allow-all --allow-net --allow-read --allow-write --allow-env --allow-run --allow-ffi --allow-sys -q "
    "--quiet --no-prompt --no-check --no-lock --cached-only --no-config --no-npm --no-remote -N -R -W -E -S "
    "--unstable -P",
    "--log-level -L --seed --location",
    "--watch -r --reload --inspect --inspect-brk --inspect-wait --unsafely-ignore-certificate-errors --import "
    "--v8-flags",
    "-c --config --import-map --preload --require --env-file --env --cert --lock --node-modules-dir --vendor "
    "--conditions",
)
_BUN = options(
    "--bun -b --smol --silent --no-install --prefer-offline",
    "--env",
    "--hot --watch -i --inspect --inspect-brk",
    "-r --preload --import --require -e --eval -p --print --cwd -c --config --env-file --define -d --loader -l "
    "--tsconfig-override --conditions --install --extension-order --main-fields --shell --filter",
)
_PYTHON = options(
    "-u -I -E -s -S -B -O -OO -q -P -v -b -bb", "-W", "-c -i -x -d -", "-X --check-hash-based-pycs", clusters=True
)
_WARNING = words("ignore error default always module once")
_TSX = options(
    "--no-warnings --no-cache --enable-source-maps --silent",
    "",
    "watch -e -p",
    "-r --require --import --tsconfig --env-file --eval",
)
_TS_NODE = options(
    "--esm -T --transpile-only --swc --files",
    "",
    "-e -p -i",
    "-r --require -P --project -C --compiler -O --cwd -I -D --dir",
)
_MCP_RUN = options(
    "--no-banner --no-spec",
    "--transport -t --log-level -l",
    "--reload",
    "--with --with-editable -e --env-file --python --project",
)
_UV_RUN = options(
    "-q --quiet -v --verbose --no-sync --frozen --locked --isolated --offline --no-progress --no-dev --all-extras "
    "-n --no-cache --native-tls --refresh --active --exact -s --script",
    "--directory -p --python --extra --group --package --color --no-group --only-group",
    "-m --module --no-project --with-editable --gui-script",
    "--with --with-requirements --project --env-file --index --index-url -i --default-index --extra-index-url -f "
    "--find-links --cache-dir --config-file -w",
)
_UV_GLOBAL = options(
    "-q --quiet -v --verbose --offline --no-progress --native-tls -n --no-cache --no-config",
    "--directory --color",
    "",
    "--project --cache-dir --config-file",
)
_MODULE_LAST = re.compile(r"-([uIEsSBOqPvb]+)m")
"""`-um` is `-u -m`."""
_PYTHONS = re.compile(r"(?:python|pythonw|pypy)[0-9.]*|py")
_RUN_THEIR_ARGUMENTS = words(
    "perl ruby php lua luajit Rscript R java javaw kotlin scala groovy dotnet mono go cargo rustx swift julia "
    "elixir erl awk gawk mawk sed xargs find make just task gmake nix nix-shell nix-run direnv mise asdf rtx volta "
    "fnm nvm devbox op doppler infisical dotenvx dotenv aws-vault chamber teller poetry pdm hatch rye pipenv conda "
    "mamba micromamba pixi tox nox parallel watch script expect unbuffer strace ltrace gdb lldb valgrind firejail "
    "bwrap bubblewrap unshare nsenter chroot flatpak snap ssh mosh socat nc ncat netcat screen tmux dtach "
    "systemd-run runuser su capsh setpriv taskset chrt flock proot fakeroot docker-compose kubectl helm lxc "
    "lxc-exec incus vagrant distrobox toolbox rlwrap script entr concurrently nodemon cross-env env-cmd npm-run-all "
    "pm2 forever wasmtime wasmer jbang java8 cscript wscript mshta rundll32 osascript arch sh-wrapper "
    "ld-linux-x86-64.so.2 ld.so corepack exec start iex deno bun node python pipx mcp-proxy smithery toolhive thv "
    "mcpm mcp-cli uvicorn gunicorn ipython jupyter guile racket sbcl clojure clj tclsh wish git vim nvim emacs ed "
    "m4 busybox toybox"
)
"""Programs that run what their arguments name: their own file says nothing about that."""


def start(argv: tuple[str, ...]) -> Launched | tuple[str, ...] | None:
    """What an interpreter starts; a new command line if it only starts another program; None if it is none."""
    name, rest = program(argv[0]), argv[1:]
    if name in ("node", "nodejs"):
        return _node(argv, name, rest)
    if _PYTHONS.fullmatch(name):
        return _python(argv, rest)
    if name == "deno":
        return _deno(argv, rest)
    if name == "bun":
        return _script(argv, read(rest[1:] if rest[:1] == ("run",) else rest, _BUN, name))
    if name in ("tsx", "ts-node", "ts-node-esm"):
        return _script(argv, read(rest, _TSX if name == "tsx" else _TS_NODE, name))
    if name in ("mcp", "fastmcp") and rest[:1] == ("run",):
        return _mcp_run(argv, name, rest)
    if name == "mcp-remote" and (address := remote("npm", name, rest)):
        return Launched(address, argv, (argv[0],), arguments=rest)
    if name == "uv":
        return _uv(argv, rest)
    if name in _RUN_THEIR_ARGUMENTS:
        return unknown(argv, f"{name} runs what its arguments name", tools=(argv[0],))
    return None


def _mcp_run(argv: tuple[str, ...], name: str, rest: tuple[str, ...]) -> Launched:
    """`fastmcp run URL` and `mcp run file.py[:object]`."""
    if address := remote("pypi", name, rest):
        return Launched(address, argv, (argv[0],), arguments=rest)
    found = read(rest[1:], _MCP_RUN, name)
    file = found.rest[0].partition(":")[0] if found.rest else ""
    if not file.endswith(".py"):
        return unknown(argv, f"{name} run is given no Python file")
    return Launched(Script(name, file), argv, (argv[0],), found.caveats, found.rest[1:])


def _node(argv: tuple[str, ...], name: str, rest: tuple[str, ...]) -> Launched:
    return _script(argv, read(rest, _NODE, name), "node")


def _script(argv: tuple[str, ...], found: Read, interpreter: str = "", base: str = "") -> Launched:
    interpreter = interpreter or program(argv[0])
    if not found.rest or found.rest[0] in ("-", ""):
        return unknown(argv, f"{interpreter} is given no file").doubt(*found.caveats)
    file = found.rest[0]
    if interpreter == "bun" and not (
        "/" in file or "\\" in file or file.endswith((".js", ".ts", ".mjs", ".mts", ".tsx", ".cjs"))
    ):
        return unknown(argv, f"bun run {file} runs what the folder's own package.json says")
    if "://" in file or file.startswith(("data:", "file:", "npm:", "jsr:", "node:")):
        return unknown(argv, f"{interpreter} loads its program from {file.partition(':')[0]}:")
    place = found.place or not _is_absolute(base or file)
    return Launched(Script(interpreter, file, base), argv, (argv[0],), found.caveats, found.rest[1:], place)


def _is_absolute(path: str) -> bool:
    return path.startswith(("/", "\\\\")) or path[1:3] in (":\\", ":/")


def _python(argv: tuple[str, ...], rest: tuple[str, ...]) -> Launched | tuple[str, ...]:
    if program(argv[0]) == "py" and rest[:1] and re.fullmatch(r"-[23](?:\.\d+)?", rest[0]):
        rest = rest[1:]  # the Windows launcher's choice of a version
    at = next((at for at, word in enumerate(rest) if word[:1] != "-" or _MODULE_LAST.fullmatch(word)), len(rest))
    if rest[at : at + 1] and (last := _MODULE_LAST.fullmatch(rest[at])):
        rest = (*rest[:at], "-" + last[1], "-m", *rest[at + 1 :])
    found = read(rest, _PYTHON, "python", until="-m")
    odd = [one for one in found.all("-W") if one not in _WARNING]
    found = Read(
        found.options, found.rest, found.caveats + (("python -W may import a module",) if odd else ()), found.place
    )
    return _module(argv, found) if found.rest[:1] == ("-m",) else _script(argv, found, "python")


def _module(argv: tuple[str, ...], found: Read) -> Launched | tuple[str, ...]:
    name, arguments = "".join(found.rest[1:2]), found.rest[2:]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
        return unknown(argv, "python -m is given no module")
    if name in ("uv", "pipx") and not found.caveats:
        return (name, *arguments)
    if name in ("mcp", "fastmcp", "mcp.cli", "fastmcp.cli") and arguments[:1] == ("run",):
        return _mcp_run(argv, name.partition(".")[0], arguments).doubt(*found.caveats)
    if name.partition(".")[0] in _MODULES_THAT_RUN:
        return unknown(argv, f"python -m {name} runs what its arguments name", tools=(argv[0],))
    isolated = any(option in ("-I", "-P") for option, _ in found.options)
    return Launched(Module(argv[0], name, isolated), argv, (argv[0],), found.caveats, arguments)


_MODULES_THAT_RUN = words(
    "runpy pdb cProfile profile trace timeit code pip uv pipx IPython asyncio idlelib mcp fastmcp mcp_proxy mcpo "
    "uvicorn gunicorn debugpy coverage pytest unittest doctest venv ensurepip zipapp bdb poetry hatch pdm tox nox "
    "invoke dotenv watchfiles hupper ptpython bpython jupyter ipykernel"
)


def _deno(argv: tuple[str, ...], rest: tuple[str, ...]) -> Launched:
    rest = tuple(word.partition("=")[0] if word.startswith(("--allow-", "--deny-")) else word for word in rest)
    before = read(rest, _DENO, "deno")
    if before.rest[:1] != ("run",):
        return unknown(argv, "deno is not used with run", tools=(argv[0],))
    found = read(before.rest[1:], _DENO, "deno run")
    found = Read(found.options, found.rest, before.caveats + found.caveats, before.place or found.place)
    word = found.rest[0] if found.rest else ""
    if word.startswith("npm:") and (package := npm_package(word.removeprefix("npm:").lstrip("/"))):
        return Launched(package, argv, (argv[0],), found.caveats, found.rest[1:])
    return _script(argv, found, "deno")


def _uv(argv: tuple[str, ...], rest: tuple[str, ...]) -> Launched | tuple[str, ...]:
    """`uv [--directory DIR] run [options] file.py`, or a command of the project's own environment."""
    before = read(rest, _UV_GLOBAL, "uv")
    if before.rest[:1] != ("run",):
        if before.rest[:2] == ("tool", "run") and not before.caveats and not before.all("--directory"):
            return ("uvx", *before.rest[2:])
        return unknown(argv, "uv is not used with run", tools=(argv[0],))
    found = read(before.rest[1:], _UV_RUN, "uv run")
    caveats = before.caveats + found.caveats
    folders = before.all("--directory") + found.all("--directory")
    base = folders[-1] if len(folders) == 1 else ""
    if len(folders) > 1:
        caveats += ("uv is given several folders",)
    words = found.rest
    for python in found.all("-p", "--python"):
        if "/" in python or "\\" in python:
            caveats += (f"the interpreter {python} is named by a path",)
    if words and _PYTHONS.fullmatch(words[0]):
        inner = _python(words, words[1:])
        if isinstance(inner, Launched) and isinstance(inner.target, Script):
            script = Script("uv", inner.target.file, base)
            return Launched(script, argv, (argv[0],), caveats + inner.caveats, inner.arguments)
        return unknown(argv, "uv run runs what the folder's own project holds", tools=(argv[0],)).doubt(*caveats)
    if words[1:2] == ("run",) and words[0] in ("mcp", "fastmcp"):
        inner = _mcp_run(words, words[0], words[1:])
        target = Script("uv " + words[0], inner.target.file, base) if isinstance(inner.target, Script) else inner.target
        return Launched(target, argv, (argv[0],), caveats + inner.caveats, inner.arguments)
    if not words or not words[0].endswith(".py"):
        return unknown(argv, "uv run runs what the folder's own project holds", tools=(argv[0],)).doubt(*caveats)
    return Launched(Script("uv", words[0], base), argv, (argv[0],), caveats, words[1:])


def executable(argv: tuple[str, ...]) -> Launched:
    """A program of which nothing is known but its file."""
    return Launched(Executable(argv[0]), argv, (argv[0],), arguments=argv[1:])
