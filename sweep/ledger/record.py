"""What a trial says of one evaluation, and the events of the dense model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from sweep.ledger.events import (
    BASELINE,
    CONFIRM_BASELINE,
    BaselineEvent,
    ConfirmBaselineEvent,
    Event,
)
from sweep.metrics import binomial_error


@dataclass(frozen=True)
class Record:
    """One evaluation of one trial.

    ``epoch`` 0 is the model as pruned. ``partial`` marks a record that is not what a trial of
    ``finetune_epochs = epoch`` gives: its learning rate is bound to a later end, or its sparsity is
    still rising (`sweep.compress.loop`). ``accuracy_drop`` is baseline minus accuracy.
    ``train_seconds`` and ``eval_seconds`` are this record's, ``seconds`` the trial's so far.

    What may be missing (in records of older versions, or because nobody asked) is None:
    ``correct_bits`` (`sweep.compress.measure.pack`) says which examples were answered right, in the
    order of the split; ``zeros_per_weight``, of each epoch that chose masks, counts the zeros in
    each prunable weight, in the order of the baseline's ``prunable_weights``; ``f1`` and
    ``matthews`` come where ``task.metrics`` names them; ``quantized_sparsity``
    (`sweep.compress.measure.Size`) of a quantised model.
    """

    stage: str
    epoch: int
    partial: bool
    accuracy: float
    loss: float
    correct: int
    examples: int
    sparsity: float
    model_sparsity: float
    nonzero_params: int
    size_bytes: int
    baseline_accuracy: float
    accuracy_drop: float
    seconds: float
    train_seconds: float
    eval_seconds: float
    correct_bits: str | None = None
    zeros_per_weight: list[int] | None = None
    f1: float | None = None
    matthews: float | None = None
    quantized_sparsity: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, of what is there."""
        return {name: value for name, value in asdict(self).items() if value is not None}


DETAILS = ("correct_bits", "zeros_per_weight")
"""What of a record only readers want: a driver that remembers thousands leaves it out."""


def figure(record: Mapping[str, Any], name: str) -> float | None:
    """A figure of a record; None where it is missing, or no finite number."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def standard_error(record: Mapping[str, Any], name: str) -> float | None:
    """The standard error of a metric, or of its drop, in a record; None where it is not known.

    Records of version 0.1 have none: that of accuracy follows from the number of examples.
    """
    metric = name.removesuffix("_drop")
    error = figure(record, f"{metric}_se")
    if error is not None or metric != "accuracy":
        return error
    accuracy, examples = figure(record, metric), figure(record, "examples")
    if accuracy is None or examples is None or examples <= 0:
        return None
    return binomial_error(min(max(accuracy, 0.0), 1.0), examples)


def front_values(record: Mapping[str, Any], objectives: Iterable[str]) -> list[float] | None:
    """The values by which a record can be on the front; None for one that cannot be there."""
    values = [figure(record, name) for name in objectives]
    known = [value for value in values if value is not None]
    return None if record["partial"] or len(known) < len(values) else known


def unusable(record: Mapping[str, Any], needed: Iterable[str]) -> str | None:
    """Why a record cannot be compared with others: a figure missing, or not finite."""
    for name in needed:
        if not isinstance(record.get(name), (int, float)):
            return f"figure {name!r} of epoch {record['epoch']} is missing"
    for name, value in record.items():
        if isinstance(value, float) and not math.isfinite(value):
            return f"{name} of epoch {record['epoch']} is {value}"
    return None


def baseline_event(
    figures: Mapping[str, Any], reference_point: Mapping[str, float]
) -> BaselineEvent:
    """The figures of the dense model on validation, with the corner of the hypervolume."""
    return cast(
        BaselineEvent, {"event": BASELINE, **figures, "reference_point": dict(reference_point)}
    )


def confirm_baseline_event(figures: Mapping[str, Any]) -> ConfirmBaselineEvent:
    """The figures of the dense model on test."""
    return cast(ConfirmBaselineEvent, {"event": CONFIRM_BASELINE, **figures, "split": "test"})


def drop_details(event: Event) -> None:
    """Remove from a record what only readers want: a driver remembers thousands of records."""
    for name in DETAILS:
        cast(dict[str, Any], event).pop(name, None)
