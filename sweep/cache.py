"""What a second sweep need not make again: tokenised data and dense models, by content."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


def cache_root() -> Path:
    """``$PRUNESWEEP_CACHE``, or ``prunesweep`` in the user's cache folder."""
    if explicit := os.environ.get("PRUNESWEEP_CACHE"):
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prunesweep"


def fingerprint(value: Any) -> str:
    """A short digest (16 hex digits) of any JSON value, key order aside."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_digest(path: str | Path) -> str:
    """A short digest (16 hex digits) of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def tree_digest(path: str | Path) -> str:
    """A short digest of a folder's files (or of one file), names and bytes."""
    root = Path(path)
    files = [root] if root.is_file() else sorted(f for f in root.rglob("*") if f.is_file())
    return fingerprint([(file.name, file_digest(file)) for file in files])
