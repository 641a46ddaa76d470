"""The dense models of a sweep for other machines: packed once, kept beside its ledger or sent.

All trials of a sweep start from the same ones. Finetuned again, on another machine, one would come
out otherwise, and the trials before and after would not compare.

Packed, they are the bytes of a tar file: all that the cache's folder of them holds, figures too. If
any was finetuned, the sweep keeps it as ``dense/DIGEST.tar``: there whole, or not at all. If none
was, it is sent along with the trials.
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
from sweep.ledger.store_objects import PATIENCE

NOTE = "finetune.json"
"""A file that a folder has where the model in it was finetuned."""

_NAME = re.compile(r"([0-9a-f]{16})\.tar")

Entries = Mapping[str, Mapping[str, bytes]]
"""Files by name, of each entry of a folder; a file of the folder itself is an entry of one."""


@dataclass(frozen=True)
class Shipped:
    """Packed dense models, and how to get at their bytes.

    ``digest`` is that of the models among them that were finetuned; None where there is none.
    """

    digest: str | None
    read: Callable[[], bytes]


def pack(folder: Path, leave: Container[str] = ()) -> bytes:
    """All that ``folder`` holds but the entries to ``leave``, its folders one level deep.

    What is hidden (locks) stays.
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
    """Put what was packed into ``folder``, unless the entry ``needed`` is there.

    Entries appear whole, ``needed`` the last of all. Of processes that ask at once, one reads.
    """

    def store() -> None:
        entries = _unpacked(read())
        for name in sorted(entries, key=lambda name: name == needed):
            _put(folder / name, entries[name])

    once(folder / needed, store)


def digest(packed: bytes) -> str | None:
    """Of the models that were finetuned; None where none was."""
    entries = _unpacked(packed)
    finetuned = {name: _digest(files) for name, files in entries.items() if NOTE in files}
    return fingerprint(finetuned) if finetuned else None


def digest_of(folder: Path, entries: Sequence[str]) -> str:
    """The :func:`digest` of the models that lie in ``folder`` under these names."""
    return fingerprint({entry: tree_digest(folder / entry) for entry in entries})


def kept(place: Store) -> Shipped | None:
    """The dense models that are kept at ``place``; None where none are.

    Raises :class:`~sweep.errors.StorageError` where a store cannot be asked; ``read`` does where
    they cannot be read, or are damaged.
    """
    return next((Shipped(name, partial(_read, place, name)) for name in _all(place)), None)


def keep(place: Store, packed: bytes) -> None:
    """Keep packed dense models at ``place``; where none was finetuned, nothing.

    Raises :class:`~sweep.errors.StorageError` where disk or store refuses.
    """
    name = digest(packed)
    if name is None:
        return
    (place / f"{name}.tar").write_bytes(packed)


def drop(place: Store) -> None:
    """Delete what is kept, and the folder if nothing else is in it."""
    place.remove_all(f"{name}.tar" for name in _all(place))
    place.remove()


def _all(place: Store) -> list[str]:
    names = place.children(PATIENCE)
    return [found[1] for name in names if (found := _NAME.fullmatch(name))]


def _read(place: Store, wanted: str) -> bytes:
    file = place / f"{wanted}.tar"
    try:
        packed = file.read_bytes()
        found = digest(packed)
    except StoreError:
        raise
    except (OSError, tarfile.TarError) as error:
        raise StorageError(f"cannot read the sweep's dense model, {file}: {error}") from error
    if found != wanted:
        raise StorageError(f"the sweep's dense model is damaged: {file} is not what was kept")
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


def _unpacked(packed: bytes) -> Entries:
    entries: dict[str, dict[str, bytes]] = {}
    if not packed:  # by a bench without a model
        return entries
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for item in tar:
            entry, _, name = item.name.partition("/")
            file = tar.extractfile(item)
            if file is not None and {entry, name}.isdisjoint({"", ".", ".."}) and "/" not in name:
                entries.setdefault(entry, {})[name] = file.read()
    return entries
