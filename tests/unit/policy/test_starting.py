"""What an approval says of how its server is started."""

from typing import Any

import pytest
from callgate.policy import starting
from callgate.policy.starting import ANY_START, Starting

DIGEST = "sha256:" + "0" * 64


def test_what_is_left_out_limits_nothing() -> None:
    assert starting.read(None) == (ANY_START, ())
    assert starting.read({}) == (ANY_START, ())
    assert starting.argument_objection(ANY_START, None) is None
    assert starting.environment_objection(ANY_START, None) is None


def test_what_is_written_is_read_again() -> None:
    stated = {
        "versions": ["1.2.3"],
        "files": {"/opt/x": DIGEST, "zod/": DIGEST, "{scripts}/x": DIGEST},
        "arguments": [["--root", "/srv/*"], []],
        "environment": ["GIT_*"],
    }
    read, versions = starting.read(stated)
    assert starting.written(read, versions) == stated


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ([], "`launch` is not an object"),
        ({"file": {}}, "unknown member 'file'"),
        ({"versions": "1"}, "`launch.versions` is not a list"),
        ({"versions": ["a@b"]}, "'a@b' is no version"),
        ({"files": []}, "`launch.files` is not an object"),
        ({"files": {"../x": DIGEST}}, "no plain path"),
        ({"files": {"a//b": DIGEST}}, "no plain path"),
        ({"files": {"": DIGEST}}, "is no path"),
        ({"files": {"x": "sha256:1"}}, "no digest"),
        ({"files": {str(n): DIGEST for n in range(5000)}}, "at most 4096"),
        ({"arguments": ["x"]}, "is not a list of texts"),
        ({"arguments": [["...", "x"]]}, "last word"),
        ({"arguments": [["x"]] * 100}, "at most 64"),
        ({"environment": [1]}, "`launch.environment` is not a list"),
        ({"environment": ["x\\"]}, "half an escape"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(stated: Any, why: str) -> None:
    with pytest.raises(ValueError, match=None) as raised:
        starting.read(stated)
    assert why in str(raised.value)


def test_the_argument_that_is_not_allowed_is_named() -> None:
    said = Starting(arguments=(("--root", "/srv/*"), ("stdio",)))
    assert starting.argument_objection(said, ("--root", "/srv/a")) is None
    assert starting.argument_objection(said, ("stdio",)) is None
    assert "'/etc'" in (starting.argument_objection(said, ("--root", "/etc")) or "")
    assert "'/srv/*' after" in (starting.argument_objection(said, ("--root",)) or "")
    assert "cannot be told" in (starting.argument_objection(said, None) or "")
    assert "no arguments" in (starting.argument_objection(Starting(arguments=()), ("x",)) or "")
    hostile = starting.argument_objection(said, ("\x1b[31m" + "x" * 500,)) or ""
    assert "\x1b" not in hostile and len(hostile) < 200


def test_the_variable_that_is_not_allowed_is_named() -> None:
    said = Starting(environment=("GIT_*", "LOG_LEVEL"))
    assert starting.environment_objection(said, ["GIT_DIR", "LOG_LEVEL"]) is None
    assert "'API_URL'" in (starting.environment_objection(said, ["LOG_LEVEL", "API_URL"]) or "")
    assert "cannot be told" in (starting.environment_objection(said, None) or "")
