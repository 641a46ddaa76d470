"""Packs the finetuned dense models of a sweep for other machines.

All trials of a sweep must start from the same weights. If another machine finetuned the dense model
again, its weights would differ, and trials of the two machines could not be compared.

The packed form is a tar file, which the sweep saves beside its ledger as ``dense/DIGEST.tar``. It
may come from another person. So only plain files with the names that :func:`pack` writes are read
from it, and their number and sizes are bounded. It holds nothing that a machine can measure itself:
figures in it, which older versions packed, are ignored.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from annotated_types import Ge
from typing_extensions import TypedDict

from sweep.errors import StorageError
from sweep.ledger.files import fingerprint, new_folder, once, tree_digest
from sweep.ledger.lines import parse_json
from sweep.ledger.store import Store
from sweep.ledger.store_objects import RETRY_SECONDS

NOTE = "finetune.json"
"""The file of a finetuned model with the seconds that its training took."""

LARGEST, LARGEST_TEXT, MOST = 16 * 1024**3, 16 * 1024**2, 1000
"""Most bytes of all files together, most bytes of a file that has no weights, and most files."""

_WEIGHTS = "model.safetensors"
_NAMES = (_WEIGHTS, "config.json", "generation_config.json", "README.md", NOTE)
_FILE = re.compile(rf"(?:model|qat-[0-9a-f]{{16}})/(?:{'|'.join(map(re.escape, _NAMES))})")
_MEASURED = re.compile(r"(\w+-[0-9a-f]{16}\.json|teacher-[0-9a-f]{16}\.npy)/\1")
_NAME = re.compile(r"([0-9a-f]{16})\.tar")


class _Note(TypedDict):
    train_seconds: Annotated[float, Ge(0)]


Models = dict[str, dict[str, bytes]]
"""The files of each model, by name."""


@dataclass(frozen=True)
class Shipped:
    """Packed dense models: ``digest`` identifies their content, ``read`` returns their bytes."""

    digest: str
    read: Callable[[], bytes]


def pack(folder: Path, models: Sequence[str]) -> bytes:
    """Pack the ``models`` of ``folder``; no bytes if there are none.

    Raises :class:`~sweep.errors.StorageError` if a model has a file that :func:`unpack` would
    refuse.
    """
    stream = io.BytesIO()
    if not models:
        return b""
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for file in [file for name in models for file in sorted((folder / name).iterdir())]:
            item = tarfile.TarInfo(file.relative_to(folder).as_posix())
            item.size = file.stat().st_size
            if problem := _problem(item, 1):
                raise StorageError(f"the dense model cannot be saved for other machines: {problem}")
            with file.open("rb") as data:
                tar.addfile(item, data)
    return stream.getvalue()


def unpack(folder: Path, shipped: Shipped, needed: Sequence[str]) -> None:
    """Unpack into ``folder``, unless the last one of the models ``needed`` is there.

    Each model is written atomically, the last one of ``needed`` last. If several processes call
    this at once, one of them reads and the others wait. Raises
    :class:`~sweep.errors.StorageError` if other models than ``needed`` are packed.
    """

    def store() -> None:
        models = _unpacked(shipped.read())
        if set(models) != set(needed):
            raise StorageError(
                f"the sweep's folder has the dense models {', '.join(models)}, but its config asks "
                f"for {', '.join(needed)}: restore its folder dense/ from a backup"
            )
        for name in needed:
            if not (folder / name).exists():
                with new_folder(folder / name) as scratch:
                    for file, data in models[name].items():
                        (scratch / file).write_bytes(data)

    once(folder / needed[-1], store)


def digest(packed: bytes) -> str:
    """Return the digest of the packed models. Raises StorageError as :func:`unpack` does."""
    return fingerprint({name: _digest(files) for name, files in _unpacked(packed).items()})


def digest_of(folder: Path, models: Sequence[str]) -> str | None:
    """Return the :func:`digest` that packing ``models`` would give; None if one does not exist."""
    if not all((folder / name).is_dir() for name in models):
        return None
    return fingerprint({name: tree_digest(folder / name) for name in models})


def find_packed(place: Store) -> Shipped | None:
    """Find the packed dense models at ``place``; None if there are none.

    Raises :class:`~sweep.errors.StorageError` if the store cannot be reached. ``read`` of the
    result raises it if the models cannot be read or are damaged.
    """
    for name in _all(place):
        return Shipped(name, partial(_read, place, name))
    return None


def save_packed(place: Store, packed: bytes) -> None:
    """Save packed dense models at ``place``, unless nothing was finetuned and packed.

    Raises :class:`~sweep.errors.StorageError` if the disk or store refuses the write.
    """
    if packed:
        (place / f"{digest(packed)}.tar").write_bytes(packed)


def delete_packed(place: Store) -> None:
    """Delete the packed dense models, and the folder if it is then empty."""
    place.remove_all(f"{name}.tar" for name in _all(place))
    place.remove()


def _all(place: Store) -> list[str]:
    names = place.children(RETRY_SECONDS)
    return [found[1] for name in names if (found := _NAME.fullmatch(name))]


def _read(place: Store, wanted: str) -> bytes:
    file = place / f"{wanted}.tar"
    packed = file.read_bytes(LARGEST + LARGEST_TEXT) or b""
    try:
        found = digest(packed)
    except StorageError as error:
        raise StorageError(f"cannot read the sweep's dense model, {file}: {error}") from error
    if found != wanted:
        raise StorageError(
            f"the sweep's dense model is damaged: the content of {file} does not match its name"
        )
    return packed


def _digest(files: Mapping[str, bytes]) -> str:
    named = [(name, hashlib.sha256(data).hexdigest()[:16]) for name, data in sorted(files.items())]
    return fingerprint(named)


def _unpacked(packed: bytes) -> Models:
    """The files of packed models. A compressed tar file, which may be far larger, is refused."""
    models: Models = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as tar:
            for count, item in enumerate(tar, 1):
                model, _, name = item.name.partition("/")
                if problem := _problem(item, count):
                    raise StorageError(problem)
                if name in models.setdefault(model, {}):
                    raise StorageError(f"it has the file {item.name!r} twice")
                if file := None if _MEASURED.fullmatch(item.name) else tar.extractfile(item):
                    models[model][name] = file.read()
    except (OSError, tarfile.TarError, ValueError, OverflowError) as error:
        raise StorageError(f"it is no tar file, or it is damaged ({error})") from error
    models = {model: files for model, files in models.items() if files}
    for model, files in models.items():
        train_seconds(files.get(NOTE, b""), f"{model}/{NOTE}")
    return models


def _problem(item: tarfile.TarInfo, count: int) -> str | None:
    """Why a file is not packed or unpacked, or None."""
    most = LARGEST if item.name.endswith(f"/{_WEIGHTS}") else LARGEST_TEXT
    if item.type != tarfile.REGTYPE or item.issparse():
        return f"{item.name!r} is not a plain file; links, devices and folders are refused"
    if not _FILE.fullmatch(item.name) and not _MEASURED.fullmatch(item.name):
        return f"it has the file {item.name!r}; allowed: {', '.join(_NAMES)} of a model"
    if not 0 <= item.size <= most:
        return f"{item.name!r} has {item.size:,} bytes; allowed: at most {most:,}"
    if count > MOST:
        return f"it has more than {MOST:,} files, which is the most that is allowed"
    return None


def train_seconds(note: bytes, name: object) -> float:
    """The seconds of training in a :data:`NOTE`. Raises StorageError if it is damaged."""
    try:
        return parse_json(_Note, note)["train_seconds"]
    except ValueError as error:
        raise StorageError(f"{name} is damaged: {error}") from error
