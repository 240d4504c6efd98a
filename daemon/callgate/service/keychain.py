"""Secrets of our own in the keychain of the user that the daemon runs as: macOS Keychain, Secret Service, KWallet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from callgate.model.errors import AuditError

SERVICE = "callgate"
"""What all our entries in a keychain are filed under."""
ANSWER = 5.0
"""Seconds that a keychain may take. One that is locked asks its user, who may not be there, and never answers."""

T = TypeVar("T")


def read(name: str) -> str | None:
    """What is kept under that name, None if nothing is. Raises AuditError if the keychain cannot be asked."""
    import keyring  # it looks for backends for some 100 ms

    return _asked(lambda: keyring.get_password(SERVICE, name))


def write(name: str, secret: str) -> None:
    """Keep it under that name; returns when it was read back. Raises AuditError."""
    import keyring

    _asked(lambda: keyring.set_password(SERVICE, name, secret))
    if read(name) != secret:
        raise AuditError("the keychain", "does not give back what it was given", 'set audit.device_key = "file"')


def remove(name: str) -> None:
    """Forget what is kept under that name. Raises AuditError if the keychain cannot be asked, or has no such thing."""
    import keyring

    _asked(lambda: keyring.delete_password(SERVICE, name))


def _asked(work: Callable[[], T]) -> T:
    """What the keychain answers, within ANSWER seconds. A thread that hangs in it is left behind."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            _refuse_plain_files()
            answer.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who waits below
            answer.set_exception(error)

    threading.Thread(target=run, name="callgate-keychain", daemon=True).start()
    try:
        return answer.result(ANSWER)
    except AuditError:
        raise
    except TimeoutError as error:
        raise AuditError("the keychain", f"did not answer in {ANSWER:.0f} s", "unlock it") from error
    except Exception as error:  # backends are plug-ins, and raise what their systems do
        raise AuditError(
            "the keychain", f"cannot be asked ({type(error).__name__})", "see docs/integrity.md"
        ) from error


def _refuse_plain_files() -> None:
    """A backend that writes into a file of its own is no better than our file, and may have laxer rights."""
    import keyring

    backend = keyring.get_keyring()
    for one in getattr(backend, "backends", [backend])[:1]:
        if type(one).__module__.startswith("keyrings.alt"):
            raise AuditError("the keychain", "is only a file of keyrings.alt", 'set audit.device_key = "file"')
