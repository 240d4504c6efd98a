"""Which machine this is: its name, its operating system, and whose account we run under."""

from __future__ import annotations

import os
import platform
import pwd
import socket
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """What is told of a machine."""

    hostname: str
    system: str
    """"linux", "macos" or "windows"."""
    release: str
    user: str


def machine() -> Machine:
    """This one."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return Machine(socket.gethostname() or "localhost", system, platform.release(), user)
