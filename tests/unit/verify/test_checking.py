"""What a server accepts: just what was signed, for it, now, once."""

from __future__ import annotations

import time

import pytest
from callgate.audit.note import PLAIN, Key
from callgate.httpshim import signing
from callgate.httpshim.headers import Pairs
from callgate.httpshim.signing import Signing
from callgate.verify import profile
from callgate.verify.checking import LIFETIME_MAX, SKEW, Accepted, Refused, Verifier
from callgate.verify.nonces import MemoryNonces
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "https://mcp.example.org"
URL = f"{ORIGIN}/mcp?a=%20b"
BODY = b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}'
HEADERS = [("Content-Type", "application/json"), ("Mcp-Session-Id", "s1"), ("Accept", "*/*")]
KEY = Ed25519PrivateKey.generate()


def line(key: Ed25519PrivateKey) -> str:
    """As `callgate checkpoint show` prints it."""
    return str(Key("host/callgate", PLAIN, key.public_key().public_bytes_raw()))


def signed(body: bytes | None = BODY, method: str = "POST", headers: Pairs = HEADERS, url: str = URL) -> Pairs:
    return Signing(lambda: KEY, lambda: "rules-7").sign(method, url, headers, body)


def check(headers: Pairs, body: bytes = BODY, method: str = "POST", target: str = "/mcp?a=%20b") -> Accepted | Refused:
    return Verifier([line(KEY)], ORIGIN).check(method, target, headers, body)


def without(headers: Pairs, name: str) -> Pairs:
    return [pair for pair in headers if pair[0].lower() != name]


def test_what_was_signed_is_accepted_and_says_by_whom_and_by_which_rules() -> None:
    assert check(signed()) == Accepted(profile.key_id(KEY.public_key().public_bytes_raw()), "rules-7")
    assert isinstance(check(signed(None, "GET"), b"", "GET"), Accepted)


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        (HEADERS, {}),
        (signed(), {"body": BODY + b" "}),
        (signed(), {"body": b""}),
        (signed(), {"method": "DELETE"}),
        (signed(), {"target": "/mcp"}),
        (signed(url="https://other.example.org/mcp?a=%20b"), {}),
        ([*signed(), ("Authorization", "Bearer of-another")], {}),
        ([*without(signed(), "mcp-session-id"), ("Mcp-Session-Id", "s2")], {}),
        ([*without(signed(), "callgate-policy"), (profile.POLICY, "rules-8")], {}),
        (without(signed(), "content-digest"), {}),
        (without(signed(), "signature"), {}),
        (Signing(Ed25519PrivateKey.generate, lambda: "rules-7").sign("POST", URL, HEADERS, BODY), {}),
        ([*signed(), ("Signature", "x=:" + "A" * 20_000 + ":")], {}),
        ([*HEADERS, ("Signature", "\x00é"), ("Signature-Input", '("')], {}),
    ],
)
def test_whatever_differs_from_what_was_signed_is_refused(headers: Pairs, more: dict[str, object]) -> None:
    found = check(headers, **more)  # type: ignore[arg-type]
    assert isinstance(found, Refused)
    assert found.reason


def test_the_same_signature_is_accepted_once() -> None:
    verifier, headers = Verifier([line(KEY)], ORIGIN), signed()
    assert isinstance(verifier.check("POST", "/mcp?a=%20b", headers, BODY), Accepted)
    again = verifier.check("POST", "/mcp?a=%20b", headers, BODY)
    assert isinstance(again, Refused) and "seen before" in again.reason
    assert isinstance(verifier.check("POST", "/mcp?a=%20b", signed(), BODY), Accepted)


@pytest.mark.parametrize("age", [-3600.0, -SKEW - 5, profile.LIFETIME + SKEW + 5, 10 * LIFETIME_MAX])
def test_a_signature_of_another_time_is_refused(monkeypatch: pytest.MonkeyPatch, age: float) -> None:
    now = time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now - age)
    headers = signed()
    monkeypatch.undo()
    assert isinstance(check(headers), Refused)


@pytest.mark.parametrize("age", [-SKEW + 10, SKEW + profile.LIFETIME - 10])
def test_clocks_may_differ_a_little(monkeypatch: pytest.MonkeyPatch, age: float) -> None:
    now = time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now - age)
    headers = signed()
    monkeypatch.undo()
    assert isinstance(check(headers), Accepted)


def test_a_signature_that_claims_to_last_for_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "LIFETIME", LIFETIME_MAX + 1)
    assert isinstance(check(signed()), Refused)


def test_other_signatures_may_stand_beside_ours() -> None:
    other = [*HEADERS, ("Signature-Input", 'bot=("@method");created=1;keyid="k"'), ("Signature", "bot=:AAAA:")]
    assert isinstance(check(signed(headers=other)), Accepted)


def test_a_full_store_of_nonces_refuses_and_forgets_only_what_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    nonces, now = MemoryNonces(2), time.time()
    assert nonces.take("a", now + 10) and nonces.take("b", now + 100)
    assert not nonces.take("c", now + 10)
    monkeypatch.setattr(time, "time", lambda: now + 50)
    assert nonces.take("c", now + 100)
    assert not nonces.take("b", now + 100)


def test_what_is_no_key_or_no_origin_is_said_at_once() -> None:
    for key in ("", "nonsense", line(KEY)[:-8], "a+b+c"):
        with pytest.raises(ValueError, match="checkpoint show"):
            Verifier([key], ORIGIN)
    for origin in ("mcp.example.org", "https://h/path", ""):
        with pytest.raises(ValueError, match="origin"):
            Verifier([line(KEY)], origin)
