"""The data files of a config: lists, globs and folders, divided into splits."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path

from sweep.compress.tasks.task import SPLITS
from sweep.config.fields import Files
from sweep.errors import UsageError, first_line
from sweep.ledger.files import cache_root, file_digest


def files_of(dataset: str | Files, subset: str | None = None) -> dict[str, list[Path]]:
    """Return the files of each split: of a folder, or of the files that a config names.

    Raises :class:`~sweep.errors.UsageError` if a file or the split ``train`` is missing.
    """
    if isinstance(dataset, str):
        found = _splits_of(Path(os.path.expanduser(dataset)), subset)
        if "train" not in found:
            raise UsageError(f"{dataset} has no split 'train'; it has: {', '.join(found)}")
    else:
        named = {split: getattr(dataset, split) for split in SPLITS}
        found = {split: _resolved(entry, split) for split, entry in named.items() if entry}
    return found


def digests(files: Sequence[Path]) -> list[str]:
    """Return a digest of the bytes of each file."""
    try:
        return [file_digest(file) for file in files]
    except FileNotFoundError as error:
        raise UsageError(f"data file not found: {error.filename}") from error
    except OSError as error:
        raise UsageError(f"data file {error.filename} cannot be read: {error.strerror}") from error


def _resolved(entry: str | list[str], split: str) -> list[Path]:
    """Return the files that a path, a glob, a folder, or a list of these stands for."""
    if isinstance(entry, list):
        return [file for each in entry for file in _resolved(each, split)]
    path = Path(os.path.expanduser(entry))
    if path.is_dir():
        splits = _splits_of(path, None)
        if split in splits or len(splits) == 1:
            return splits[split] if split in splits else next(iter(splits.values()))
        raise UsageError(
            f"task.dataset.{split}: {entry} has the splits {', '.join(splits)}, but no "
            f"{split!r}: give the files of one of them"
        )
    if path.exists():
        return [path]
    found = map(Path, sorted(glob(str(path), recursive=True)))
    if matches := [each for each in found if each.is_file()]:
        return matches
    what = "no file matches" if {*"*?["} & {*entry} else "data file not found:"
    raise UsageError(f"{what} {entry} (task.dataset.{split})")


def _splits_of(folder: Path, subset: str | None) -> dict[str, list[Path]]:
    """Return the files of each split of a folder, by the rules of the Hugging Face Hub.

    It may have been written by ``save_to_disk`` of the library `datasets`.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "was not found"
        raise UsageError(
            f"task.dataset: {folder} {what}; allowed: a folder, a hub id, or files: set "
            "task.dataset.train=FILE"
        )
    try:
        if (told := folder / "dataset_dict.json").exists():
            names = json.loads(told.read_text(encoding="utf-8"))["splits"]
            return {name: _saved(folder / name) for name in names}
        if (folder / "state.json").exists():
            return {"train": _saved(folder)}
    except (OSError, ValueError, LookupError, TypeError) as error:
        what = f"{folder} is no complete folder of save_to_disk"
        raise UsageError(f"{what}: {type(error).__name__}: {first_line(error)}") from error
    import datasets

    datasets.disable_progress_bars()
    try:
        cache = str(cache_root() / "datasets")
        builder = datasets.load_dataset_builder(str(folder.absolute()), subset, cache_dir=cache)
        return {str(split): [*map(Path, each)] for split, each in builder.config.data_files.items()}
    except Exception as error:  # of many kinds: no data files, a damaged README, an unknown subset
        what = f"the data files of {folder} cannot be found"
        raise UsageError(f"{what}: {summary(error)}") from error


def summary(error: Exception) -> str:
    """The first two lines of an error of the library `datasets`: the second may list options."""
    return " ".join(str(error).splitlines()[:2]).rstrip(".") or type(error).__name__


def _saved(folder: Path) -> list[Path]:
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return [folder / file["filename"] for file in state["_data_files"]]


def refuse_twice(files: Mapping[str, Sequence[Path]], digests: Mapping[str, Sequence[str]]) -> None:
    """Refuse a path that is given twice, and files of two splits with the same bytes.

    ``digests`` are those of the files, by split.
    """
    seen: dict[str, tuple[str, Path]] = {}
    for split, found in digests.items():
        paths = [os.path.abspath(path) for path in files[split]]
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            raise UsageError(f"task.dataset.{split} names {twice} twice: name each file once")
        for path, digest in zip(files[split], found, strict=True):
            other, first = seen.setdefault(digest, (split, path))
            if other != split:
                copy = "" if path.samefile(first) else f" (as {first}, with the same bytes)"
                raise UsageError(
                    f"{path} is given for {split}, and for {other}{copy}: a model that has learned "
                    f"its test examples looks better than it is; give {split} another file, or "
                    "leave task.dataset.validation out to divide train"
                )
