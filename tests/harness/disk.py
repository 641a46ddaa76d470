"""A simulated disk: after a power cut it has all fsynced bytes and a random part of the others."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from sweep.ledger.journal import Outbox

PAGE = 512


class Disk:
    """Tracks which bytes of one file a power cut would leave.

    An idle disk makes the ledger's thread write only while someone waits for it.
    """

    def __init__(self, path: Path, is_idle: bool) -> None:
        self.path, self.is_idle = path, is_idle
        self.safe = 0  # number of bytes that an fsync has written
        self.syncs = 0
        self.error: OSError | None = None
        self.turn = threading.Event()  # cleared: an fsync does not return
        if not is_idle:
            self.turn.set()

    def fsync(self, fd: int) -> None:
        """Replacement for ``os.fsync``."""
        here = os.fstat(fd)
        if not self.path.exists() or here.st_ino != self.path.stat().st_ino:
            return
        self.syncs += 1
        if threading.current_thread() is not threading.main_thread():
            self.turn.wait(timeout=30)
        if self.error is not None:
            raise self.error
        self.safe = here.st_size

    def cut_power(self, chance: random.Random) -> bytes:
        """Return the file's bytes after a power cut; the unsynced part is cut and has holes."""
        whole = self.path.read_bytes()
        left = bytearray(whole[: chance.randint(self.safe, len(whole))])
        for page in range(self.safe // PAGE, len(left) // PAGE + 1):
            if chance.random() < 0.3:
                start, end = max(page * PAGE, self.safe), min((page + 1) * PAGE, len(left))
                left[start:end] = bytes(end - start)
        return bytes(left)


@contextmanager
def disk_under(path: Path, is_idle: bool = False) -> Iterator[Disk]:
    """Simulate a disk for the file at ``path``, and stop the clock, during the block."""
    disk, real = Disk(path, is_idle), Outbox.wait

    def wait(outbox: Outbox) -> None:
        if is_idle:
            disk.turn.set()
        real(outbox)
        if is_idle:
            disk.turn.clear()

    clock = patch("sweep.ledger.journal.time", SimpleNamespace(time=lambda: 1.0))
    with clock, patch.object(os, "fsync", disk.fsync), patch.object(Outbox, "wait", wait):
        yield disk
