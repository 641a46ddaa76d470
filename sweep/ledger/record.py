"""The record of one evaluation of a trial, and the events of the dense model."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.metrics import binomial_error


@dataclass(frozen=True)
class Record:
    """One evaluation of one trial.

    ``epoch`` 0 is the pruned model before finetuning. ``partial`` marks a record that differs from
    that of a trial with ``finetune_epochs = epoch``: its learning rate depends on a later end, or
    its sparsity is still rising (`sweep.compress.loop`).
    ``train_seconds`` and ``eval_seconds`` belong to this record; ``seconds`` is the trial's total.

    ``scores`` has the metrics by name, each with its standard error (``<metric>_se``), and for the
    primary metric ``baseline_<metric>`` and ``<metric>_drop``. If a metric knows which answers are
    correct, ``scores`` has their number, ``correct``, and ``correct_bits`` in the order of the
    split (`sweep.compress.measure.Score.figures`). Scores are attributes too: ``record.accuracy``.

    ``zeros_per_weight``, for each epoch that chose masks, counts the zeros in each prunable weight,
    in the order of the baseline's ``prunable_weights``. ``quantized_sparsity``
    (`sweep.compress.measure.Size`) is set for a quantised model. Otherwise both are None.
    ``coverage`` (prunable weights / weights in matrices) is None in records of version 0.1.
    """

    stage: str
    epoch: int
    partial: bool
    scores: Mapping[str, Any]
    loss: float
    examples: int
    sparsity: float
    model_sparsity: float
    nonzero_params: int
    size_bytes: int
    seconds: float
    train_seconds: float
    eval_seconds: float
    zeros_per_weight: list[int] | None = None
    quantized_sparsity: float | None = None
    coverage: float | None = None

    def __getattr__(self, name: str) -> Any:
        """A score by its name."""
        try:
            return self.__dict__["scores"][name]
        except KeyError:
            raise AttributeError(f"the record has no {name!r}") from None

    def to_dict(self) -> dict[str, Any]:
        """The fields and scores that are not None, as plain values by name."""
        own = {name: value for name, value in vars(self).items() if name != "scores"}
        return {name: value for name, value in {**self.scores, **own}.items() if value is not None}


DETAILS = ("correct_bits", "zeros_per_weight")
"""Large fields that only readers of a ledger use. The driver drops them to save memory."""


def figure(record: Mapping[str, Any], name: str) -> float | None:
    """A figure of a record, or None if it is missing or not a finite number."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def standard_error(record: Mapping[str, Any], name: str) -> float | None:
    """The standard error of a metric (or of its drop) in a record, or None if it is unknown.

    Records of version 0.1 have no standard errors. For accuracy it is computed from the number of
    examples (binomial).
    """
    metric = name.removesuffix("_drop")
    error = figure(record, f"{metric}_se")
    if error is not None or metric != "accuracy":
        return error
    accuracy, examples = figure(record, metric), figure(record, "examples")
    if accuracy is None or examples is None or examples <= 0:
        return None
    return binomial_error(min(max(accuracy, 0.0), 1.0), examples)


REASONS = {
    "kind": "left out, of kinds that cannot be pruned",
    "patterns": "left out by pruning.include or pruning.exclude",
}
"""Why matrices are left out, by the word in a baseline's ``left_out``."""

MOST_NAMES = 12
"""The largest number of names for each reason in :func:`coverage_text`."""


def coverage_text(baseline: Mapping[str, Any]) -> str:
    """The coverage of a dense model with the names of what is left out; "" if it is unknown.

    A ``*`` stands for the numbers of layers. Ledgers of version 0.1 have no coverage.

    >>> rows = [["layer.0.q", 30, "kind"], ["layer.1.q", 30, "kind"], ["mask", 2, "kind"]]
    >>> coverage_text({"coverage": 0.4, "left_out": rows})
    '0.4000; left out, of kinds that cannot be pruned: layer.*.q (60 weights), mask (2 weights)'
    """
    share, rows = figure(baseline, "coverage"), baseline.get("left_out")
    if share is None:
        return ""
    sizes: dict[str, Counter[str]] = {}
    for row in rows if isinstance(rows, list) else ():
        match row:
            case [str(name), int(count), str(reason)]:
                found = sizes.setdefault(REASONS.get(reason, "left out"), Counter())
                found[re.sub(r"(?<=\.)\d+(?=\.)", "*", name)] += count
    parts = [f"{share:.4f}"]
    for why, counts in sizes.items():
        texts = [f"{name} ({count:,} weights)" for name, count in counts.most_common(MOST_NAMES)]
        more = [f"{len(counts) - MOST_NAMES} more"] if len(counts) > MOST_NAMES else []
        parts.append(f"{why}: {', '.join(texts + more)}")
    return "; ".join(parts)


def front_values(record: Mapping[str, Any], objectives: Iterable[str]) -> list[float] | None:
    """The objective values of a record, or None if the record cannot be on the front."""
    values = [figure(record, name) for name in objectives]
    known = [value for value in values if value is not None]
    return None if record["partial"] or len(known) < len(values) else known


def unusable(record: Mapping[str, Any], needed: Iterable[str]) -> str | None:
    """Why a record cannot be compared with others (a figure is missing or not finite), or None."""
    for name in needed:
        if not isinstance(record.get(name), (int, float)):
            return f"figure {name!r} of epoch {record['epoch']} is missing"
    for name, value in record.items():
        if isinstance(value, float) and not math.isfinite(value):
            return f"{name} of epoch {record['epoch']} is {value}"
    return None


def dense_event(kind: str, figures: Mapping[str, Any], **more: Any) -> Any:
    """The event of this kind with the dense model's figures.

    The facts about metrics are omitted, because the head of the ledger has them.
    """
    own = {name: value for name, value in figures.items() if name != "metrics"}
    return {"event": kind, **own, **more}
