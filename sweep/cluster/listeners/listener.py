"""The base class of listeners."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.ledger.events import Event


class Listener:
    """Follows the events of a sweep, or of `sweep confirm`: a view, a tracker, a hook.

    A subclass implements the methods that it needs; by default each does nothing. They are called
    one at a time, from a thread of the listener's own, so a slow listener delays nobody. An
    exception is logged with the listener's name, and the listener goes on receiving events.

    An event is a plain dict (`sweep.ledger.events` says what each kind holds) and the listener's
    own copy. Two details of a record are left out, which only the ledger's file has
    (`sweep.ledger.record.DETAILS`). The first event of a ledger, of the kind "sweep", holds the
    config, the objectives and the primary metric.

    The config's ``listeners: {name: options}`` gives the options to the constructor.
    """

    def begin(self, events: Iterable[Event]) -> None:
        """Take in what the ledger held before: called once, first, with nothing for a new sweep.

        ``events`` can be read once.
        """

    def on_event(self, event: Event) -> None:
        """Take in one event that has just been written to the ledger."""

    def tick(self) -> None:
        """Do what is due: called about twice a second, between two events."""

    def close(self) -> None:
        """Finish: called once, last. A driver waits a limited time for it."""
