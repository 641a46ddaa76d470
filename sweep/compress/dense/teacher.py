"""The teacher of distillation: the dense model, or another; its logits over train, made once."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sweep.compress.dense.working import Dense
from sweep.compress.models import (
    check_labels,
    check_positions,
    has_head,
    load_classifier,
    model_key,
)
from sweep.compress.tasks import Task
from sweep.compress.tasks.encode import same_words
from sweep.compress.train import all_logits
from sweep.errors import UsageError
from sweep.ledger.files import fingerprint, once, write_bytes


@dataclass(frozen=True)
class Teacher:
    """Who teaches: a hub id or a folder, or (``name`` None) the dense model.

    ``words`` is whose tokenizer its pupils read by; None where the task has none.
    """

    name: str | None
    words: str | None
    max_length: int
    batch_size: int
    bf16: str | bool

    def logits(
        self, folder: Path, task: Task, dense: Callable[[], Dense], device: torch.device
    ) -> Tensor:
        """Logits (train examples, labels), float32, in the order of train, on ``device``.

        Dropout is off. They lie in ``folder``, beside the dense model, so that one worker of a
        machine makes them for all trials, and they are packed with it for other machines. Raises
        :class:`~sweep.errors.UsageError` for a teacher that does not fit.
        """
        who = None if self.name is None else model_key(self.name)
        file = folder / f"teacher-{fingerprint([who, self.bf16, device.type])}.npy"

        def store() -> None:
            array = io.BytesIO()
            np.save(array, self._answers(task, dense, device))
            write_bytes(file, array.getvalue())

        return torch.from_numpy(np.load(once(file, store))).to(device)

    def _answers(
        self, task: Task, dense: Callable[[], Dense], device: torch.device
    ) -> NDArray[np.float32]:
        # Not the dense model's working copy: that may be in the hands of a trial.
        model = dense().another() if self.name is None else self._load(self.name, task).to(device)
        found = all_logits(
            model, task.train, batch_size=self.batch_size, bf16=self.bf16, pad_id=task.pad_id
        )
        if not np.isfinite(found).all():
            raise UsageError(f"the teacher's logits are not finite: {self.name or 'dense model'}")
        return found

    def _load(self, name: str, task: Task) -> nn.Module:
        model = load_classifier(name, task, setting="recover.distill.teacher")
        check_positions(model, name, self.max_length)
        if not has_head(model.config):
            raise UsageError(f"recover.distill.teacher {name!r} has no trained classifier head")
        check_labels(model, f"recover.distill.teacher {name!r}", task.label_names)
        if self.words is not None and not same_words(name, self.words):
            raise UsageError(
                f"recover.distill.teacher {name!r} has another tokenizer than {self.words!r}: it "
                "would read other words; allowed: a model of the same tokenizer"
            )
        return model
