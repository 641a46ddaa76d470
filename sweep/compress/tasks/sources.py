"""The data of a config, all read as the same raw rows: files, folders, the hub, and the digits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path

import numpy as np

from sweep.compress.tasks.columns import Raw, joined, select, wanted
from sweep.compress.tasks.split import Split, stratified
from sweep.compress.tasks.task import SPLITS
from sweep.config.sections import TaskConfig
from sweep.errors import UsageError
from sweep.ledger.files import cache_root, file_digest

DIGITS_WORDS = 17  # pixel values 0 to 16; a text is 8 x 8 of them, row by row
DIGITS_LABELS = 10


class Data:
    """Rows of the files of each split.

    ``others`` are the names of splits that no task reads, such as ``dev``. Raises
    :class:`~sweep.errors.UsageError` if a file cannot be read.
    """

    def __init__(self, files: Mapping[str, Sequence[Path]]) -> None:
        self.files, self.others = files, [split for split in files if split not in SPLITS]
        self.digests = {split: digests(files[split]) for split in SPLITS if split in files}

    def rows(self, split: str, text: str | Sequence[str], label: str) -> Raw:
        """Read the rows of a split.

        Raises :class:`~sweep.errors.UsageError` if there is no such split, if its files cannot be
        read, and if they have no such columns.
        """
        if split not in self.digests:
            raise UsageError(f"the data has no split {split!r}: set task.dataset.{split}=FILE")
        from sweep.compress.tasks.readers import read_file, readable

        files, parts = self.files[split], []
        for file in files:
            with readable(file):
                columns = read_file(file, wanted(text, label))
                parts.append(select(columns, str(file), text, label))
        if digests(files) != self.digests[split]:
            raise UsageError(f"a file of {split} has changed since it was opened: start again")
        source = str(files[0]) if len(files) == 1 else f"task.dataset.{split}"
        return joined(parts, [*map(str, files)], source)


def open_data(settings: TaskConfig) -> Data:
    """Open ``task.dataset``: the files that it names, a folder, or a data set of the hub.

    Raises :class:`~sweep.errors.UsageError` if a file or the split ``train`` is missing, or if a
    file is given twice.
    """
    dataset = settings.dataset
    if not isinstance(dataset, str):
        named = {split: getattr(dataset, split) for split in SPLITS}
        data = Data({split: _resolved(entry, split) for split, entry in named.items() if entry})
    else:
        files = _splits_of(dataset, settings.subset, settings.is_folder)
        if "train" not in files:
            raise UsageError(f"{dataset} has no split 'train'; it has: {', '.join(files)}")
        data = Data(files)
    if settings.is_folder or not isinstance(dataset, str):
        _refuse_twice(data)
    return data


def digests(files: Sequence[Path]) -> list[str]:
    """Return a digest of the bytes of each file."""
    from sweep.compress.tasks.readers import readable

    found = []
    for file in files:
        with readable(file):
            found.append(file_digest(file))
    return found


def _resolved(entry: str | list[str], split: str) -> list[Path]:
    """Return the files that a path, a glob, a folder, or a list of these stands for."""
    if isinstance(entry, list):
        return [file for each in entry for file in _resolved(each, split)]
    path = Path(os.path.expanduser(entry))
    if path.is_dir():
        splits = _splits_of(entry, None)
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


def _splits_of(name: str, subset: str | None, is_folder: bool = True) -> dict[str, list[Path]]:
    """Return the files of each split of a folder, by the rules of the Hugging Face Hub.

    The folder may be one of ``save_to_disk`` of the library `datasets`. The files of a data set of
    the hub are those of the library's cache.
    """
    folder = Path(os.path.expanduser(name))
    if is_folder and not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "was not found"
        raise UsageError(
            f"task.dataset: {folder} {what}; allowed: a folder, a hub id, or files: set "
            "task.dataset.train=FILE"
        )
    import datasets

    datasets.disable_progress_bars()
    try:
        if not is_folder:
            builder = datasets.load_dataset_builder(name, subset)
            builder.download_and_prepare()
            saved = builder.as_dataset().cache_files
        elif {"dataset_dict.json", "state.json"} & {file.name for file in folder.iterdir()}:
            saved = datasets.load_from_disk(str(folder), keep_in_memory=False).cache_files
        else:
            cache = str(cache_root() / "datasets")
            builder = datasets.load_dataset_builder(str(folder.absolute()), subset, cache_dir=cache)
            return {str(s): [*map(Path, each)] for s, each in builder.config.data_files.items()}
    except Exception as error:  # of many kinds: offline, no data files, a damaged README or shard
        needs_token = type(error).__name__ == "DatasetNotFoundError" and not is_folder
        hint = "a private or gated data set needs a token in HF_TOKEN; " if needs_token else ""
        why = " ".join(str(error).splitlines()[:2]).rstrip(".") or type(error).__name__
        raise UsageError(
            f"the data files of {name} cannot be found: {why}; {hint}to use other files, set "
            "task.dataset.train=FILE"
        ) from error
    parts = saved if isinstance(saved, dict) else {"train": saved}
    return {split: [Path(each["filename"]) for each in part] for split, part in parts.items()}


def _refuse_twice(data: Data) -> None:
    """Refuse a path that is given twice, and files of two splits with the same bytes."""
    seen: dict[str, tuple[str, Path]] = {}
    for split, found in data.digests.items():
        paths = [os.path.abspath(path) for path in data.files[split]]
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            raise UsageError(f"task.dataset.{split} names {twice} twice: name each file once")
        for path, digest in zip(data.files[split], found, strict=True):
            other, first = seen.setdefault(digest, (split, path))
            if other != split:
                copy = "" if path.samefile(first) else f" (as {first}, with the same bytes)"
                raise UsageError(
                    f"{path} is given for {split}, and for {other}{copy}: a model that has learned "
                    f"its test examples looks better than it is; give {split} another file, or "
                    "leave task.dataset.validation out to divide train"
                )


def digits_split(split: str, generator: np.random.Generator) -> Split:
    """Return a split of the UCI digits of scikit-learn, as 64 tokens over 17 words.

    Of the 1,797 images 20 % are test and 20 % validation, drawn stratified by ``generator``.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    test = stratified(labels, len(labels) // 5, generator)
    rest = np.setdiff1d(np.arange(len(labels)), test)
    validation = rest[stratified(labels[rest], len(labels) // 5, generator)]
    parts = {"test": test, "validation": validation, "train": np.setdiff1d(rest, validation)}
    chosen = parts[split]
    return Split.of(images[chosen].astype(np.int32).tolist(), labels[chosen])
