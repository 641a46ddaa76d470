"""Whether a place can hold results: written, read back, deleted, before anything costly runs."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sweep.errors import StorageError


def probe(place: str) -> None:
    """Write a small file into the folder, fsync it, read it back and delete it.

    Raises :class:`~sweep.errors.StorageError`. Needs no ray: it runs on any machine.
    """
    file = Path(place) / f".probe-{secrets.token_hex(8)}"
    try:
        with file.open("xb") as stream:
            stream.write(b"prunesweep")
            stream.flush()
            os.fsync(stream.fileno())
        if file.read_bytes() != b"prunesweep":
            raise StorageError(f"{place} does not give back what was written")
    except OSError as error:
        raise StorageError(f"{place} cannot be written: {error.strerror or error}") from error
    finally:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"{place}: {error.strerror or error}") from error
