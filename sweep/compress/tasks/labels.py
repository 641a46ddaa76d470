"""Labels: the classes of the data, agreed with the labels of the model's head.

A label of the data finds its class by name (exact, then in any case), or as the number of a name:
in a column with a schema, in ``task.label_names`` or in a trained head. Without any of these the
classes are the labels that occur. What these rules do not decide is refused, never guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sweep.compress.tasks.columns import Raw
from sweep.compress.tasks.task import Ints
from sweep.errors import UsageError
from sweep.space.values import show

Key = int | float | str
Names = Sequence[str]

MOST_REAL = 20
"""Most classes that are numbers with a fraction, such as ratings in halves."""

_INTEGER = re.compile(r"(-?(?:0|[1-9]\d*))(?:\.0*)?")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)\.\d+")
_LIST = re.compile(r"\s*(\[.*[\d'\",].*\]|\{.*\})\s*", re.DOTALL)
_TRUTH = {"false": 0, "true": 1}
_MANY = (list, tuple, dict, set, np.ndarray)
_ONE = (str, bool, int, float, np.bool_, np.integer, np.floating)

_REMEDY = (
    "set task.label_names to the names of the data in the order of the head, or replace the head: "
    "baseline.new_head=true, with baseline.epochs of 1 or more"
)


def key_of(label: Any) -> Key:
    """Return what the forms of one label have in common: a number if it is one, else the text.

    >>> [key_of(label) for label in (1, 1.0, True, "1", "1.0", "true", 2.5, "2.50", "01", "a")]
    [1, 1, 1, 1, 1, 1, 2.5, 2.5, '01', 'a']
    """
    text = str(label).strip()
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if found := _INTEGER.fullmatch(text):
        return int(found[1])
    if isinstance(label, str) and not _DECIMAL.fullmatch(text):
        return label
    number = float(label)
    return int(number) if number.is_integer() else number


def _folded(label: Any) -> str:
    return str(label).strip().casefold()


def _finder(names: Names) -> Callable[[Any], int]:
    """Return a function of a label to its place in ``names``, or -1; ambiguous names are -1."""
    places: list[dict[Any, int]] = []
    for form in (key_of, _folded):
        forms = list(map(form, names))
        counts = Counter(forms)
        places.append({key: i for i, key in enumerate(forms) if counts[key] == 1})
    return lambda label: places[0].get(key_of(label), places[1].get(_folded(label), -1))


@dataclass(frozen=True)
class Labels:
    """The different labels of train and validation, as in the data; validation has none if carved.

    ``schema`` has the names of the integers in a column that names them. ``rows``: those of train.
    """

    train: Sequence[Any]
    validation: Sequence[Any] = ()
    schema: Names | None = None
    rows: int = 0

    def __iter__(self) -> Iterator[Any]:
        return iter((*self.train, *self.validation))


def labels_of(train: Raw, validation: Raw | None) -> Labels:
    """Return the labels of two splits.

    Raises :class:`~sweep.errors.UsageError`, with the row, for a label that is missing or none, and
    for fewer than two labels in train.
    """
    found = _different(train, "split 'train'")
    if len(found) < 2:
        what = f"{len(found)}: {listed(found)}"
        raise UsageError(f"a classifier needs at least 2 labels, but the train split has {what}")
    others = _different(validation, "split 'validation'") if validation else []
    schemas = [split.label_names for split in (train, validation) if split]
    return Labels(found, others, next(filter(None, schemas), None), len(train.labels))


def _different(raw: Raw, source: str) -> list[Any]:
    """Return the different labels of a split, each once, in the order of their first rows."""
    checked: set[Any] = set()
    known: dict[Key, Any] = {}
    for row, label in enumerate(raw.labels):
        if not isinstance(label, _MANY) and label in checked:
            continue
        if problem := _problem(label, raw.label_names):
            raise UsageError(f"{source}: the label in row {row} (from 0), {show(label)}, {problem}")
        checked.add(label)
        if (other := known.setdefault(key_of(label), label)) is not label:
            what = f"{show(other)} and {show(label)}, which are the same number"
            raise UsageError(f"{source} has the labels {what}: write them in one way")
    return [label if isinstance(label, str | bool) else key for key, label in known.items()]


def _problem(label: Any, schema: Names | None) -> str:
    """Say why a value is no label of one example; "" for a label."""
    allowed = "allowed: one name, integer or boolean in each row of the column task.label"
    if isinstance(label, _MANY) or (isinstance(label, str) and _LIST.fullmatch(label)):
        return f"is a list: several labels for one example are not supported; {allowed}"
    if label is None or label != label or not str(label).strip():
        return "is missing: every example needs a label, so add it, or delete the row"
    if not isinstance(label, _ONE) or label in (float("inf"), -float("inf")):
        return f"is of type {type(label).__name__}; {allowed}"
    if schema and not isinstance(label, str) and not 0 <= label < len(schema):
        names = f"names 0 to {len(schema) - 1} as {listed(schema)}"
        return f"has no name: its column {names}; if it is a missing label, delete the row"
    return ""


@dataclass(frozen=True)
class Classes:
    """The classes of a task, and the rule that gives each label of the data its class.

    ``names`` has the name of each id. A label is looked up in ``words``, by name, or by place if
    ``numbered`` and it is a number; ``ids`` has the id of each word. ``warnings`` are sentences.
    """

    names: tuple[str, ...]
    words: tuple[str, ...]
    ids: tuple[int, ...]
    numbered: bool = False
    warnings: tuple[str, ...] = ()

    @cached_property
    def _find(self) -> Callable[[Any], int]:
        return _finder(self.words)

    def id_of(self, label: Any) -> int:
        """Return the id of a label of the data, or -1."""
        key = key_of(label)
        place = key if self.numbered and not isinstance(key, str) else self._find(label)
        return self.ids[int(place)] if place in range(len(self.ids)) else -1

    def ids_of(self, raw: Raw, source: str) -> Ints:
        """Return the ids of a split's labels (int64, examples).

        Raises :class:`~sweep.errors.UsageError`, with the row, for a missing or unknown label.
        """
        if raw.label_names and raw.label_names != self.words:
            what = f"names its labels {listed(raw.label_names)}, but others {listed(self.words)}"
            raise UsageError(f"{source} {what}; allowed: the same names in the same order")
        known = {label: self.id_of(label) for label in _different(raw, source)}
        ids = [known[label] for label in raw.labels]
        if -1 in ids:
            row = ids.index(-1)
            raise UsageError(
                f"{source}: the label {raw.labels[row]!r} in row {row} (from 0) is none of the "
                f"{len(self.words)} labels; allowed: {listed(self.words)}"
            )
        return np.array(ids, dtype=np.int64)


def agree(
    labels: Labels, head: Names | None, given: Names | None = None, model: str = "the model"
) -> Classes:
    """Agree on the classes of the data and of a model.

    ``head`` has the names of a trained head; None: a new head is made. ``given`` is
    ``task.label_names``: the names of the integers 0, 1, ... of the data, or all of its names in
    the order of the classes. ``model`` is for messages. Raises :class:`~sweep.errors.UsageError` if
    the labels are no classes, or if neither names nor numbers tell the class of each label.
    """
    whose = "task.label_names" if given else f"the head of {model}"
    words, warnings = tuple(labels.schema or given or head or _occurring(labels)), list[str]()
    numbers = [label for label in labels if not isinstance(key_of(label), str)]
    numbered = bool(labels.schema) or min(map(_finder(words), numbers), default=0) < 0
    names, ids = words, tuple(range(len(words)))
    if labels.schema and given:
        ids, names = _onto(words, given, whose)[0], tuple(given)
    if head and (labels.schema or given):
        places, matched = _onto(names, head, f"the head of {model}")
        ids = tuple(places[i] for i in ids)
        if not (matched or given or is_unnamed(head)):
            warnings.append(
                f"the labels of the data are {listed(names)}, those of the head {listed(head)}: "
                "they are matched in this order; to match them by name, set task.label_names"
            )
        names = tuple(head) if matched or warnings else names
    found = Classes(names, words, ids, numbered, tuple(warnings))
    _check(found, labels, "the label column of the other split" if labels.schema else whose, head)
    return found


def _check(found: Classes, labels: Labels, whose: str, head: Names | None) -> None:
    """Refuse labels that have no class, and validation without any label that a new head learns."""
    if bad := [label for label in labels if found.id_of(label) < 0]:
        raise UsageError(
            f"the data has the labels {listed(labels)}, and {whose} has {listed(found.words)}: "
            f"{listed(bad)} cannot be found there by name, or by number from 0; {_REMEDY}"
        )
    learned = {found.id_of(label) for label in labels.train}
    if not head and labels.validation and learned.isdisjoint(map(found.id_of, labels.validation)):
        raise UsageError(
            f"train has no example of the labels {listed(labels.validation)} of validation, nor of "
            f"any other; train has {listed(labels.train)}"
        )


def is_unnamed(head: Names) -> bool:
    """Whether a head has the library's default names LABEL_0, LABEL_1, ..., which say nothing."""
    return [name.casefold() for name in head] == [f"label_{i}" for i in range(len(head))]


