"""Classification with one label per example: texts from files or the hub, and the digits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from sweep.compress.tasks import sources
from sweep.compress.tasks.columns import Raw
from sweep.compress.tasks.encode import Encoder, has_tokenizer
from sweep.compress.tasks.labels import Classes, Labels, agree, is_unnamed, labels_of, listed
from sweep.compress.tasks.split import Split, carve, shared_rows, stratified
from sweep.compress.tasks.task import SPLITS, Ints, Task
from sweep.config.sections import TaskConfig
from sweep.errors import UsageError
from sweep.ledger.files import cache_root, fingerprint, once, write_text

if TYPE_CHECKING:
    from torch import nn


class _Classification(Task):
    """A task for a sequence classifier of transformers over token ids."""

    vocabulary = 0
    labels: Labels
    classes: Classes

    def load(self, name: str, seed: int = 0, setting: str = "model") -> nn.Module:
        """Load a sequence classifier (`sweep.compress.models.load_classifier`).

        With ``new_head`` the config's model gets a new head. Raises
        :class:`~sweep.errors.UsageError` if a head has the labels in another order.
        """
        from sweep.compress.models import head_names, load_classifier

        names, length = self.label_names, self.settings.max_length
        new_head = self.new_head and (name, setting) == (self.model, "model")
        head = None if new_head else head_names(name, setting)
        # A dense model that an older version finetuned has the order, but not the names.
        if head and not (setting == "model" and is_unnamed(head)):
            theirs = agree(self.labels, head, self.settings.label_names, f"{setting} {name!r}")
            if any(theirs.id_of(label) != self.classes.id_of(label) for label in self.labels):
                raise UsageError(
                    f"{setting} {name!r} has the labels {', '.join(head[:12])}, the dense model "
                    f"{', '.join(names[:12])}; allowed: the same order"
                )
        return load_classifier(name, names, self.vocabulary, length, seed, setting, new_head)

    @property
    def warnings(self) -> list[str]:
        from sweep.compress.model_files import warnings_of_model

        return [*super().warnings, *(warnings_of_model(self.model) if self.model else [])]

    def is_trained(self, model: nn.Module) -> bool:
        from sweep.compress.model_files import has_head

        return has_head(model.config)

    def split(self, name: str) -> Split:
        return cast(Split, super().split(name))

    def shared_rows(self, split: str) -> dict[str, dict[str, int]]:
        own = self.split(split)  # which refuses other names
        others = SPLITS[: SPLITS.index(split)]
        found = {name: shared_rows(self.split(name), own) for name in others}
        return {name: counts for name, counts in found.items() if counts["rows"]}

    def warnings_on(self, split: str) -> list[str]:
        found = [_leak(split, *shared) for shared in self.shared_rows(split).items()]
        of_train = split == "train"
        known = np.arange(len(self.label_names)) if of_train else self.train.labels
        if names := self._lacking(self.split(split), known):
            which = "so training does not teach them" if of_train else "which train has"
            found.append(f"{split} has no example of the labels {names}, {which}")
        return [*found, *self.classes.warnings] if of_train else found

    def _lacking(self, split: Split, known: Ints) -> str:
        """Return the names of the labels that ``split`` lacks, of the ``known`` ids."""
        return listed(self.label_names[label] for label in np.setdiff1d(known, split.labels))

    def _checked(self, split: Split, whole: Split, name: str) -> Split:
        """Return a split. Raises UsageError if train has lost a label of the ``whole`` train."""
        if name == "train" and (lost := self._lacking(split, whole.labels)):
            count, rarest = self.settings.train_samples, np.unique_counts(whole.labels).counts.min()
            setting = f"validation={self.settings.validation}" if count is None else "train_samples"
            raise UsageError(
                f"task.{setting} leaves no train example of the labels {lost}; allowed: "
                f"{math.ceil(len(whole) / rarest)} or more train examples of {len(whole)}, or a "
                "file for validation"
            )
        return split


class Digits(_Classification):
    """The embedded UCI digits, as 64 tokens over 17 words, with a new small BERT."""

    labels = Labels(range(sources.DIGITS_LABELS))
    classes = agree(labels, [str(digit) for digit in range(sources.DIGITS_LABELS)])
    label_names = classes.names
    vocabulary = sources.DIGITS_WORDS

    @property
    def key(self) -> str:
        """A key of the settings that select the examples."""
        left_out = {"metrics", "metric", "kind", "options"}
        return fingerprint(["digits", self.settings.model_dump(mode="json", exclude=left_out)])

    def read(self, name: str) -> Split:
        """Read a split; train and validation may be subset, test is always complete."""
        whole = sources.digits_split(name, np.random.default_rng([self.settings.seed, 0]))
        return self._checked(_sampled(whole, name, self.settings), whole, name)

    def fresh(self, seed: int) -> nn.Module:
        """Make a BERT of 2 layers and width 128."""
        from sweep.compress.models import fresh_bert

        labels, length = len(self.label_names), self.settings.max_length
        return fresh_bert(self.vocabulary, labels, length, seed)


class TextClassification(_Classification):
    """One label per text or pair of texts, from files or the hub; tokenised splits are cached.

    The label names of train are read at once, from the cache if possible; splits are read later.
    ``key`` is of the files' bytes when they were opened, the columns, and the tokenizer.
    """

    key = ""

    def __init__(
        self,
        settings: TaskConfig,
        model: str | None,
        tokenizer: str | None,
        new_head: bool = False,
    ) -> None:
        super().__init__(settings, model, tokenizer, new_head)
        from sweep.compress.model_files import read_config
        from sweep.compress.models import head_names

        assert model is not None  # the config refuses a text task without
        config = read_config(model)  # before its tokenizer, which a model of another kind may lack
        self.encoder = Encoder(tokenizer or model, config)
        ids = self.encoder.tokenizer.get_vocab().values()
        self.vocabulary = 1 + max(map(int, ids), default=-1)
        self.root = cache_root() / "tokens"
        self.data = sources.open_data(settings)
        self.carved = "validation" not in self.data.digests
        self.labels = self._labels()
        head = None if new_head else head_names(model)
        self.classes = agree(self.labels, head, settings.label_names, f"model {model!r}")
        self.label_names = self.classes.names
        padding = asdict(self.encoder.padding)
        self.key = fingerprint([self._key(*SPLITS), asdict(self.classes), padding])

    def read(self, name: str) -> Split:
        """Read a tokenised split; train and validation may be subset, test is always complete.

        The subset is cached too, so that workers can map it.
        """
        settings, carved = self.settings, self.carved
        source = "train" if carved and name == "validation" else name
        whole = self._tokens(source)

        def make() -> Split:
            if not carved or name == "test":
                return _sampled(whole, name, settings)
            rng = np.random.default_rng([settings.seed, 0])
            part = carve(whole, settings.validation, rng, rest=name == "train")
            return _sampled(part, name, settings)

        cut = [carved, settings.validation, settings.seed, name]
        counts = [settings.train_samples, settings.eval_samples]
        which = fingerprint([asdict(self.classes), cut, counts])
        folder = self.root / f"{self._key(source)}-{which}"
        found = Split.open(once(folder, lambda: make().save(folder)))
        return self._checked(replace(found, padding=self.encoder.padding), whole, name)

    def warnings_on(self, split: str) -> list[str]:
        found = super().warnings_on(split)
        if split == "validation" and self.carved:
            if others := self.data.others:
                found.append(
                    f"the data has no split 'validation', so a part of train is used for it; it "
                    f"also has {', '.join(others)}, which no setting reads"
                )
            return found
        counts = self.texts(split)
        if split == "train":
            found += self.encoder.warnings(self.settings.max_length)
        if empty := counts["empty"]:
            found.append(f"{empty} of {counts['examples']} examples of {split} have no text")
        return found + self.encoder.unknown(split, counts, refuse=False)

    def same_inputs(self, teacher: str) -> bool:
        """Whether the teacher's tokenizer makes the same tokens of train."""
        from sweep.compress.model_files import read_config

        if not has_tokenizer(teacher):
            return True
        other = Encoder(teacher, read_config(teacher, "recover.distill.teacher"))
        if other.key == self.encoder.key:
            return True
        ours, settings = self._tokens("train"), self.settings
        how = (ours.labels, settings.max_length, settings.replace)
        theirs, _ = other.tokenise(self._raw("train"), *how)
        names = ("tokens", "offsets", "segments")
        return all(np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in names)

    def load(self, name: str, seed: int = 0, setting: str = "model") -> nn.Module:
        """Load a sequence classifier whose config has the pad token of the batches."""
        from sweep.compress.behaviour import agree_on_padding

        model = super().load(name, seed, setting)
        agree_on_padding(model, self, self.encoder.padding.token, f"{setting} {name!r}")
        return model

    def save_beside(self, folder: Path) -> None:
        self.encoder.tokenizer.save_pretrained(folder)

    def _key(self, *splits: str) -> str:
        """Return a key of all that tokenised splits depend on, the files' bytes included."""
        settings = self.settings
        data = [self.data.digests.get(split) for split in splits]
        shape = [settings.text, settings.label, settings.replace, settings.max_length]
        return fingerprint([data, shape, self.encoder.key])

    def _raw(self, split: str) -> Raw:
        return self.data.rows(split, self.settings.text, self.settings.label)

    def _labels(self) -> Labels:
        """Return the labels of train and validation, from the cache if possible."""
        file = self.root / f"{self._key(*SPLITS)}-labels.json"

        def make() -> None:
            validation = None if self.carved else self._raw("validation")
            write_text(file, json.dumps(asdict(labels_of(self._raw("train"), validation))))

        return Labels(**json.loads(once(file, make).read_text()))

    def _tokens(self, name: str) -> Split:
        """Return a complete tokenised split, from the cache if possible."""

        def make() -> Split:
            raw = self._raw(name)
            ids = self.classes.ids_of(raw, f"split {name!r}")
            max_length, replace = self.settings.max_length, self.settings.replace
            split, counts = self.encoder.tokenise(raw, ids, max_length, replace)
            write_text(self._note(name), json.dumps({"empty": raw.empty, **counts}))
            return split

        folder = self.root / f"{self._key(name)}-{fingerprint(asdict(self.classes))}"
        found = Split.open(once(folder, lambda: make().save(folder)))
        self.encoder.unknown(name, self.texts(name), refuse=name != "test")
        return found

    def texts(self, split: str) -> dict[str, int]:
        note = self._note(split)
        return json.loads(note.read_text()) if note.is_file() else {}

    def _note(self, name: str) -> Path:
        """Return the file with what is known about the texts of a split that was tokenised."""
        return self.root / f"{self._key(name)}.json"


def _leak(name: str, other: str, found: Mapping[str, int]) -> str:
    """Say how many examples of the split ``name`` occur in ``other``."""
    rows, examples = found["rows"], found["examples"]
    labels = f", {found['other_label']} with another label" if found["other_label"] else ""
    learned = "the model learns them" if other == "train" else "the search has seen them"
    return (
        f"{rows} of {examples} {name} examples ({rows / examples:.1%}; {found['different']} "
        f"different) have the same tokens as examples of {other}{labels}: {learned}, so figures on "
        f"{name} may be too good"
    )


def _sampled(split: Split, name: str, task: TaskConfig) -> Split:
    """Subset train to ``train_samples`` and validation to ``eval_samples``, stratified."""
    count = {"train": task.train_samples, "validation": task.eval_samples}.get(name)
    if count is None or count >= len(split):
        return split
    rng = np.random.default_rng([task.seed, 1, SPLITS.index(name)])
    return split.subset(stratified(split.labels, count, rng))
