"""prunesweep: a distributed search for how far a transformer can be pruned, and at what cost."""

__version__ = "0.1.0"
