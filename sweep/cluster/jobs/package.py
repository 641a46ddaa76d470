"""The source tree as a small zip file, named by its content: what a job on a cluster runs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import sweep

PACKAGES = ("sweep", "analysis")
ENDINGS = (".py", ".yaml", ".json", ".css", ".html", ".js")
"""Files that a package is made of. No data and no results are among them, whatever lies there."""


def pack(extra: Mapping[str, str]) -> tuple[str, bytes]:
    """A zip file of our packages and of ``extra`` (path: text), and its name.

    The same content gives the same bytes, so that a cluster that has it is sent nothing.
    """
    files = {**dict(source_files()), **{name: text.encode() for name, text in extra.items()}}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # of 1980: no clock in it
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    data = stream.getvalue()
    return f"_ray_pkg_{hashlib.sha256(data).hexdigest()[:16]}.zip", data


def source_files() -> Iterator[tuple[str, bytes]]:
    """Path below the tree and bytes of every file of our packages."""
    root = Path(sweep.__file__).parent.parent
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in ENDINGS and path.is_file():
                yield path.relative_to(root).as_posix(), path.read_bytes()
