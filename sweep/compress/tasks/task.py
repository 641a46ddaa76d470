"""One task: its labels, and its splits, each read only when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sweep.compress.tasks import sources
from sweep.compress.tasks.encode import (
    cached,
    is_missing_folder,
    load_tokenizer,
    tokenise,
    tokenizer_key,
)
from sweep.compress.tasks.sources import Raw
from sweep.compress.tasks.split import Split, stratified
from sweep.config import TaskConfig
from sweep.errors import UsageError
from sweep.ledger.files import cache_root, file_digest, fingerprint, once, write_text

SPLITS = ("train", "validation", "test")


@dataclass
class Task:
    """A tokenised data set.

    ``split(name)`` gives train, validation or test. Train and validation are what the search sees;
    test is not touched before it is asked for, and :attr:`carved` says that validation was cut
    from train, which a model finetuned on that train has seen.
    """

    label_names: tuple[str, ...]
    pad_id: int
    vocabulary: int
    carved: bool
    key: str
    _read: Callable[[str], Split]

    @property
    def train(self) -> Split:
        """The train split, subset to ``train_samples``."""
        return self.split("train")

    def split(self, name: str) -> Split:
        """One of ``train``, ``validation``, ``test``; evaluation splits are subset, test never.

        Raises :class:`~sweep.errors.UsageError` where the data has no such split.
        """
        if name not in SPLITS:
            raise UsageError(f"a split is one of {', '.join(SPLITS)}, got {name!r}")
        return self._read(name)

    @property
    def num_labels(self) -> int:
        """How many classes there are."""
        return len(self.label_names)


def majority_share(split: Split) -> float:
    """The accuracy of always answering the commonest label, in (0, 1]."""
    return float(np.bincount(split.labels).max() / len(split))


def load_task(settings: TaskConfig, model: str | None, tokenizer: str | None) -> Task:
    """A task, tokenised (or found in the cache); by the model's tokenizer where none is named.

    Raises :class:`~sweep.errors.UsageError` for missing files, columns, labels and splits.
    """
    if settings.dataset == "digits":
        return _digits(settings)
    return _Texts(settings, model, tokenizer).task()


def _rng(seed: int, *path: int) -> np.random.Generator:
    return np.random.default_rng([seed, *path])


def _sampled(split: Split, name: str, task: TaskConfig) -> Split:
    """Cut train to ``train_samples``, validation to ``eval_samples``, stratified and seeded."""
    count = {"train": task.train_samples, "validation": task.eval_samples}.get(name)
    if count is None or count >= len(split):
        return split
    return split.subset(stratified(split.labels, count, _rng(task.seed, 1, SPLITS.index(name))))


def _digits(task: TaskConfig) -> Task:
    @cache
    def split(name: str) -> Split:
        return _sampled(sources.digits_split(name, _rng(task.seed, 0)), name, task)

    names = tuple(str(digit) for digit in range(sources.DIGITS_LABELS))
    key = fingerprint(["digits", task.model_dump(mode="json", exclude={"metrics"})])
    return Task(names, 0, sources.DIGITS_WORDS, False, key, split)


class _Texts:
    """A data set of texts: files or hub, each split tokenised once and cached."""

    def __init__(self, settings: TaskConfig, model: str | None, tokenizer: str | None) -> None:
        self.settings = settings
        name = tokenizer or model
        assert name is not None  # the config refuses a text task without a model
        if is_missing_folder(name):
            what = "tokenizer" if tokenizer else "model"
            raise UsageError(f"{what} folder not found: {name}")
        self.tokenizer_name = name
        self.tokenizer_key = tokenizer_key(name)

    @cached_property
    def tokenizer(self) -> Any:
        return load_tokenizer(self.tokenizer_name)

    @property
    def root(self) -> Path:
        return cache_root() / "tokens"

    def task(self) -> Task:
        """Read the labels of train (cached), leave the splits for later."""
        facts = self._facts()
        return Task(
            tuple(facts["label_names"]),
            facts["pad_id"],
            facts["vocabulary"],
            facts["carved"],
            self._key("task"),
            cache(lambda name: self._split(name, tuple(facts["label_names"]), facts["carved"])),
        )

    def _source(self, split: str) -> str | None:
        """The file of a split, or None where the data comes from the hub or has none."""
        dataset = self.settings.dataset
        return None if isinstance(dataset, str) else getattr(dataset, split)

    def _key(self, split: str) -> str:
        """What a tokenised split depends on; for files their bytes."""
        settings = self.settings
        dataset: Any = settings.dataset
        if not isinstance(dataset, str):
            names = SPLITS if split == "task" else (split,)
            dataset = {name: _digest(self._source(name)) for name in names}
        shape = [settings.subset, settings.text, settings.label, settings.replace]
        return fingerprint([dataset, split, shape, settings.max_length, self.tokenizer_key])

    def _raw(self, split: str) -> Raw | None:
        settings = self.settings
        if isinstance(settings.dataset, str):
            return sources.hub_rows(
                settings.dataset, settings.subset, split, settings.text, settings.label
            )
        path = self._source(split)
        return None if path is None else sources.file_rows(path, settings.text, settings.label)

    def _facts(self) -> dict[str, Any]:
        file = self.root / f"{self._key('task')}-facts.json"
        once(file, lambda: write_text(file, json.dumps(self._read_facts())))
        facts: dict[str, Any] = json.loads(file.read_text())
        return facts

    def _read_facts(self) -> dict[str, Any]:
        train = self._raw("train")
        if train is None:
            raise UsageError(f"{self.settings.dataset!r} has no split 'train'")
        pad = self.tokenizer.pad_token_id
        return {
            "label_names": sources.label_names(train),
            "pad_id": 0 if pad is None else int(pad),
            "vocabulary": len(self.tokenizer),
            "carved": self._raw("validation") is None,
        }

    def _split(self, name: str, labels: tuple[str, ...], carved: bool) -> Split:
        """A split as the search sees it; what is cut or sampled is cached for workers to map."""
        source = "train" if carved and name == "validation" else name
        whole = self._tokens(source, labels)

        def make() -> Split:
            cut = _carve(whole, name, self.settings) if carved and name != "test" else whole
            return _sampled(cut, name, self.settings)

        cut = [carved, self.settings.validation, self.settings.seed, name]
        counts = [self.settings.train_samples, self.settings.eval_samples]
        return cached(self.root / f"{self._key(source)}-{fingerprint([labels, cut, counts])}", make)

    def _tokens(self, name: str, labels: tuple[str, ...]) -> Split:
        """A whole split, tokenised, from the cache where it is there."""

        def make() -> Split:
            raw = self._raw(name)
            if raw is None:
                raise UsageError(f"the data has no split {name!r}: give task.dataset.{name}=FILE")
            ids = sources.label_ids(raw.labels, labels, f"split {name!r}")
            return tokenise(
                raw, ids, self.tokenizer, self.settings.max_length, self.settings.replace
            )

        return cached(self.root / f"{self._key(name)}-{fingerprint(labels)}", make)


def _carve(whole: Split, name: str, task: TaskConfig) -> Split:
    """Cut train's validation share out of it, stratified and seeded; the rest is train."""
    count = round(task.validation * len(whole))
    if not 0 < count < len(whole):
        raise UsageError(
            f"task.validation={task.validation} of {len(whole)} train examples leaves an empty "
            "split"
        )
    chosen = stratified(whole.labels, count, _rng(task.seed, 0))
    if name == "train":
        chosen = np.setdiff1d(np.arange(len(whole)), chosen)
    return whole.subset(chosen)


def _digest(path: str | None) -> str | None:
    if path is None:
        return None
    if not Path(path).is_file():
        raise UsageError(f"data file not found: {path}")
    return file_digest(path)
