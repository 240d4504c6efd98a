"""Pure: what secrets and personal data look like in text; finds them in time linear in the text.

What is cheap comes first: words are searched in bytes, and tokens (audit.tokens) only where there is a run of
characters that is long enough for one. An expression is then tried at that one place. None can run long: each is a
chain of bounded or mutually exclusive runs; where one is unbounded, `alone` keeps a second try from starting inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from callgate.audit import personal
from callgate.audit.tokens import RUN, WORD, Kind, Span, kind, tokens

BEFORE_RUN = 120
"""Bytes before a long run in which its token may begin: the first line of a private key, a webhook's address."""
PARTS_MAX = 16
"""Parts of a text that are searched one by one; with more of them it is quicker to search all of it once."""
WORDS = (
    kind("bearer", "bearer", rb"(?i:bearer)\s{1,8}([A-Za-z0-9._~+/=-]{8,})"),
    kind("basic-auth", "basic", rb"(?i:basic)\s{1,8}([A-Za-z0-9+/]{8,}={0,2})(?![A-Za-z0-9])"),
    kind("cookie", "cookie", rb"(?i:cookie)[\"']?:\s{0,8}[\"']?([^\r\n\"']+)"),
)
"""Secrets known by the word before them, in any case."""
_URL = kind("url-password", "://", rb"://[^\s/?#@:\"'<>]{0,256}:([^\s/?#@\"'<>]{1,256})@")

_NAMED = {
    "password": ("password", "passwd", "passphrase"),
    "api-key": ("apikey",),
    "key": ("accesskey", "secretkey", "privatekey", "signingkey", "accountkey", "encryptionkey"),
    "authorization": ("authorization",),
    "secret": ("clientsecret",),
}
"""Parts of a field's name (without `_` and `-`) that make its value a secret, by the kind that is shown."""
_ENDINGS = ("secret", "token", "pwd", "cookie", "cookies", "credential", "credentials", "connectionstring")
_NO_SECRET = ("pagetoken", "nexttoken", "continuationtoken", "synctoken", "cursortoken")
_STEMS = (b"pass", b"pwd", b"secret", b"token", b"key", b"uthoriz", b"cookie", b"redential", b"connectionstring")
"""Each secret name holds one of these."""
_ASSIGNED = re.compile(
    rb"(?P<name>[A-Za-z0-9_-]{1,48})(?P<sep>\\{0,3}[\"']?\s{0,8}[:=]>?\s{0,8}|\s{1,8})"
    rb"(?:(?i:bearer|basic|token|digest)\s{1,8})?\\{0,3}"
    rb"(?:\"([^\"\r\n\\]{1,512})|'([^'\r\n\\]{1,512})|([^\s\"'&;,<>|(){}\[\]\\]+))"
)
_HARMLESS = re.compile(
    rb"(?i:str|string|text|bytes|any|int|number|bool|boolean|none|null|nil|true|false|undefined|self|required|optional)"
    rb"|\$[A-Za-z0-9_.:]*|[=:*.]+"
)
"""What stands after such a name without being a secret: types in source code, and references to a variable."""
MARK = re.compile(rb"\[redacted:[a-z-]{1,32}:[0-9a-f]{6}\]")
"""What was redacted before is left as it is."""
_RUNS = bytes(120 if byte in WORD + b"_-" else 32 for byte in range(256))


def may_hold(raw: bytes, *, people: bool = True) -> bool:
    """Could `raw` hold anything that is looked for here (in a name or in a value)? False is certain. Without `people`
    only secrets are looked for.
    """
    if (people and personal.may_hold(raw)) or (b"@" in raw and b"://" in raw) or _long_run(raw):
        return True
    low = raw.lower()
    for stem in _STEMS:
        if stem in low:
            return True
    return b"bearer" in low or b"basic" in low


def spans(raw: bytes, *, people: bool = True) -> list[Span]:
    """The secrets in `raw` and (with `people`) the personal data, in order, not overlapping; the earlier and then the
    longer wins.
    """
    if not may_hold(raw, people=people):
        return []
    low = raw.lower()
    found = [span for word in WORDS for span in _of_kind(word, raw, low)]
    for begin, end in _around_runs(raw):
        found += tokens(raw, begin, end)
    for stem in _STEMS:
        if stem in low:
            found += _assigned(stem, raw, low)
    if b"@" in raw:
        found += _of_kind(_URL, raw, raw)
    found = _apart(found)
    return _apart(found + list(personal.found(_blanked(raw, found)))) if people else found


def _apart(found: list[Span]) -> list[Span]:
    """The spans in order, without those that begin within another one."""
    found.sort(key=lambda span: (span[0], -span[1]))
    kept: list[Span] = []
    for span in found:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _blanked(raw: bytes, found: list[Span]) -> bytes:
    """`raw` with blanks where something was found already: a token before an @ is no one's mail address."""
    rest = bytearray(raw)
    for start, stop, _ in found:
        rest[start:stop] = b" " * (stop - start)
    return bytes(rest)


def named(name: str) -> str:
    """The kind of secret that the value of a field of this name is, whatever it looks like; "" if it is none."""
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    for secret, parts in _NAMED.items():
        for part in parts:
            if part in plain:
                return secret
    if plain.endswith(_ENDINGS) and not plain.endswith(_NO_SECRET) and name not in ("PWD", "OLDPWD"):
        return next(ending for ending in _ENDINGS if plain.endswith(ending))
    return ""


def _long_run(raw: bytes) -> bool:
    return b"x" * RUN in raw.translate(_RUNS)


def _around_runs(raw: bytes) -> list[tuple[int, int]]:
    """The parts of `raw` in which a token may begin: runs that are long enough, and what may stand before them."""
    mapped = raw.translate(_RUNS)
    parts: list[tuple[int, int]] = []
    start = mapped.find(b"x" * RUN)
    while start >= 0:
        stop = mapped.find(b" ", start)
        stop = stop if stop >= 0 else len(raw)
        begin = max(0, start - BEFORE_RUN)
        if parts and begin <= parts[-1][1]:
            begin = parts.pop()[0]
        parts.append((begin, stop))
        start = mapped.find(b"x" * RUN, stop)
    return parts if len(parts) <= PARTS_MAX else [(0, len(raw))]


def _places(literal: bytes, raw: bytes) -> Iterator[int]:
    at = raw.find(literal)
    while at >= 0:
        yield at
        at = raw.find(literal, at + 1)


def _of_kind(one: Kind, raw: bytes, searched: bytes) -> Iterator[Span]:
    for literal in one.literals:
        end = 0
        for at in _places(literal, searched):
            if at < end or (at and raw[at - 1] in WORD and raw[at] in WORD):
                continue
            if match := one.shape.match(raw, at):
                begin, end = match.span(match.re.groups)
                yield begin, end, one.name


def _assigned(stem: bytes, raw: bytes, low: bytes) -> Iterator[Span]:
    """Values after `password=`, `"api_key": `, `--token ` and the like."""
    end = 0
    for at in _places(stem, low):
        if at < end or not (match := _ASSIGNED.match(raw, at)):
            continue
        before = raw[max(0, at - 48) : at]
        name = before[len(before.rstrip(WORD + b"_-")) :] + match["name"]
        secret = named(name.decode())
        if not secret or (match["sep"].isspace() and not name.startswith(b"-")):
            continue
        if MARK.match(raw, max(0, match.end("name") - len(name) - len(b"[redacted:"))):
            continue
        start, stop = match.span(match.lastindex or 0)
        if not _HARMLESS.fullmatch(raw, start, stop):
            end = stop
            yield start, stop, secret
