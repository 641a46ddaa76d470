"""Sources of examples (the embedded digits, files, the hub), all read as the same raw rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sweep.compress.tasks.columns import AUTO, Raw, joined, select, wanted
from sweep.compress.tasks.files import digests, files_of, refuse_twice, summary
from sweep.compress.tasks.split import Split, stratified
from sweep.compress.tasks.task import SPLITS
from sweep.config.fields import Files
from sweep.config.sections import TaskConfig
from sweep.errors import UsageError

__all__ = ["AUTO", "DIGITS_LABELS", "DIGITS_WORDS", "Data", "Raw", "digits_split", "open_data"]

DIGITS_WORDS = 17  # pixel values 0 to 16; a text is 8 x 8 of them, row by row
DIGITS_LABELS = 10


class LocalData:
    """Rows of files.

    ``others`` are the names of splits that no task reads, such as ``dev``.
    """

    def __init__(self, files: dict[str, list[Path]]) -> None:
        self.others = [split for split in files if split not in SPLITS]
        self._files = files
        self._digests = {split: digests(files[split]) for split in SPLITS if split in files}
        refuse_twice(files, self._digests)

    def key(self, split: str) -> list[str] | None:
        """Return digests of the bytes of the files, as they were opened, or None without files."""
        return self._digests.get(split)

    def rows(self, split: str, text: str | Sequence[str], label: str) -> Raw | None:
        """Read the rows of a split, or return None if there is no such split.

        Raises :class:`~sweep.errors.UsageError` if they cannot be read, or have no such columns.
        """
        if split not in self._digests:
            return None
        from sweep.compress.tasks.readers import read_file, readable

        files, parts = self._files[split], []
        for file in files:
            with readable(file):
                columns = read_file(file, wanted(text, label))
                parts.append(select(columns, str(file), text, label))
        if digests(files) != self._digests[split]:
            raise UsageError(f"a file of {split} has changed since it was opened: start again")
        source = str(files[0]) if len(files) == 1 else f"task.dataset.{split}"
        return joined(parts, [*map(str, files)], source)


class HubData:
    """Rows of a data set of the hub, as :class:`LocalData`; the key has the revision (a commit)."""

    def __init__(self, name: str, subset: str | None) -> None:
        self.name, self.subset = name, subset

    @cached_property
    def _builder(self) -> Any:
        import datasets

        datasets.disable_progress_bars()
        try:
            return datasets.load_dataset_builder(self.name, self.subset)
        except Exception as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        hint = "a private or gated data set needs a token in HF_TOKEN; "
        return UsageError(
            f"data set {self.name!r} cannot be loaded from the hub: {summary(error)}; "
            f"{hint if type(error).__name__ == 'DatasetNotFoundError' else ''}"
            "to use files, set task.dataset.train=FILE"
        )

    def _splits(self) -> list[str]:
        try:
            self._builder.download_and_prepare()
        except Exception as error:
            raise self._unusable(error) from error
        return list(self._builder.info.splits)

    @property
    def others(self) -> list[str]:
        return [split for split in self._splits() if split not in SPLITS]

    def key(self, split: str) -> list[str | None]:
        return [self.name, self.subset, str(self._builder.hash)]

    def rows(self, split: str, text: str | Sequence[str], label: str) -> Raw | None:
        from sweep.compress.tasks.readers import of_arrow, readable

        if split not in self._splits():
            return None
        source = f"{self.name} ({split})"
        with readable(source):
            table = self._builder.as_dataset(split=split)
            columns = of_arrow(table.features.arrow_schema, table.data.column)
            return joined([select(columns, source, text, label)], [source], source)


Data = LocalData | HubData


def open_data(settings: TaskConfig) -> Data:
    """Open ``task.dataset``. Raises :class:`~sweep.errors.UsageError` for a missing file."""
    dataset = settings.dataset
    if isinstance(dataset, Files) or settings.is_folder:
        return LocalData(files_of(dataset, settings.subset))
    return HubData(dataset, settings.subset)


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
