"""What a worker tells the driver after each step, through Ray Tune."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep.errors import SweepError

REPORT = "report"
"""The name under which Tune passes a :class:`Report` on."""


@dataclass(frozen=True)
class Report:
    """The figures of an epoch, or the ``error`` for which there are none.

    The figures are plain values by name (:meth:`sweep.ledger.record.Record.to_dict`). They travel
    as an object that Tune does not look into: it would keep statistics of every number in a dict.
    A :class:`~sweep.errors.TrialError` is of this trial alone; with any other error no trial can
    go on.
    """

    figures: Mapping[str, Any] | None = None
    worker: str | None = None
    error: SweepError | None = None
