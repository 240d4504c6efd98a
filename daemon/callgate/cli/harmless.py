"""Text of unknown origin as a terminal may show it: names and reasons come from hostile files."""

from __future__ import annotations


def clean(text: str) -> str:
    """The text as one line, without anything that could steer the terminal."""
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
