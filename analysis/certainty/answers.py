"""Which examples a model got right: a bit an example in the ledger, unpacked when it is asked for.

Bits stand in the order of the split's examples, so that two models are compared example by example.
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
    """The answers in base64 of ``numpy.packbits``, shape (examples,); None where they are damaged.

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
    """The answers that an event carries; None where it has none, or not ``correct`` of them."""
    given = figures or {}
    text, examples = given.get("correct_bits"), given.get("examples")
    if not isinstance(text, str) or not isinstance(examples, int) or examples < 1:
        return None
    bits = unpack(text, examples)
    return bits if bits is not None and int(bits.sum()) == given.get("correct") else None


def stack(answers: Iterable[BoolArray | None], examples: int | None = None) -> BoolArray | None:
    """Rows of answers to the same examples, shape (rows, examples).

    None where a row is missing, where there is none, or where their lengths differ.
    """
    rows = list(answers)
    known = [row for row in rows if row is not None]
    lengths = {len(row) for row in known} | ({examples} if examples is not None else set())
    if not rows or len(known) < len(rows) or len(lengths) > 1:
        return None
    return np.stack(known)
