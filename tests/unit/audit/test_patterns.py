"""What is a secret in text, and what is not."""

import time

import pytest
from callgate.audit.patterns import may_hold, named, spans
from callgate.audit.personal import is_card

A36 = "a1B2c3D4e5" * 3 + "f6G7h8"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq8\nx+/y==\n-----END RSA PRIVATE KEY-----"


def found(text: str) -> list[tuple[str, str]]:
    raw = text.encode()
    return [(kind, raw[start:stop].decode()) for start, stop, kind in spans(raw)]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("aws-key", "AKIAIOSFODNN7EXAMPLE"),
        ("github-token", "ghp_" + A36),
        ("github-token", "github_pat_" + A36 * 2),
        ("gitlab-token", "glpat-" + A36[:20]),
        ("slack-token", "xoxb-123456789012-" + A36[:12]),
        ("stripe-key", "sk_live_" + A36[:24]),
        ("openai-key", "sk-proj-" + A36),
        ("anthropic-key", "sk-ant-api03-" + A36),
        ("google-key", "AIza" + A36[:35]),
        ("npm-token", "npm_" + A36),
        ("huggingface-token", "hf_" + A36),
        ("jwt", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
        ("private-key", PEM),
        ("email", "jo.doe+x@mail.example.com"),
        ("card", "4111 1111 1111 1111"),
        ("card", "378282246310005"),
    ],
)  # fmt: skip
def test_a_known_form_is_found_wherever_it_stands(kind: str, secret: str) -> None:
    for text in (secret, f"x {secret} y", f'"{secret}"', f"\n{secret}\n", f"\u00e9\u20ac {secret}"):
        assert found(text) == [(kind, secret)], text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("curl -H 'Authorization: Bearer abc.def-123456'", "abc.def-123456"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("bearer AbCdEfGh12", "AbCdEfGh12"),
        ("https://user:hunter2@host/path", "hunter2"),
        ("postgres://app:p%40ss@db:5432/x", "p%40ss"),
        ("PASSWORD=hunter2 make", "hunter2"),
        ("export API_KEY='two words'", "two words"),
        ('{"client_secret": "s3cr3t"}', "s3cr3t"),
        ('{\\"client_secret\\": \\"s3cr3t\\"}', "s3cr3t"),
        ("mysql --password hunter2 -u root", "hunter2"),
        ("tool --api-key=abc123", "abc123"),
        ("Server=x;User Id=sa;Pwd=hunter2;", "hunter2"),
        ("AccountKey=abc/def==;EndpointSuffix=x", "abc/def=="),
        ("Cookie: sid=abc; theme=dark", "sid=abc; theme=dark"),
        ("MY_SERVICE_TOKEN: abc123", "abc123"),
    ],
)  # fmt: skip
def test_what_stands_after_a_telling_word_is_found(text: str, secret: str) -> None:
    assert [value for _, value in found(text)] == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=5", "next_page_token: abc", "the token is wrong", "pass the salt",
        "def f(token: str, password: bytes)",
        "Authorization: $TOKEN", "TOKEN=${GITHUB_TOKEN}", "password: None", "PWD=/home/user",
        "disk-space-in-the-cellar-is-low",
        "npm:@scope/pkg@1.2.3", "user@host", "1795300000000000001", "4111 1111 1111 1112", "https://host:8080/a@b",
        "0123456789abcdef0123456789abcdef", "the basic idea", "keyboard: qwerty", "eyJ.eyJ.x", "a monkey=banana",
    ],
)  # fmt: skip
def test_what_only_looks_similar_is_left(text: str) -> None:
    assert found(text) == []


def test_names_of_secret_fields() -> None:
    secret = "password db_password apiKey X-API-Key secretAccessKey private_key token access_token Authorization cookie"
    assert all(named(name) for name in secret.split())
    harmless = "path tokens max_tokens pageToken key keys keyboard author passenger secretary PWD compass"
    assert not any(named(name) for name in harmless.split())


def test_a_card_needs_issuer_length_and_check_digit() -> None:
    assert is_card(b"5555-5555-5555-4444") and is_card(b"6011111111111117") and is_card(b"30569309025904")
    assert not is_card(b"5555555555554445") and not is_card(b"1111111111111117") and not is_card(b"41111111")


def test_may_hold_is_false_only_where_nothing_is_found() -> None:
    assert not may_hold(b'{"path":"/home/u/x.py","line":12}')
    for text in ("password=x1", "sk-" + "a" * 40, "a@b.co", "4111111111111111", "Cookie: x=y", "basic dXNlcjpwYXNz"):
        assert found(text) and may_hold(text.encode())


HOSTILE = [
    "eyJ-", "eyJ ", "eyJa.", "password", "password=", "password ", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "@",
    "a@a.",
    "@a.", "1 ", "4", "4111-", "://", "://a:", "://a:b", "sk-", "bearer ", "bearer", "basic ", "cookie:", "token ",
    "--token ", "token:   ", "xox", "SG.", "SG.a.", "\\", "a.", "key", "-key-", '"', "\u20ac", " ",
    "hooks.slack.com/a/",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_costs_time_in_proportion_to_its_size(piece: str) -> None:
    raw = (piece * 100_000)[:100_000].encode()
    start = time.process_time()
    spans(raw)
    assert time.process_time() - start < 1.0  # a quadratic search would take ten times that and more
