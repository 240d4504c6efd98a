"""Pure: personal data that text shows by its form and, where digits alone would say nothing, by its check digits.

Left out on purpose are identities whose check digit is one of ten or less, without a form of their own (a German tax
number, an Aadhaar, a PESEL): of other long numbers each tenth would be taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from callgate.audit.tokens import WORD, Span

_CLASSES = bytes(65 if 65 <= byte <= 90 else 48 if 48 <= byte <= 57 else byte for byte in range(256))
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_FORMS = (b"AA00", b"+0", b"000.000.000-00", b"00.00.00-000.00")
"""What an IBAN or a codice fiscale, a phone number, a CPF and a Belgian number hold, letters and digits aside."""
_LONG = b"0" * 13
"""Digits in a row, spaces and dashes aside, of a card, a NIR or a Chinese number."""
_MAIL_NAME = WORD + b"._%+-"
_MAIL_HOST = re.compile(rb"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,8}\.[A-Za-z]{2,24}(?![A-Za-z0-9])")
_ISSUERS = re.compile(
    rb"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2[2-7][0-9]{14}|3[47][0-9]{13}|3(?:0|6|8)[0-9]{12}|35[0-9]{14}"
    rb"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
)
_IBAN_SIZES = {
    code: int(size)
    for size, codes in (
        ("15", "NO"), ("16", "BE"), ("18", "DK FO FI GL NL FK SD"), ("19", "MK SI"),
        ("20", "AT BA EE KZ LT LU XK MN"), ("21", "CH HR LI LV"), ("22", "BG BH CR DE GB GE IE ME RS VA"),
        ("23", "AE GI IL IQ OM SO TL"), ("24", "AD CZ ES MD PK RO SA SE SK TN VG"), ("25", "LY PT ST"),
        ("26", "IS TR"), ("27", "BI DJ FR GR IT MC MR SM"), ("28", "AL AZ BY CY DO GT HU LB NI PL SV"),
        ("29", "BR EG PS QA UA"), ("30", "JO KW MU YE"), ("31", "MT SC"), ("32", "LC"), ("33", "RU"),
    )
    for code in codes.encode().split()
}  # fmt: skip
"""Characters of an IBAN, by country (the SWIFT registry)."""
_CALLING = re.compile(
    rb"1[2-9]|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    rb"|2[1-689][0-9]|3[578][0-9]|42[013]|50[0-9]|59[0-9]|67[0-9]|68[0-9]|69[0-2]|8[58][0-9]|80[08]|96[0-8]|97[0-79]|99[2-8]"
)
"""What a number in the international plan (E.164) begins with."""
_PHONE_MIN, _PHONE_MAX = 10, 15
"""Digits of a phone number with its country's, one less where it is written in groups; shorter ones may be anything."""


@dataclass(frozen=True, slots=True)
class _Form:
    name: str
    shape: re.Pattern[bytes]
    holds: Callable[[bytes], bool]


def may_hold(raw: bytes) -> bool:
    """Could `raw` hold personal data? False is certain."""
    if b"@" in raw:
        return True
    classes = raw.translate(_CLASSES)
    return any(form in classes for form in _FORMS) or _LONG in raw.translate(_DIGITS, b" -")


def found(raw: bytes) -> Iterator[Span]:
    """The personal data in `raw`, by kind: email, phone, iban, card, national-id."""
    if b"@" in raw:
        yield from _mails(raw)
    for form in _shown(raw):
        for match in form.shape.finditer(raw):
            if form.holds(match.group()):
                yield match.start(), match.end(), form.name


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


def _shown(raw: bytes) -> Iterator[_Form]:
    """The forms that `raw` may hold."""
    classes = raw.translate(_CLASSES)
    if b"AA00" in classes:
        yield _IBAN
        yield _FISCALE
    if b"+0" in classes:
        yield _PHONE
    if b"000.000.000-00" in classes:
        yield _CPF
    if b"00.00.00-000.00" in classes:
        yield _BELGIAN
    if _LONG in raw.translate(_DIGITS, b" -"):
        yield _CARD
        yield _NIR
        yield _CHINESE


