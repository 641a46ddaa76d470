"""A fold over a ledger: a class with a method for each kind of event that it wants to know of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sweep.ledger.events import Event, ReadEvent

PREFIX = "on_"


class Fold:
    """Takes in events one after another: those of a kind go to the method ``on_<kind>``.

    Kinds without a method, unknown ones too, change nothing.
    """

    _methods: ClassVar[Mapping[str, Callable[[Any, Any], None]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        names = [name for name in dir(cls) if name.startswith(PREFIX)]
        cls._methods = {name.removeprefix(PREFIX): getattr(cls, name) for name in names}

    def apply(self, event: Event | ReadEvent) -> None:
        """Take one event in."""
        method = self._methods.get(event["event"])
        if method is not None:
            method(self, event)
