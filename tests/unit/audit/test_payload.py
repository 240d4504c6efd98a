"""What each policy keeps of a call's arguments."""

import hmac
import json

from callgate.audit.payload import keep
from callgate.settings import Payload

KEY = b"k" * 32
ARGUMENTS = {"b": "text", "a": {"password": "hunter2"}, "n": [1, 2]}
CANONICAL = '{"a":{"password":"hunter2"},"b":"text","n":[1,2]}'


def test_none_keeps_nothing() -> None:
    assert keep(ARGUMENTS, Payload.NONE, 1000, KEY) is None
    assert keep(None, Payload.FULL, 1000, KEY) is None


def test_digest_keeps_a_keyed_digest_only() -> None:
    kept = keep(ARGUMENTS, Payload.DIGEST, 1000, KEY)
    assert kept is not None and kept.text is None and kept.size == len(CANONICAL)
    assert len(kept.digest) == 64
    assert kept == keep(dict(reversed(ARGUMENTS.items())), Payload.DIGEST, 1000, KEY)
    other = keep(ARGUMENTS, Payload.DIGEST, 1000, b"x" * 32)
    assert other is not None and other.digest != kept.digest


def test_a_digest_is_the_same_in_every_release() -> None:
    kept = keep(ARGUMENTS, Payload.DIGEST, 1000, KEY)
    told = hmac.new(KEY, b"callgate.payload\0" + CANONICAL.encode(), "sha256").hexdigest()
    assert kept is not None and kept.digest == told


def test_full_keeps_the_canonical_text() -> None:
    kept = keep(ARGUMENTS, Payload.FULL, 1000, KEY)
    assert kept is not None and kept.text == CANONICAL and not kept.cut and kept.redactions == 0 and kept.salt


def test_redacted_keeps_the_text_without_its_secrets() -> None:
    kept = keep(ARGUMENTS, Payload.REDACTED, 1000, KEY)
    assert kept is not None and kept.text is not None and kept.redactions == 1
    assert "hunter2" not in kept.text and json.loads(kept.text)["b"] == "text"
    plain = keep({"path": "/x"}, Payload.REDACTED, 1000, KEY)
    assert plain is not None and plain.text == '{"path":"/x"}' and plain.redactions == 0


def test_what_is_too_long_is_cut_and_says_so() -> None:
    for policy in (Payload.FULL, Payload.REDACTED):
        kept = keep({"a": "word " * 100_000, "z": "password=hunter2"}, policy, 1000, KEY)
        assert kept is not None and kept.text is not None and len(kept.text) <= 1000 and kept.cut
        assert kept.size > 500_000


def test_arguments_that_cannot_be_written_are_a_value_not_a_crash() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    kept = keep({"a": deep}, Payload.REDACTED, 1000, KEY)
    assert kept is not None and kept.cut and kept.text is None


def test_lone_surrogates_are_kept() -> None:
    kept = keep({"a": "\ud800 password=x12345"}, Payload.REDACTED, 1000, KEY)
    assert kept is not None and kept.text is not None and kept.text.isascii()
