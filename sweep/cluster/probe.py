"""The check that each node runs for the preflight. It is sent as code: a node may lack prunesweep.

So nothing of ours and nothing heavy is imported before the check has found it there.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import platform
from glob import glob
from pathlib import Path
from typing import Any

Findings = dict[str, Any]
Problem = tuple[str, str]
"""Its kind (``storage`` or ``setup``), and a message without the node's name."""


def look(wanted: dict[str, Any]) -> Findings:
    """The ``versions`` on this node, and its ``problems``.

    ``wanted`` holds ``place`` (where results are written), ``mark`` (the name of a file that the
    driver wrote there), ``paths`` (settings and paths), ``packages`` (import names) and ``gpu``
    (whether trials use GPUs and Ray says that this node has some).
    """
    missing = [name for name in wanted["packages"] if importlib.util.find_spec(name) is None]
    if missing:
        how = "install the same packages as on the head, into the Python that runs Ray"
        return {"versions": {}, "problems": [("setup", f"lacks {', '.join(missing)}: {how}")]}
    problems = [*_storage(wanted["place"], wanted["mark"]), *_unreadable(wanted["paths"])]
    if wanted["gpu"]:
        problems += _gpu()
    return {"versions": versions(), "problems": problems}


def versions() -> dict[str, str]:
    """The versions that must be the same on all nodes: of Ray, Python (minor) and our source."""
    ray = importlib.import_module("ray")
    ours = importlib.import_module("sweep")
    python = ".".join(platform.python_version_tuple()[:2])
    source = f"{ours.__version__} (source {_digest(Path(ours.__file__ or '').parent)})"
    return {"ray": ray.__version__, "python": python, "prunesweep": source}


def _digest(package: Path) -> str:
    """Eight hex digits of a hash of all modules: two working trees can have the same version."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:8]


def _storage(place: str, mark: str) -> list[Problem]:
    """Check that results can be written, to the same storage as the driver's."""
    try:
        importlib.import_module("sweep.ledger.folder").probe(place, mark)
    except Exception as error:
        return [("storage", f"{error}; every node must be able to write checkpoints there")]
    return []


def _unreadable(paths: list[tuple[str, str]]) -> list[Problem]:
    how = "put it on storage that every node sees, and give its path there"
    return [
        ("setup", f"does not see {setting}, {path}: {how}")
        for setting, path in paths
        if not any(os.access(found, os.R_OK) for found in [path, *glob(path)])
    ]


def _gpu() -> list[Problem]:
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # this task asked for none, so Ray hid them
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        return []
    what = f"has a GPU according to Ray, but torch {torch.__version__} sees none there"
    return [("setup", f"{what}: install torch with CUDA, and the driver that it needs")]
