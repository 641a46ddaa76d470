"""Whether a place can be used from where this process runs: asked on every node before a sweep."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweep.errors import StorageError
from sweep.ledger.address import Address
from sweep.ledger.store import place as place_of

PATIENCE = 5.0
"""Seconds for which a store that is out of reach is tried again."""


def probe(place: str, mark: str | None = None) -> None:
    """Write, read back and delete a small object (or file, in a folder that is there) at ``place``.

    ``mark``: the name that :func:`marked` gave, perhaps on another machine: it must be seen from
    here too, else this is another place of the same name. StorageError with a sentence that names
    this host where anything fails; :class:`~sweep.errors.UsageError` for an address of no use.
    """
    where = place_of(place)
    try:
        if isinstance(where, Address):
            _probe_store(where)
        else:
            _probe_folder(where)
        if mark is not None:
            _see(where, mark)
    except StorageError as error:
        raise StorageError(f"{error} (seen from {socket.gethostname()})") from error


@contextmanager
def marked(place: str) -> Iterator[str]:
    """Leave a mark at ``place`` for the time of the block, and yield its name."""
    where = place_of(place)
    mark = where / f".mark-{secrets.token_hex(8)}"
    try:
        if isinstance(mark, Address):
            mark.write_bytes(b"mark", PATIENCE)
        else:
            mark.write_bytes(b"mark")
    except OSError as error:
        raise StorageError(f"{where} cannot be written: {error.strerror or error}") from error
    try:
        yield mark.name
    finally:
        with suppress(OSError, StorageError):
            if isinstance(mark, Address):
                mark.remove()
            else:
                mark.unlink()


def _probe_store(where: Address) -> None:
    content = secrets.token_hex(8).encode()
    trial = where / f".probe-{content.decode()}"
    trial.write_bytes(content, PATIENCE)
    try:
        if trial.read_bytes() != content:
            raise StorageError(f"{where} does not give back what is written there")
        if not _creates_once(trial):
            raise StorageError(
                f"{where} writes over an object that it was asked to create (it ignores "
                "If-None-Match): two drivers could not be told apart; keep the sweep elsewhere"
            )
    except FileNotFoundError as error:
        raise StorageError(f"{where} does not give back what is written there") from error
    finally:
        trial.remove()


def _creates_once(there: Address) -> bool:
    try:
        there.create(b"again", PATIENCE)
    except FileExistsError:
        return True
    return False


def _probe_folder(where: Path) -> None:
    if not where.is_dir():
        raise StorageError(
            f"there is no folder {where}; on a cluster it must be shared, and mounted at the same "
            "path on every node"
        )
    content = secrets.token_hex(8)
    trial = where / f".probe-{content}"
    try:
        with open(trial, "x", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if trial.read_text(encoding="ascii") != content:
            raise StorageError(f"{where} does not give back what is written there")
    except OSError as error:
        raise StorageError(f"{where} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            trial.unlink()


def _see(where: Path | Address, mark: str) -> None:
    try:
        (where / mark).read_bytes()
    except OSError as error:
        raise StorageError(
            f"{where} is not the same place as where the driver runs (its mark is not there): it "
            "must be shared by all nodes"
        ) from error
