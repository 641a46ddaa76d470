"""Errors that a user can act on, each with the exit code of the command that raises it.

SweepError            1   an internal error: ours to mend
|- UsageError         2   bad usage: a folder, an option, a file that cannot be used as asked
|  `- ConfigError     2   one or more settings are wrong; all of them are listed
|- NothingFound       4   nothing satisfies the query
|- ClusterError       5   the Ray cluster is unreachable or refused us
|- StorageError       6   results cannot be written or read back
`- TrialError         -   one trial cannot go on (it diverged, say); the sweep goes on without it
"""

from __future__ import annotations


class SweepError(Exception):
    """Base of every error whose message is written for the user."""

    exit_code = 1


class UsageError(SweepError):
    """The command cannot do what was asked of it."""

    exit_code = 2


class ConfigError(UsageError):
    """Settings are wrong. ``problems`` holds one line for each, all found in one pass."""

    def __init__(self, problems: list[str], source: str | None = None) -> None:
        self.problems = problems
        self.source = source
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        head = f"{count} in {source or 'the config'}:"
        super().__init__("\n".join([head, *(f"  {line}" for line in problems)]))


class NothingFound(SweepError):
    """No point satisfies a query."""

    exit_code = 4


class ClusterError(SweepError):
    """The Ray cluster is unreachable, or refused us."""

    exit_code = 5


class StorageError(SweepError):
    """A folder cannot be written, a disk is full, a ledger is damaged in its middle."""

    exit_code = 6


class TrialError(SweepError):
    """One trial cannot go on; its message becomes the trial's ``error``."""


def first_line(error: BaseException) -> str:
    """What another library's error says, on one line; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
