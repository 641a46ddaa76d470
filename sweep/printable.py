"""Text that is safe to print: the one place for what goes to a terminal, a log or a report.

Names, errors and logs may come from other people. An escape sequence in them could change the title
or the clipboard of a terminal, or hide what was printed before. So control characters are replaced
by their escapes, and passwords in addresses by stars.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from sweep.errors import StorageError

# C0 without tab and line feed, DEL, C1, and surrogates, which no encoding has.
_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# What is between :// and the last @ of a word, unless it is a port and a path.
_PASSWORD = re.compile(r"(?<=://)[^/@:\s\"'<>]{0,200}:(?!\d{1,5}/)[^\s\"'<>]{0,500}@")


def printable(text: str) -> str:
    r"""``text`` with escapes in place of control characters, and without passwords in addresses.

    The escapes are also valid in JSON.

    >>> print(printable("\x1b[2J is s3://key:secret@bucket"))
    \u001b[2J is s3://***@bucket
    """
    plain = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return _PASSWORD.sub("***@", plain)


def has_password(text: str) -> bool:
    """Whether a text has an address with a password."""
    return _PASSWORD.search(text) is not None


class Printable:
    """A text stream that receives only printable text. ``unescaped`` is the stream itself.

    Where standard output cannot be written, StorageError is raised, and the command ends where its
    reader has left (``sweep schema | head``). A message that standard error cannot take is dropped:
    the terminal of a sweep may close while it runs.
    """

    def __init__(self, stream: TextIO, is_output: bool) -> None:
        self.unescaped, self._is_output = stream, is_output

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # click would write to it
            raise AttributeError(name)
        return getattr(self.unescaped, name)

    def write(self, text: str) -> int:
        """Write the text with escapes."""
        with self._errors():
            self.unescaped.write(printable(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with self._errors():
            self.unescaped.flush()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with suppress(OSError):  # what is still in the buffer fails at each later flush too
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.unescaped.fileno())
            if self._is_output and error.errno == errno.EPIPE:
                sys.exit(0)
            if self._is_output:
                reason = error.strerror or error
                raise StorageError(f"cannot write to standard output: {reason}") from None


@contextmanager
def printable_streams() -> Iterator[None]:
    """Replace ``sys.stdout`` and ``sys.stderr`` by printable streams for the time of the block.

    What their encoding lacks is escaped too. Where one of the standard files is closed, the null
    device takes its place: otherwise the next file that is opened would get all output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w") as nothing:
        streams: list[Any] = [stream or nothing for stream in before]
        for stream in streams:
            with suppress(AttributeError):  # a stream of a notebook or a test
                stream.reconfigure(errors="backslashreplace")
        sys.stdout, sys.stderr = (
            cast(TextIO, Printable(stream, is_output=stream is streams[0])) for stream in streams
        )
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before
