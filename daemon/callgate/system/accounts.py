"""The account behind a user id: its name, groups and home, as the system's directory says."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

GROUPS_MAX = 256
"""Groups of one account that are looked up; directories of large organisations have accounts in hundreds."""


@dataclass(frozen=True, slots=True)
class Account:
    """Empty where the directory knows nothing."""

    name: str = ""
    groups: tuple[str, ...] = ()
    home: str = ""


def account(uid: int) -> Account:
    """The account of that uid. May take seconds where the directory is remote. Never fails."""
    try:
        found = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Account()
    try:
        numbers = os.getgrouplist(found.pw_name, found.pw_gid)[:GROUPS_MAX]
    except OSError:
        numbers = [found.pw_gid]
    names = []
    for number in numbers:
        try:
            names.append(grp.getgrgid(number).gr_name)
        except (KeyError, OverflowError):
            continue  # a group without a name: no policy can speak of it
    return Account(found.pw_name, tuple(dict.fromkeys(names)), found.pw_dir)
