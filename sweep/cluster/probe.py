"""What one node finds out for the preflight. Sent to it as code: it may lack prunesweep altogether.

So nothing of ours, and nothing heavy, is imported before it is known to be there.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import platform
from pathlib import Path
from typing import Any

Findings = dict[str, Any]
Problem = tuple[str, str]
"""A kind (``storage``, ``setup``), and a sentence without the node's name."""


def look(wanted: dict[str, Any]) -> Findings:
    """``versions`` of this node and its ``problems``.

    ``wanted`` holds ``place`` (where results go), ``mark`` (a name that the driver left there),
    ``paths`` (setting: path), ``packages`` (import names) and ``gpu`` (whether Ray says that this
    node has one that trials use).
    """
    missing = [name for name in wanted["packages"] if importlib.util.find_spec(name) is None]
    if missing:
        how = "install it there as on the head, into the Python that runs Ray"
        return {"versions": {}, "problems": [("setup", f"lacks {', '.join(missing)}: {how}")]}
    problems = [*_storage(wanted["place"], wanted["mark"]), *_unreadable(wanted["paths"])]
    if wanted["gpu"]:
        problems += _gpu()
    return {"versions": versions(), "problems": problems}


def versions() -> dict[str, str]:
    """What must be the same on all nodes: Ray, Python's minor version, our own source."""
    ray = importlib.import_module("ray")
    ours = importlib.import_module("sweep")
    python = ".".join(platform.python_version_tuple()[:2])
    source = f"{ours.__version__} (source {_digest(Path(ours.__file__ or '').parent)})"
    return {"ray": ray.__version__, "python": python, "prunesweep": source}


def _digest(package: Path) -> str:
    """Eight hex digits of all modules: the same version can be two working trees."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:8]


def _storage(place: str, mark: str) -> list[Problem]:
    """Whether results can be written, and land where the driver's do."""
    try:
        importlib.import_module("sweep.ledger.folder").probe(place, mark)
    except Exception as error:
        return [("storage", f"{error}; every node writes checkpoints there")]
    return []


def _unreadable(paths: dict[str, str]) -> list[Problem]:
    how = "put it on storage that every node sees, and name it by its path there"
    return [
        ("setup", f"does not see {setting}, {path}: {how}")
        for setting, path in paths.items()
        if not os.access(path, os.R_OK)
    ]


def _gpu() -> list[Problem]:
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # this task asked for none, so Ray hid them
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        return []
    what = f"has a GPU for Ray, and torch {torch.__version__} there sees none"
    return [("setup", f"{what}: install torch with CUDA, and the driver that it needs")]
