"""Listeners: what follows the events of a sweep while it runs.

listener  the base class
fan_out   runs listeners beside a driver, each in a thread of its own
progress  where a sweep stands, folded from its events
terminal  the view that `sweep run` shows
"""

from sweep.cluster.listeners.listener import Listener

__all__ = ["Listener"]
