"""What waits to be sent to a store, and the thread that sends it: all that waits, in one piece."""

from __future__ import annotations

import threading
from collections.abc import Callable

LIMIT = 4 * 1024**2
"""Bytes that may wait: who adds more waits too."""


class Outbox:
    """Pieces of bytes on their way. While some are being sent, those that are added wait together.

    ``send`` gets one or more whole pieces, joined, in order. Once it has failed nothing more is
    sent, and ``failure`` says why.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._waiting: list[bytes] = []
        self._sending = 0  # bytes, of those taken from the above
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self.failure: Exception | None = None

    def add(self, piece: bytes) -> None:
        """Have a piece sent soon. Waits while too much is on its way; drops it after a failure."""
        with self._change:
            self._change.wait_for(lambda: self._size < LIMIT or self.failure)
            self._waiting.append(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._change.notify_all()

    def wait(self) -> None:
        """Return when all that was added is sent, or nothing more will be."""
        with self._change:
            self._change.wait_for(lambda: not self._size or self.failure)

    @property
    def is_empty(self) -> bool:
        """Whether all that was added is sent."""
        with self._change:
            return not self._size

    def fail(self, failure: Exception) -> None:
        """Send nothing more."""
        with self._change:
            self.failure = self.failure or failure
            self._change.notify_all()

    def close(self) -> None:
        """End the thread, once what it is sending is sent."""
        with self._change:
            thread, self._thread = self._thread, None
            self._is_closed = True
            self._change.notify_all()
        if thread is not None:
            thread.join()

    @property
    def _size(self) -> int:
        return self._sending + sum(map(len, self._waiting))

    def _run(self) -> None:
        while pieces := self._take():
            try:
                self._send(b"".join(pieces))
            except Exception as error:
                self.fail(error)
            else:
                with self._change:
                    self._sending = 0
                    self._change.notify_all()

    def _take(self) -> list[bytes]:
        """All that waits; [] when there will be no more."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._is_closed or self.failure)
            if self._is_closed or self.failure:
                return []
            pieces, self._waiting = self._waiting, []
            self._sending = sum(map(len, pieces))
            return pieces
