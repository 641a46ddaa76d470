"""Errors that a user can act on, each with the exit code of the command that raises it.

SweepError            1   an internal error: a bug in this project
|- UsageError         2   bad usage: a folder, option or file that cannot be used
|  `- ConfigError     2   one or more settings are wrong; all of them are listed
|- NothingFound       4   nothing satisfies the query
|- ClusterError       5   the Ray cluster is unreachable or refused the request
|- StorageError       6   results cannot be written or read
|- Interrupted    128+n   signal n asked the sweep to stop; its state is saved
`- TrialError         3   one trial cannot continue (it diverged); the others continue
"""

from __future__ import annotations


class SweepError(Exception):
    """Base of every error whose message is written for the user."""

    exit_code = 1


class UsageError(SweepError):
    """The command cannot run with these arguments."""

    exit_code = 2


class ConfigError(UsageError):
    """Some settings are wrong. ``problems`` has one line for each of them."""

    def __init__(self, problems: list[str], source: str | None = None) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        head = f"{count} in {source or 'the config'}:"
        super().__init__("\n".join([head, *(f"  {line}" for line in problems)]))


class NothingFound(SweepError):
    """No point satisfies a query."""

    exit_code = 4


class ClusterError(SweepError):
    """The Ray cluster is unreachable or refused the request."""

    exit_code = 5


class StorageError(SweepError):
    """A folder cannot be written, a disk is full, or a ledger is damaged before its end."""

    exit_code = 6


class Interrupted(SweepError):
    """A signal, such as Ctrl-C, stopped a sweep. Its state is saved, and it can be resumed."""

    def __init__(self, signal_name: str, number: int) -> None:
        self.signal_name = signal_name
        self.exit_code = 128 + number
        super().__init__(f"interrupted by {signal_name}")


class TrialError(SweepError):
    """One trial cannot continue. The message becomes the ``error`` of the trial."""

    exit_code = 3


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its class if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
