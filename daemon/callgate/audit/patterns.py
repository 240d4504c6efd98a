"""Pure: what secrets and personal data look like in text; finds them in time linear in the text.

What is cheap comes first: words are searched in bytes, and the many kinds of token only where there is a run of
characters that is long enough for one. An expression is then tried at that one place. None can run long: each is a
chain of bounded or mutually exclusive runs; where one is unbounded, `alone` keeps a second try from starting inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int, str]
"""Where something starts and ends in the bytes, and what it is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret. Group 1 of the expression is the secret if there is such a group, else the whole match."""

    name: str
    literals: tuple[bytes, ...]
    shape: re.Pattern[bytes]
    alone: bytes = b""
    """The literal only counts where no byte of these (or a letter or digit) stands before it."""


def _kind(name: str, literals: str, shape: bytes, alone: bytes = b"") -> Kind:
    return Kind(name, tuple(literals.encode().split()), re.compile(shape), alone)


TOKENS = (
    _kind("aws-key", "AKIA ASIA ABIA ACCA", rb"A(?:KI|SI|BI|CC)A[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _kind("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rb"gh[pousr]_[A-Za-z0-9]{30,}"),
    _kind("github-token", "github_pat_", rb"github_pat_[A-Za-z0-9_]{40,}"),
    _kind("gitlab-token", "glpat-", rb"glpat-[A-Za-z0-9_-]{20,}"),
    _kind("slack-token", "xox xapp-", rb"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{16,}"),
    _kind("slack-webhook", "hooks.slack.com/", rb"hooks\.slack\.com/[a-z]{1,20}/([A-Za-z0-9/]{20,})"),
    _kind("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_ whsec_", rb"(?:[rs]k_[a-z]{4}|whsec)_[A-Za-z0-9]{16,}"),
    _kind("anthropic-key", "sk-ant-", rb"sk-ant-[A-Za-z0-9_-]{20,}"),
    _kind("openai-key", "sk-", rb"sk-(?!ant-)[A-Za-z0-9_-]{20,}"),
    _kind("google-key", "AIza", rb"AIza[A-Za-z0-9_-]{35}"),
    _kind("google-token", "ya29.", rb"ya29\.[A-Za-z0-9_-]{20,}"),
    _kind("npm-token", "npm_", rb"npm_[A-Za-z0-9]{36}"),
    _kind("pypi-token", "pypi-AgE", rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _kind("huggingface-token", "hf_", rb"hf_[A-Za-z0-9]{30,}"),
    _kind("sendgrid-key", "SG.", rb"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    _kind("jwt", "eyJ", rb"eyJ[A-Za-z0-9_-]{17,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", alone=b"_-"),
    _kind(
        "private-key",
        "-----BEGIN ",
        rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?:[A-Za-z0-9+/=\s:,.\\]|-(?!-))*"
        rb"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----)?",
    ),
    _kind("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", rb"do[opr]_v1_[a-f0-9]{64}"),
    _kind("shopify-token", "shpat_ shpca_ shppa_ shpss_", rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    _kind("linear-key", "lin_api_", rb"lin_api_[A-Za-z0-9]{40}"),
    _kind("notion-token", "ntn_", rb"ntn_[0-9]{11}[A-Za-z0-9]{35}"),
    _kind("databricks-token", "dapi", rb"dapi[a-f0-9]{32}(?![A-Za-z0-9])"),
    _kind("postman-key", "PMAK-", rb"PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
    _kind("doppler-token", "dp.pt.", rb"dp\.pt\.[A-Za-z0-9]{43}"),
    _kind("planetscale-token", "pscale_", rb"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{32,64}"),
    _kind("pulumi-token", "pul-", rb"pul-[a-f0-9]{40}(?![A-Za-z0-9])"),
    _kind("rubygems-key", "rubygems_", rb"rubygems_[a-f0-9]{48}"),
    _kind("grafana-token", "glsa_", rb"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    _kind("perplexity-key", "pplx-", rb"pplx-[A-Za-z0-9]{48}"),
    _kind("sentry-token", "sntryu_ sntrys_", rb"sntryu_[a-f0-9]{64}|sntrys_[A-Za-z0-9+/=_]{40,512}"),
    _kind("vault-token", "hvs. hvb.", rb"hv[sb]\.[A-Za-z0-9_-]{90,300}"),
    _kind("atlassian-token", "ATATT3", rb"ATATT3[A-Za-z0-9_=-]{160,220}"),
    _kind("newrelic-key", "NRAK-", rb"NRAK-[A-Za-z0-9]{27}"),
    _kind("square-token", "sq0atp- sq0csp-", rb"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,60}"),
    _kind("docker-token", "dckr_pat_", rb"dckr_pat_[A-Za-z0-9_-]{20,60}"),
    _kind("private-key", "AGE-SECRET-KEY-1", rb"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
)
"""Tokens known by their form. Each holds RUN characters in a row that are letters, digits, `_` or `-`."""
RUN = 20
BEFORE_RUN = 120
"""Bytes before such a run in which its token may begin: the first line of a private key, a webhook's address."""
PARTS_MAX = 16
"""Parts of a text that are searched one by one; with more of them it is quicker to search all of it once."""
WORDS = (
    _kind("bearer", "bearer", rb"(?i:bearer)\s{1,8}([A-Za-z0-9._~+/=-]{8,})"),
    _kind("basic-auth", "basic", rb"(?i:basic)\s{1,8}([A-Za-z0-9+/]{8,}={0,2})(?![A-Za-z0-9])"),
    _kind("cookie", "cookie", rb"(?i:cookie)[\"']?:\s{0,8}[\"']?([^\r\n\"']+)"),
)
"""Secrets known by the word before them, in any case."""
_URL = _kind("url-password", "://", rb"://[^\s/?#@:\"'<>]{0,256}:([^\s/?#@\"'<>]{1,256})@")

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
    rb"(?P<name>[A-Za-z0-9_-]{1,48})(?P<sep>\\{0,3}[\"']?\s{0,8}[:=]\s{0,8}|\s{1,8})"
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
_WORD = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_MAIL_NAME = _WORD + b"._%+-"
_MAIL_HOST = re.compile(rb"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}(?![A-Za-z0-9])")
_CARD = re.compile(rb"[2-6](?<![0-9].)[0-9]{3}(?:[ -]?[0-9]){9,15}(?![0-9])")
_ISSUERS = re.compile(
    rb"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2[2-7][0-9]{14}|3[47][0-9]{13}|3(?:0|6|8)[0-9]{12}|35[0-9]{14}"
    rb"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
)
_RUNS = bytes(120 if byte in _WORD + b"_-" else 32 for byte in range(256))
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))


