"""Where Callgate's own state lives, and whose home this is, per operating system."""

from __future__ import annotations

import hashlib
import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from callgate.model.errors import SettingsError
from callgate.model.inventory import Surroundings

MANAGED = (
    Path(
        {"darwin": "/Library/Application Support/Callgate", "win32": "C:/ProgramData/Callgate"}.get(
            sys.platform, "/etc/callgate"
        )
    )
    / "managed.toml"
)
"""The organisation's settings, put there by device management: an administrator's folder."""
SOCKET_PATH_MAX = 100
"""Bytes. The kernel's sun_path holds 108 on Linux and 104 on macOS, the final NUL included."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The three folders that hold all of Callgate's own state. All are private to the user (0700)."""

    config: Path
    data: Path
    runtime: Path

    @property
    def settings(self) -> Path:
        """The settings file; absent means all defaults."""
        return self.config / "config.toml"

    @property
    def registry(self) -> Path:
        """The repository of this machine's own registry, for when there is no organisation's."""
        return self.data / "registry"

    @property
    def registry_keys(self) -> Path:
        """The keys that sign this machine's own registry, and its requests to an organisation's."""
        return self.data / "registry-keys"

    @property
    def registry_cache(self) -> Path:
        """The last good rules, of whichever registry."""
        return self.data / "registry-cache"

    @property
    def registry_file(self) -> Path:
        """What is allowed, in the unsigned form of earlier versions: taken over once."""
        return self.config / "registry.json"

    @property
    def requests(self) -> Path:
        """What this machine's user asks the organisation to approve."""
        return self.data / "requests"

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.data / "audit.db"

    @property
    def device_key(self) -> Path:
        """The private key that signs the log's checkpoints; its public half lies beside it."""
        return self.data / "device.key"

    @property
    def pins(self) -> Path:
        """What servers listed, and what of it is trusted."""
        return self.data / "pins.db"

    @property
    def journal(self) -> Path:
        """What we changed in the users' files, to put it back."""
        return self.data / "journal"

    @property
    def routes(self) -> Path:
        """Where the loopback addresses in wrapped entries lead."""
        return self.data / "routes"

    @property
    def launchers(self) -> Path:
        """One small script per wrapped entry."""
        return self.data / "launchers"

    @property
    def shim(self) -> Path:
        """Our copy of the shim, which survives the removal of the environment that installed it."""
        return self.data / "shim"

    @property
    def shim_conf(self) -> Path:
        """What the shim must know before it can ask: socket, mode, on_doubt, limits."""
        return self.data / "shim.conf"

    @property
    def spool(self) -> Path:
        """What shims let through or refused while the daemon was away; the daemon takes it in."""
        return self.data / "spool"

    @property
    def gate_socket(self) -> Path:
        """Where shims and hooks ask."""
        return self.runtime / "gate.sock"

    @property
    def api_socket(self) -> Path:
        """Where the command line and the tray ask."""
        return self.runtime / "api.sock"

    @property
    def pid_file(self) -> Path:
        """Locked by the running daemon; holds its pid. It guards the data and lies with them: the runtime folder can
        differ between two logins.
        """
        return self.data / "daemon.pid"

    @property
    def daemon_log(self) -> Path:
        """What the daemon says to its operator."""
        return self.data / "daemon.log"

    def make(self) -> None:
        """Create the folders, private to this user. Raises SettingsError if one cannot be made or is not ours."""
        for folder in (self.config, self.data, self.runtime, self.launchers, self.journal, self.spool):
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                if folder.is_symlink() and folder.lstat().st_uid != os.getuid():
                    raise SettingsError(str(folder), "is someone else's link", "move it away")
                found = folder.stat()
                if hasattr(os, "getuid"):
                    if found.st_uid != os.getuid():
                        raise SettingsError(str(folder), f"belongs to user {found.st_uid}, not to you", "move it away")
                    if found.st_mode & 0o077:
                        folder.chmod(0o700)
            except OSError as error:
                raise SettingsError(
                    str(folder), f"cannot be made ({error.strerror})", "check the parent's rights"
                ) from error


def folders(env: Mapping[str, str]) -> Folders:
    """Where state lives for this environment: all under CALLGATE_HOME if it is set, else the platform's places.

    Raises SettingsError if neither CALLGATE_HOME nor a home directory can be found.
    """
    if root := env.get("CALLGATE_HOME"):
        base = Path(root)
        if base.parts[:1] == ("~",):
            base = home_of(env).joinpath(*base.parts[1:])
        base = Path.cwd() / base
        return _short(Folders(base / "config", base / "data", base / "run"))
    home = home_of(env)
    if sys.platform != "linux":
        dirs = platformdirs.PlatformDirs("callgate", appauthor=False)
        return _short(Folders(dirs.user_config_path, dirs.user_data_path, dirs.user_runtime_path))
    config = _xdg(env, "XDG_CONFIG_HOME") or home / ".config"
    data = _xdg(env, "XDG_DATA_HOME") or home / ".local/share"
    return _short(Folders(config / "callgate", data / "callgate", _runtime(env, home) or data / "callgate/run"))


def _xdg(env: Mapping[str, str], name: str) -> Path | None:
    """A folder of the XDG Base Directory specification; relative ones are to be ignored."""
    value = env.get(name, "")
    return Path(value) if value.startswith("/") else None


def _runtime(env: Mapping[str, str], home: Path) -> Path | None:
    """The session's runtime folder, also for a process (cron, sudo, a GUI agent) whose environment does not name it.

    None for a home that is not the account's: it would share the sockets of the account's own daemon.
    """
    if os.path.realpath(home) != os.path.realpath(account_home() or "/"):
        return None
    for folder in (_xdg(env, "XDG_RUNTIME_DIR"), Path(f"/run/user/{os.getuid()}")):
        if folder is not None and folder.is_dir() and os.access(folder, os.W_OK):
            return folder / "callgate"
    return None


def _short(wanted: Folders) -> Folders:
    """The same folders, but with sockets elsewhere when their path would be too long for the kernel."""
    if len(os.fsencode(wanted.gate_socket)) <= SOCKET_PATH_MAX:
        return wanted
    name = hashlib.sha256(os.fsencode(wanted.runtime)).hexdigest()[:16]
    root = Path("/run/user") / str(os.getuid())
    if not root.is_dir():
        root = Path("/tmp")  # noqa: S108 - the folder below is made 0700 and its owner is checked in make()
    return Folders(wanted.config, wanted.data, root / f"callgate-{os.getuid()}-{name}")


def home_of(env: Mapping[str, str]) -> Path:
    """The user's home: HOME, else the account database's. Raises SettingsError if neither names a folder."""
    home = env.get("USERPROFILE" if sys.platform == "win32" else "HOME") or ""
    if not home:
        home = account_home()
    if not home or not Path(home).is_absolute():
        raise SettingsError("HOME", "is not set and the account has no home folder", "set HOME or CALLGATE_HOME")
    return Path(home)


def account_home() -> str:
    if sys.platform == "win32":
        return ""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def surroundings(env: Mapping[str, str], home: Path | None = None) -> Surroundings:
    """What path templates depend on. With `home` given, only that home counts: variables of *this* process's
    environment that point elsewhere (CLAUDE_CONFIG_DIR, CODEX_HOME, XDG_CONFIG_HOME, ...) are left out.
    """
    name = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    if home is None:
        return Surroundings(str(home_of(env)), name, dict(env))
    return Surroundings(str(home), name, {})
