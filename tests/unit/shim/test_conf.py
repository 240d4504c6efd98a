"""The shim's settings: strict where one is missing, and clear about what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from callgate.shim.conf import Conf, load
from callgate.shim.frames import ALLOW, DENY


def test_all_settings_are_read() -> None:
    conf = Conf(
        "socket=/run/a=b.sock\nmode=enforce\non_doubt=allow\ndeadline_ms=1500\nspool=/s p/é\nmessage_max=10\nbuild=x\n"
    )
    assert (conf.socket, conf.spool, conf.build) == ("/run/a=b.sock", "/s p/é", "x")
    assert (conf.enforce, conf.on_doubt, conf.deadline, conf.message_max) == (True, ALLOW, 1.5, 10)


def test_what_is_missing_is_on_the_strict_side() -> None:
    conf = Conf("mode=observe\n# a remark\n\n")
    assert (conf.enforce, conf.on_doubt, conf.deadline) == (False, DENY, 5)


@pytest.mark.parametrize(
    "text", ["", "mode=", "mode=Enforce", "mode=observe\non_doubt=maybe", "mode=observe\ndeadline_ms=-1"]
)
def test_what_makes_no_sense_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"mode|on_doubt|deadline_ms"):
        Conf(text)


def test_a_path_of_any_bytes_is_kept(tmp_path: Path) -> None:
    (tmp_path / "shim.conf").write_bytes(b"mode=observe\nspool=/caf\xe9\n")
    assert load(str(tmp_path / "shim.conf")).spool == "/caf\udce9"
