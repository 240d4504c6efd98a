"""Pure: what in a text is meant to steer a model: orders, secrecy, hidden characters, places of secrets, addresses.

It finds phrases, not intentions: a text that says the same in other words is not found. So it only ever decides whether
*new* wording is let through without a person; docs/pins.md says what that means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", "|").split("|") if part.strip())


OVERRIDE = _phrases("""
    ignore previous|ignore all|ignore any|ignore the above|ignore prior|ignore your|disregard|forget previous|forget all
    forget your|override your|overrides all|override any|overrides any|overrides the|new instructions|system prompt
    system message|developer message|system instruction|system instructions|hidden instruction|hidden instructions
    you are now|act as if|pretend to be|jailbreak|even if the user|no matter what|auto-approve|auto approve
    automatically approve|from now on|in all subsequent|for all future|exfiltrate|exfiltrates|exfiltration
    mission-critical|mission critical|will stop working unless|otherwise the tool|or the tool will|tool will not work
    tool won't work|highest priority|takes precedence|supersedes all|supersedes any|bypass the|bypass any|bypass all
""")
"""Phrases that set other instructions aside, or press."""
SECRECY = _phrases("""
    do not tell|don't tell|dont tell|never tell|do not mention|don't mention|never mention|do not inform
    don't inform|do not reveal|never reveal|do not disclose|do not show the user|don't show the user
    do not ask the user|don't ask the user|without asking the user|without asking for|without asking them
    without telling|without informing|without mentioning|without confirmation|without the user|without user
    without notifying|do not notify|not to mention to|not visible to the user|hide this|keep this secret
    keep it secret|keep this hidden|keep it hidden|in secret|secretly|covertly|silently send|silently copy
    silently include|silently append|silently read|silently call|silently forward|silently run|user must not
    user should not know|user should not see|user does not need to|user doesn't need|no need to confirm
    no need to ask|not bother the user|do not explain|don't explain|hidden from the user|hide from the user
""")
"""Phrases that keep something from the user."""
REACH = _phrases("""
    before using any|before any other|before calling any|before every|before each|after every|after each call
    with every call|every other tool|all other tools|any other tool|other tools|another tool|other servers
    another server|this tool replaces|instead of the tool|in place of the tool|each time the user|in every response
    at the end of every|at the start of every|conversation history|chat history|full conversation|entire conversation
    whole conversation|previous messages|previous conversation|all messages|contents of your|your context
    your instructions|your memory|your system|user's prompt|user's message
""")
"""Phrases that reach beyond the tool: to other tools, and to what the model knows."""
PLACES = _phrases("""
    /.ssh|id_rsa|id_ed25519|.aws/credentials|.npmrc|.pypirc|.netrc|.git-credentials|.kube/config|.docker/config|.gnupg
    .bash_history|/etc/passwd|/etc/shadow|authorized_keys|mcp.json|login.keychain|local state
    cookies.sqlite|wallet.dat|~/.|%userprofile%|%appdata%
