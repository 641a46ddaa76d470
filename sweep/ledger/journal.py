"""What a ledger is to the one driver that writes it, in a file or in an object store.

**The promise.** What has had an effect outside of the driver is safe before: a trial handed out, a
checkpoint deleted, a finish that tables follow. A driver calls :meth:`Journal.sync` before an
effect that follows from what it has appended. A crash may take a tail of the ledger, and nothing
but a tail, of events that came after the last sync: the sweep goes on from an earlier state, which
nothing outside contradicts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self, cast

from sweep.errors import StorageError, UsageError
from sweep.ledger.events import Event, ReadEvent
from sweep.ledger.lines import encode
from sweep.ledger.store import Store

VERSION = 1

Clock = Callable[[], float]


class Journal(ABC):
    """``events`` holds what the ledger held when it was opened. ``clock`` gives unix seconds."""

    def __init__(self, path: object, events: list[Event], clock: Clock) -> None:
        self.path = path
        self.events = events
        self._clock = clock
        self._last_time = max(map(_time_of, events), default=0.0)

    def append(self, *events: Event | ReadEvent) -> list[Event]:
        """Write the events in one piece and return them as written, each with its ``time``.

        They are safe soon after: :meth:`sync` waits for that. ``time`` never goes backwards,
        whatever the clock does. StorageError if they cannot be stored: none of them is in the
        ledger then. SweepError if one of them is no strict JSON (NaN, infinity, an object); nothing
        is written then either.
        """
        self._check()
        now = max(round(float(self._clock()), 3), self._last_time)
        stamped = [cast(Event, {**event, "time": now}) for event in events]
        self._write(b"".join(map(encode, stamped)))
        self._last_time = now
        return stamped

    @abstractmethod
    def sync(self) -> None:
        """Return when all that was appended is safe. StorageError if it cannot be, for good."""

    @property
    @abstractmethod
    def is_synced(self) -> bool:
        """Whether all that was appended is safe. StorageError as for :meth:`sync`."""

    @abstractmethod
    def close(self) -> None:
        """Sync, and let others have the ledger. Closing twice is fine.

        StorageError as for :meth:`sync`, unless it has been raised before.
        """

    @abstractmethod
    def discard(self) -> None:
        """Delete a closed ledger that has no events."""

    @abstractmethod
    def _check(self) -> None:
        """Raise a :class:`~sweep.errors.SweepError` if it is closed, or a write has failed."""

    @abstractmethod
    def _write(self, lines: bytes) -> None:
        """Write whole lines, all or none of them. StorageError if that fails."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def check_version(events: list[Event], path: object) -> None:
    """StorageError for a ledger of a newer version."""
    version = events[0].get("version", VERSION) if events else VERSION
    if not isinstance(version, int) or version > VERSION:
        raise StorageError(
            f"{path} is of version {version}, and this prunesweep reads up to version {VERSION}"
        )


def check_expected(events: list[Event], create: bool, path: Store | Path) -> None:
    """UsageError where a new ledger is asked for and one is there, or the other way round."""
    if create and events:
        raise UsageError(
            f"{path.parent} holds a sweep already: resume it, or choose another folder"
        )
    if not create and not events:
        raise UsageError(f"{path.parent} is no sweep yet: its {path.name} is empty")


def _time_of(event: Event) -> float:
    """Its unix seconds, 0 where it has none."""
    value = event.get("time", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
