"""Which examples a model answered right: the ledger has one bit per example.

The bits are in the order of the examples of the split, so that two models can be compared example
by example.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
Point = tuple[str, int]
"""An evaluation of a trial: (trial_id, epoch)."""


def unpack(text: str, examples: int) -> BoolArray | None:
    """The answers from base64 of ``numpy.packbits``, shape (examples,); None if damaged.

    >>> unpack("oA==", 3)
    array([ True, False,  True])
    >>> unpack("oA==", 20) is None
    True
    """
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(packed) != (examples + 7) // 8:
        return None
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=examples)
    return bits.astype(np.bool_)


def answers_of(figures: Mapping[str, Any] | None) -> BoolArray | None:
    """The answers in an event; None if it has none, or if they do not match its ``correct``."""
    given = figures or {}
    text, examples = given.get("correct_bits"), given.get("examples")
    if not isinstance(text, str) or not isinstance(examples, int) or examples < 1:
        return None
    bits = unpack(text, examples)
    return bits if bits is not None and int(bits.sum()) == given.get("correct") else None


def stack(answers: Iterable[BoolArray | None], examples: int | None = None) -> BoolArray | None:
    """Rows of answers to the same examples, shape (rows, examples).

    None if there is no row, if a row is missing, or if their lengths differ from each other or from
    ``examples``.
    """
    rows = list(answers)
    known = [row for row in rows if row is not None]
    lengths = {len(row) for row in known} | ({examples} if examples is not None else set())
    if not rows or len(known) < len(rows) or len(lengths) > 1:
        return None
    return np.stack(known)
