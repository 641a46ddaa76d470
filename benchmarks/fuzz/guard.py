"""Sees changes to files outside of the folders that an input may change."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.chmod"}
_DEVICES = ("/dev/", "/proc/")
_APART = ("own", "beside")


class Guard:
    """Watches this process and the folders of an input.

    ``scratch`` has the folders ``cache`` and ``tmp``, which may change, and ``home`` and ``cwd``,
    which must stay empty. `environment` names them for this process and for children.
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch.resolve()
        self.seen: list[str] = []
        self._watching = False
        self.empty = [self.scratch / name for name in ("home", "cwd")]
        for folder in (*self.empty, self.scratch / "cache", self.scratch / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        sys.addaudithook(self._hook)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that keep a process within the scratch folder, without a network."""
        cache = str(self.scratch / "cache")
        return {
            "HOME": str(self.scratch / "home"),
            "TMPDIR": str(self.scratch / "tmp"),
            "PRUNESWEEP_CACHE": f"{cache}/prunesweep",
            "XDG_CACHE_HOME": cache,
            "HF_HOME": f"{cache}/hf",
            "MPLCONFIGDIR": f"{cache}/mpl",
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
        }

    @contextmanager
    def watched(self, folder: Path) -> Iterator[list[str]]:
        """Yield a list that has all forbidden changes after the block; ``folder`` has the input."""
        found: list[str] = []
        self.seen = found
        _state(folder)  # sets the times of access
        before = _state(folder)
        self._watching = True
        try:
            yield found
        finally:
            self._watching = False
            after = _state(folder)
            changed = {*before.items()} ^ {*after.items()}
            found += [f"{name} was read or changed" for name in sorted({n for n, _ in changed})]
            for place in self.empty:
                found += [f"{path.name} in {place.name}" for path in place.iterdir()]
                if any(place.iterdir()):
                    shutil.rmtree(place)
                    place.mkdir()

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._watching or not (event == "open" or event in _CHANGES):
            return
        if event == "open":
            path, mode, flags = args
            writes = isinstance(mode, str) and bool({*"wax+"} & {*mode})
            paths = [path] if writes or (isinstance(flags, int) and flags & _WRITES) else []
        else:
            paths = [*args[:2]]
            if isinstance(args[-1], int) and args[-1] >= 0:  # relative to an open folder
                base = os.readlink(f"/proc/self/fd/{args[-1]}")
                paths = [os.path.join(base, os.fsdecode(args[0]))]
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike) and not self._allows(os.fsdecode(path)):
                self.seen.append(f"{event} {os.fsdecode(path)}")

    def _allows(self, path: str) -> bool:
        full = os.path.abspath(path)
        return full.startswith((f"{self.scratch}/", *_DEVICES)) or "__pycache__" in full


def _state(folder: Path) -> dict[str, tuple[float, ...]]:
    """The size and the time of the last change of each file below a folder, but in ``own``.

    For what is in ``beside`` also the time of the last access, which is set to 0 first. A file
    system that was mounted with ``noatime`` has none.
    """
    found: dict[str, tuple[float, ...]] = {}
    for path in _below(folder / "beside", found):
        os.utime(path, ns=(0, os.lstat(path).st_mtime_ns), follow_symlinks=False)
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in _APART or root != str(folder)]
        for name in names:
            stat = os.lstat(os.path.join(root, name))
            found[os.path.join(root, name)] = (stat.st_size, stat.st_mtime_ns)
    return found


def _below(folder: Path, found: dict[str, tuple[float, ...]]) -> list[Path]:
    """All that is in a folder; its state is taken before a look at it counts as an access."""
    stat = os.lstat(folder) if os.path.lexists(folder) else None
    if stat is None:
        return []
    found[str(folder)] = (stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_atime_ns)
    inner = [*folder.iterdir()] if folder.is_dir() else []
    return [folder, *(path for each in inner for path in _below(each, found))]
