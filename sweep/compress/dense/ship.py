"""The dense models that a sweep finetuned, kept beside its ledger: all its trials start from them.

Finetuned again, on another machine, one would come out otherwise, and the trials before and after
would not compare. They are one file, ``dense/DIGEST.tar``: there whole, or not at all.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sweep.errors import StorageError
from sweep.ledger.address import Address
from sweep.ledger.cache import fingerprint, once, tree_digest
from sweep.ledger.files import new_folder, write_bytes
from sweep.ledger.store import PATIENCE, Place

# A folder of the cache as one value, so that what one machine made need not be made on another.

Parcel = Mapping[str, Mapping[str, bytes]]
"""Files by name, of each entry of the folder; a file of the folder itself is an entry of one."""


def pack(folder: Path) -> Parcel:
    """All that ``folder`` holds, its folders one level deep; what is hidden (locks) stays."""
    entries = [path for path in sorted(folder.glob("*")) if not path.name.startswith(".")]
    return {entry.name: _files(entry) for entry in entries}


def unpack(folder: Path, fetch: Callable[[], Parcel], needed: str) -> None:
    """Put a parcel into ``folder``, unless the entry ``needed`` is there; ``fetch`` gets it.

    Entries appear whole, ``needed`` the last of all. Of processes that ask at once, one fetches.
    """

    def store() -> None:
        parcel = fetch()
        for name in sorted(parcel, key=lambda name: name == needed):
            _put(folder / name, parcel[name])

    once(folder / needed, store)


def _files(entry: Path) -> dict[str, bytes]:
    files = [entry] if entry.is_file() else [file for file in entry.iterdir() if file.is_file()]
    return {file.name: file.read_bytes() for file in files}


def _put(target: Path, files: Mapping[str, bytes]) -> None:
    if target.exists():
        return
    if list(files) == [target.name]:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.part")
        scratch.write_bytes(files[target.name])
        scratch.replace(target)
        return
    with new_folder(target) as scratch:
        for name, data in files.items():
            (scratch / name).write_bytes(data)


NOTE = "finetune.json"
"""A file that an entry of a parcel has where it is a model that was finetuned."""

_NAME = re.compile(r"([0-9a-f]{16})\.tar")


def kept(place: Place) -> str | None:
    """The digest of the dense models that are kept at ``place``; None where there is none.

    :class:`~sweep.errors.StorageError` where a store cannot be asked.
    """
    return next(iter(_all(place)), None)


def keep(place: Place, parcel: Parcel) -> None:
    """Keep packed dense models at ``place``; where none was finetuned, nothing.

    :class:`~sweep.errors.StorageError` where disk or store refuses.
    """
    if not any(NOTE in files for files in parcel.values()):
        return
    file = place / f"{digest(parcel)}.tar"
    if isinstance(file, Address):
        file.write_bytes(_packed(parcel), PATIENCE)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, _packed(parcel))
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}") from error


def fetch(place: Place, wanted: str) -> Parcel:
    """The parcel that is kept at ``place`` under a digest.

    :class:`~sweep.errors.StorageError` where it cannot be read, or is damaged.
    """
    file = place / f"{wanted}.tar"
    try:
        parcel = _unpacked(file.read_bytes())
    except (OSError, tarfile.TarError) as error:
        raise StorageError(f"cannot read the sweep's dense model, {file}: {error}") from error
    if digest(parcel) != wanted:
        raise StorageError(f"the sweep's dense model is damaged: {file} is not what was kept")
    return parcel


def drop(place: Place) -> None:
    """Delete what is kept, and the folder if nothing else is in it."""
    for name in _all(place):
        if isinstance(place, Address):
            (place / f"{name}.tar").remove()
        else:
            (place / f"{name}.tar").unlink(missing_ok=True)
    if isinstance(place, Path):
        with suppress(OSError):
            place.rmdir()


def digest(parcel: Parcel) -> str:
    """Of the models that were finetuned: what :func:`digest_of` says of their folders."""
    finetuned = {entry: files for entry, files in parcel.items() if NOTE in files}
    return fingerprint({entry: _digest(files) for entry, files in finetuned.items()})


def digest_of(folder: Path, entries: Sequence[str]) -> str:
    """Of the models that lie in ``folder`` under these names."""
    return fingerprint({entry: tree_digest(folder / entry) for entry in entries})


def _digest(files: Mapping[str, bytes]) -> str:
    named = [(name, hashlib.sha256(data).hexdigest()[:16]) for name, data in sorted(files.items())]
    return fingerprint(named)


def _all(place: Place) -> list[str]:
    if isinstance(place, Address):
        names = place.names(PATIENCE)
    else:
        names = sorted(file.name for file in place.glob("*.tar"))
    return [found[1] for name in names if (found := _NAME.fullmatch(name))]


def _packed(parcel: Parcel) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for entry, files in sorted(parcel.items()):
            for name, data in sorted(files.items()):
                item = tarfile.TarInfo(f"{entry}/{name}")
                item.size = len(data)
                tar.addfile(item, io.BytesIO(data))
    return stream.getvalue()


def _unpacked(data: bytes) -> Parcel:
    parcel: dict[str, dict[str, bytes]] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for item in tar:
            entry, _, name = item.name.partition("/")
            file = tar.extractfile(item)
            if file is not None and {entry, name}.isdisjoint({"", ".", ".."}) and "/" not in name:
                parcel.setdefault(entry, {})[name] = file.read()
    return parcel
