"""Whether a store can be used from where this process runs: asked on every node before a sweep."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sweep.errors import StorageError
from sweep.ledger.store import Store, store_at
from sweep.ledger.store_errors import StoreError

PATIENCE = 5.0
"""Seconds for which a store that is out of reach is tried again."""


def probe(where: str, mark: str | None = None) -> None:
    """Write, read back and delete a small file in a folder that is there, or in an object store.

    ``mark``: the name that :func:`marked` gave, perhaps on another machine: it must be seen from
    here too, else this is another place of the same name. StorageError with a sentence that names
    this host where anything fails; :class:`~sweep.errors.UsageError` for an address of no use.
    """
    store = store_at(where)
    try:
        prove(store)
        if mark is not None:
            _see(store, mark)
    except StorageError as error:
        raise StorageError(f"{error} (seen from {socket.gethostname()})") from error


@contextmanager
def marked(where: str) -> Iterator[str]:
    """Leave a mark at ``where`` for the time of the block, and yield its name."""
    mark = store_at(where) / f".mark-{secrets.token_hex(8)}"
    _create(mark, b"mark")
    try:
        yield mark.name
    finally:
        with suppress(StorageError):
            mark.remove()


def prove(store: Store) -> None:
    """Raise a :class:`~sweep.errors.StorageError` if files cannot be created once and read back."""
    content = secrets.token_hex(8).encode()
    trial = store / f".probe-{content.decode()}"
    try:
        _create(trial, content)
        if trial.read_bytes() != content:
            raise StoreError(f"{store} does not give back what is written there")
        if not _creates_once(trial):
            raise StoreError(
                f"{store} writes over an object that it was asked to create (it ignores "
                "If-None-Match): two drivers could not be told apart; keep the sweep elsewhere"
            )
    except FileNotFoundError as error:
        raise StoreError(f"{store} does not give back what is written there") from error
    finally:
        trial.remove()


def _create(there: Store, content: bytes) -> None:
    """Nobody else has this name: what is there already is of a try whose answer was lost."""
    with suppress(FileExistsError):
        there.create(content, PATIENCE)


def _creates_once(there: Store) -> bool:
    try:
        there.create(b"again", PATIENCE)
    except FileExistsError:
        return True
    return False


def _see(store: Store, mark: str) -> None:
    try:
        (store / mark).read_bytes()
    except FileNotFoundError as error:
        raise StorageError(
            f"{store} is not the same place as where the driver runs (its mark is not there): it "
            "must be shared by all nodes"
        ) from error
