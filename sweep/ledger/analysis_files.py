"""Files that are there whole or not at all, also for a reader at the same moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` make a file beside ``path``, then move it there; returns ``path``.

    The folder is made if need be. When ``write`` fails, an older ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers pick a format by it.
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path
