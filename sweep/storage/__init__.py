"""Where sweeps are kept: a folder, or an address in an object store (s3://, gs://).

This package is the one place that knows the one from the other (:mod:`sweep.storage.place`). It
needs no Ray, and nothing of a store's own packages before an address is used.
"""

from sweep.storage.probing import marked, probe

__all__ = ["marked", "probe"]