def may_hold(raw: bytes) -> bool:
    """Could `raw` hold anything that is looked for here (in a name or in a value)? False is certain."""
    if b"@" in raw or _long_run(raw) or _may_hold_card(raw):
        return True
    low = raw.lower()
    for stem in _STEMS:
        if stem in low:
            return True
    return b"bearer" in low or b"basic" in low


def spans(raw: bytes) -> list[Span]:
    """The secrets and personal data in `raw`, in order, not overlapping; the earlier and then the longer wins."""
    if not may_hold(raw):
        return []
    low = raw.lower()
    found = [span for kind in WORDS for span in _of_kind(kind, raw, low)]
    for low_end, high_end in _around_runs(raw):
        found += (span for kind in TOKENS for span in _of_kind(kind, raw, raw, low_end, high_end))
    for stem in _STEMS:
        if stem in low:
            found += _assigned(stem, raw, low)
    if b"@" in raw:
        found += _of_kind(_URL, raw, raw)
    found = _apart(found)
    return _apart(found + _personal(_blanked(raw, found)))


def _personal(raw: bytes) -> list[Span]:
    found = list(_mails(raw)) if b"@" in raw else []
    if _may_hold_card(raw):
        found += ((match.start(), match.end(), "card") for match in _CARD.finditer(raw) if is_card(match.group()))
    return found


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
    for kind, parts in _NAMED.items():
        for part in parts:
            if part in plain:
                return kind
    if plain.endswith(_ENDINGS) and not plain.endswith(_NO_SECRET) and name not in ("PWD", "OLDPWD"):
        return next(ending for ending in _ENDINGS if plain.endswith(ending))
    return ""


def is_card(raw: bytes) -> bool:
    """Do these digits (spaces and dashes aside) make a payment card's number, by issuer, length and check digit?"""
    digits = raw.replace(b" ", b"").replace(b"-", b"")
    if not _ISSUERS.fullmatch(digits):
        return False
    total = 0
    for place, byte in enumerate(reversed(digits)):
        value = (byte - 48) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _long_run(raw: bytes) -> bool:
    return b"x" * RUN in raw.translate(_RUNS)


def _may_hold_card(raw: bytes) -> bool:
    return b"0" * 13 in raw.translate(_DIGITS, b" -")


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


def _places(literal: bytes, raw: bytes, start: int = 0, stop: int | None = None) -> Iterator[int]:
    at = raw.find(literal, start, stop)
    while at >= 0:
        yield at
        at = raw.find(literal, at + 1, stop)


def _of_kind(kind: Kind, raw: bytes, searched: bytes, start: int = 0, stop: int | None = None) -> Iterator[Span]:
    for literal in kind.literals:
        end = 0
        for at in _places(literal, searched, start, stop):
            if at < end or (at and (raw[at - 1] in kind.alone or (raw[at - 1] in _WORD and raw[at] in _WORD))):
                continue
            if match := kind.shape.match(raw, at):
                begin, end = match.span(match.re.groups)
                yield begin, end, kind.name


def _assigned(stem: bytes, raw: bytes, low: bytes) -> Iterator[Span]:
    """Values after `password=`, `"api_key": `, `--token ` and the like."""
    end = 0
    for at in _places(stem, low):
        if at < end or not (match := _ASSIGNED.match(raw, at)):
            continue
        before = raw[max(0, at - 48) : at]
        name = before[len(before.rstrip(_WORD + b"_-")) :] + match["name"]
        kind = named(name.decode())
        if not kind or (match["sep"].isspace() and not name.startswith(b"-")):
            continue
        if MARK.match(raw, max(0, match.end("name") - len(name) - len(b"[redacted:"))):
            continue
        start, stop = match.span(match.lastindex or 0)
        if not _HARMLESS.fullmatch(raw, start, stop):
            end = stop
            yield start, stop, kind


def _mails(raw: bytes) -> Iterator[Span]:
    for at in _places(b"@", raw):
        before = raw[max(0, at - 64) : at]
        name = before[len(before.rstrip(_MAIL_NAME)) :]
        if name and (match := _MAIL_HOST.match(raw, at)):
            yield at - len(name), match.end(), "email"