def _mails(raw: bytes) -> Iterator[Span]:
    at = raw.find(b"@")
    while at >= 0:
        before = raw[max(0, at - 64) : at]
        name = before[len(before.rstrip(_MAIL_NAME)) :]
        if name and (match := _MAIL_HOST.match(raw, at)):
            yield at - len(name), match.end(), "email"
        at = raw.find(b"@", at + 1)


def _is_iban(raw: bytes) -> bool:
    plain = raw.replace(b" ", b"")
    if len(plain) != _IBAN_SIZES.get(plain[:2]):
        return False
    moved = plain[4:] + plain[:4]
    return int("".join(str(int(chr(byte), 36)) for byte in moved)) % 97 == 1


def _is_phone(raw: bytes) -> bool:
    digits = bytes(byte for byte in raw if 48 <= byte <= 57)
    grouped = len(raw) > len(digits) + 1
    if raw.count(b".") == 1 and len(raw) == len(digits) + 2:  # a decimal fraction
        return False
    return _PHONE_MIN - grouped <= len(digits) <= _PHONE_MAX and _CALLING.match(digits) is not None


def _is_fiscale(raw: bytes) -> bool:
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    total = 0
    for place, byte in enumerate(raw[:15]):
        value = byte - 48 if byte < 58 else byte - 65
        total += value if place % 2 else odd[value]
    return total % 26 == raw[15] - 65


def _is_cpf(raw: bytes) -> bool:
    digits = [byte - 48 for byte in raw if 48 <= byte <= 57]
    if len(set(digits)) == 1:
        return False
    for size in (9, 10):
        rest = sum(digit * (size + 1 - place) for place, digit in enumerate(digits[:size])) * 10 % 11 % 10
        if rest != digits[size]:
            return False
    return True


def _is_belgian(raw: bytes) -> bool:
    digits = bytes(byte for byte in raw if 48 <= byte <= 57)
    number, check = int(digits[:9]), int(digits[9:])
    return check in (97 - number % 97, 97 - (2 * 10**9 + number) % 97)


def _is_nir(raw: bytes) -> bool:
    digits = raw.replace(b" ", b"")
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _is_chinese(raw: bytes) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * (byte - 48) for weight, byte in zip(weights, raw, strict=False))
    return b"10X98765432"[total % 11] == raw[17]


_NO_WORD = rb"(?<![A-Za-z0-9])"
_END = rb"(?![A-Za-z0-9])"
_IBAN = _Form(
    "iban",
    re.compile(_NO_WORD + rb"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?" + _END),
    _is_iban,
)
_FISCALE = _Form(
    "national-id",
    re.compile(_NO_WORD + rb"[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-7][0-9][A-Z][0-9]{3}[A-Z]" + _END),
    _is_fiscale,
)
_PHONE = _Form(
    "phone",
    re.compile(  # at the begin of a line, where a diff has its `+`, only if it is written in groups
        rb"(?:(?<![A-Za-z0-9+*/%.)\]\r\n-])|(?<=[\r\n])(?=\+[0-9]{1,4}[ (]))"
        rb"\+[1-9](?:[ ./-]?\(?[0-9]\)?){8,15}" + _END
    ),
    _is_phone,
)
_CPF = _Form("national-id", re.compile(rb"(?<![0-9.])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9]|\.[0-9])"), _is_cpf)
_BELGIAN = _Form(
    "national-id",
    re.compile(rb"(?<![0-9.])[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}(?![0-9])"),
    _is_belgian,
)
_CARD = _Form("card", re.compile(rb"[2-6](?<![0-9].)[0-9]{3}(?:[ -]?[0-9]){9,15}(?![0-9])"), is_card)
_NIR = _Form(
    "national-id",
    re.compile(rb"(?<![A-Za-z0-9.])[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]) ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}" + _END),
    _is_nir,
)
_CHINESE = _Form(
    "national-id",
    re.compile(
        rb"(?<![A-Za-z0-9.])[1-8][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]"
        + _END
    ),
    _is_chinese,
)
