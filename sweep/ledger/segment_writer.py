"""The writer's side of a ledger of segments (:mod:`sweep.ledger.segments`): fencing, and
packing.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from contextlib import suppress

from sweep.errors import StorageError
from sweep.ledger.address import Address
from sweep.ledger.segments import Segment, head, name_of
from sweep.ledger.store import PATIENCE

PACK = 256
"""Segments that are packed together."""


class Fenced(StorageError):
    """Another driver has taken a sweep over: this one may write no more."""


def driver_name() -> str:
    """This process, for people."""
    return f"pid {os.getpid()} on {socket.gethostname()}"


class SegmentWriter:
    """Puts segments after those that are there (``loose``: those of them that no pack holds).

    A segment is created where there is none, or not at all, so that of two writers one gets a
    number, and the other learns of it. The first segment of a writer has no events, and is never
    deleted: all writers before it find their next number taken, for ever.
    """

    def __init__(self, address: Address, number: int, loose: list[Segment]) -> None:
        self.address, self.number = address, number
        self.writer = secrets.token_hex(8)
        self._loose = list(loose)

    def take_over(self) -> None:
        """Put the first segment. :class:`Fenced` where another was faster."""
        self._put([head(self.number, writer=self.writer, driver=driver_name())])

    def put(self, lines: bytes) -> None:
        """Put whole lines of events as one segment: it is there, and stays, when this returns.

        :class:`Fenced` if another driver has taken over since; StorageError if the store refuses,
        or cannot be reached for a minute. Then the segment is there or it is not: who opens the
        ledger next will see.
        """
        own = head(self.number, writer=self.writer)
        self._put([own, *lines.splitlines(keepends=True)])
        if len(self._loose) >= PACK:
            self.pack()

    def pack(self) -> None:
        """Write what is loose as one object, then delete what that holds.

        Whoever writes it, and whatever is left when it is cut short, says the same.
        """
        first, last = self._loose[0].number, self._loose[-1].number
        lines = (line for segment in self._loose for line in segment.lines)
        with suppress(FileExistsError):
            (self.address / name_of(first, last)).create(b"".join(lines), PATIENCE)
        self.address.remove_all(name_of(s.number) for s in self._loose if s.events)
        self._loose = []

    def fence(self) -> Fenced | None:
        """Whether another driver has taken over, looked up."""
        number = self.number
        try:
            found = (self.address / name_of(number)).read_bytes()
        except FileNotFoundError:
            return None
        return None if self.writer.encode() in found.split(b"\n")[0] else self._fenced(found)

    def _put(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        where = self.address / name_of(self.number)
        try:
            where.create(data, PATIENCE)
        except FileExistsError:
            # A try of our own may have got there, and its answer not here.
            if (found := where.read_bytes()) != data:
                raise self._fenced(found) from None
        self._loose.append(Segment(self.number, lines))
        self.number += 1

    def _fenced(self, found: bytes) -> Fenced:
        try:
            who = str(json.loads(found.split(b"\n")[0])["driver"])
        except (ValueError, KeyError, TypeError):
            who = "unknown"
        return Fenced(
            f"{self.address.parent} was taken over by another driver ({who}): this one has "
            "stopped, and what it had recorded by then is kept"
        )
