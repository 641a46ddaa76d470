"""Packs the dense models of a sweep for other machines.

All trials of a sweep must start from the same weights. If another machine finetuned the dense model
again, its weights would differ, and trials of the two machines could not be compared.

The packed form is a tar file of the models' cache folder, figures included. The sweep saves it
beside its ledger as ``dense/DIGEST.tar``, or as ``dense/figures.tar`` if no model was finetuned.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sweep.errors import StorageError
from sweep.ledger.files import fingerprint, new_folder, once, tree_digest, write_bytes
from sweep.ledger.store import Store
from sweep.ledger.store_errors import StoreError
from sweep.ledger.store_objects import RETRY_SECONDS

NOTE = "finetune.json"
"""The file that marks the folder of a finetuned model."""

FIGURES = "figures"
"""The name of a tar file without a finetuned model."""

_NAME = re.compile(rf"([0-9a-f]{{16}}|{FIGURES})\.tar")


@dataclass(frozen=True)
class Shipped:
    """Packed dense models: ``read`` returns their bytes.

    ``digest`` identifies the finetuned models among them; None if none was finetuned.
    """

    digest: str | None
    read: Callable[[], bytes]


def pack(folder: Path, leave: Container[str] = ()) -> bytes:
    """Pack ``folder``, one level of sub-folders deep, without the entries to ``leave`` out.

    Hidden entries (locks) are left out too.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for entry in sorted(folder.glob("[!.]*")):
            files = [entry] if entry.is_file() else sorted(filter(Path.is_file, entry.iterdir()))
            for file in files if entry.name not in leave else ():
                item = tarfile.TarInfo(f"{entry.name}/{file.name}")
                item.size = file.stat().st_size
                with file.open("rb") as data:
                    tar.addfile(item, data)
    return stream.getvalue()


def unpack(folder: Path, read: Callable[[], bytes], needed: str) -> None:
    """Unpack into ``folder``, unless its entry ``needed`` exists.

    Each entry is written atomically, ``needed`` last. If several processes call this at once, one
    of them reads and the others wait.
    """

    def store() -> None:
        entries = _unpacked(read())
        for name in sorted(entries, key=lambda name: name == needed):
            _put(folder / name, entries[name])

    once(folder / needed, store)


def digest(packed: bytes) -> str | None:
    """Return the digest of the finetuned models in ``packed``, or None if there are none."""
    entries = _unpacked(packed)
    finetuned = {name: _digest(files) for name, files in entries.items() if NOTE in files}
    return fingerprint(finetuned) if finetuned else None


def digest_of(folder: Path, entries: Sequence[str]) -> str:
    """Return the :func:`digest` that packing the models ``entries`` of ``folder`` would give."""
    return fingerprint({entry: tree_digest(folder / entry) for entry in entries})


def find_packed(place: Store) -> Shipped | None:
    """Find the packed dense models at ``place``; None if there are none.

    Raises :class:`~sweep.errors.StorageError` if the store cannot be reached. ``read`` of the
    result raises it if the models cannot be read or are damaged.
    """
    for name in _all(place):
        return Shipped(None if name == FIGURES else name, partial(_read, place, name))
    return None


def save_packed(place: Store, packed: bytes) -> None:
    """Save packed dense models at ``place``, unless a bench without a model packed no bytes.

    Raises :class:`~sweep.errors.StorageError` if the disk or store refuses the write.
    """
    if packed:
        (place / f"{digest(packed) or FIGURES}.tar").write_bytes(packed)


def delete_packed(place: Store) -> None:
    """Delete the packed dense models, and the folder if it is then empty."""
    place.remove_all(f"{name}.tar" for name in _all(place))
    place.remove()


def _all(place: Store) -> list[str]:
    names = place.children(RETRY_SECONDS)
    return [found[1] for name in names if (found := _NAME.fullmatch(name))]


def _read(place: Store, wanted: str) -> bytes:
    file = place / f"{wanted}.tar"
    try:
        packed = file.read_bytes() or b""
        found = digest(packed) or FIGURES
    except StoreError:
        raise
    except (OSError, tarfile.TarError) as error:
        raise StorageError(f"cannot read the sweep's dense model, {file}: {error}") from error
    if found != wanted:
        raise StorageError(
            f"the sweep's dense model is damaged: the content of {file} does not match its name"
        )
    return packed


def _put(target: Path, files: Mapping[str, bytes]) -> None:
    if target.exists():
        return
    if list(files) == [target.name]:
        write_bytes(target, files[target.name])
        return
    with new_folder(target) as scratch:
        for name, data in files.items():
            (scratch / name).write_bytes(data)


def _digest(files: Mapping[str, bytes]) -> str:
    named = [(name, hashlib.sha256(data).hexdigest()[:16]) for name, data in sorted(files.items())]
    return fingerprint(named)


def _unpacked(packed: bytes) -> dict[str, dict[str, bytes]]:
    """Files by entry and name. An entry is a sub-folder, or a single file of the folder itself."""
    entries: dict[str, dict[str, bytes]] = {}
    if not packed:  # a bench without a model packs no bytes
        return entries
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for item in tar:
            entry, _, name = item.name.partition("/")
            file = tar.extractfile(item)
            if file is not None and {entry, name}.isdisjoint({"", ".", ".."}) and "/" not in name:
                entries.setdefault(entry, {})[name] = file.read()
    return entries