def _occurring(labels: Labels) -> tuple[str, ...]:
    """Return the labels that occur, sorted as numbers if all of them are, else as texts."""
    texts: dict[Key, str] = {}
    for label in labels:
        texts.setdefault(key_of(label), str(label))
    real, count = any(isinstance(key, float) for key in texts), len(texts)
    if count > min(MOST_REAL, labels.rows / 2) if real else count >= max(MOST_REAL, labels.rows):
        raise UsageError(
            f"the {labels.rows} examples of train have {count} labels, {listed(labels)}: "
            "they are no classes, and regression is not supported; allowed: labels that occur "
            "often, or a list of the classes in task.label_names"
        )
    if any(isinstance(key, str) for key in texts):
        return tuple(sorted(texts.values()))
    return tuple(texts[key] for key in sorted(texts))


def _onto(names: Names, target: Names, what: str) -> tuple[tuple[int, ...], bool]:
    """Return the place of each name in ``target``, and whether it was found by name.

    Where no name is found and there are as many, they stand for each other in their order.
    """
    places = tuple(map(_finder(target), names))
    if min(places) >= 0 and len(set(places)) == len(places):
        return places, True
    if len(names) != len(target) or any(place not in (-1, i) for i, place in enumerate(places)):
        raise UsageError(
            f"the labels {listed(names)} do not fit {what}, which has {len(target)} labels, "
            f"{listed(target)}; allowed: these names in any order, or as many others; {_REMEDY}"
        )
    return tuple(range(len(names))), False


def listed(labels: Iterable[Any]) -> str:
    """Join the first twelve different labels with commas."""
    names = list(map(str, dict.fromkeys(labels)))
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
