"""A compact file of a pruned model: a bit a value, and the values that are not zero.

It is a safetensors file, so that any reader opens it without running code. Of each tensor NAME it
holds, whichever is smaller:

    dense/NAME      the tensor as it is
    bitmask/NAME    uint8, a bit a value in C order, the first one the highest; 1: there is a value
    values/NAME     those values in that order, of the tensor's own type

and any of these, KEY, as two parts where they are smaller (:mod:`sweep.export.planes`):

    low/KEY         uint8 (bytes - 1, values): all but the highest byte of each value
    high/KEY        uint8, a zlib stream: the highest byte of each

In its metadata are ``format``, ``version``, ``shapes`` (JSON, NAME -> shape), ``planes`` (JSON,
KEY -> type and number of values, of those in two parts) and ``sha256`` (:func:`digest` of the
tensors). What counts as zero is a value without a set bit, so that -0.0 and NaN survive: reading
gives back every tensor bit for bit.

Needs numpy and safetensors, and no torch.
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
from sweep.export.planes import join, split

FORMAT, VERSION = "prunesweep-sparse", "1"

Array = NDArray[Any]
Arrays = dict[str, Array]


def save(path: str | Path, tensors: Mapping[str, Array], deflate: bool = True) -> None:
    """Write ``tensors`` (of any shape; types of 1, 2, 4 or 8 bytes) as a new file.

    Without ``deflate`` nothing is in two parts: a tenth larger, and simpler to read.
    """
    parts: Arrays = {}
    for name, tensor in tensors.items():
        packed = pack(tensor)
        if packed is None:
            parts[f"dense/{name}"] = np.asarray(tensor, order="C")
        else:
            parts[f"bitmask/{name}"], parts[f"values/{name}"] = packed
    planes = _split(parts) if deflate else {}
    shapes = {name: list(tensor.shape) for name, tensor in tensors.items()}
    about = {"format": FORMAT, "version": VERSION, "sha256": digest(tensors)}
    about |= {"shapes": json.dumps(shapes), "planes": json.dumps(planes)}
    save_file(parts, path, metadata=about)


def _split(parts: Arrays) -> dict[str, tuple[str, int]]:
    """Replace what is smaller in two parts by them; says of each of those its type and size."""
    planes = {}
    for key in list(parts):
        found = split(parts[key])
        if found is not None:
            whole = parts.pop(key)
            parts[f"low/{key}"], parts[f"high/{key}"] = found
            planes[key] = (whole.dtype.str, whole.size)
    return planes


def load(path: str | Path) -> Arrays:
    """The tensors of a file that :func:`save` wrote, bit for bit.

    Raises :class:`~sweep.errors.UsageError` where it is no such file, and
    :class:`~sweep.errors.StorageError` where it is damaged.
    """
    parts, about = _read(Path(path))
    try:
        _join(parts, json.loads(about["planes"]))
        tensors = _tensors(parts, json.loads(about["shapes"]))
    except (KeyError, ValueError, TypeError, AttributeError, zlib.error) as error:
        raise StorageError(f"{path} is damaged: {error}") from error
    if digest(tensors) != about.get("sha256"):
        raise StorageError(f"{path} is damaged: its tensors are not those that were saved")
    return tensors


def pack(tensor: Array) -> tuple[Array, Array] | None:
    """Bits and values of a tensor, or None where it takes no more bytes as it is.

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
    """The tensor that :func:`pack` took. Raises ValueError where bits and values do not fit."""
    count = int(np.prod(shape, dtype=np.int64))
    if bits.shape != (-(-count // 8),):
        raise ValueError(f"{bits.size} bytes of bits for a tensor of shape {shape}")
    filled = np.unpackbits(bits, count=count).astype(bool)
    if int(filled.sum()) != values.size:
        raise ValueError(f"{int(filled.sum())} bits are set for {values.size} values")
    flat = np.zeros(count, dtype=values.dtype)
    flat[filled] = values
    return flat.reshape(shape)


def digest(tensors: Mapping[str, Array]) -> str:
    """SHA-256 over names, types, shapes and bytes, by rising name."""
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
                raise UsageError(f"{path} is no sparse file of this project")
            if about.get("version") != VERSION:
                raise UsageError(
                    f"{path} is of version {about.get('version')}, this version reads {VERSION}"
                )
            return {name: file.get_tensor(name) for name in list(file.keys())}, about
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def _join(parts: Arrays, planes: Mapping[str, Any]) -> None:
    """Put together again what is in two parts."""
    for key, (kind, count) in planes.items():
        parts[key] = join(parts.pop(f"low/{key}"), parts.pop(f"high/{key}"), kind, count)


def _tensors(parts: Arrays, shapes: Mapping[str, list[int]]) -> Arrays:
    tensors = {}
    for name, shape in shapes.items():
        dense = parts.get(f"dense/{name}")
        if dense is None:
            tensors[name] = unpack(parts[f"bitmask/{name}"], parts[f"values/{name}"], shape)
        else:
            tensors[name] = dense.reshape(shape)
    return tensors
