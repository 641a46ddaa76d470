"""What a trial says of one evaluation: the one thing that leaves the world that makes records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Record:
    """One evaluation of one trial.

    ``epoch`` 0 is the model as pruned. ``partial`` marks a record that is not what a trial of
    ``finetune_epochs = epoch`` gives. ``accuracy_drop`` is baseline minus accuracy.
    ``train_seconds`` and ``eval_seconds`` are this record's, ``seconds`` the trial's so far.
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)
