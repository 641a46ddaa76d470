"""The compact file: exact restoration, the size that `size_bytes` counts, detection of damage."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from sweep.compress.measure import measure
from sweep.compress.prune.masks import apply_masks, make_masks
from sweep.compress.prune.targets import prunable_weights
from sweep.config.sections import PruningConfig
from sweep.errors import StorageError, UsageError
from sweep.export.sparse import digest, load, pack, save, unpack
from sweep.space.params import Params
from tests.harness import tiny

TYPES = ("float32", "float16", "float64", "int8", "uint8", "int32", "int64")
SHAPES = ((), (0,), (1,), (7,), (8,), (9,), (3, 5), (2, 3, 4), (64, 48))


Tensors = dict[str, NDArray[Any]]
Write = Callable[[Path, Tensors], None]


def some(shape: tuple[int, ...], kind: str, sparsity: float, seed: int = 0) -> NDArray[Any]:
    draw = np.random.default_rng(seed)
    return np.where(draw.random(shape) < sparsity, 0, draw.normal(size=shape) * 50).astype(kind)


def same(one: Tensors, other: Tensors) -> bool:
    """Whether names, types, shapes and all bits are equal."""
    return one.keys() == other.keys() and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        for a, b in ((one[name], other[name]) for name in one)
    )


def save_version_1(path: Path, tensors: Tensors) -> None:
    """Write a file of version 1, in which the highest bytes of each entry are a zlib stream."""
    save(path, tensors)
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    parts, planes = load_file(path), {}
    for key in [key for key, array in parts.items() if array.size]:
        array = parts.pop(key)
        octets = np.frombuffer(array.tobytes(), np.uint8).reshape(array.size, array.itemsize)
        high = zlib.compress(octets[:, -1].tobytes())
        parts[f"low/{key}"] = np.ascontiguousarray(octets[:, :-1].T)
        parts[f"high/{key}"] = np.frombuffer(high, np.uint8)
        planes[key] = (array.dtype.str, array.size)
    save_file(parts, path, metadata=about | {"version": "1", "planes": json.dumps(planes)})


@pytest.mark.parametrize("write", [save, save_version_1])
@pytest.mark.parametrize("sparsity", [0.0, 0.02, 0.5, 0.9, 1.0])
def test_every_type_and_shape_is_restored_bit_for_bit(
    tmp_path: Path, sparsity: float, write: Write
) -> None:
    tensors = {
        f"{kind} {shape}": np.asarray(some(shape, kind, sparsity))
        for kind in TYPES
        for shape in SHAPES
    }
    write(tmp_path / "s", tensors)
    assert same(load(tmp_path / "s"), tensors)


def test_only_values_without_a_set_bit_count_as_zero(tmp_path: Path) -> None:
    odd = np.zeros(64, dtype=np.float32)
    odd[:5] = [-0.0, np.nan, np.inf, -np.inf, 1e-45]
    save(tmp_path / "s", {"odd": odd, "view": odd.reshape(8, 8).T})
    assert same(load(tmp_path / "s"), {"odd": odd, "view": odd.reshape(8, 8).T.copy()})


@given(st.lists(st.sampled_from([0.0, 0.0, 1.5, -2.0]), min_size=1, max_size=70))
def test_the_packed_form_is_never_larger_than_the_dense_form(values: list[float]) -> None:
    dense = np.array(values, dtype=np.float32)
    packed = pack(dense)
    filled = int((dense != 0).sum())
    bytes_packed = -(-dense.size // 8) + 4 * filled
    if packed is None:
        assert bytes_packed >= dense.nbytes
    else:
        assert sum(part.nbytes for part in packed) == bytes_packed < dense.nbytes
        assert unpack(*packed, [dense.size]).tobytes() == dense.tobytes()


def test_the_file_has_the_size_that_a_record_counts(tmp_path: Path) -> None:
    model = tiny.bert()
    weights = prunable_weights(model, PruningConfig())
    apply_masks(weights, make_masks(weights, Params(0.7), torch.Generator()))
    with torch.no_grad():
        prunable = {id(weight) for weight in weights.values()}
        # no -0.0 in prunable weights, and no zeros in other parameters
        for parameter in model.parameters():
            parameter.add_(0.0) if id(parameter) in prunable else parameter.fill_(1.0)
    counted = measure(model, weights).size_bytes
    tensors = {name: value.detach().numpy() for name, value in model.named_parameters()}
    save(tmp_path / "s", tensors)
    assert sum(part.nbytes for part in load_file(tmp_path / "s").values()) == counted
    header = int.from_bytes((tmp_path / "s").read_bytes()[:8], "little")
    assert (tmp_path / "s").stat().st_size == counted + header + 8


def test_any_safetensors_reader_can_read_the_parts(tmp_path: Path) -> None:
    save(tmp_path / "s", {"w": np.array([[0, 3, 0], [0, 0, 4]], dtype=np.float32)})
    parts = load_file(tmp_path / "s")
    assert parts["bitmask/w"].tolist() == [0b01000100]
    assert parts["values/w"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("place", "keep", "words"),
    [
        *((place, None, None) for place in (0.3, 0.6, 0.9, 0.999)),  # the place of a flipped bit
        *((0.0, keep, "cannot read") for keep in (0, 4, 100, 600)),  # the size of a truncated file
    ],
)
def test_a_flipped_bit_or_a_truncated_file_raises_an_error(
    tmp_path: Path, place: float, keep: int | None, words: str | None
) -> None:
    save(tmp_path / "s", {"w": some((40, 40), "float32", 0.8), "b": some((40,), "float32", 0)})
    content = bytearray((tmp_path / "s").read_bytes())
    if place:
        content[int(place * len(content))] ^= 4
    (tmp_path / "s").write_bytes(content[:keep])
    with pytest.raises(StorageError, match=words):
        load(tmp_path / "s")


def parts_of(path: Path, write: Write = save) -> tuple[Tensors, dict[str, str]]:
    tensors = {"w": some((64, 64), "float32", 0.8)}
    write(path, tensors)
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    assert about["sha256"] == digest(tensors)
    return load_file(path), about


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shapes": '{"w": [64, 65]}'}, "a bitmap of"),
        ({"shapes": '{"w": [64, 64], "x": [4]}'}, "damaged"),
        ({"shapes": '{"w": [64, "a"]}'}, "damaged"),
        ({"shapes": "["}, "damaged"),
        ({"shapes": '{"w": [32, 128]}'}, "SHA-256"),
        ({"sha256": "0"}, "SHA-256"),
        ({"planes": "{}"}, "damaged"),
        ({"planes": '{"bitmask/w": ["|u1", 511]}'}, "damaged"),
        ({"planes": '{"bitmask/w": ["|u1", 512], "values/w": ["<f8", 819]}'}, "damaged"),
        ({"planes": '{"bitmask/w": ["nothing", 512]}'}, "damaged"),
    ],
)
def test_inconsistent_metadata_raises_an_error(
    tmp_path: Path, change: dict[str, str], words: str
) -> None:
    """Only files of version 1 have planes."""
    parts, about = parts_of(tmp_path / "s", save_version_1 if "planes" in change else save)
    save_file(parts, tmp_path / "s", metadata=about | change)
    with pytest.raises(StorageError, match=words):
        load(tmp_path / "s")


def test_other_files_raise_a_usage_error(tmp_path: Path) -> None:
    parts, about = parts_of(tmp_path / "s")
    save_file(parts, tmp_path / "other")
    save_file(parts, tmp_path / "newer", metadata=about | {"version": "3"})
    newer = "has version 3; this prunesweep reads versions 1 and 2"
    for name, words in (
        ("missing", "no such file"),
        ("other", "is not a compact file"),
        ("newer", newer),
    ):
        with pytest.raises(UsageError, match=words):
            load(tmp_path / name)