""")
"""Places of secrets and of programs' own settings."""
MARKUP = (
    *_phrases("""
    <!--|<important|<system|</system|<instruction|<instructions|</instruction|</instructions|<secret|<hidden|<admin
    [inst]|[/inst]|[system]|### system|### instruction|### instructions|<tool_call|<function_call|<assistant|<user>
    begin instructions
    """),
    "<|",
    "|>",
)
"""Marks that a model may take for the frame around it."""
ORDERS = _phrases("""
    you must|you should|you have to|must first|must call|must be called|must also|must always|must include|must pass
    must send|must read|must provide|must contain|should first|should also|should always|always call|always use
    always run|always invoke|always pass|always include|always send|always add|first call|first read|first use
    first run|before using|before you use|before calling|before you call|prior to using|prior to calling|after calling
    after using|make sure to|be sure to|ensure that you|remember to|important:|<important|mandatory|required step
    please read|please include|please send|please call|do not use|don't use|never use|do not call|never call
    read the file|read the content|read the contents|pass its content|pass its contents|pass the content
    pass the contents|include the content|include the contents|append the|attach the|copy the|send the|send it
    send them|send all|forward the|forward all|forward it|post it|post the|email it|upload the|run the following
    execute the following|run this command|bcc|curl|wget|for compliance|security requirement
""")
"""Phrases that order the model to do something. By themselves they are how tools are described ("you must ...")."""
MATTERS = _phrases("""
    ~/.|/.ssh|id_rsa|id_ed25519|.env|.aws|.npmrc|.pypirc|.netrc|.git-credentials|.kube|.docker/config|.gnupg
    .bash_history|/etc/passwd|/etc/shadow|authorized_keys|known_hosts|mcp.json|keychain
    keyring|wallet|credential|credentials|password|passwords|passphrase|private key|private keys|ssh key|ssh keys
    api key|api keys|api_key|apikey|access key|access keys|secret|secrets|access token|access tokens|auth token|bearer
    session cookie|cookies|environment variable|environment variables|env vars|conversation|chat history
    system prompt|context window|clipboard|home directory|browser history|contacts|previous message
    previous messages|other tool|other tools|another tool|all tools|sidenote|side note|webhook|base64|recipient
    recipients
""")
"""What such an order is worth giving for."""
HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters that a person does not see and a model does: controls, zero width, direction, tags, fillers, variants."""
BREAKS = dict.fromkeys(map(ord, "\t\n\r"), " ")
JOINER = "\u200d"
"""Between the parts of an emoji it is how emoji are written."""
SCHEME = re.compile(r"(?:https?|wss?|ftps?|file|ssh|git)$")
HOST = re.compile(r"(?:[^\s/@\"'<>`]{1,256}@)?(\[[0-9a-f:.]+\]|[^\s/:?#\"'<>`),;\\]{1,256})")
MAIL = re.compile(r"[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{2,63}){1,5})")
NUMBERED = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])")
BARE = re.compile(r"\bwww\.[\w.-]{3,200}|\b(?:javascript|data):[\w/+;-]{2,60},?")
ENCODED_MIN = 96
ENCODED = re.compile(rf"[A-Za-z0-9+/_-]{{{ENCODED_MIN},}}={{0,2}}")
"""Text for machines. Digests have up to 64 characters, or 128 that are hexadecimal."""
HEX = re.compile(r"[0-9a-fA-F]+=*")
EXAMPLES = ("example.com", "example.org", "example.net", "localhost", "127.0.0.1", "json-schema.org", "0.0.0.0")  # noqa: S104
"""Hosts that lead nowhere, or only to the meaning of a schema."""
WORD = re.compile(r"[^\W\d_]{2,}")
PICTURE = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/]*={0,2}")
"""A text that is an image and nothing else leads nowhere, and no model reads it as text."""
BARE_TOKENS = {b"www", b"javascript", b"data"}
BETWEEN = " ;; "
"""Stands between two strings of a definition, so that no phrase is found across them."""
QUOTE_MAX = 60
"""Characters quoted around a phrase."""

Mark = tuple[str, str]
"""What kind of thing stands in a text, and which: two texts with equal marks steer alike."""


def marks(texts: Sequence[str]) -> dict[Mark, str]:
    """What steers a model in `texts` (all strings of one definition), each with the passage that it stands in."""
    whole = BETWEEN.join(texts)
    if "data:image/" in whole:
        whole = BETWEEN.join(text for text in texts if not PICTURE.fullmatch(text))
    plain = _plain(whole)
    found = {}
    orders = matters = False
    tokens = set(plain.encode("utf-8", "replace").translate(SPACED).split())
    for kind, phrase in _said(plain, tokens):
        orders, matters = orders or kind == "order", matters or kind == "matter"
        if kind not in ("order", "matter"):
            found[kind, phrase] = _around(plain, phrase)
    if orders and matters:
        for text in texts:
            found |= _orders(_plain(text))
    for mark in (*_hidden(whole), *_addresses(whole, tokens), *_encoded(whole), *_mixed(whole)):
        found[mark] = mark[1]
    return found


def _said(plain: str, tokens: set[bytes]) -> Iterator[Mark]:
    """The phrases in a text; only those are looked for of which the rarest word is there."""
    for token in TRIGGERS.keys() & tokens:
        for mark in TRIGGERS[token]:
            if mark[1] in plain:
                yield mark
    for mark in WORDLESS:
        if mark[1] in plain:
            yield mark


def _orders(plain: str) -> dict[Mark, str]:
    """An order and what it is given for, in the same text."""
    said = sorted(_said(plain, set(plain.encode("utf-8", "replace").translate(SPACED).split())))
    order = next((phrase for kind, phrase in said if kind == "order"), None)
    if order is None:
        return {}
    passage = _around(plain, order)
    return {("order", phrase): passage for kind, phrase in said if kind == "matter"}


def plain_name(name: str) -> str:
    """The name as a hurried reader takes it: look-alike letters, case, hidden characters and separators evened out."""
    return "".join(letter for letter in _plain(name) if letter.isalnum())


def _plain(text: str) -> str:
    """Lower case, look-alikes and hidden characters evened out, any white space one space."""
    if not text.isascii():
        text = HIDDEN.sub("", unicodedata.normalize("NFKC", text.replace(JOINER, ""))).translate(ALIKE)
    return " ".join(text.lower().split())


def _around(text: str, phrase: str) -> str:
    """The phrase with some words around it, of the same string."""
    at = text.find(phrase)
    start = max(0, at - QUOTE_MAX // 2, text.rfind(BETWEEN, 0, at) + len(BETWEEN) if BETWEEN in text[:at] else 0)
    return text[start : at + len(phrase) + QUOTE_MAX // 2].split(BETWEEN)[0]


def _hidden(text: str) -> Iterator[Mark]:
    if text.isascii() and text.translate(BREAKS).isprintable():
        return
    for found in HIDDEN.finditer(text):
        letter, at = found.group(), found.start()
        between = text[at - 1 : at] > "\u2000" and text[at + 1 : at + 2] > "\u2000"
        if letter != JOINER or not between:
            yield "hidden", f"U+{ord(letter):04X}"


def _addresses(text: str, tokens: set[bytes]) -> Iterator[Mark]:
    lower = text.lower()
    found: list[str] = []
    if "://" in lower:
        for before, after in pairwise(lower.split("://")):
            if SCHEME.search(before[-8:]) and (host := HOST.match(after[:600])):
                found.append(_host(host.group(1)))
    if "@" in lower:
        found += [f"@{host}" for host in MAIL.findall(lower)]
    if sum(map(bytes.isdigit, tokens)) and lower.count(".") >= 3:
        found += NUMBERED.findall(lower)
    if not BARE_TOKENS.isdisjoint(tokens):
        found += BARE.findall(lower)
    yield from (("address", where) for where in found if where.removeprefix("@") not in EXAMPLES)


def _host(host: str) -> str:
    return host.rstrip(".").removeprefix("www.")


def _encoded(text: str) -> Iterator[Mark]:
    if max(map(len, text.split()), default=0) >= ENCODED_MIN:
        for found in ENCODED.findall(text):
            if not (HEX.fullmatch(found) and len(found) <= 128):
                yield "encoded", found[:QUOTE_MAX]


def _mixed(text: str) -> Iterator[Mark]:
    """Words that mix Latin letters with ones that look like them."""
    if text.isascii():
        return
    for word in WORD.findall(text):
        if (
            not word.isascii()
            and any(ord(letter) in ALIKE for letter in word)
            and any(letter < "\u0250" for letter in word)
        ):
            yield "lookalike", word[:QUOTE_MAX]


ALIKE = {
    ord(strange): plain
    for strange, plain in zip(
        "аеорсухіјѕԁһӏԛԝвкмнтАВЕКМНОРСТХІЈЅαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxijsdhlqwbkmhtABEKMHOPCTXIJSabeiknoptuxABEZHIKMNOPTYX",
        strict=True,
    )
}
"""Cyrillic and Greek letters that look like Latin ones."""
SPACED = bytes(code if chr(code).isalnum() or code == 39 or code > 127 else 32 for code in range(256))
"""For `bytes.translate`: everything but letters, digits and apostrophes becomes a space."""
WORDLESS: list[Mark] = []
"""Phrases without a word."""
TRIGGERS: dict[bytes, list[Mark]] = {}
"""The phrases by one of their words, so that a text is searched only for those that it may hold."""


def _index() -> None:
    groups = {"override": OVERRIDE, "secrecy": SECRECY, "reach": REACH, "place": PLACES, "markup": MARKUP}
    frequent = {b"user", b"tool", b"call", b"this", b"the", b"you", b"use", b"using", b"all", b"read", b"should"}
    for kind, phrases in {**groups, "order": ORDERS, "matter": MATTERS}.items():
        for phrase in phrases:
            tokens = phrase.encode().translate(SPACED).split()
            if tokens:
                rarest = max(tokens, key=lambda token: (token not in frequent, len(token)))
                TRIGGERS.setdefault(rarest, []).append((kind, phrase))
            else:
                WORDLESS.append((kind, phrase))


_index()
