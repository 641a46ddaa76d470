"""The compact file of a pruned model: for each tensor a bitmap and the nonzero values.

It is a safetensors file, so that any reader can open it without running code. For each tensor NAME
it has the smaller of these two forms:

    dense/NAME      the tensor unchanged
    bitmask/NAME    uint8, one bit per value in C order, highest bit first; 1: the value is stored
    values/NAME     the stored values in that order, in the type of the tensor

The metadata has ``format``, ``version``, ``shapes`` (JSON, NAME -> shape) and ``sha256``
(:func:`digest` of the tensors). Only a value with no bit set counts as zero, so that -0.0 and NaN
are stored: loading restores every tensor bit for bit.

Version 1, which prunesweep 0.1 wrote, can be read too. There each entry KEY may be stored in two
parts, ``low/KEY`` (all but the highest byte of each value) and ``high/KEY`` (a zlib stream of the
highest bytes). The metadata ``planes`` lists these entries (JSON, KEY -> type and number of
values).

This module needs numpy and safetensors, but not torch. The model card (``card.md``) shows how to
read a file of this version without prunesweep.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sweep.errors import StorageError, UsageError

FILE = "model.sparse.safetensors"
FORMAT, VERSION = "prunesweep-sparse", "2"
KNOWN = ("1", VERSION)

Array = NDArray[Any]
Arrays = dict[str, Array]


def save(path: str | Path, tensors: Mapping[str, Array]) -> None:
    """Write ``tensors`` of any shape, with values of 1, 2, 4 or 8 bytes, as a new file."""
    parts: Arrays = {}
    for name, tensor in tensors.items():
        packed = pack(tensor)
        if packed is None:
            parts[f"dense/{name}"] = np.asarray(tensor, order="C")
        else:
            parts[f"bitmask/{name}"], parts[f"values/{name}"] = packed
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    about = {"format": FORMAT, "version": VERSION, "sha256": digest(tensors)}
    save_file(parts, path, metadata=about | {"shapes": json.dumps(shapes)})


def load(path: str | Path) -> Arrays:
    """Load the tensors of a file that :func:`save` wrote, bit for bit.

    Raises :class:`~sweep.errors.UsageError` if it is not such a file, and
    :class:`~sweep.errors.StorageError` if it is damaged.
    """
    parts, about = _read(Path(path))
    try:
        if about["version"] == "1":
            _join_planes(parts, json.loads(about["planes"]))
        tensors: Arrays = {}
        for name, shape in json.loads(about["shapes"]).items():
            dense = parts.get(f"dense/{name}")
            if dense is None:
                tensors[name] = unpack(parts[f"bitmask/{name}"], parts[f"values/{name}"], shape)
            else:
                tensors[name] = dense.reshape(shape)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, zlib.error) as error:
        raise StorageError(f"{path} is damaged: {error}") from error
    if digest(tensors) != about.get("sha256"):
        raise StorageError(f"{path} is damaged: the SHA-256 of its tensors does not match")
    return tensors


def pack(tensor: Array) -> tuple[Array, Array] | None:
    """The bitmap and the nonzero values of a tensor, or None if the dense form is not larger.

    >>> bits, values = pack(np.array([0, 0, 5, 0, 0, 0, 0, 0, 7], dtype=np.float32))
    >>> bits.tolist(), values.tolist()
    ([32, 128], [5.0, 7.0])
    """
    flat = np.ascontiguousarray(tensor).reshape(-1)
    filled = flat.view(f"u{flat.itemsize}") != 0
    if -(-flat.size // 8) + int(filled.sum()) * flat.itemsize >= flat.nbytes:
        return None
    return np.packbits(filled), flat[filled]


def unpack(bits: Array, values: Array, shape: list[int]) -> Array:
    """Restore the tensor that :func:`pack` packed. Raises ValueError if the sizes do not match."""
    count = int(np.prod(shape, dtype=np.int64))
    if bits.shape != (-(-count // 8),):
        raise ValueError(f"a bitmap of {bits.size} bytes for a tensor of shape {shape}")
    flat = np.zeros(count, dtype=values.dtype)
    flat[np.unpackbits(bits, count=count).astype(bool)] = values
    return flat.reshape(shape)


def digest(tensors: Mapping[str, Array]) -> str:
    """SHA-256 of the names, types, shapes and bytes of tensors, sorted by name."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype.str} {list(tensor.shape)}\n".encode())
        found.update(np.ascontiguousarray(tensor).data)
    return found.hexdigest()


def _read(path: Path) -> tuple[Arrays, dict[str, str]]:
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT:
                raise UsageError(f"{path} is not a compact file of prunesweep")
            if about.get("version") not in KNOWN:
                raise UsageError(
                    f"{path} has version {about.get('version')}; this prunesweep reads versions "
                    f"{' and '.join(KNOWN)}"
                )
            return {name: file.get_tensor(name) for name in list(file.keys())}, about
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def _join_planes(parts: Arrays, planes: Mapping[str, Any]) -> None:
    """Join the two parts of entries of version 1, which raises ValueError if they do not match."""
    for key, (kind, count) in planes.items():
        low, high = parts.pop(f"low/{key}"), parts.pop(f"high/{key}")
        inflated = zlib.decompressobj().decompress(high.tobytes(), count + 1)
        highest = np.frombuffer(inflated, dtype=np.uint8).reshape(1, count)
        rows = np.vstack([low.reshape(-1, count), highest])  # a row per byte, lowest first
        parts[key] = np.ascontiguousarray(rows.T).view(kind).reshape(count)
