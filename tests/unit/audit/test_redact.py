"""Secrets taken out of arguments."""

import json

from callgate.audit.redact import DEPTH_MAX, redact

KEY = b"k" * 32
TOKEN = "ghp_" + "a1B2c3D4e5" * 4


def clean(value: object, room: int = 100_000) -> object:
    return redact(value, KEY, room)[0]


def test_arguments_without_secrets_are_unchanged() -> None:
    value = {"path": "/x", "n": 5, "f": 1.5, "deep": [{"a": None, "b": True}], "\u00e9": "\u20ac\ud800"}
    assert redact(value, KEY, 100_000) == (value, 0)


def test_a_secret_is_replaced_by_its_kind_and_a_keyed_mark() -> None:
    plain, count = redact({"cmd": f"git clone https://{TOKEN}@github.com/x"}, KEY, 100_000)
    assert count == 1 and TOKEN not in json.dumps(plain)
    assert "[redacted:github-token:" in json.dumps(plain)


def test_equal_secrets_look_equal_on_one_machine_only() -> None:
    first, again = clean({"a": TOKEN}), clean({"a": TOKEN})
    other = redact({"a": TOKEN}, b"x" * 32, 1000)[0]
    assert first == again != other != clean({"a": TOKEN[:-1] + "z"})


def test_all_below_a_secret_name_goes_whatever_it_is() -> None:
    plain = clean({"credentials": {"user": "joe", "pins": [1234, "x"], "on": True, "none": None}, "password": 12345})
    assert plain["credentials"]["on"] is True and plain["credentials"]["none"] is None
    text = json.dumps(plain)
    assert not any(word in text for word in ("joe", "1234", '"x"'))


def test_a_secret_in_a_key_or_in_json_within_a_text_is_found() -> None:
    text = json.dumps(
        clean({TOKEN: 1, "body": json.dumps({"api_key": "abc123", "nested": json.dumps({"pwd": "zzz9"})})})
    )
    assert TOKEN not in text and "abc123" not in text and "zzz9" not in text


def test_a_card_number_given_as_a_number_is_found() -> None:
    assert str(clean({"n": 4111111111111111})["n"]).startswith("[redacted:card:")
    assert clean({"n": 10**400}) == {"n": 10**400}


def test_a_secret_across_the_edge_of_what_is_kept_does_not_show() -> None:
    for offset in range(0, 60, 7):
        text = "x" * (1000 - offset) + " " + TOKEN + " " + "y" * 20_000
        assert TOKEN[:12] not in json.dumps(clean({"a": text}, room=1000))[:1100]


def test_too_deep_and_too_wide_values_are_cut() -> None:
    deep: object = TOKEN
    for _ in range(900):
        deep = [deep]
    text = json.dumps(clean(deep))
    assert "[cut]" in text and TOKEN not in text and text.count("[") < DEPTH_MAX + 5
    wide = clean({f"k{n:07}": "v" for n in range(100_000)}, room=10_000)
    assert isinstance(wide, dict) and len(wide) < 3000 and wide["[cut]"] is True


def test_redacting_twice_changes_nothing_more() -> None:
    once = clean({"a": f"password=hunter2 {TOKEN} joe@example.com 4111 1111 1111 1111", "cmd": "--token abc"})
    assert clean(once) == once
