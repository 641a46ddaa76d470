"""Listeners follow the events of a sweep while it runs. `fan_out` runs them beside a driver."""

from __future__ import annotations

from collections.abc import Iterable

from sweep.ledger.events import Event


class Listener:
    """Follows the events of a sweep, or of `sweep confirm`: a view, a tracker, a hook.

    A subclass implements the methods that it needs; each does nothing by default. They are called
    one at a time from a thread that belongs to this listener, so a slow listener delays neither the
    sweep nor other listeners. If a method raises an exception, the log names the listener and the
    error, and the listener still gets all further events.

    An event is a dict; `sweep.ledger.events` says what each kind holds. Each listener gets its own
    copy. The ledger's first event, of the kind "sweep", has the config, the objectives and the
    primary metric. Records may lack two details that only readers of the file need
    (`sweep.ledger.record.DETAILS`).

    The constructor gets the options that the config gives in ``listeners: {name: options}``.
    """

    def begin(self, events: Iterable[Event]) -> None:
        """Take in the events of earlier sessions; none for a new sweep. Called once, first.

        ``events`` can be iterated over only once.
        """

    def on_event(self, event: Event) -> None:
        """Take in one new event, which is in the ledger already."""

    def tick(self) -> None:
        """Do regular work, such as a redraw. Called about twice a second, between two events."""

    def close(self) -> None:
        """Finish. Called once, last; the driver waits for it only a limited time."""
