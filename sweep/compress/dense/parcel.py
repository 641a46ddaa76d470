"""A folder of the cache as one value, so that what one machine made need not be made on another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sweep.ledger.cache import once
from sweep.ledger.files import new_folder

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
