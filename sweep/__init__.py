"""prunesweep: a distributed search for how far a transformer can be pruned, and at what cost."""

from sweep.version import __version__

__all__ = ["__version__"]
