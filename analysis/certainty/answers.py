"""Which examples a model answered right: the ledger has one bit per example.

The bits are in the order of the examples of the split, so that two models can be compared example
by example.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sweep.pareto import BoolArray

Point = tuple[str, int]
"""An evaluation of a trial: (trial_id, epoch)."""


def answers_of(figures: Mapping[str, Any] | None) -> BoolArray | None:
    """The answers in an event: base64 of ``numpy.packbits``, unpacked to shape (examples,).

    None if the event has no answers, or if they are damaged or do not match its ``correct``.
    """
    given = figures or {}
    text, examples = given.get("correct_bits"), given.get("examples")
    if not text or not examples:
        return None
    try:
        packed = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8)
    except ValueError:
        return None
    if len(packed) != (examples + 7) // 8:
        return None
    bits = np.unpackbits(packed, count=examples).astype(np.bool_)
    return bits if int(bits.sum()) == given.get("correct") else None


def stack(answers: Iterable[BoolArray | None]) -> BoolArray | None:
    """Rows of answers to the same examples, shape (rows, examples).

    None if there is no row, if a row is missing, or if their lengths differ.
    """
    rows = list(answers)
    known = [row for row in rows if row is not None]
    is_whole = len(known) == len(rows) and len(set(map(len, known))) == 1
    return np.stack(known) if is_whole else None
