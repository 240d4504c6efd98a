"""Every error that crosses a package border; each names the thing and the next step."""


class CallgateError(Exception):
    """Something went wrong that a person can act on.

    `str(error)` is one line: the thing, what is wrong with it, and the next step.
    `exit_code` is what the command line leaves with (documented in docs/cli.md).
    """

    exit_code = 1

    def __init__(self, thing: str, problem: str, step: str = "") -> None:
        self.thing = thing
        self.problem = problem
        self.step = step
        super().__init__(f"{thing}: {problem}" + (f"; {step}" if step else ""))


class SettingsError(CallgateError):
    """The daemon's own settings cannot be used."""

    exit_code = 2


class DaemonAwayError(CallgateError):
    """The daemon does not answer on its socket."""

    exit_code = 3


class DocumentError(CallgateError):
    """A file of an agent does not parse, or an edit in it cannot be made without doubt."""


class FileRefusedError(CallgateError):
    """A file is not what we open: a folder, a device, a pipe, too large, someone else's, outside the home."""


class FileChangedError(CallgateError):
    """A file was changed by someone else just before we would have replaced it; their bytes stand."""


class WrapError(CallgateError):
    """A user's file could not be rewritten; its old bytes stand."""


class RegistryError(CallgateError):
    """The registry of what is allowed cannot be read or does not make sense."""


class PolicyError(CallgateError):
    """A policy, or a table of tests of one, cannot be read or does not make sense."""


class AuditError(CallgateError):
    """The audit log cannot be written or read."""


class BrokenChainError(AuditError):
    """The audit log does not verify."""

    exit_code = 4


class ProtocolError(CallgateError):
    """A peer on one of our sockets, or an agent or server behind them, broke the rules of the protocol."""
