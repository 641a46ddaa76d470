"""An array as planes of its bytes, the highest of them deflated: what a float has that repeats.

The sign and the exponent of a trained weight take 2.7 bits of the 8 that they have; its mantissa
is noise. Zip, which sees the bytes of a value one after another, finds a part of that; with each
byte of all values together Huffman's code finds it all, and nothing else is worth looking for.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bytes = NDArray[np.uint8]


def split(array: Array) -> tuple[Bytes, Bytes] | None:
    """The lower bytes of each value (bytes - 1, values) and the deflated highest one of each.

    None where that would take no fewer bytes.
    """
    if array.size == 0:
        return None
    flat = np.ascontiguousarray(array).reshape(-1)
    planes = flat.view(np.uint8).reshape(flat.size, flat.itemsize).T
    high = _deflated(planes[-1].tobytes())
    if len(high) >= flat.size:
        return None
    return np.ascontiguousarray(planes[:-1]), np.frombuffer(high, dtype=np.uint8)


def join(low: Bytes, high: Bytes, kind: str, count: int) -> Array:
    """The array (count,) of type ``kind`` that :func:`split` took.

    Raises ValueError (or zlib's error) where the parts do not fit.
    """
    item = np.dtype(kind).itemsize
    inflated = zlib.decompressobj().decompress(high.tobytes(), count + 1)
    if len(inflated) != count or low.size != (item - 1) * count:
        raise ValueError(f"{low.size} lower and {len(inflated)} upper bytes of {count} {kind}")
    planes = np.empty((count, item), dtype=np.uint8)
    planes[:, :-1] = low.reshape(item - 1, count).T
    planes[:, -1] = np.frombuffer(inflated, dtype=np.uint8)
    return planes.view(kind).reshape(count)


def _deflated(data: bytes) -> bytes:
    """By Huffman's code alone: bytes of weights do not come in the same order twice."""
    coder = zlib.compressobj(level=6, memLevel=9, strategy=zlib.Z_HUFFMAN_ONLY)
    return coder.compress(data) + coder.flush()
